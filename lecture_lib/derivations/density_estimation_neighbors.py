"""Lecture 10, section 4: the density from the distance to the k-th neighbor."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Gamma

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.ledger import Line


def volumes(generator: torch.Generator) -> SimpleNamespace:
    """A density p of N points, and k; the volume up to the k-th of them is Gamma distributed."""
    v = SimpleNamespace(k=torch.randint(4, 30, (1,), generator=generator).double(), p=uniform(generator, 0.5, 2.0, 1))
    v.N = uniform(generator, 50, 200, 1)
    return v


def crowds(generator: torch.Generator) -> SimpleNamespace:
    """Many neighbors."""
    v = volumes(generator)
    v.k = 1e6 * v.k
    return v


def over_volumes(v, f) -> Tensor:
    """E[f(V)] for the volume V up to the k-th neighbor, by quadrature in log V."""
    law = Gamma(v.k, v.N * v.p)
    density = lambda u: (law.log_prob(u.exp()[:, None]) + u[:, None]).exp()  # noqa: E731
    return quadrature.integral(lambda u: density(u) * f(u.exp()[:, None]), -22, 3, n_panels=400)


def mean(v) -> Tensor:
    return over_volumes(v, lambda V: v.k / (v.N * V))


def spread(v) -> Tensor:
    """The right side of Eq. (10.34)."""
    return 1 / (v.k - 2).sqrt()


LINES = [
    Line(
        "10.33",
        r"\mathbb E[\hat p] = \frac{k}{k - 1}\, p",
        volumes,
        left=mean,
        right=lambda v: v.k / (v.k - 1) * v.p,
        rtol=1e-9,
    ),
    Line(
        "10.34",
        r"\frac{\sqrt{\operatorname{Var}[\hat p]}}{\mathbb E[\hat p]} = \frac{1}{\sqrt{k - 2}}",
        volumes,
        left=lambda v: over_volumes(v, lambda V: (v.k / (v.N * V) - mean(v)) ** 2).sqrt() / mean(v),
        right=spread,
        rtol=1e-9,
    ),
    Line("10.35", r"\approx \frac{1}{\sqrt k}", crowds, left=spread, right=lambda v: 1 / v.k.sqrt(), rtol=1e-6),
]
