"""Lecture 09, section 6: maximum likelihood from two neighbors, its bias, its spread and its interval."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Exponential, Gamma, Pareto

from lecture_lib import quadrature, special
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.ledger import Line

N_POINTS = 7


def ratios(generator: torch.Generator) -> SimpleNamespace:
    """N_POINTS Pareto ratios mu_i for each of 5 dimensions, and other dimensions d; a logarithm t."""
    true, d = uniform(generator, 2.0, 6.0), uniform(generator, 2.0, 6.0)
    mu = (-(1 - uniform(generator, 0, 1, N_POINTS, 5)).log() / true).exp()
    return SimpleNamespace(mu=mu, N=torch.tensor(7.0).double(), d=d, t=uniform(generator, 0.1, 0.4))


def sums(generator: torch.Generator) -> SimpleNamespace:
    """N = 4 to 9 logarithms of Pareto ratios, whose sum S is Gamma distributed, and a value of S."""
    N, d = torch.randint(4, 10, (1,), generator=generator).double(), uniform(generator, 2.0, 6.0, 1)
    v = SimpleNamespace(N=N, d=d, S=uniform(generator, 0.5, 2.5, 1))
    v.k = N + 1  # as many logarithms as k neighbors of one point give
    return v


def by_dimension(v, log_likelihood, d=None) -> Tensor:
    """The derivative of a function of d, by automatic differentiation."""
    d = (v.d if d is None else d).clone().requires_grad_()
    return torch.autograd.grad(log_likelihood(d).sum(), d)[0]


def maximum(v, log_likelihood) -> Tensor:
    """Where a concave function of d is largest: bisection of its derivative between 0.1 and 100."""
    low, high = torch.full_like(v.d, 0.1), torch.full_like(v.d, 100.0)
    for _ in range(50):
        middle = (low + high) / 2
        rising = by_dimension(v, log_likelihood, middle) > 0
        low, high = torch.where(rising, middle, low), torch.where(rising, high, middle)
    return low


def log_pareto(v, d: Tensor) -> Tensor:
    """The log-likelihood of the ratios mu_i, from torch.distributions, (5,)."""
    return Pareto(torch.ones_like(d), d).log_prob(v.mu).sum(0)


def one_more(v) -> Tensor:
    """The density of the sum of N logarithms, from those of N - 1 and of one: a convolution."""
    shares = lambda u: Gamma(v.N - 1, v.d).log_prob(u * v.S) + Exponential(v.d).log_prob((1 - u) * v.S)  # noqa: E731
    return quadrature.integral(lambda u: shares(u[:, None]).exp() * v.S, 0, 1, n_panels=10)


def over_sums(v, f) -> Tensor:
    """E[f(S)] for S from the Gamma distribution, by quadrature in log S."""
    law = Gamma(v.N, v.d)
    return quadrature.integral(
        lambda u: (law.log_prob(u.exp()[:, None]).exp() * u.exp()[:, None]) * f(u.exp()[:, None]), -25, 6
    )


def between_quantiles(v) -> Tensor:
    """The probability that d S lies between two quantiles of the Gamma distribution with shape N and rate 1."""
    low, high = special.gamma_quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), float(v.N))
    density = lambda u: Gamma(v.N, v.d).log_prob(u[:, None]).exp()  # noqa: E731
    return quadrature.integral(density, float(low / v.d), float(high / v.d), n_panels=20)


LINES = [
    Line(
        "9.25",
        r"\sum_{i=1}^{N} \log\big(d\, \mu_i^{-d-1}\big) = N \log d - (d + 1) \sum_{i=1}^{N} \log \mu_i",
        ratios,
        left=lambda v: log_pareto(v, v.d),
        right=lambda v: v.N * v.d.log() - (v.d + 1) * v.mu.log().sum(0),
    ),
    Line(
        "9.26",
        r"\frac{\partial}{\partial d} \log L(d) = \frac{N}{d} - \sum_{i=1}^{N} \log \mu_i",
        ratios,
        left=lambda v: by_dimension(v, lambda d: log_pareto(v, d)),
        right=lambda v: v.N / v.d - v.mu.log().sum(0),
    ),
    Line(
        "9.27",
        r"\hat d = \frac{N}{\sum_{i=1}^{N} \log \mu_i}",
        ratios,
        left=lambda v: maximum(v, lambda d: log_pareto(v, d)),
        right=lambda v: v.N / v.mu.log().sum(0),
    ),
    Line(
        "9.28",
        r"\Pr(\log \mu > t) = e^{-d\, t}",
        ratios,
        left=lambda v: 1 - Pareto(torch.ones_like(v.d), v.d).cdf(v.t.exp()),
        right=lambda v: (-v.d * v.t).exp(),
    ),
    Line(
        "9.29",
        r"p(S) = \frac{d^N\, S^{N-1}}{(N-1)!}\, e^{-d\,S}",
        sums,
        left=one_more,
        right=lambda v: v.d**v.N * v.S ** (v.N - 1) / math.factorial(int(v.N - 1)) * (-v.d * v.S).exp(),
    ),
    Line(
        "9.30",
        r"\mathbb E\Big[\frac{N}{S}\Big] = \frac{N}{N - 1}\, d",
        sums,
        left=lambda v: over_sums(v, lambda S: v.N / S),
        right=lambda v: v.N / (v.N - 1) * v.d,
    ),
    Line(
        "9.31",
        r"\mathbb E\Big[\frac{N - 1}{S}\Big] = d",
        sums,
        left=lambda v: over_sums(v, lambda S: (v.N - 1) / S),
        right=lambda v: v.d,
    ),
    Line(
        "9.32",
        r"\operatorname{Var}\Big[\frac{N - 1}{S}\Big] = \frac{d^2}{N - 2}",
        sums,
        left=lambda v: over_sums(v, lambda S: ((v.N - 1) / S - v.d) ** 2),
        right=lambda v: v.d**2 / (v.N - 2),
    ),
    Line(
        "9.33",
        r"\Pr\big(\gamma_{0.025} \le d\, S \le \gamma_{0.975}\big) = 0.95",
        sums,
        left=between_quantiles,
        right=lambda v: torch.tensor([0.95], dtype=torch.float64),
    ),
]
