"""Lecture 09, section 8: what an edge, a shortage of points and a bend do to the count of neighbors."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.derivations.intrinsic_dimension_counting import ball, log_slope
from lecture_lib.ledger import Line

N_DRAWS = 20_000


def edge(generator: torch.Generator) -> SimpleNamespace:
    """A line with lam points in a unit of length, of N_DRAWS places on its first 4 units; h to its end, r > h."""
    v = SimpleNamespace(lam=uniform(generator, 1.2, 2.0, 1), h=uniform(generator, 0.4, 0.9, 1))
    v.places, v.total, v.r = uniform(generator, 0, 4, N_DRAWS, 1), 4 * v.lam, uniform(generator, 1.0, 2.0, 1)
    return v


def box(generator: torch.Generator) -> SimpleNamespace:
    """N_DRAWS points in the unit cube of dimension 3 or 4, and a distance r; a number N of points."""
    dim = int(torch.randint(3, 5, (1,), generator=generator))
    v = SimpleNamespace(x=uniform(generator, 0, 1, N_DRAWS, dim), r=uniform(generator, 0.05, 0.2, 1))
    v.d, v.N = torch.tensor([float(dim)]).double(), uniform(generator, 100, 1000, 1)
    return v


def sphere(generator: torch.Generator) -> SimpleNamespace:
    """The sphere of dimension d and radius 1 with the density rho, and the length r of a chord."""
    d = torch.randint(3, 8, (1,), generator=generator).double()
    return SimpleNamespace(d=d, rho=uniform(generator, 1.2, 2.0, 1), r=uniform(generator, 0.5, 1.2, 1))


def short(generator: torch.Generator) -> SimpleNamespace:
    """The same with a chord of about a hundredth."""
    v = sphere(generator)
    v.r = v.r / 100
    return v


def cap(v, r: Tensor) -> Tensor:
    """The number of points in the cap that a chord r reaches: circles of radius sin(theta), one beside the other."""
    theta = 2 * torch.asin(r / 2)
    rings = quadrature.integral(lambda t: theta * (theta * t[:, None]).sin() ** (v.d - 1), 0, 1, n_panels=4)
    return v.rho * v.d * ball(v.d) * rings


def by_radius(v, count) -> Tensor:
    """n'(r) of a function n(r), by automatic differentiation."""
    r = v.r.clone().requires_grad_()
    return torch.autograd.grad(count(r).sum(), r)[0]


def where_one(v, count) -> Tensor:
    """The radius at which a rising function n(r) is 1, by bisection between 0 and 2."""
    low, high = torch.zeros_like(v.r), torch.full_like(v.r, 2.0)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = torch.where(count(middle) < 1, middle, low), torch.where(count(middle) < 1, high, middle)
    return low


LINES = [
    Line(
        "9.45",
        r"n(r) = \lambda\, (r + h)",
        edge,
        left=lambda v: v.total * ((v.places - v.h).abs() <= v.r).double(),
        right=lambda v: v.lam * (v.r + v.h),
        relation="~",
    ),
    Line(
        "9.46",
        r"d(r) = \frac{r}{r + h}",
        edge,
        left=lambda v: log_slope(v, lambda r: v.lam * (r + v.h)),
        right=lambda v: v.r / (v.r + v.h),
    ),
    Line(
        "9.47",
        r"\Pr(\text{a face is nearer than } r) = 1 - (1 - 2r)^d",
        box,
        left=lambda v: (torch.minimum(v.x, 1 - v.x).amin(1, keepdim=True) < v.r).double(),
        right=lambda v: 1 - (1 - 2 * v.r) ** v.d,
        relation="~",
    ),
    Line(
        "9.48",
        r"r_* = (N\, \omega_d)^{-1/d}",
        box,
        left=lambda v: where_one(v, lambda r: v.N * ball(v.d) * r**v.d),
        right=lambda v: (v.N * ball(v.d)) ** (-1 / v.d),
    ),
    Line(
        "9.49",
        r"n'(r) = \rho\, d\, \omega_d\, r^{d-1} \Big(1 - \frac{r^2}{4}\Big)^{d/2 - 1}",
        sphere,
        left=lambda v: by_radius(v, lambda r: cap(v, r)),
        right=lambda v: v.rho * v.d * ball(v.d) * v.r ** (v.d - 1) * (1 - v.r**2 / 4) ** (v.d / 2 - 1),
    ),
    Line(
        "9.50",
        r"d(r) - d \approx -\frac{d\,(d - 2)}{4\,(d + 2)}\, r^2",
        short,
        left=lambda v: log_slope(v, lambda r: cap(v, r)) - v.d,
        right=lambda v: -(v.d * (v.d - 2) / (4 * (v.d + 2)) * v.r**2),
        rtol=1e-3,
    ),
]
