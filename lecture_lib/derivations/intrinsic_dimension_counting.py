"""Lecture 09, sections 2 to 4: neighbors in a ball, a line that is blurred, and the logarithm of a rank."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.ledger import Line

N_DRAWS = 20_000
ANGLES = 2 * math.pi * torch.arange(64).double() / 64  # a mean over them is one over the circle


def dimension(generator: torch.Generator) -> SimpleNamespace:
    """A dimension d from 2 to 12, a density rho and a radius r."""
    d = torch.randint(2, 13, (1,), generator=generator).double()
    return SimpleNamespace(d=d, rho=uniform(generator, 1.2, 2.0, 1), r=uniform(generator, 0.6, 0.9, 1))


def cube(generator: torch.Generator) -> SimpleNamespace:
    """N_DRAWS points, uniform in the cube [-1, 1]^d with d = 2 or 3; `total` is how many a density rho puts there."""
    v = dimension(generator)
    d = 2 + int(v.d) % 2
    v.d, v.x, v.total = torch.tensor([float(d)]).double(), uniform(generator, -1, 1, N_DRAWS, d), v.rho * 2**d
    return v


def blurred(generator: torch.Generator) -> SimpleNamespace:
    """A line with lam points in a unit of length, each moved sideways by N(0, sigma^2), and a radius r."""
    v = SimpleNamespace(lam=uniform(generator, 1.2, 2.0), sigma=uniform(generator, 0.4, 0.8))
    v.r, v.difference = uniform(generator, 1.2, 2.4), Normal(torch.zeros_like(v.sigma), 2**0.5 * v.sigma)
    v.a = v.r**2 / (8 * v.sigma**2)
    return v


def volumes(generator: torch.Generator) -> SimpleNamespace:
    """rho times the volume up to each of the first five neighbors, N_DRAWS times: sums of exponential shells."""
    v = dimension(generator)
    v.volumes = -(1 - uniform(generator, 0, 1, N_DRAWS, 5)).log().cumsum(1)
    v.distances, v.j = (v.volumes / (v.rho * ball(v.d))) ** (1 / v.d), torch.arange(1, 6).double()
    return v


def slice_integral(d) -> Tensor:
    """The integral of (1 - t^2)^((d - 1) / 2) over [-1, 1], by t = sin(phi)."""
    return quadrature.integral(lambda phi: phi.cos() ** d, -math.pi / 2, math.pi / 2, n_panels=10).reshape(1)


def ball(d: Tensor) -> Tensor:
    """The volume of the unit ball from its formula."""
    return (d / 2 * math.log(math.pi) - torch.lgamma(d / 2 + 1)).exp()


def sliced(d: Tensor) -> Tensor:
    """The volume of the unit ball from its slices, one dimension after the other."""
    return torch.stack([slice_integral(i) for i in range(1, int(d) + 1)]).prod(0)


def over_the_disc(v) -> Tensor:
    """lam N(v; 0, 2 sigma^2), the density of neighbors at (u, v), integrated over the disc in polar coordinates."""

    def rings(s):
        density = v.difference.log_prob(v.r * s[:, None, None] * ANGLES.sin()[:, None]).exp().mean(1)
        return density * 2 * math.pi * s[:, None] * v.r**2

    return v.lam * quadrature.integral(rings, 0, 1, n_panels=4)


def along(v, chance, r=None) -> Tensor:
    """The integral of chance(sqrt(r^2 - u^2)) over u from 0 to r, by u = r sin(phi)."""
    r = v.r if r is None else r
    across = lambda phi: r * phi[:, None].cos()  # noqa: E731
    return quadrature.integral(lambda phi: chance(across(phi)) * across(phi), 0, math.pi / 2, n_panels=10)


def by_chances(v) -> Tensor:
    """The right side of Eq. (9.6)."""
    return 2 * v.lam * along(v, lambda w: v.difference.cdf(w) - v.difference.cdf(-w))


def by_error_function(v) -> Tensor:
    """The right side of Eq. (9.7)."""
    return 2 * v.lam * along(v, lambda w: torch.erf(w / (2 * v.sigma)))


def log_slope(v, count) -> Tensor:
    """d log n / d log r of a function n(r), by automatic differentiation."""
    log_r = v.r.log().requires_grad_()
    return torch.autograd.grad(count(log_r.exp()).log().sum(), log_r)[0]


LINES = [
    Line(
        "9.1",
        r"\omega_d = \omega_{d-1} \int_{-1}^{1} (1 - t^2)^{(d-1)/2}\, dt",
        dimension,
        left=lambda v: ball(v.d),
        right=lambda v: ball(v.d - 1) * slice_integral(v.d),
    ),
    Line(
        "9.2",
        r"\omega_d = \frac{\pi^{d/2}}{\Gamma(d/2 + 1)}",
        dimension,
        left=lambda v: sliced(v.d),
        right=lambda v: torch.tensor(math.pi, dtype=torch.float64) ** (v.d / 2) / torch.lgamma(v.d / 2 + 1).exp(),
    ),
    Line(
        "9.3",
        r"n(r) = \rho\, \omega_d\, r^d",
        cube,
        left=lambda v: v.total * (v.x.norm(dim=1, keepdim=True) <= v.r).double(),
        right=lambda v: v.rho * sliced(v.d) * v.r**v.d,
        relation="~",
    ),
    Line(
        "9.4",
        r"\log n(r) = \log(\rho\, \omega_d) + d \log r",
        dimension,
        left=lambda v: (v.rho * sliced(v.d) * v.r**v.d).log(),
        right=lambda v: (v.rho * sliced(v.d)).log() + v.d * v.r.log(),
    ),
    Line(
        "9.6",
        r"n(r) = 2\lambda \int_0^r \Pr\Big(|v| \le \sqrt{r^2 - u^2}\Big)\, du",
        blurred,
        left=over_the_disc,
        right=by_chances,
    ),
    Line(
        "9.7",
        r"= 2\lambda \int_0^r \operatorname{erf} \frac{\sqrt{r^2 - u^2}}{2\sigma}\, du",
        blurred,
        left=by_chances,
        right=by_error_function,
    ),
    Line(
        "9.8",
        r"= \frac{\sqrt\pi\, \lambda\, r^2}{2\sigma}\, e^{-a} \big[I_0(a) + I_1(a)\big],"
        r" \qquad a = \frac{r^2}{8\sigma^2}",
        blurred,
        left=by_error_function,
        right=lambda v: (
            math.pi ** (1 / 2)
            * v.lam
            * v.r**2
            / (2 * v.sigma)
            * (-v.a).exp()
            * (torch.special.i0(v.a) + torch.special.i1(v.a))
        ),
        rtol=1e-9,
    ),
    Line(
        "9.9",
        r"d(r) = \frac{2\, I_0(a)}{I_0(a) + I_1(a)}",
        blurred,
        left=lambda v: log_slope(v, lambda r: along(v, lambda w: torch.erf(w / (2 * v.sigma)), r)),
        right=lambda v: 2 * torch.special.i0(v.a) / (torch.special.i0(v.a) + torch.special.i1(v.a)),
        rtol=1e-9,
    ),
    Line(
        "9.11",
        r"\mathbb E\big[\log(\rho\, \omega_d\, r_j^d)\big] = \psi(j)",
        volumes,
        left=lambda v: v.volumes.log(),
        right=lambda v: torch.digamma(v.j),
        relation="~",
    ),
    Line(
        "9.12",
        r"\mathbb E[\log r_j] = \frac{\psi(j) - \log(\rho\, \omega_d)}{d}",
        volumes,
        left=lambda v: v.distances.log(),
        right=lambda v: (torch.digamma(v.j) - (v.rho * sliced(v.d)).log()) / v.d,
        relation="~",
    ),
]
