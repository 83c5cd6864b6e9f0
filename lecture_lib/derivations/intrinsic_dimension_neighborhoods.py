"""Lecture 09, section 7: maximum likelihood from k neighbors, two averages of it, and neighborhoods that overlap."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Exponential

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.derivations.intrinsic_dimension_likelihood import maximum, over_sums, sums
from lecture_lib.ledger import Line

N_DRAWS, N_POINTS = 10_000, 7


def neighborhoods(generator: torch.Generator) -> SimpleNamespace:
    """The distances r (N_POINTS, k) to k = 5 neighbors of N_POINTS points."""
    r = uniform(generator, 0.3, 1.0, N_POINTS, 5).sort(dim=1).values
    v = SimpleNamespace(r=r, k=torch.tensor(5.0).double(), N=torch.tensor(7.0).double(), d=uniform(generator, 2, 6, 1))
    v.logs = (r[:, -1:] / r[:, :-1]).log()
    return v


def inside(generator: torch.Generator) -> SimpleNamespace:
    """Two points uniform in a ball of radius r_k in dimension 3, by rejection, their distances, and a radius r."""
    x = uniform(generator, -1, 1, N_DRAWS, 3)
    r_k = uniform(generator, 1.1, 1.6, 1)
    r = r_k * x.norm(dim=1, keepdim=True)
    v = SimpleNamespace(distance=r[r <= r_k][:, None], r_k=r_k, d=torch.tensor([3.0]).double())
    v.r = r_k * uniform(generator, 0.5, 0.8, 1)
    return v


def shared(generator: torch.Generator) -> SimpleNamespace:
    """m = k - 1 from 1 to 6; volumes up to the first neighbors, N_DRAWS times, rho = 1; the volume w of one more."""
    m = torch.randint(1, 7, (1,), generator=generator).double()
    v = SimpleNamespace(m=m, k=m + 1, w=uniform(generator, 0.3, 3.0, 1))
    v.volumes = -(1 - uniform(generator, 0, 1, N_DRAWS, int(m) + 1)).log().cumsum(1)
    return v


def log_exponential(v, d: Tensor) -> Tensor:
    """The log-likelihood of the logarithms of one neighborhood, (1,)."""
    return Exponential(d).log_prob(v.logs[0][:, None]).sum(0)


def pointwise(v) -> Tensor:
    """The estimates of N_POINTS points, Eq. (9.36)."""
    return (v.k - 1) / v.logs.sum(1)


def fewer(m, w: Tensor) -> Tensor:
    """Q(m, w): the chance of fewer than m points in a volume w."""
    return torch.special.gammaincc(torch.as_tensor(m, dtype=torch.float64), w)


def with_one_more(v) -> Tensor:
    """d times the sum of logarithms of a point, given one neighbor more at the volume w, N_DRAWS times."""
    volumes = torch.cat([v.volumes, v.w.expand(N_DRAWS, 1)], 1).sort(dim=1).values[:, : int(v.m) + 1].log()
    return (volumes[:, -1:] - volumes[:, :-1]).sum(1, keepdim=True)


def added(v, w: Tensor | None = None) -> Tensor:
    """The right side of Eq. (9.41), at v.w or at volumes w (n,); its integral by t = w exp(y)."""
    w = v.w if w is None else w
    tail = quadrature.integral(lambda y: (-w * y[:, None].exp()).exp(), 0, 40, n_panels=80)
    return tail + sum(fewer(j, w) / j for j in range(1, int(v.m))) - fewer(v.m, w)


def squared(v) -> Tensor:
    """The left side of Eq. (9.42), by w = exp(u)."""
    return quadrature.integral(lambda u: (added(v, u.exp()) ** 2 * u.exp())[:, None], -34, 4.2, n_panels=60)


def both_ways(v) -> Tensor:
    """The right side of Eq. (9.42)."""
    return quadrature.integral(lambda w: fewer(v.m, w[:, None]) ** 2, 0, 60)


def one_by_one(v) -> Tensor:
    """The same as a sum over the numbers a and b of points that are nearer, from either side."""
    m = int(v.m)
    terms = [math.comb(a + b, a) * 2.0 ** -(a + b + 1) for a in range(m) for b in range(m)]
    return torch.tensor([sum(terms)], dtype=torch.float64)


LINES = [
    Line(
        "9.34",
        r"\Pr(r_j \le r) = \Big(\frac{r}{r_k}\Big)^d",
        inside,
        left=lambda v: (v.distance <= v.r).double(),
        right=lambda v: (v.r / v.r_k) ** v.d,
        relation="~",
    ),
    Line(
        "9.35",
        r"\log L(d) = (k - 1) \log d - d \sum_{j=1}^{k-1} \log \frac{r_k}{r_j}",
        neighborhoods,
        left=lambda v: log_exponential(v, v.d),
        right=lambda v: (v.k - 1) * v.d.log() - v.d * (v.r[0, -1] / v.r[0, :-1]).log().sum(),
    ),
    Line(
        "9.36",
        r"\hat d_i = \Big[\frac{1}{k - 1} \sum_{j=1}^{k-1} \log \frac{r_k}{r_j}\Big]^{-1}",
        neighborhoods,
        left=lambda v: maximum(v, lambda d: log_exponential(v, d)),
        right=lambda v: 1 / (1 / (v.k - 1) * (v.r[:1, -1:] / v.r[:1, :-1]).log().sum(1)),
    ),
    Line(
        "9.37",
        r"\mathbb E\big[\hat d_i\big] = \frac{k - 1}{k - 2}\, d",
        sums,
        left=lambda v: over_sums(v, lambda S: (v.k - 1) / S),
        right=lambda v: (v.k - 1) / (v.k - 2) * v.d,
    ),
    Line(
        "9.38",
        r"\mathbb E\big[1 / \hat d_i\big] = 1 / d",
        sums,
        left=lambda v: over_sums(v, lambda S: S / (v.k - 1)),
        right=lambda v: 1 / v.d,
    ),
    Line(
        "9.39",
        r"\Big[\frac1N \sum_{i=1}^{N} \frac{1}{\hat d_i}\Big]^{-1}"
        r" = \frac{N\,(k - 1)}{\sum_{i=1}^{N} \sum_{j=1}^{k-1} \log (r_{ik} / r_{ij})}",
        neighborhoods,
        left=lambda v: 1 / (1 / v.N * (1 / pointwise(v)).sum()),
        right=lambda v: v.N * (v.k - 1) / (v.r[:, -1:] / v.r[:, :-1]).log().sum(),
    ),
    Line(
        "9.40",
        r"\Big[\frac1N \sum_{i=1}^{N} \frac{1}{k - 2} \sum_{j=1}^{k-1} \log \frac{r_{ik}}{r_{ij}}\Big]^{-1}"
        r" = \frac{k - 2}{k - 1}\, \hat d",
        neighborhoods,
        left=lambda v: 1 / (1 / v.N * (1 / (v.k - 2) * v.logs.sum(1)).sum()),
        right=lambda v: (v.k - 2) / (v.k - 1) * (1 / (1 / pointwise(v)).mean()),
    ),
    Line(
        "9.41",
        r"g(w) = \int_w^\infty \frac{e^{-t}}{t}\, dt + \sum_{j=1}^{m-1} \frac{Q(j, w)}{j} - Q(m, w), \qquad m = k - 1",
        shared,
        left=lambda v: with_one_more(v) - v.m,
        right=added,
        relation="~",
    ),
    Line(
        "9.42",
        r"\int_0^\infty g(w)^2\, dw = \int_0^\infty Q(m, w)^2\, dw",
        shared,
        left=squared,
        right=both_ways,
    ),
    Line(
        "9.43",
        r"= m\, \Big[1 - \binom{2m}{m}\, 4^{-m}\Big]",
        shared,
        left=both_ways,
        right=lambda v: v.m * (1 - math.comb(2 * int(v.m), int(v.m)) * 4**-v.m),
    ),
    Line(
        "9.44",
        r"\kappa_k = 2 - \binom{2k - 2}{k - 1}\, 4^{1-k}",
        shared,
        left=lambda v: 1 + one_by_one(v) / v.m,
        right=lambda v: 2 - math.comb(2 * int(v.k) - 2, int(v.k) - 1) * 4 ** (1 - v.k),
    ),
]
