"""Kernels of density estimation: bumps around zero, in one dimension or many, with integral one.

A kernel has a profile k(r), which falls from k(0) = 1. In D dimensions it is used in one of two shapes:
"radial", K(u) = k(||u||) / Z, or "product", K(u) = prod_j k(u_j) / Z; for the Gaussian these are the same.
"""

import math

import torch
from torch import Tensor

from lecture_lib import neighbors, observations, quadrature

POWERS = {  # k(r) = (1 - r^a)^b for r < 1, and 0 beyond
    "uniform": (1, 0),
    "triangular": (1, 1),
    "epanechnikov": (2, 1),
    "biweight": (2, 2),
    "tricube": (3, 3),
}
NAMES = ("gaussian", *POWERS, "cosine")
SHAPES = ("radial", "product")


def check(kernel: str, shape: str = "radial") -> None:
    """Raises ValueError where there is no such kernel or shape."""
    observations.one_of(kernel, "kernel", NAMES)
    observations.one_of(shape, "shape", SHAPES)


def profile(r: Tensor, kernel: str) -> Tensor:
    """k(r) for distances r >= 0, shapes (...) -> (...), not normalized: k(0) = 1. Eq. (10.14)."""
    if kernel == "gaussian":
        return (-0.5 * r**2).exp()
    if kernel == "cosine":
        return (math.pi / 2 * r).cos().masked_fill(r >= 1, 0)
    a, b = POWERS[kernel]
    return ((1 - r**a) ** b if b else torch.ones_like(r)).masked_fill(r >= 1, 0)


def log_norm(kernel: str, dim: int, shape: str = "radial") -> float:
    """log Z, the logarithm of the integral of the profile over R^dim. Eqs. (10.15) and (10.16)."""
    if shape == "product" or kernel == "gaussian":
        return dim * (math.log(2 * math.pi) / 2 if kernel == "gaussian" else log_norm(kernel, 1))
    surface = math.log(dim) + float(neighbors.log_unit_ball_volume(dim))
    return surface + _log_radial(kernel, dim)


def variance(kernel: str, dim: int = 1, shape: str = "radial") -> float:
    """The variance of the kernel in each coordinate, the integral of u_1^2 K(u)."""
    if kernel == "gaussian":
        return 1.0
    dim = 1 if shape == "product" else dim
    return math.exp(_log_radial(kernel, dim + 2) - _log_radial(kernel, dim)) / dim


def roughness(kernel: str, dim: int = 1, shape: str = "radial") -> float:
    """R, the integral of K(u)^2, to which the variance of the estimate is proportional."""
    if kernel == "gaussian":
        return (4 * math.pi) ** (-dim / 2)
    if shape == "product":
        return roughness(kernel, 1) ** dim
    surface = math.log(dim) + float(neighbors.log_unit_ball_volume(dim))
    return math.exp(surface + _log_radial(kernel, dim, squared=True) - 2 * log_norm(kernel, dim))


def equivalent(kernel: str, dim: int = 1, shape: str = "radial") -> float:
    """How many times the bandwidth of a Gaussian gives as much smoothing with this kernel: the same best trade-off.

    The ratio of (R / variance^2)^(1 / (D + 4)); Marron & Nolan 1988, canonical kernels. Eq. (10.27).
    """
    own, gauss = (roughness(k, dim, shape) / variance(k, dim, shape) ** 2 for k in (kernel, "gaussian"))
    return (own / gauss) ** (1 / (dim + 4))


def sample(n: int, dim: int, kernel: str, shape: str = "radial", *, generator=None, device=None) -> Tensor:
    """n draws from the kernel, (n, dim) float64.

    The radius of (1 - r^a)^b is a product of powers of uniform numbers, since r^a follows a beta distribution; that of
    the cosine comes by rejection from Epanechnikov's, which lies above it.
    """
    options = {"dtype": torch.float64, "device": device, "generator": generator}
    if kernel == "gaussian":
        return torch.randn(n, dim, **options)
    if shape == "product":
        return sample(n * dim, 1, kernel, generator=generator, device=device).view(n, dim)
    direction = torch.randn(n, dim, **options)
    direction /= direction.norm(dim=1, keepdim=True)
    return direction * _radii(n, dim, kernel, options).unsqueeze(1)


def _radii(n: int, dim: int, kernel: str, options: dict) -> Tensor:
    if kernel == "cosine":
        r = _radii(n, dim, "epanechnikov", options)
        refused = torch.rand(n, **options) * (1 - r**2) > profile(r, "cosine")
        if (again := int(refused.sum())) > 0:
            r[refused] = _radii(again, dim, "cosine", options)
        return r
    a, b = POWERS[kernel]
    powers = 1 / (dim + a * torch.arange(b + 1, dtype=torch.float64, device=options["device"]))
    return (torch.rand(n, b + 1, **options) ** powers).prod(1)


def _log_radial(kernel: str, power: int, squared: bool = False) -> float:
    """log of the integral of k(r) r^(power - 1) over [0, 1], or of k(r)^2."""
    if kernel == "cosine":
        values = lambda r: profile(r, "cosine") ** (1 + squared) * r ** (power - 1)  # noqa: E731
        return math.log(float(quadrature.integral(values, 0, 1)))
    a, b = POWERS[kernel]
    p, q = power / a, (1 + squared) * b + 1
    return math.lgamma(p) + math.lgamma(q) - math.lgamma(p + q) - math.log(a)
