"""Lecture 09, section 5: the ratio of the distances to two neighbors is Pareto, whatever the density."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.derivations.intrinsic_dimension_counting import ball
from lecture_lib.ledger import Line

N_DRAWS, FEW, MANY = 10_000, 6, 1e8


def region(generator: torch.Generator) -> SimpleNamespace:
    """N = FEW points, uniform in a region of volume V, N_DRAWS times, and a part of it of volume v."""
    v = SimpleNamespace(N=FEW, V=uniform(generator, 1.5, 3.0, 1), v=uniform(generator, 0.2, 0.5, 1))
    v.places = uniform(generator, 0, 1, N_DRAWS, FEW) * v.V
    return v


def vast(generator: torch.Generator) -> SimpleNamespace:
    """N = MANY points with the density rho, and a part of their region of volume v."""
    v = SimpleNamespace(N=MANY, rho=uniform(generator, 1.0, 2.0, 1), v=uniform(generator, 0.2, 0.5, 1))
    v.V = MANY / v.rho
    return v


def shells(generator: torch.Generator) -> SimpleNamespace:
    """A density rho, the volumes of two shells, exponential, N_DRAWS times, and a ratio s of them."""
    v = SimpleNamespace(rho=uniform(generator, 0.6, 1.4), s=uniform(generator, 1.5, 3.0))
    v.first, v.second = -(1 - uniform(generator, 0, 1, 2, N_DRAWS, 5)).log() / v.rho
    return v


def radii(generator: torch.Generator) -> SimpleNamespace:
    """A dimension d and radii r1 < r2 with the ratio mu."""
    v = SimpleNamespace(d=uniform(generator, 1.5, 6.0), r1=uniform(generator, 0.5, 0.9))
    v.mu = uniform(generator, 1.2, 1.9)
    v.r2 = v.r1 * v.mu
    return v


def around(generator: torch.Generator) -> SimpleNamespace:
    """FEW points, uniform in a ball of dimension 2 to 4, N_DRAWS times: their distances from its center in order."""
    d = int(torch.randint(2, 5, (1,), generator=generator))
    x = torch.randn(N_DRAWS, FEW, d + 2, dtype=torch.float64, generator=generator)
    r = (x[..., :d].norm(dim=-1) / x.norm(dim=-1)).sort(dim=1).values  # d coordinates of a sphere in R^(d + 2)
    v = SimpleNamespace(d=torch.tensor([float(d)]).double(), r=r, mu=uniform(generator, 1.2, 1.6, 1))
    v.r2 = uniform(generator, 0.5, 0.8, 1)  # any: the statements hold whatever it is
    return v


def empty(v) -> Tensor:
    """The right side of Eq. (9.13)."""
    return (1 - v.v / v.V) ** v.N


def by_shells(v) -> Tensor:
    """The right side of Eq. (9.18), by Eq. (9.16)."""
    return 1 - 1 / (1 + (v.mu**v.d - 1))


def over_first_shell(v) -> Tensor:
    """The right side of Eq. (9.15), up to where nothing is left."""
    return quadrature.integral(
        lambda w: v.rho * (-v.rho * w[:, None]).exp() * (1 - (-v.rho * v.s * w[:, None]).exp()), 0, 80
    )


def ball_ratio(v) -> Tensor:
    """The right side of Eq. (9.21)."""
    return ball(v.d) * (v.r2 / v.mu) ** v.d / (ball(v.d) * v.r2**v.d)


def slope(v, function) -> Tensor:
    """The derivative of f(mu, d) by mu, by automatic differentiation."""
    mu = v.mu.clone().requires_grad_()
    return torch.autograd.grad(function(mu, v.d).sum(), mu)[0]


def pareto(mu: Tensor, d: Tensor) -> Tensor:
    """F(mu) of Eq. (9.19)."""
    return 1 - mu**-d


LINES = [
    Line(
        "9.13",
        r"\Pr(v_1 > v) = \Big(1 - \frac{v}{V}\Big)^N",
        region,
        left=lambda v: (v.places.amin(1, keepdim=True) > v.v).double(),
        right=empty,
        relation="~",
    ),
    Line(
        "9.14",
        r"\approx e^{-\rho v}, \qquad \rho = N / V",
        vast,
        left=empty,
        right=lambda v: (-v.rho * v.v).exp(),
        rtol=1e-6,
    ),
    Line(
        "9.15",
        r"\Pr(R \le s) = \int_0^\infty \rho\, e^{-\rho w}\, \big(1 - e^{-\rho s w}\big)\, dw",
        shells,
        left=lambda v: (v.second <= v.s * v.first).double(),
        right=over_first_shell,
        relation="~",
    ),
    Line("9.16", r"= 1 - \frac{1}{1 + s}", shells, left=over_first_shell, right=lambda v: 1 - 1 / (1 + v.s)),
    Line(
        "9.17",
        r"\frac{\omega_d\, (r_2^d - r_1^d)}{\omega_d\, r_1^d} = \mu^d - 1",
        radii,
        left=lambda v: ball(v.d) * (v.r2**v.d - v.r1**v.d) / (ball(v.d) * v.r1**v.d),
        right=lambda v: v.mu**v.d - 1,
    ),
    Line(
        "9.18",
        r"F(\mu) = \Pr(R \le \mu^d - 1)",
        around,
        left=lambda v: (v.r[:, 1:2] / v.r[:, :1] <= v.mu).double(),
        right=by_shells,
        relation="~",
    ),
    Line("9.19", r"= 1 - \mu^{-d}", radii, left=by_shells, right=lambda v: 1 - v.mu**-v.d),
    Line(
        "9.20",
        r"p(\mu) = F'(\mu) = d\, \mu^{-d-1}",
        radii,
        left=lambda v: slope(v, pareto),
        right=lambda v: v.d * v.mu ** (-v.d - 1),
    ),
    Line(
        "9.21",
        r"\Pr\Big(r_1 < \frac{r_2}{\mu}\Big) = \frac{\omega_d\, (r_2 / \mu)^d}{\omega_d\, r_2^d}",
        around,
        left=lambda v: (v.r[:, 0:1] < v.r[:, 1:2] / v.mu).double(),
        right=ball_ratio,
        relation="~",
    ),
    Line("9.22", r"= \mu^{-d}", radii, left=ball_ratio, right=lambda v: v.mu**-v.d),
    Line(
        "9.23",
        r"-\log\big(1 - F(\mu)\big) = d \log \mu",
        radii,
        left=lambda v: -(1 - (1 - v.mu**-v.d)).log(),
        right=lambda v: v.d * v.mu.log(),
    ),
]
