"""Points drawn from manifolds of known dimension d, (n, D) in float64, flat or curved, with noise where wanted.

Each is drawn uniformly in its own volume, `subspace` from a Gaussian. `dim` places it into R^dim by a random rotation,
which changes no distance; without it the points keep the coordinates of their formula. `noise` is the standard
deviation of a normal error in each of the D coordinates, added last: its length is about noise * sqrt(D).
"""

import math

import torch
from torch import Tensor


def ball(n: int, d: int, *, dim: int | None = None, noise: float = 0.0, generator=None) -> Tensor:
    """The unit ball of R^d, uniform: radius U^(1/d), in a direction drawn from the sphere."""
    _check(n, d)
    radius = _uniform(n, 1, generator) ** (1 / d)
    return _placed(radius * _directions(n, d, generator), dim, noise, generator)


def sphere(n: int, d: int, *, dim: int | None = None, noise: float = 0.0, generator=None) -> Tensor:
    """The unit sphere of dimension d, in R^(d + 1), uniform: the circle is d = 1. Curved, without boundary."""
    _check(n, d)
    return _placed(_directions(n, d + 1, generator), dim, noise, generator)


def cube(n: int, d: int, *, dim: int | None = None, noise: float = 0.0, generator=None) -> Tensor:
    """The unit cube [0, 1]^d, uniform: flat, and nearly all boundary where d is large. A segment is d = 1."""
    _check(n, d)
    return _placed(_uniform(n, d, generator), dim, noise, generator)


def subspace(n: int, d: int, *, dim: int | None = None, noise: float = 0.0, generator=None) -> Tensor:
    """A standard normal in d dimensions: flat, without boundary, and nowhere uniform."""
    _check(n, d)
    return _placed(_normal(n, d, generator), dim, noise, generator)


def torus(n: int, d: int, *, dim: int | None = None, noise: float = 0.0, generator=None) -> Tensor:
    """The product of d circles of radius 1, in R^(2 d), uniform: no boundary, and flat when measured within it."""
    _check(n, d)
    angle = 2 * math.pi * _uniform(n, d, generator)
    return _placed(torch.cat([angle.cos(), angle.sin()], 1), dim, noise, generator)


def spiral(n: int, *, turns: float = 2.0, dim: int | None = None, noise: float = 0.0, generator=None) -> Tensor:
    """The curve r = angle / 2 pi from its centre outwards, in R^2, uniform in arc length; its turns lie 1 apart."""
    _check(n, 1)
    return _placed(_rolled(n, 0.0, turns, generator), dim, noise, generator)


def swiss_roll(
    n: int, d: int = 2, *, turns: float = 1.5, dim: int | None = None, noise: float = 0.0, generator=None
) -> Tensor:
    """A spiral from radius 3/4 outwards times a cube of d - 1 dimensions and side 3, in R^(d + 1), uniform in volume.

    The sheets lie 1 apart. (scikit-learn's roll is uniform in the angle, and so denser inside than outside.)
    """
    _check(n, d)
    roll = _rolled(n, 0.75, turns, generator)
    return _placed(torch.cat([roll, 3 * _uniform(n, d - 1, generator)], 1), dim, noise, generator)


def arc_length(angle: Tensor) -> Tensor:
    """The length of the curve r = angle / 2 pi from its centre to `angle`, shapes (...) -> (...)."""
    angle = torch.as_tensor(angle, dtype=torch.float64)
    return (angle * (1 + angle**2).sqrt() + angle.asinh()) / (4 * math.pi)


def angle_at(length: Tensor) -> Tensor:
    """The inverse of `arc_length`, by Newton's method, which falls to the root of a convex function from above."""
    length = torch.as_tensor(length, dtype=torch.float64)
    angle = torch.minimum(2 * math.pi * length, (4 * math.pi * length).sqrt())
    for _ in range(8):
        angle = angle - (arc_length(angle) - length) * 2 * math.pi / (1 + angle**2).sqrt()
    return angle


def _rolled(n: int, inner: float, turns: float, generator) -> Tensor:
    """n points of the curve r = angle / 2 pi, from radius `inner` on, uniform in arc length, (n, 2)."""
    if not (turns > 0 and math.isfinite(turns)):
        raise ValueError(f"turns is {turns}; it must be positive and finite")
    start, end = arc_length(2 * math.pi * inner), arc_length(2 * math.pi * (inner + turns))
    angle = angle_at(start + (end - start) * _uniform(n, 1, generator))
    return angle / (2 * math.pi) * torch.cat([angle.cos(), angle.sin()], 1)


def _placed(x: Tensor, dim: int | None, noise: float, generator) -> Tensor:
    """x in R^dim, turned at random, with noise in each coordinate."""
    if not (noise >= 0 and math.isfinite(noise)):
        raise ValueError(f"noise is {noise}; it is a standard deviation, zero or positive")
    if dim is not None:
        if dim < x.shape[1]:
            raise ValueError(f"dim is {dim}; this manifold needs at least {x.shape[1]} coordinates")
        axes, triangle = torch.linalg.qr(_normal(dim, x.shape[1], generator))
        x = x @ (axes * triangle.diagonal().sign()).mT  # without the signs, not every direction is as likely
    return x + noise * _normal(*x.shape, generator) if noise else x


def _directions(n: int, d: int, generator) -> Tensor:
    normal = _normal(n, d, generator)
    return normal / normal.norm(dim=1, keepdim=True)


def _normal(n: int, d: int, generator) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, device=_device(generator), generator=generator)


def _uniform(n: int, d: int, generator) -> Tensor:
    return torch.rand(n, d, dtype=torch.float64, device=_device(generator), generator=generator)


def _device(generator: torch.Generator | None):
    return generator.device if generator else None


def _check(n: int, d: int) -> None:
    if n < 1 or d < 1:
        raise ValueError(f"n is {n} and d is {d}; both must be at least 1")
