"""Gaussians against torch.distributions, quadrature and numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from lecture_lib import gaussians


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def diagonal(mu, log_var):
    return Independent(Normal(mu, (0.5 * log_var).exp()), 1)


def test_log_density_agrees_with_torch_distributions():
    x, mu, log_var = draw(3, 5, 4), draw(5, 4, seed=1), draw(5, 4, seed=2)
    expected = diagonal(mu, log_var).log_prob(x)
    torch.testing.assert_close(gaussians.log_density(x, mu, log_var), expected, rtol=1e-13, atol=0)


def test_log_density_of_the_standard_normal_at_zero_is_known_by_hand():
    zero = torch.zeros(3, dtype=torch.float64)
    assert float(gaussians.log_density(zero, zero, zero)) == pytest.approx(-1.5 * math.log(2 * math.pi), rel=1e-15)


def test_the_density_integrates_to_one():
    def density(x):
        return float(gaussians.log_density(*(torch.tensor([v], dtype=torch.float64) for v in (x, 0.7, -1.3))).exp())

    assert integrate.quad(density, -10, 10)[0] == pytest.approx(1, abs=1e-10)


def test_entropy_agrees_with_torch_distributions_and_is_minus_the_mean_log_density():
    mu, log_var = draw(6, 3), draw(6, 3, seed=1)
    torch.testing.assert_close(gaussians.entropy(log_var), diagonal(mu, log_var).entropy(), rtol=1e-13, atol=0)

    def integrand(x):
        log_density = float(gaussians.log_density(*(torch.tensor([v], dtype=torch.float64) for v in (x, 0.7, -1.3))))
        return -math.exp(log_density) * log_density

    entropy = float(gaussians.entropy(torch.tensor([-1.3], dtype=torch.float64)))
    assert entropy == pytest.approx(integrate.quad(integrand, -10, 10)[0], abs=1e-10)


def test_reparameterize_moves_and_scales_the_noise():
    mu, log_var = torch.tensor([1.0, -2.0]), torch.tensor([2.0, 4.0]).log()
    eps = torch.tensor([[0.0, 0.0], [1.0, 1.0], [-2.0, 3.0]])
    expected = torch.tensor([[1.0, -2.0], [1 + 2**0.5, 0.0], [1 - 2 * 2**0.5, 4.0]])
    torch.testing.assert_close(gaussians.reparameterize(mu, log_var, eps), expected)


def test_the_gradient_passes_through_reparameterize():
    mu, log_var = draw(4).requires_grad_(), draw(4, seed=1).requires_grad_()
    eps = draw(4, seed=2)
    assert torch.autograd.gradcheck(lambda m, s: gaussians.reparameterize(m, s, eps), (mu, log_var))


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e3, 1e8])
def test_kl_agrees_with_torch_distributions_over_sixteen_orders_of_magnitude(scale):
    mu, log_var = draw(20, 5), draw(20, 5, seed=1) + 2 * math.log(scale)
    kl = gaussians.kl_to_standard_normal(mu, log_var)
    expected = kl_divergence(diagonal(mu, log_var), diagonal(mu * 0, log_var * 0))
    torch.testing.assert_close(kl, expected, rtol=1e-12, atol=0)
    mu_p, log_var_p = draw(20, 5, seed=2), draw(20, 5, seed=3)
    expected = kl_divergence(diagonal(mu, log_var), diagonal(mu_p, log_var_p))
    torch.testing.assert_close(gaussians.kl_diagonal(mu, log_var, mu_p, log_var_p), expected, rtol=1e-12, atol=0)


def test_kl_by_hand():
    mu, log_var = torch.tensor([2.0, 0.0]), torch.tensor([0.0, math.log(4)])
    expected = 0.5 * 4 + 0.5 * (4 - 1 - math.log(4))
    assert float(gaussians.kl_to_standard_normal(mu, log_var)) == pytest.approx(expected)


def test_kl_agrees_with_quadrature():
    mu, log_var, mu_p, log_var_p = (torch.tensor([v], dtype=torch.float64) for v in (0.4, -0.6, -1.1, 0.9))

    def integrand(z):
        z = torch.tensor([z], dtype=torch.float64)
        log_q, log_p = gaussians.log_density(z, mu, log_var), gaussians.log_density(z, mu_p, log_var_p)
        return float(log_q.exp() * (log_q - log_p))

    expected = integrate.quad(integrand, -12, 12, epsabs=1e-13)[0]
    assert float(gaussians.kl_diagonal(mu, log_var, mu_p, log_var_p)) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("log_var", [1e-4, 1e-7, -1e-9, 1e-12])
def test_kl_keeps_its_digits_where_the_two_nearly_agree(log_var):
    t = np.longdouble(log_var)
    expected = float(t * t / 4 + t**3 / 12 + t**4 / 48)  # the series of (exp(t) - t - 1) / 2
    zero, log_var = torch.zeros(1, dtype=torch.float64), torch.tensor([log_var], dtype=torch.float64)
    value = float(gaussians.kl_to_standard_normal(zero, log_var))
    assert value == pytest.approx(expected, rel=0, abs=2**-53 * abs(float(log_var)))


def test_kl_is_zero_at_equality_and_positive_elsewhere():
    mu, log_var = draw(1000, 3), draw(1000, 3, seed=1)
    assert (gaussians.kl_to_standard_normal(mu, log_var) > 0).all()
    assert (gaussians.kl_diagonal(mu, log_var, mu, log_var) == 0).all()


def covariance(*shape, seed):
    a = draw(*shape, shape[-1], seed=seed)
    return a @ a.mT + 0.1 * torch.eye(shape[-1], dtype=torch.float64)


def test_kl_full_agrees_with_torch_distributions_in_batches():
    mu_q, mu_p, cov_q, cov_p = draw(7, 4), draw(7, 4, seed=1), covariance(7, 4, seed=2), covariance(7, 4, seed=3)
    expected = kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))
    torch.testing.assert_close(gaussians.kl_full(mu_q, cov_q, mu_p, cov_p), expected, rtol=1e-10, atol=0)


def test_kl_full_of_diagonal_covariances_is_kl_diagonal():
    mu_q, mu_p, log_var_q, log_var_p = (draw(5, 3, seed=seed) for seed in range(4))
    full = gaussians.kl_full(mu_q, torch.diag_embed(log_var_q.exp()), mu_p, torch.diag_embed(log_var_p.exp()))
    torch.testing.assert_close(full, gaussians.kl_diagonal(mu_q, log_var_q, mu_p, log_var_p), rtol=1e-12, atol=0)


def test_kl_full_is_differentiable():
    mu, cov = draw(3).requires_grad_(), covariance(3, seed=1).requires_grad_()

    def kl(mu, cov):
        return gaussians.kl_full(mu, (cov + cov.mT) / 2, mu * 0, torch.eye(3, dtype=torch.float64))

    assert torch.autograd.gradcheck(kl, (mu, cov))


def test_kl_full_names_the_matrix_that_is_no_covariance():
    mu, good = torch.zeros(3, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64).repeat(3, 1, 1)
    indefinite, lopsided = good.clone(), good.clone()
    indefinite[1, 0, 0], lopsided[2, 0, 1] = -1, 0.5
    with pytest.raises(ValueError, match=r"cov_q \(matrix 1 of the batch\) is no covariance"):
        gaussians.kl_full(mu, indefinite, mu, good)
    with pytest.raises(ValueError, match=r"cov_p \(matrix 2 of the batch\) is no covariance"):
        gaussians.kl_full(mu, good, mu, lopsided)
    with pytest.raises(ValueError, match="cov_q is no covariance"):
        gaussians.kl_full(mu[0], good[0] * torch.nan, mu[0], good[0])
    with pytest.raises(ValueError, match=r"cov_q has shape \(3, 2\)"):
        gaussians.kl_full(mu, mu, mu, good)


def test_numpy_arrays_are_welcome_and_other_input_is_explained():
    value = gaussians.kl_to_standard_normal(np.ones(3), np.zeros(3))
    assert isinstance(value, torch.Tensor) and float(value) == 1.5
    with pytest.raises(ValueError, match="mu is a single number"):
        gaussians.kl_to_standard_normal(torch.tensor(0.0), torch.zeros(1))
    with pytest.raises(ValueError, match="log_var holds"):
        gaussians.kl_to_standard_normal(torch.zeros(1), torch.zeros(1, dtype=torch.int64))
