"""The ledger of lecture 11, first part: the aggregate posterior, and bound and evidence under another prior.

Expectations are sums over fine grids, which are exact to rounding for densities as smooth as these.
"""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from lecture_lib import ledger
from lecture_lib.derivations.latent_variables_graphs import rand

GRID = torch.linspace(-14, 14, 4001, dtype=torch.float64)
PLANE = torch.cartesian_prod(GRID[::16], GRID[::16])
STANDARD = Normal(torch.zeros((), dtype=torch.float64), 1.0)


def encoded(generator: torch.Generator) -> SimpleNamespace:
    """Three x = W z + noise in R^2, J = 1; their posteriors N(mu_i, sigma_i^2), and a prior r of two bumps."""
    v = SimpleNamespace(w=rand(generator, 2), x=2 * rand(generator, 3, 2), mu=2 * rand(generator, 3, 1) - 2.5)
    v.sigma = rand(generator, 3, 1)
    v.q_each = Normal(v.mu, v.sigma)
    place, width = rand(generator, 2, 1), rand(generator, 2, 1)
    v.log_r = Normal(place, width).log_prob(GRID).logsumexp(0) - math.log(2)
    return v


def with_q_as_prior(generator: torch.Generator) -> SimpleNamespace:
    """The same, with r = q(z)."""
    v = encoded(generator)
    v.log_r = log_aggregate(v)
    return v


def far_apart(generator: torch.Generator) -> SimpleNamespace:
    """The same with posteriors that do not overlap."""
    v = encoded(generator)
    v.mu, v.sigma = torch.tensor([[-9.0], [0.0], [9.0]]).double(), v.sigma / 5
    v.q_each = Normal(v.mu, v.sigma)
    return v


def in_the_plane(generator: torch.Generator) -> SimpleNamespace:
    """Three posteriors with J = 2, the density of q(z) on PLANE, and its mean and covariance by Eqs. (11.6), (11.7)."""
    v = SimpleNamespace(mu=2 * rand(generator, 3, 2) - 2.5, var=rand(generator, 3, 2))
    v.q = Normal(v.mu.unsqueeze(1), v.var.sqrt().unsqueeze(1)).log_prob(PLANE).sum(-1).exp().mean(0)
    v.m = v.mu.mean(0)
    v.off, v.z_off = v.mu - v.m, PLANE - v.m
    v.S = v.var.mean(0).diag() + v.off.T @ v.off / 3
    return v


def reweighed(generator: torch.Generator) -> SimpleNamespace:
    """One x in R^2, q(z|x) = N(mu, sigma^2), and a Gaussian prior r = N(a, b^2)."""
    v = SimpleNamespace(w=rand(generator, 2), x=2 * rand(generator, 2), q=Normal(rand(generator), rand(generator)))
    v.r = Normal(rand(generator) - 1, rand(generator))
    v.log_w = log_likelihood(v.w, v.x) + STANDARD.log_prob(GRID) - v.q.log_prob(GRID)
    return v


def log_likelihood(w: Tensor, x: Tensor) -> Tensor:
    """log N(x; w z, I / 2) at the grid, (..., 2) -> (..., n)."""
    return Normal(GRID.unsqueeze(-1) * w, 0.5**0.5).log_prob(x.unsqueeze(-2)).sum(-1)


def log_aggregate(v: SimpleNamespace) -> Tensor:
    """log q(z) at the grid."""
    return v.q_each.log_prob(GRID).logsumexp(0) - math.log(3)


def aggregate(v: SimpleNamespace) -> Tensor:
    """q(z) at the grid."""
    return log_aggregate(v).exp()


def integral(values: Tensor) -> Tensor:
    """The integral of values at the grid, along the last axis."""
    return torch.trapezoid(values, GRID)


def expect_each(v: SimpleNamespace, values: Tensor) -> Tensor:
    """E_{q(z|x_i)} of values at the grid, (n,) or (3, n) -> (3,)."""
    return integral(v.q_each.log_prob(GRID).exp() * values)


def standard_bound(v: SimpleNamespace) -> Tensor:
    """The mean bound with the prior N(0, I), its KL in closed form."""
    kl = kl_divergence(v.q_each, Normal(torch.zeros_like(v.mu), 1.0)).squeeze(-1)
    return (expect_each(v, log_likelihood(v.w, v.x)) - kl).mean()


