"""Kernels: integrals by quadrature, closed forms from textbooks, and draws."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from lecture_lib import kernels

POINTS = torch.linspace(-1.5, 1.5, 301, dtype=torch.float64)
TEXTBOOK = {  # K(u), variance and roughness in one dimension
    "gaussian": (lambda u: torch.from_numpy(stats.norm.pdf(u.numpy())), 1, 1 / (2 * math.pi**0.5)),
    "uniform": (lambda u: 0.5 * (u.abs() < 1).double(), 1 / 3, 1 / 2),
    "triangular": (lambda u: (1 - u.abs()).clamp(min=0), 1 / 6, 2 / 3),
    "epanechnikov": (lambda u: 3 / 4 * (1 - u**2).clamp(min=0), 1 / 5, 3 / 5),
    "biweight": (lambda u: 15 / 16 * (1 - u**2).clamp(min=0) ** 2, 1 / 7, 5 / 7),
    "tricube": (lambda u: 70 / 81 * (1 - u.abs() ** 3).clamp(min=0) ** 3, 35 / 243, 175 / 247),
    "cosine": (
        lambda u: math.pi / 4 * (math.pi / 2 * u).cos() * (u.abs() < 1).double(),
        1 - 8 / math.pi**2,
        math.pi**2 / 16,
    ),
}


def test_every_kernel_has_its_textbook_formula():
    assert set(TEXTBOOK) == set(kernels.NAMES)


@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_values_variance_and_roughness_in_one_dimension(kernel):
    density, variance, roughness = TEXTBOOK[kernel]
    values = kernels.profile(POINTS.abs(), kernel) / math.exp(kernels.log_norm(kernel, 1))
    assert torch.allclose(values, density(POINTS), rtol=1e-13, atol=1e-15)
    assert kernels.variance(kernel) == pytest.approx(variance, rel=1e-13)
    assert kernels.roughness(kernel) == pytest.approx(roughness, rel=1e-13)


@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_integral_variance_and_roughness_in_two_dimensions_by_quadrature(kernel, shape):
    def value(y, x):
        point = torch.tensor([x, y], dtype=torch.float64)
        parts = kernels.profile(point.norm(), kernel) if shape == "radial" else kernels.profile(point.abs(), kernel)
        return float(parts.prod()) / math.exp(kernels.log_norm(kernel, 2, shape))

    end = 8 if kernel == "gaussian" else 1
    edge = (lambda x: math.sqrt(max(0, end**2 - x**2))) if shape == "radial" else end
    integral = lambda f: 4 * integrate.dblquad(f, 0, end, 0, edge, epsabs=1e-8)[0]  # noqa: E731
    assert integral(value) == pytest.approx(1, abs=1e-7)
    assert integral(lambda y, x: x**2 * value(y, x)) == pytest.approx(kernels.variance(kernel, 2, shape), abs=1e-7)
    assert integral(lambda y, x: value(y, x) ** 2) == pytest.approx(kernels.roughness(kernel, 2, shape), abs=1e-7)


@pytest.mark.parametrize("dim", [1, 3, 10, 50])
@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_the_radial_norm_is_the_surface_times_the_integral_over_the_radius(kernel, dim):
    end = 40 if kernel == "gaussian" else 1
    radial = lambda r: float(kernels.profile(torch.tensor(r, dtype=torch.float64), kernel)) * r ** (dim - 1)  # noqa: E731
    surface = math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)
    integral = integrate.quad(radial, 0, end, epsabs=0, epsrel=1e-11, limit=200)[0]
    assert kernels.log_norm(kernel, dim) == pytest.approx(surface + math.log(integral), abs=1e-9)


def test_epanechnikov_is_the_most_efficient_kernel():
    """R sqrt(variance), by which kernels with the best bandwidth each compare (Silverman 1986, table 3.1)."""
    cost = {name: kernels.roughness(name) * kernels.variance(name) ** 0.5 for name in kernels.NAMES}
    best = cost["epanechnikov"]
    assert min(cost, key=cost.get) == "epanechnikov" and best == pytest.approx(3 / (5 * 5**0.5))
    efficiency = {name: round(best / value, 4) for name, value in cost.items()}
    assert efficiency["biweight"] == 0.9939 and efficiency["triangular"] == 0.9859
    assert efficiency["gaussian"] == 0.9512 and efficiency["uniform"] == 0.9295


def test_equivalent_bandwidths_are_those_of_the_canonical_kernels():
    """delta = (R / variance^2)^(1/5) of Marron & Nolan 1988: 1.3510 uniform, 1.7188 Epanechnikov, 2.0362 biweight."""
    delta = {"uniform": 1.3510, "epanechnikov": 1.7188, "biweight": 2.0362, "gaussian": 0.7764}
    for name, value in delta.items():
        assert kernels.equivalent(name) == pytest.approx(value / delta["gaussian"], rel=2e-4)


@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_draws_in_one_dimension_follow_the_kernel(kernel):
    draws = kernels.sample(4000, 1, kernel, generator=torch.Generator().manual_seed(0))[:, 0].numpy()
    end = 12 if kernel == "gaussian" else 1
    grid = torch.linspace(-end, end, 20_001, dtype=torch.float64)
    density = kernels.profile(grid.abs(), kernel) / math.exp(kernels.log_norm(kernel, 1))
    cdf = torch.cumulative_trapezoid(density, grid).numpy()
    result = stats.kstest(draws, lambda u: np.interp(u, grid[1:].numpy(), cdf))
    assert result.pvalue > 1e-4


@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_draws_in_five_dimensions_have_the_variance_of_the_kernel_and_stay_inside(kernel, shape):
    draws = kernels.sample(20_000, 5, kernel, shape, generator=torch.Generator().manual_seed(1))
    variance = kernels.variance(kernel, 5, shape)
    assert (draws.square().mean(0) / variance - 1).abs().max() < 0.05
    assert draws.mean(0).abs().max() < 5 * (variance / 20_000) ** 0.5
    if kernel != "gaussian":
        assert float(draws.norm(dim=1).max() if shape == "radial" else draws.abs().max()) < 1


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match="kernel is 'box'; it must be one of 'gaussian', 'uniform'"):
        kernels.check("box")
    with pytest.raises(ValueError, match="shape is 'square'; it must be one of 'radial', 'product'"):
        kernels.check("gaussian", "square")
