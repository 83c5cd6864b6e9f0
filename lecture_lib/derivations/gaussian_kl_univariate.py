"""Lecture 04, sections 1 and 2: the divergence of a Gaussian on the line from the standard normal."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lecture_lib import quadrature
from lecture_lib.ledger import Line

LOG_2PI = torch.tensor(2 * torch.pi, dtype=torch.float64).log()


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Random numbers between low and high, (5,) or of the shape given."""
    return low + (high - low) * torch.rand(shape or 5, dtype=torch.float64, generator=generator)


def one(generator: torch.Generator) -> SimpleNamespace:
    """N(mu, sigma^2), and a point z."""
    mu, sigma = uniform(generator, 0.4, 1.4), uniform(generator, 1.2, 2.0)
    return SimpleNamespace(mu=mu, sigma=sigma, q=Normal(mu, sigma), z=uniform(generator, 2.0, 3.0))


def two(generator: torch.Generator) -> SimpleNamespace:
    """N(mu_q, sigma_q^2) and N(mu_p, sigma_p^2)."""
    v = SimpleNamespace(mu_q=uniform(generator, 0.4, 1.4), sigma_q=uniform(generator, 1.2, 2.0))
    v.mu_p, v.sigma_p = uniform(generator, -1.2, -0.3), uniform(generator, 0.5, 0.9)
    v.q, v.p = Normal(v.mu_q, v.sigma_q), Normal(v.mu_p, v.sigma_p)
    return v


def times(generator: torch.Generator) -> SimpleNamespace:
    """A number t of either sign."""
    return SimpleNamespace(t=uniform(generator, -3.0, 3.0, 20))


def zero(generator: torch.Generator) -> SimpleNamespace:
    """t = 0."""
    return SimpleNamespace(t=torch.zeros(20, dtype=torch.float64))


def phi(t: Tensor) -> Tensor:
    """exp(t) - 1 - t, as the lecture defines it."""
    return t.exp() - 1 - t


def expect(q: Normal, f) -> Tensor:
    """E_q[f(z)] by quadrature."""
    return quadrature.normal_expectation(f, q.mean, q.stddev)


def variance(q: Normal) -> Tensor:
    """The variance of q by quadrature."""
    mean = expect(q, lambda z: z)
    return expect(q, lambda z: (z - mean) ** 2)


def to_standard(q: Normal) -> Tensor:
    """KL(q || N(0, 1)) as torch.distributions has it."""
    return kl_divergence(q, Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean)))


def integral_of_log_ratio(v):
    """The right side of Eq. (4.1)."""
    return quadrature.integral(
        lambda z: v.q.log_prob(z[:, None]).exp() * (v.q.log_prob(z[:, None]) - v.p.log_prob(z[:, None])), -25, 25
    )


def sum_of_moments(v):
    """The right side of Eq. (4.4)."""
    return expect(v.q, lambda z: z) ** 2 + variance(v.q)


def two_squares(v):
    """The right side of Eq. (4.7)."""
    return expect(v.q, lambda z: -(v.sigma**2).log() / 2 - (z - v.mu) ** 2 / (2 * v.sigma**2) + z**2 / 2)


def collected(v):
    """The right side of Eq. (4.8)."""
    powers = expect(v.q, lambda z: (1 / 2 - 1 / (2 * v.sigma**2)) * z**2 + v.mu / v.sigma**2 * z)
    return powers - (v.sigma**2).log() / 2 - v.mu**2 / (2 * v.sigma**2)


def inserted(v):
    """The right side of Eq. (4.9)."""
    squares = (1 / 2 - 1 / (2 * v.sigma**2)) * (v.mu**2 + v.sigma**2) + v.mu**2 / v.sigma**2
    return squares - (v.sigma**2).log() / 2 - v.mu**2 / (2 * v.sigma**2)


def against_standard(v):
    """The right side of Eq. (4.10)."""
    return (v.mu**2 + v.sigma**2 - (v.sigma**2).log() - 1) / 2


