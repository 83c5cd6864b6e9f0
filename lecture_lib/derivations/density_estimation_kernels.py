"""Lecture 10, section 3: kernels, their bias and variance, the best bandwidth, and leaving one out."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal

from lecture_lib import quadrature
from lecture_lib.derivations.density_estimation_histogram import minimum
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


def trade(generator: torch.Generator) -> SimpleNamespace:
    """Variance and roughness of a kernel and another, D from 1 to 10, N, a factor s, and the curvature of p."""
    v = SimpleNamespace(D=torch.randint(1, 11, (5,), generator=generator).double(), N=uniform(generator, 100, 10_000))
    v.kappa, v.rough, v.kappa_2, v.rough_2 = (uniform(generator, 0.1, 1.0) for _ in range(4))
    v.curve, v.s = uniform(generator, 0.2, 2.0), uniform(generator, 2, 10)
    return v


def standard(generator: torch.Generator) -> SimpleNamespace:
    """One dimension D, N, and a bandwidth."""
    D = torch.randint(1, 7, (1,), generator=generator).double()
    return SimpleNamespace(D=D, N=uniform(generator, 50, 500, 1), h=uniform(generator, 0.2, 1.0, 1))


def points(generator: torch.Generator) -> SimpleNamespace:
    """N = 6 observations and a bandwidth; a normal p."""
    v = SimpleNamespace(
        x=uniform(generator, -2, 2, 6), h=uniform(generator, 0.3, 0.9, 1), sigma=uniform(generator, 0.6, 1.2, 1)
    )
    v.N = torch.tensor(6.0).double()
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
    return (torch.lgamma(p) + torch.lgamma(q) - torch.lgamma(p + q)).exp()


def normal(v, x: Tensor) -> Tensor:
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


def amise(v, h: Tensor, N=None, kappa=None, rough=None) -> Tensor:
    """Eq. (10.21)."""
    N, kappa, rough = (
        (v.N if N is None else N),
        (v.kappa if kappa is None else kappa),
        (v.rough if rough is None else rough),
    )
    return h**4 * kappa**2 / 4 * v.curve + rough / (N * h**v.D)


def least(v, N: Tensor) -> Tensor:
    return amise(v, minimum(lambda h: amise(v, h, N), v.N), N)


def laplacian_squared(v) -> Tensor:
    """The integral of the squared Laplacian of a standard normal density, by its radius."""
    density = lambda r: (2 * math.pi) ** (-v.D / 2) * (-(r**2) / 2).exp()  # noqa: E731
    laplacian = lambda r: (r**2 - v.D) * density(r)  # noqa: E731
    return v.D * ball(v.D) * quadrature.integral(lambda r: laplacian(r[:, None]) ** 2 * r[:, None] ** (v.D - 1), 0, 14)


def rule(v) -> Tensor:
    """The minimizer of AMISE for a Gaussian kernel and standard normal data."""
    u = SimpleNamespace(N=v.N, D=v.D, kappa=1.0, rough=(4 * math.pi) ** (-v.D / 2), curve=laplacian_squared(v))
    return minimum(lambda h: amise(u, h), v.N)


def gauss(v, square: Tensor, variance: Tensor) -> Tensor:
    """N(x; 0, variance I) where |x|^2 is `square`."""
    return (2 * math.pi * variance) ** (-v.D / 2) * (-square / (2 * variance)).exp()


def term_squared(v, square: Tensor) -> Tensor:
    """E[K_h(x - x_i)^2]: the square of a Gaussian is a narrower one, with a factor, and is blurred by p."""
    return (4 * math.pi * v.h**2) ** (-v.D / 2) * gauss(v, square, 1 + v.h**2 / 2)


def risk(v) -> Tensor:
    """The mean integrated squared error in D dimensions for standard normal data, by the radius."""

    def at(r: Tensor) -> Tensor:
        mean, true = gauss(v, r**2, 1 + v.h**2), gauss(v, r**2, torch.ones_like(v.h))
        return ((mean - true) ** 2 + (term_squared(v, r**2) - mean**2) / v.N) * r ** (v.D - 1)

    return v.D * ball(v.D) * quadrature.integral(lambda r: at(r[:, None]), 0, 25)


def estimate(v, x: Tensor) -> Tensor:
    """p_hat of the six observations at x (n,), (n, 1)."""
    return Normal(v.x, v.h).log_prob(x[:, None]).exp().mean(1, keepdim=True)


def log_estimate(v, x: Tensor) -> Tensor:
    return Normal(v.x, v.h).log_prob(x[:, None]).logsumexp(1, keepdim=True) - v.N.log()


def over_line(f) -> Tensor:
    return quadrature.integral(f, -14, 14, n_panels=400)


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
    Line(
        "10.22",
        r"\arg\min_h \mathrm{AMISE}(h)"
        r" = \Big(\frac{D R}{\kappa^2\, N \int (\nabla^2 p)^2\, dx}\Big)^{1/(D + 4)}",
        trade,
        left=lambda v: minimum(lambda h: amise(v, h), v.N),
        right=lambda v: (v.D * v.rough / (v.kappa**2 * v.N * v.curve)) ** (1 / (v.D + 4)),
    ),
    Line(
        "10.23",
        r"\frac{\min_h \mathrm{AMISE}(h) \text{ with } sN}{\min_h \mathrm{AMISE}(h) \text{ with } N} = s^{-4/(4 + D)}",
        trade,
        left=lambda v: least(v, v.s * v.N) / least(v, v.N),
        right=lambda v: v.s ** (-4 / (4 + v.D)),
    ),
    Line(
        "10.24",
        r"\int (\nabla^2 p)^2\, dx = \frac{D\,(D + 2)}{4\, (4\pi)^{D/2}}, \qquad p = \mathcal N(0, I)",
        standard,
        left=laplacian_squared,
        right=lambda v: v.D * (v.D + 2) / (4 * (4 * math.pi) ** (v.D / 2)),
    ),
    Line(
        "10.25",
        r"\arg\min_h \mathrm{AMISE}(h) = \Big(\frac{4}{(D + 2)\, N}\Big)^{1/(D + 4)}",
        standard,
        left=rule,
        right=lambda v: (4 / ((v.D + 2) * v.N)) ** (1 / (v.D + 4)),
    ),
    Line(
        "10.26",
        r"\mathrm{MISE}(h) = \frac{1}{(4\pi)^{D/2}} \Big[\frac{h^{-D}}{N}"
        r" + \frac{N - 1}{N}\, (1 + h^2)^{-D/2} - 2\, (1 + h^2 / 2)^{-D/2} + 1\Big]",
        standard,
        left=risk,
        right=lambda v: (
            1
            / (4 * math.pi) ** (v.D / 2)
            * (
                v.h ** (-v.D) / v.N
                + (v.N - 1) / v.N * (1 + v.h**2) ** (-v.D / 2)
                - 2 * (1 + v.h**2 / 2) ** (-v.D / 2)
                + 1
            )
        ),
        rtol=1e-9,
    ),
    Line(
        "10.27",
        r"\frac{h_K}{h_{K'}} = \Big(\frac{R / \kappa^2}{R' / \kappa'^2}\Big)^{1/(D + 4)}",
        trade,
        left=lambda v: (
            minimum(lambda h: amise(v, h), v.N) / minimum(lambda h: amise(v, h, None, v.kappa_2, v.rough_2), v.N)
        ),
        right=lambda v: (v.rough / v.kappa**2 / (v.rough_2 / v.kappa_2**2)) ** (1 / (v.D + 4)),
    ),
    Line(
        "10.30",
        r"\int p(x) \log \hat p(x)\, dx = -H(p) - \mathrm{KL}(p\, \|\, \hat p)",
        points,
        left=lambda v: over_line(lambda x: Normal(0.0, v.sigma).log_prob(x[:, None]).exp() * log_estimate(v, x)),
        right=lambda v: (
            -Normal(0.0, v.sigma).entropy()
            - over_line(
                lambda x: (
                    Normal(0.0, v.sigma).log_prob(x[:, None]).exp()
                    * (Normal(0.0, v.sigma).log_prob(x[:, None]) - log_estimate(v, x))
                )
            )
        ),
    ),
    Line(
        "10.31",
        r"\int \hat p(x)^2\, dx = \frac{1}{N^2} \sum_{i=1}^{N} \sum_{j=1}^{N} \mathcal N(x_i; x_j, 2 h^2)",
        points,
        left=lambda v: over_line(lambda x: estimate(v, x) ** 2),
        right=lambda v: 1 / v.N**2 * Normal(v.x, (2 * v.h**2).sqrt()).log_prob(v.x[:, None]).exp().sum().reshape(1),
    ),
]
