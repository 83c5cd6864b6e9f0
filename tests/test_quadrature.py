"""Quadrature against SciPy, moments and integrals known by hand."""

import math

import pytest
import torch
from scipy import integrate, special, stats

from lecture_lib import quadrature


@pytest.mark.parametrize("n_nodes", [1, 2, 5, 64, 300])
def test_a_rule_gives_all_moments_of_the_normal_that_it_promises(n_nodes):
    nodes, weights = quadrature.normal_nodes(n_nodes)
    assert float(weights.sum()) == pytest.approx(1, rel=1e-14)
    for power in range(0, min(2 * n_nodes, 20)):
        moment = special.factorial2(power - 1) if power % 2 == 0 and power > 0 else float(power == 0)
        scale = float((weights * nodes.abs() ** power).sum())
        assert float((weights * nodes**power).sum()) == pytest.approx(moment, abs=1e-12 * max(scale, 1))


def test_expectations_under_many_normals_at_once():
    mu, sigma = torch.tensor([[-3.0], [0.0], [2.0]]), torch.tensor([0.1, 1.0, 3.0, 0.0])
    found = quadrature.normal_expectation(lambda z: z**2, mu, sigma)
    assert found.shape == (3, 4)
    torch.testing.assert_close(found, (mu**2 + sigma**2).double(), rtol=1e-6, atol=0)  # sigma was float32
    cosine = quadrature.normal_expectation(torch.cos, mu, sigma)
    torch.testing.assert_close(cosine, (mu.cos() * (-(sigma**2) / 2).exp()).double(), rtol=1e-6, atol=1e-7)


def test_an_expectation_agrees_with_scipy():
    found = quadrature.normal_expectation(lambda z: (1 + z.exp()).log(), 0.3, 0.8)
    expected, _ = integrate.quad(lambda z: math.log1p(math.exp(z)) * stats.norm(0.3, 0.8).pdf(z), -12, 12, epsabs=1e-13)
    assert float(found) == pytest.approx(expected, abs=1e-12)


def test_an_expectation_in_three_dimensions_gives_mean_covariance_and_the_moment_generating_function():
    generator = torch.Generator().manual_seed(0)
    mu, root, t = (torch.randn(shape, dtype=torch.float64, generator=generator) for shape in ((3,), (3, 3), (3,)))
    cov = root @ root.mT + torch.eye(3)
    first = quadrature.gaussian_expectation(lambda z: z, mu, cov)
    second = quadrature.gaussian_expectation(lambda z: z.unsqueeze(-1) * z.unsqueeze(-2), mu, cov)
    torch.testing.assert_close(first, mu, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(second - torch.outer(mu, mu), cov, rtol=1e-12, atol=1e-12)
    generated = quadrature.gaussian_expectation(lambda z: (0.3 * z @ t).exp(), mu, cov, n_nodes=30)
    assert float(generated) == pytest.approx(math.exp(0.3 * t @ mu + 0.045 * t @ cov @ t), rel=1e-10)


def test_one_dimension_is_the_univariate_expectation():
    mu, cov = torch.tensor([0.7], dtype=torch.float64), torch.tensor([[0.25]], dtype=torch.float64)
    found = quadrature.gaussian_expectation(lambda z: z.exp().squeeze(-1), mu, cov)
    assert float(found) == pytest.approx(float(quadrature.normal_expectation(torch.exp, 0.7, 0.5)), rel=1e-12)


def test_integrals_known_by_hand():
    assert float(quadrature.integral(torch.sin, 0, math.pi)) == pytest.approx(2, rel=1e-14)
    assert float(quadrature.integral(lambda x: (-(x**2) / 2).exp(), -40, 40)) == pytest.approx(math.sqrt(2 * math.pi))
    powers = quadrature.integral(lambda x: torch.stack([x, x**2], dim=-1), 1, 3, n_panels=1)
    torch.testing.assert_close(powers, torch.tensor([4, 26 / 3], dtype=torch.float64), rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quadrature.normal_nodes(0), "n_nodes is 0; it must be from 1 to 300"),
        (lambda: quadrature.normal_nodes(301), "n_nodes is 301"),
        (lambda: quadrature.normal_expectation(torch.sin, 0.0, -1.0), "sigma holds -1"),
        (lambda: quadrature.normal_expectation(torch.sin, 0.0, math.nan), "sigma holds nan"),
        (lambda: quadrature.gaussian_expectation(torch.sin, torch.zeros(9), torch.eye(9)), r"n_nodes\^J is 20\^9"),
        (lambda: quadrature.integral(torch.sin, 1, 1), "low is 1 and high 1"),
        (lambda: quadrature.integral(torch.sin, 0, math.inf), "both must be finite"),
        (lambda: quadrature.integral(torch.sin, math.nan, 1), "both must be finite"),
    ],
)
def test_what_cannot_be_integrated_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
