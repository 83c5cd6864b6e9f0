"""Lecture 10, section 3: kernels and their integral, the bias and the variance of what they estimate."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.derivations.intrinsic_dimension_counting import ball
from lecture_lib.ledger import Line

EPANECHNIKOV = SimpleNamespace(variance=1 / 5, roughness=3 / 5)  # of 3/4 (1 - u^2)


def flat(generator: torch.Generator) -> SimpleNamespace:
    """The powers a and b of a kernel in the plane."""
    a = torch.randint(1, 4, (1,), generator=generator).double()
    return SimpleNamespace(
        a=a, b=torch.randint(1, 4, (1,), generator=generator).double(), D=torch.tensor([2.0]).double()
    )


def solid(generator: torch.Generator) -> SimpleNamespace:
    """The powers a and b of a kernel in dimension D."""
    v = flat(generator)
    v.D = torch.randint(1, 9, (1,), generator=generator).double()
    return v


def blurred(generator: torch.Generator) -> SimpleNamespace:
    """A normal p, a bandwidth and a place."""
    v = SimpleNamespace(
        mu=uniform(generator, -1, 1), sigma=uniform(generator, 0.6, 1.5), h=uniform(generator, 0.3, 0.9)
    )
    v.x, v.N = v.mu + uniform(generator, 0.2, 0.8) * v.sigma, torch.tensor(50.0).double()
    return v


def narrow(generator: torch.Generator) -> SimpleNamespace:
    """The same with a bandwidth close to zero."""
    v = blurred(generator)
    v.h = 1e-3 * v.h
    return v


def strips(v) -> Tensor:
    """The integral of k over the disk, strip by strip: x = sin t, y = s cos t."""

    def strip(t: Tensor) -> Tensor:
        cos = t.cos()[:, None]
        inner = lambda s: (1 - (t.sin() ** 2 + (s[:, None] * t.cos()) ** 2).sqrt() ** v.a) ** v.b * t.cos()  # noqa: E731
        return 2 * quadrature.integral(inner, 0, 1, n_panels=20)[:, None] * cos

    return 2 * quadrature.integral(strip, 0, math.pi / 2, n_panels=20)


def radial(v) -> Tensor:
    """The right side of Eq. (10.15)."""
    return (
        v.D
        * ball(v.D)
        * quadrature.integral(lambda r: (1 - r[:, None] ** v.a) ** v.b * r[:, None] ** (v.D - 1), 0, 1, n_panels=50)
    )


def beta(p: Tensor, q: Tensor) -> Tensor:
    """The beta function, by logarithms."""
    return (torch.lgamma(p) + torch.lgamma(q) - torch.lgamma(p + q)).exp()


def normal(v, x: Tensor) -> Tensor:
    """p(x)."""
    return Normal(v.mu, v.sigma).log_prob(x).exp()


def kernel(u: Tensor) -> Tensor:
    """The Gaussian one."""
    return Normal(0.0, 1.0).log_prob(u).exp()


def away(v, u: Tensor) -> Tensor:
    """p(x - h u)."""
    return normal(v, v.x - v.h * u)


def smoothed(v) -> Tensor:
    """The right side of Eq. (10.17)."""
    return quadrature.integral(lambda u: kernel(u[:, None]) * away(v, u[:, None]), -12, 12)


def by_kernel(v, value) -> Tensor:
    """The integral over u of K(u) value(u) for Epanechnikov's kernel."""
    return quadrature.integral(lambda u: 3 / 4 * (1 - u[:, None] ** 2) * value(u[:, None]), -1, 1, n_panels=8)


def curvature(v) -> Tensor:
    """p'' by automatic differentiation."""
    x = v.x.clone().requires_grad_()
    (first,) = torch.autograd.grad(normal(v, x).sum(), x, create_graph=True)
    return torch.autograd.grad(first.sum(), x)[0]


def single(v) -> Tensor:
    """The variance of one term K((x - x_i) / h) / h."""
    mean = by_kernel(v, lambda u: away(v, u))
    square = by_kernel(v, lambda u: 3 / 4 * (1 - u**2) * away(v, u) / v.h)
    return square - mean**2


LINES = [
    Line(
        "10.15",
        r"Z = \int k(\lVert u \rVert)\, du = D\, \omega_D \int_0^1 k(r)\, r^{D-1}\, dr",
        flat,
        left=strips,
        right=radial,
        rtol=1e-6,
    ),
    Line(
        "10.16",
        r"= D\, \omega_D\, \frac{\Gamma(D/a)\, \Gamma(b + 1)}{a\, \Gamma(D/a + b + 1)}",
        solid,
        left=radial,
        right=lambda v: v.D * ball(v.D) * beta(v.D / v.a, v.b + 1) / v.a,
    ),
    Line(
        "10.17",
        r"\mathbb E[\hat p(x)] = \int K(u)\, p(x - h u)\, du",
        blurred,
        left=lambda v: quadrature.integral(
            lambda y: 1 / v.h * kernel((v.x - y[:, None]) / v.h) * normal(v, y[:, None]), -16, 16
        ),
        right=smoothed,
    ),
    Line(
        "10.18",
        r"= \mathcal N(x; \mu, \sigma^2 + h^2), \qquad p = \mathcal N(\mu, \sigma^2),\; K = \mathcal N(0, 1)",
        blurred,
        left=smoothed,
        right=lambda v: Normal(v.mu, (v.sigma**2 + v.h**2).sqrt()).log_prob(v.x).exp(),
    ),
    Line(
        "10.19",
        r"\mathbb E[\hat p(x)] - p(x) \approx \frac{h^2}{2}\, \kappa\, p''(x)",
        narrow,
        left=lambda v: by_kernel(v, lambda u: away(v, u) - normal(v, v.x)),
        right=lambda v: v.h**2 / 2 * EPANECHNIKOV.variance * curvature(v),
        rtol=1e-3,
        atol=0.0,
    ),
    Line(
        "10.20",
        r"\operatorname{Var}[\hat p(x)] \approx \frac{R\, p(x)}{N h}",
        narrow,
        left=lambda v: single(v) / v.N,
        right=lambda v: EPANECHNIKOV.roughness * normal(v, v.x) / (v.N * v.h),
        rtol=1e-2,
    ),
]