def with_another_prior(v: SimpleNamespace) -> Tensor:
    """The mean bound of the standard prior, and what r changes."""
    return standard_bound(v) + integral(aggregate(v) * (v.log_r - STANDARD.log_prob(GRID)))


def over_the_plane(values: Tensor) -> Tensor:
    """The integral of values (n, ...) at PLANE."""
    return values.sum(0) * (GRID[16] - GRID[0]) ** 2


LINES = [
    ledger.Line(
        "11.2",
        r"\frac1N \sum_{i=1}^N \mathrm{KL}\big(q_\phi(z \mid x_i)\,\|\,p(z)\big) = I(x; z)"
        r"+ \mathrm{KL}\big(q(z)\,\|\,p(z)\big)",
        encoded,
        lambda v: kl_divergence(v.q_each, Normal(torch.zeros_like(v.mu), 1.0)).mean(),
        lambda v: (
            expect_each(v, v.q_each.log_prob(GRID) - log_aggregate(v)).mean()
            + integral(aggregate(v) * (log_aggregate(v) - STANDARD.log_prob(GRID)))
        ),
        rtol=1e-9,
    ),
    ledger.Line(
        "11.3",
        r"I(x; z) \le \log N",
        encoded,
        lambda v: expect_each(v, v.q_each.log_prob(GRID) - log_aggregate(v)).mean(),
        lambda v: torch.tensor(3.0, dtype=torch.float64).log(),
        "<=",
        tight=far_apart,
    ),
    ledger.Line(
        "11.4",
        r"\bar{\mathcal L}_r = \bar{\mathcal L} + \mathbb E_{q(z)}\Big[\log \frac{r(z)}{p(z)}\Big]",
        encoded,
        lambda v: expect_each(v, log_likelihood(v.w, v.x) + v.log_r - v.q_each.log_prob(GRID)).mean(),
        with_another_prior,
    ),
    ledger.Line(
        "11.5",
        r"\le \bar{\mathcal L} + \mathrm{KL}\big(q(z)\,\|\,p(z)\big)",
        encoded,
        with_another_prior,
        lambda v: standard_bound(v) + integral(aggregate(v) * (log_aggregate(v) - STANDARD.log_prob(GRID))),
        "<=",
        tight=with_q_as_prior,
    ),
    ledger.Line(
        "11.6",
        r"\mathbb E_{q(z)}[z] = \frac1N \sum_{i=1}^N \mu_i =: m",
        in_the_plane,
        lambda v: over_the_plane(v.q.unsqueeze(1) * PLANE),
        lambda v: v.mu.sum(0) / 3,
    ),
    ledger.Line(
        "11.7",
        r"\operatorname{Cov}_{q(z)}[z] = \frac1N \sum_{i=1}^N \operatorname{diag} \sigma_i^2"
        r"+ \frac1N \sum_{i=1}^N (\mu_i - m)(\mu_i - m)^\top =: S",
        in_the_plane,
        lambda v: over_the_plane((v.q.unsqueeze(1) * v.z_off).unsqueeze(2) * v.z_off.unsqueeze(1)),
        lambda v: v.var.sum(0).diag() / 3 + v.off.T @ v.off / 3,
    ),
    ledger.Line(
        "11.8",
        r"\mathbb E_{q(z)}\Big[\log \frac{\mathcal N(z; m, S)}{\mathcal N(z; 0, I)}\Big]"
        r"= \tfrac12 \big(\operatorname{tr} S + m^\top m - J - \log |S|\big)",
        in_the_plane,
        lambda v: over_the_plane(
            v.q * (MultivariateNormal(v.m, v.S).log_prob(PLANE) - STANDARD.log_prob(PLANE).sum(1))
        ),
        lambda v: 1 / 2 * (torch.trace(v.S) + v.m @ v.m - 2 - torch.logdet(v.S)),
    ),
    ledger.Line(
        "11.9",
        r"\mathbb E_{q_\phi(z \mid x)}\Big[w\, \frac{r(z)}{p(z)}\Big] = p_r(x)",
        reweighed,
        lambda v: integral((v.q.log_prob(GRID) + v.log_w + v.r.log_prob(GRID) - STANDARD.log_prob(GRID)).exp()),
        lambda v: (
            MultivariateNormal(v.w * v.r.mean, v.r.variance * torch.outer(v.w, v.w) + torch.eye(2).double() / 2)
            .log_prob(v.x)
            .exp()
        ),
    ),
]