LINES = [
    Line(
        "4.1",
        r"\mathrm{KL}(q \,\|\, p) = \int q(z) \log \frac{q(z)}{p(z)} \, dz",
        two,
        left=lambda v: kl_divergence(v.q, v.p),
        right=integral_of_log_ratio,
    ),
    Line(
        "4.2",
        r"= \mathbb{E}_q\big[\log q(z) - \log p(z)\big]",
        two,
        left=integral_of_log_ratio,
        right=lambda v: expect(v.q, lambda z: v.q.log_prob(z) - v.p.log_prob(z)),
    ),
    Line(
        "4.3",
        r"\log \mathcal{N}(z;\, \mu, \sigma^2) = -\tfrac12 \Big[\log 2\pi + \log \sigma^2"
        r" + \frac{(z - \mu)^2}{\sigma^2}\Big]",
        one,
        left=lambda v: v.q.log_prob(v.z),
        right=lambda v: -(LOG_2PI + (v.sigma**2).log() + (v.z - v.mu) ** 2 / v.sigma**2) / 2,
    ),
    Line(
        "4.4",
        r"\mathbb{E}_q[z^2] = \mathbb{E}_q[z]^2 + \operatorname{Var}_q[z]",
        one,
        left=lambda v: expect(v.q, lambda z: z**2),
        right=sum_of_moments,
    ),
    Line("4.5", r"= \mu^2 + \sigma^2", one, left=sum_of_moments, right=lambda v: v.mu**2 + v.sigma**2),
    Line(
        "4.6",
        r"-\mathbb{E}_q[\log q(z)] = \tfrac12 \big(1 + \log 2\pi + \log \sigma^2\big)",
        one,
        left=lambda v: -expect(v.q, v.q.log_prob),
        right=lambda v: (1 + LOG_2PI + (v.sigma**2).log()) / 2,
    ),
    Line(
        "4.7",
        r"\mathrm{KL}\big(\mathcal{N}(\mu, \sigma^2) \,\|\, \mathcal{N}(0, 1)\big)"
        r" = \mathbb{E}_q\Big[-\tfrac12 \log \sigma^2"
        r" - \frac{(z - \mu)^2}{2\sigma^2} + \tfrac12 z^2\Big]",
        one,
        left=lambda v: to_standard(v.q),
        right=two_squares,
    ),
    Line(
        "4.8",
        r"= \mathbb{E}_q\Big[\Big(\tfrac12 - \frac{1}{2\sigma^2}\Big) z^2 + \frac{\mu}{\sigma^2} z\Big]"
        r" - \tfrac12 \log \sigma^2 - \frac{\mu^2}{2\sigma^2}",
        one,
        left=two_squares,
        right=collected,
    ),
    Line(
        "4.9",
        r"= \Big(\tfrac12 - \frac{1}{2\sigma^2}\Big) (\mu^2 + \sigma^2) + \frac{\mu^2}{\sigma^2}"
        r" - \tfrac12 \log \sigma^2 - \frac{\mu^2}{2\sigma^2}",
        one,
        left=collected,
        right=inserted,
    ),
    Line(
        "4.10",
        r"= \tfrac12 \big(\mu^2 + \sigma^2 - \log \sigma^2 - 1\big)",
        one,
        left=inserted,
        right=against_standard,
    ),
    Line(
        "4.11",
        r"= \tfrac12 \big[\mu^2 + \varphi(\log \sigma^2)\big]",
        one,
        left=against_standard,
        right=lambda v: (v.mu**2 + phi((v.sigma**2).log())) / 2,
    ),
    Line(
        "4.12",
        r"e^t - 1 - t \ge 0",
        times,
        left=lambda v: v.t.exp() - 1 - v.t,
        right=lambda v: torch.zeros_like(v.t),
        relation=">=",
        tight=zero,
    ),
]
