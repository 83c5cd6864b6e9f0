"""Lecture 04, sections 7 to 9: random draws, fits in both directions, and small steps."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence

from lecture_lib import quadrature
from lecture_lib.derivations import gaussian_kl_univariate as univariate
from lecture_lib.ledger import Line

N_DRAWS, S, N_REPEATS = 20_000, 10, 4_000


def draws(generator: torch.Generator) -> SimpleNamespace:
    """A pair of Gaussians, and draws z (N_DRAWS, 5) from q; for the error of an average also (N_REPEATS, S, 5)."""
    v = univariate.two(generator)
    v.sigma_q, v.mu_p = v.sigma_q / 2, v.mu_q - univariate.uniform(generator, 0.2, 0.6)
    v.q, v.p = Normal(v.mu_q, v.sigma_q), Normal(v.mu_p, v.sigma_p)
    v.z = v.mu_q + v.sigma_q * torch.randn(N_DRAWS, 5, dtype=torch.float64, generator=generator)
    v.z_repeated = v.mu_q + v.sigma_q * torch.randn(N_REPEATS, S, 5, dtype=torch.float64, generator=generator)
    return v


def bumps(generator: torch.Generator) -> SimpleNamespace:
    """A target p of three bumps with mean m and variance v; q = N(mu, sigma^2)."""
    weights, centers = univariate.uniform(generator, 1, 2, 3), univariate.uniform(generator, -3, 3, 3)
    widths = univariate.uniform(generator, 0.5, 1, 3)
    v = SimpleNamespace(p=MixtureSameFamily(Categorical(weights), Normal(centers, widths)))
    v.mu, v.sigma = univariate.uniform(generator, 1, 2, 1), univariate.uniform(generator, 1.5, 2.5, 1)
    v.q = Normal(v.mu, v.sigma)
    v.m, v.v = v.p.mean.reshape(1), v.p.variance.reshape(1)
    v.entropy = -under(v, lambda z: v.p.log_prob(z))
    return v


def two_bumps(generator: torch.Generator, low: float = 0.3, high: float = 3) -> SimpleNamespace:
    """p = 1/2 N(-a, s^2) + 1/2 N(a, s^2) with a between low and high."""
    a, s = univariate.uniform(generator, low, high, 1), univariate.uniform(generator, 0.5, 1, 1)
    parts = Normal(torch.cat([-a, a]), torch.cat([s, s]))
    return SimpleNamespace(a=a, s=s, p=MixtureSameFamily(Categorical(torch.ones(2, dtype=torch.float64)), parts))


def steps(generator: torch.Generator) -> SimpleNamespace:
    """N(mu, sigma^2), a step delta of the mean and tau of the log-variance; tau has either sign."""
    v = univariate.one(generator)
    v.delta, v.tau = univariate.uniform(generator, 0.3, 1.5), univariate.uniform(generator, -1.5, 1.5)
    v.moved = v.mu + v.delta
    return v


def under(v, f) -> Tensor:
    """E_p[f(z)] for the bumps, (1,)."""
    return quadrature.integral(lambda z: (v.p.log_prob(z).exp() * f(z))[:, None], -25, 25)


def kl_from(p, q) -> Tensor:
    """KL(p || q) of any two densities on the line by quadrature, (1,)."""
    return quadrature.integral(lambda z: (p.log_prob(z).exp() * (p.log_prob(z) - q.log_prob(z)))[:, None], -25, 25)


def score(v, z: Tensor) -> Tensor:
    """The gradient of log q(z) by mu and by log sigma^2, (n, 5) -> (n, 5, 2), by automatic differentiation."""
    mu, log_var = (value.expand_as(z).clone().requires_grad_() for value in (v.mu, (v.sigma**2).log()))
    log_q = Normal(mu, (0.5 * log_var).exp()).log_prob(z).sum()
    return torch.stack(torch.autograd.grad(log_q, (mu, log_var)), dim=-1)


def information(v) -> Tensor:
    """E_q[grad log q grad log q^T] (5, 2, 2) by quadrature."""
    nodes, weights = quadrature.normal_nodes(20)
    gradient = score(v, v.mu + v.sigma * nodes[:, None])
    return torch.einsum("n,nbi,nbj->bij", weights, gradient, gradient)


def curvature(v) -> Tensor:
    """The second derivatives of KL(q_theta || q_theta') by theta' = (mu, log sigma^2) at theta' = theta, (5, 2, 2)."""
    theta = torch.stack([v.mu, (v.sigma**2).log()], dim=1)
    hessian = torch.autograd.functional.hessian(
        lambda theta: kl_divergence(v.q, Normal(theta[:, 0], (0.5 * theta[:, 1]).exp())).sum(), theta
    )
    return torch.einsum("bibj->bij", hessian)


def log_ratio(v, z: Tensor) -> Tensor:
    """log q(z) - log p(z)."""
    return v.q.log_prob(z) - v.p.log_prob(z)


LINES = [
    Line(
        "4.42",
        r"\frac{1}{S} \sum_{s=1}^{S} \log \frac{q(z_s)}{p(z_s)} \approx \mathrm{KL}(q \,\|\, p)",
        draws,
        left=lambda v: v.q.log_prob(v.z) - v.p.log_prob(v.z),
        right=lambda v: kl_divergence(v.q, v.p),
        relation="~",
    ),
    Line(
        "4.43",
        r"\operatorname{Var}_q\Big[\log \frac{q(z)}{p(z)}\Big]"
        r" = \tfrac12 \Big(\frac{\sigma_q^2}{\sigma_p^2} - 1\Big)^2"
        r" + \frac{(\mu_q - \mu_p)^2 \sigma_q^2}{\sigma_p^4}",
        draws,
        left=lambda v: univariate.expect(v.q, lambda z: (log_ratio(v, z) - kl_divergence(v.q, v.p)) ** 2),
        right=lambda v: (
            (v.sigma_q**2 / v.sigma_p**2 - 1) ** 2 / 2 + (v.mu_q - v.mu_p) ** 2 * v.sigma_q**2 / v.sigma_p**4
        ),
    ),
    Line(
        "4.44",
        r"\mathbb{E}\big[\big(\widehat{\mathrm{KL}}_S - \mathrm{KL}(q \,\|\, p)\big)^2\big]"
        r" = \frac{1}{S} \operatorname{Var}_q\Big[\log \frac{q(z)}{p(z)}\Big]",
        draws,
        left=lambda v: (log_ratio(v, v.z_repeated).mean(1) - kl_divergence(v.q, v.p)) ** 2,
        right=lambda v: univariate.expect(v.q, lambda z: (log_ratio(v, z) - kl_divergence(v.q, v.p)) ** 2) / S,
        relation="~",
    ),
    Line(
        "4.45",
        r"\mathrm{KL}(p \,\|\, q) = -\mathrm{H}(p) + \tfrac12 \log 2\pi\sigma^2 + \frac{\mathbb{E}_p[(z"
        r" - \mu)^2]}{2\sigma^2}",
        bumps,
        left=lambda v: kl_from(v.p, v.q),
        right=lambda v: (
            -v.entropy + (2 * math.pi * v.sigma**2).log() / 2 + under(v, lambda z: (z - v.mu) ** 2) / (2 * v.sigma**2)
        ),
    ),
    Line(
        "4.46",
        r"\mathbb{E}_p[(z - \mu)^2] = (m - \mu)^2 + v",
        bumps,
        left=lambda v: under(v, lambda z: (z - v.mu) ** 2),
        right=lambda v: (v.m - v.mu) ** 2 + v.v,
    ),
    Line(
        "4.47",
        r"\mathrm{KL}(p \,\|\, q) - \mathrm{KL}\big(p \,\|\, \mathcal{N}(m, v)\big)"
        r" = \mathrm{KL}\big(\mathcal{N}(m, v) \,\|\, q\big)",
        bumps,
        left=lambda v: kl_from(v.p, v.q) - kl_from(v.p, Normal(v.m, v.v.sqrt())),
        right=lambda v: kl_divergence(Normal(v.m, v.v.sqrt()), v.q),
    ),
    Line(
        "4.48",
        r"\mathbb{E}_p[z^2] = a^2 + s^2",
        two_bumps,
        left=lambda v: under(v, lambda z: z**2),
        right=lambda v: v.a**2 + v.s**2,
    ),
    Line(
        "4.49",
        r"\mathrm{KL}\big(\mathcal{N}(a, s^2) \,\|\, p\big) \le \log 2",
        two_bumps,
        left=lambda v: kl_from(Normal(v.a, v.s), v.p),
        right=lambda v: torch.tensor([2.0], dtype=torch.float64).log(),
        relation="<=",
        tight=lambda generator: two_bumps(generator, 12, 15),
    ),
    Line(
        "4.50",
        r"\mathrm{KL}\big(\mathcal{N}(\mu, \sigma^2) \,\|\, \mathcal{N}(\mu + \delta, \sigma^2)\big)"
        r" = \frac{\delta^2}{2\sigma^2}",
        steps,
        left=lambda v: kl_divergence(v.q, Normal(v.moved, v.sigma)),
        right=lambda v: v.delta**2 / (2 * v.sigma**2),
    ),
    Line(
        "4.51",
        r"\mathrm{KL}\big(\mathcal{N}(\mu, \sigma^2) \,\|\, \mathcal{N}(\mu, \sigma^2 e^\tau)\big)"
        r" = \tfrac12\, \varphi(-\tau)",
        steps,
        left=lambda v: kl_divergence(v.q, Normal(v.mu, v.sigma * (v.tau / 2).exp())),
        right=lambda v: univariate.phi(-v.tau) / 2,
    ),
    Line(
        "4.52",
        r"\mathbb{E}_q\big[\nabla_\theta \log q\, (\nabla_\theta \log q)^T\big]"
        r" = \begin{pmatrix} 1 / \sigma^2 & 0 \\ 0 & 1/2 \end{pmatrix}",
        steps,
        left=lambda v: information(v),
        right=lambda v: torch.diag_embed(torch.stack([1 / v.sigma**2, torch.full_like(v.sigma, 0.5)], dim=1)),
    ),
    Line(
        "4.53",
        r"\frac{\partial^2}{\partial\theta'^2}\, \mathrm{KL}(q_\theta \,\|\, q_{\theta'}) \Big|_{\theta'"
        r" = \theta} = F(\theta)",
        steps,
        left=curvature,
        right=lambda v: information(v),
    ),
]
