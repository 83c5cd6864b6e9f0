"""Lecture 03, sections 2 and 3: the bound by Jensen's inequality and by splitting, on the oracle with J = 1."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lecture_lib import quadrature
from lecture_lib.derivations.elbo_divergence import rand
from lecture_lib.latent_variables import LinearGaussian
from lecture_lib.ledger import Line


def oracle(generator: torch.Generator) -> SimpleNamespace:
    """The model with J = 1, an observation, a Gaussian q, some points z, and the prior and posterior of z."""
    v = SimpleNamespace(model=LinearGaussian(rand(generator, 3, 1), rand(generator, 3), 0.7), x=2 * rand(generator, 3))
    v.mu, v.sigma, v.z = rand(generator), rand(generator), 2 * rand(generator, 5)
    mean, cov = v.model.posterior(v.x)
    v.posterior, v.prior = Normal(mean[0], cov[0, 0].sqrt()), Normal(torch.zeros_like(v.mu), torch.ones_like(v.mu))
    v.q = Normal(v.mu, v.sigma)
    return v


def at_the_posterior(generator: torch.Generator) -> SimpleNamespace:
    """The same with q equal to the posterior."""
    v = oracle(generator)
    v.q, v.mu, v.sigma = v.posterior, v.posterior.mean, v.posterior.stddev
    return v


def likelihood(v, z: Tensor) -> Tensor:
    """log p(x|z), z (...) -> (...)."""
    return v.model.log_likelihood(v.x, z.unsqueeze(-1))


def joint(v, z: Tensor) -> Tensor:
    """log p(x, z), z (...) -> (...)."""
    return v.model.log_joint(v.x, z.unsqueeze(-1))


def expect(v, f) -> Tensor:
    """E_q[f(z)], by quadrature."""
    return quadrature.normal_expectation(f, v.mu, v.sigma)


def over_all(f) -> Tensor:
    """The integral of f over all z that matter here."""
    return quadrature.integral(f, -10, 12)


def closed_bound(v) -> Tensor:
    """L(q; x) in closed form, from the library."""
    return v.model.elbo(v.x, v.mu[None], v.sigma[None, None] ** 2)


def evidence(v) -> Tensor:
    """log p(x), in closed form."""
    return v.model.log_evidence(v.x)


def integral(v) -> Tensor:
    """The right side of Eq. (3.8)."""
    return over_all(lambda z: likelihood(v, z).exp() * v.prior.log_prob(z).exp()).log()


def with_proposal(v) -> Tensor:
    """The right side of Eq. (3.9)."""
    weight = lambda z: likelihood(v, z).exp() * v.prior.log_prob(z).exp() / v.q.log_prob(z).exp()  # noqa: E731
    return over_all(lambda z: v.q.log_prob(z).exp() * weight(z)).log()


def of_a_constant(v) -> Tensor:
    """The right side of Eq. (3.12)."""
    return expect(v, lambda z: v.model.log_evidence(v.x).expand_as(z))


def of_bayes(v) -> Tensor:
    """The right side of Eq. (3.13)."""
    return expect(v, lambda z: joint(v, z) - v.posterior.log_prob(z))


def two_logs(v) -> Tensor:
    """The right side of Eq. (3.14)."""
    return expect(v, lambda z: joint(v, z) - v.q.log_prob(z)) + expect(
        v, lambda z: v.q.log_prob(z) - v.posterior.log_prob(z)
    )


LINES = [
    Line("3.8", r"\log p(x) = \log \int p(x \mid z)\, p(z)\, dz", oracle, left=evidence, right=integral),
    Line(
        "3.9",
        r"= \log \int q(z)\, \frac{p(x \mid z)\, p(z)}{q(z)}\, dz",
        oracle,
        left=integral,
        right=with_proposal,
    ),
    Line(
        "3.10",
        r"\ge \int q(z) \log \frac{p(x \mid z)\, p(z)}{q(z)}\, dz",
        oracle,
        left=with_proposal,
        right=lambda v: over_all(
            lambda z: v.q.log_prob(z).exp() * (likelihood(v, z) + v.prior.log_prob(z) - v.q.log_prob(z))
        ),
        relation=">=",
        tight=at_the_posterior,
    ),
    Line(
        "3.11",
        r"\mathcal L(q;\, x) = \mathbb E_q\big[\log p(x, z) - \log q(z)\big]",
        oracle,
        left=closed_bound,
        right=lambda v: expect(v, lambda z: joint(v, z) - v.q.log_prob(z)),
    ),
    Line("3.12", r"\log p(x) = \mathbb E_q\big[\log p(x)\big]", oracle, left=evidence, right=of_a_constant),
    Line(
        "3.13",
        r"= \mathbb E_q\Big[\log \frac{p(x, z)}{p(z \mid x)}\Big]",
        oracle,
        left=of_a_constant,
        right=of_bayes,
    ),
    Line(
        "3.14",
        r"= \mathbb E_q\Big[\log \frac{p(x, z)}{q(z)}\Big] + \mathbb E_q\Big[\log \frac{q(z)}{p(z \mid x)}\Big]",
        oracle,
        left=of_bayes,
        right=two_logs,
    ),
    Line(
        "3.15",
        r"= \mathcal L(q;\, x) + \mathrm{KL}\big(q(z) \,\|\, p(z \mid x)\big)",
        oracle,
        left=two_logs,
        right=lambda v: closed_bound(v) + kl_divergence(v.q, v.posterior),
    ),
]
