"""Lecture 10, sections 1 and 2: bias and variance of an estimate, and the histogram."""

import math
from collections.abc import Callable
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Binomial, Normal

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.ledger import Line


def guesses(generator: torch.Generator) -> SimpleNamespace:
    """Six values that an estimate takes, with their probabilities, and the true p."""
    shares = uniform(generator, 0.1, 1.0, 6)
    v = SimpleNamespace(values=uniform(generator, 0.5, 3.0, 6), shares=shares / shares.sum())
    v.p = uniform(generator, 0.5, 3.0, 1)
    return v


def cell(generator: torch.Generator) -> SimpleNamespace:
    """N observations, a cell of width Delta that holds each with probability P, and all counts with theirs."""
    v = SimpleNamespace(N=torch.randint(5, 40, (1,), generator=generator).double(), P=uniform(generator, 0.1, 0.6, 1))
    return counted(v, uniform(generator, 0.5, 2.0, 1))


def thin(generator: torch.Generator) -> SimpleNamespace:
    """A cell that holds very little."""
    v = SimpleNamespace(N=torch.tensor([30.0]).double(), P=uniform(generator, 1e-7, 1e-6, 1))
    return counted(v, uniform(generator, 0.5, 2.0, 1))


def counted(v: SimpleNamespace, width: Tensor) -> SimpleNamespace:
    v.width, v.n = width, torch.arange(int(v.N) + 1).double()
    v.shares = Binomial(int(v.N), v.P).log_prob(v.n).exp()
    return v


def slope(generator: torch.Generator) -> SimpleNamespace:
    """A cell around c of width Delta, in which the density is linear with slope s."""
    width, c, s = (uniform(generator, *ends, 1) for ends in ((0.5, 2.0), (-1.0, 1.0), (0.3, 1.0)))
    return SimpleNamespace(width=width, c=c, s=s, mean=uniform(generator, 1.0, 2.0, 1))


def smooth(generator: torch.Generator) -> SimpleNamespace:
    """N observations of N(0, sigma^2), and the roughness of another density."""
    v = SimpleNamespace(N=uniform(generator, 100, 1000), sigma=uniform(generator, 0.5, 2.0))
    v.rough = uniform(generator, 0.1, 2.0)
    return v


def table(generator: torch.Generator) -> SimpleNamespace:
    """A histogram: counts of 6 cells of width Delta, at least one in each."""
    v = SimpleNamespace(
        n=torch.randint(1, 9, (6,), generator=generator).double(), width=uniform(generator, 0.2, 2.0, 1)
    )
    v.N = v.n.sum()
    return v


def mean(v, values: Tensor) -> Tensor:
    return (v.shares * values).sum(-1, keepdim=True)


def variance(v, values: Tensor) -> Tensor:
    return mean(v, (values - mean(v, values)) ** 2)


def linear(v, x: Tensor) -> Tensor:
    return v.mean + v.s * (x - v.c)


def over_cell(v, f) -> Tensor:
    """The integral of f over the cell around c."""
    return v.width * quadrature.integral(lambda t: f(v.c + v.width * t[:, None]), -0.5, 0.5)


def spread(v) -> Tensor:
    """The right side of Eq. (10.5)."""
    return ((1 - v.P) / (v.N * v.P)).sqrt()


def minimum(function: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Where a function of positive numbers, (n,) each, has its only minimum: bisection of its derivative."""
    low, high = torch.full_like(like, 1e-4), torch.full_like(like, 1e4)
    for _ in range(80):
        middle = (low * high).sqrt().requires_grad_()
        falling = torch.autograd.grad(function(middle).sum(), middle)[0] < 0
        middle = middle.detach()
        low, high = torch.where(falling, middle, low), torch.where(falling, high, middle)
    return low


def risk(v, width: Tensor, rough: Tensor) -> Tensor:
    """R(Delta) of Eq. (10.8)."""
    return 1 / (v.N * width) + width**2 / 12 * rough


def normal_roughness(sigma: Tensor) -> Tensor:
    """The integral of the squared derivative of N(0, sigma^2), by quadrature of automatic derivatives."""

    def squared(x: Tensor) -> Tensor:
        x = x[:, None].expand(-1, len(sigma)).clone().requires_grad_()
        (by_x,) = torch.autograd.grad(Normal(0.0, sigma).log_prob(x).exp().sum(), x)
        return by_x**2

    return quadrature.integral(squared, -24, 24)


def left_out(v) -> Tensor:
    """Integral of the square, less twice the mean of what the others say, cell by cell."""
    square = ((v.n / (v.N * v.width)) ** 2 * v.width).sum(0, keepdim=True)
    others = (v.n - 1) / ((v.N - 1) * v.width)
    return square - 2 / v.N * (v.n * others).sum(0, keepdim=True)


LINES = [
    Line(
        "10.2",
        r"\mathbb E\big[(\hat p - p)^2\big] = \big(\mathbb E[\hat p] - p\big)^2 + \operatorname{Var}[\hat p]",
        guesses,
        left=lambda v: mean(v, (v.values - v.p) ** 2),
        right=lambda v: (mean(v, v.values) - v.p) ** 2 + variance(v, v.values),
    ),
    Line(
        "10.4",
        r"\operatorname{Var}[n_j] = N P_j\, (1 - P_j)",
        cell,
        left=lambda v: variance(v, v.n),
        right=lambda v: v.N * v.P * (1 - v.P),
    ),
    Line(
        "10.5",
        r"\frac{\sqrt{\operatorname{Var}[\hat p]}}{\mathbb E[\hat p]} = \sqrt{\frac{1 - P_j}{N P_j}}",
        cell,
        left=lambda v: variance(v, v.n / (v.N * v.width)).sqrt() / mean(v, v.n / (v.N * v.width)),
        right=spread,
    ),
    Line(
        "10.6",
        r"\approx \frac{1}{\sqrt{N P_j}}",
        thin,
        left=spread,
        right=lambda v: 1 / (v.N * v.P).sqrt(),
        rtol=1e-6,
    ),
    Line(
        "10.7",
        r"\int_{c - \Delta/2}^{c + \Delta/2} \big(\bar p - p(x)\big)^2\, dx = \frac{\Delta^3 s^2}{12},"
        r" \qquad p(x) = \bar p + s\,(x - c)",
        slope,
        left=lambda v: over_cell(v, lambda x: (v.mean - linear(v, x)) ** 2),
        right=lambda v: v.width**3 * v.s**2 / 12,
    ),
    Line(
        "10.9",
        r"\arg\min_\Delta R(\Delta) = \Big(\frac{6}{N \int p'(x)^2\, dx}\Big)^{1/3}",
        smooth,
        left=lambda v: minimum(lambda width: risk(v, width, v.rough), v.N),
        right=lambda v: (6 / (v.N * v.rough)) ** (1 / 3),
    ),
    Line(
        "10.10",
        r"\int p'(x)^2\, dx = \frac{1}{4 \sqrt\pi\, \sigma^3}, \qquad p = \mathcal N(\mu, \sigma^2)",
        smooth,
        left=lambda v: normal_roughness(v.sigma),
        right=lambda v: 1 / (4 * math.pi**0.5 * v.sigma**3),
    ),
    Line(
        "10.11",
        r"\arg\min_\Delta R(\Delta) = (24 \sqrt\pi)^{1/3}\, \sigma\, N^{-1/3}",
        smooth,
        left=lambda v: minimum(lambda width: risk(v, width, normal_roughness(v.sigma)), v.N),
        right=lambda v: (24 * math.pi**0.5) ** (1 / 3) * v.sigma * v.N ** (-1 / 3),
    ),
    Line(
        "10.12",
        r"\int \hat p(x)^2\, dx - \frac2N \sum_{i=1}^{N} \hat p_{-i}(x_i)"
        r" = \frac{2}{(N - 1)\, \Delta} - \frac{N + 1}{(N - 1)\, \Delta} \sum_j \Big(\frac{n_j}{N}\Big)^2",
        table,
        left=left_out,
        right=lambda v: 2 / ((v.N - 1) * v.width) - (v.N + 1) / ((v.N - 1) * v.width) * ((v.n / v.N) ** 2).sum(),
    ),
]
