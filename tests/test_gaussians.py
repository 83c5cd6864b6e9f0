"""Gaussians against torch.distributions, quadrature and numbers worked out by hand."""

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
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


def phi(t):
    """exp(t) - 1 - t, in 400 digits."""
    with decimal.localcontext(prec=400):
        return Decimal(t).exp() - 1 - Decimal(t)


def spread(largest, smallest, n):
    """Numbers of either sign whose logarithms are spread evenly."""
    sizes = torch.logspace(math.log10(smallest), math.log10(largest), n, dtype=torch.float64)
    return torch.cat([sizes, -sizes])


@pytest.mark.parametrize(("dtype", "largest", "smallest"), [(torch.float64, 100, 1e-150), (torch.float32, 80, 1e-17)])
def test_kl_has_all_its_digits_wherever_the_variance_is(dtype, largest, smallest):
    log_var = torch.cat([spread(largest, smallest, 400), torch.linspace(-0.6, 0.6, 801).double()]).to(dtype)
    kl = gaussians.kl_to_standard_normal(torch.zeros(len(log_var), 1, dtype=dtype), log_var[:, None])
    exact = [phi(t) / 2 for t in log_var.tolist()]
    worst = max(abs(Decimal(a) - b) / b for a, b in zip(kl.tolist(), exact, strict=True) if b)
    assert worst < Decimal(8 * torch.finfo(dtype).eps)
    assert (kl >= 0).all() and float(kl[log_var == 0].sum()) == 0


@pytest.mark.parametrize("log_var_p", [2 * math.log(1e-8), -3.0, 0.0, 5.0, 2 * math.log(1e8)])
def test_kl_of_a_pair_has_all_its_digits_near_equality_at_every_scale(log_var_p):
    log_var_p = torch.full((200, 1), log_var_p, dtype=torch.float64)
    log_var_q = log_var_p + spread(10, 1e-12, 100)[:, None]
    scale = (0.5 * log_var_p).exp()
    mu_p, mu_q = 3 * scale, 3 * scale + scale * spread(10, 1e-12, 100).flip(0)[:, None]
    kl = gaussians.kl_diagonal(mu_q, log_var_q, mu_p, log_var_p)
    for value, (m_q, s_q, m_p, s_p) in zip(
        kl.tolist(), torch.cat([mu_q, log_var_q, mu_p, log_var_p], 1).tolist(), strict=True
    ):
        with decimal.localcontext(prec=400):
            m_q, s_q, m_p, s_p = map(Decimal, (m_q, s_q, m_p, s_p))
            exact = ((m_q - m_p) ** 2 * (-s_p).exp() + phi(s_q - s_p)) / 2
            assert abs(Decimal(value) - exact) < Decimal("3e-15") * exact


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("log_var", [0.0, 1e-30, -1e-30, 0.25, -0.25, 50.0, -1e4, -1e38])
def test_the_gradient_of_the_kl_is_right_and_finite_everywhere(dtype, log_var):
    log_var = torch.tensor([log_var], dtype=dtype, requires_grad=True)
    mu = torch.tensor([1.5], dtype=dtype, requires_grad=True)
    gaussians.kl_to_standard_normal(mu, log_var).backward()
    assert float(mu.grad) == 1.5
    torch.testing.assert_close(log_var.grad, 0.5 * log_var.detach().expm1(), rtol=4 * torch.finfo(dtype).eps, atol=0)


def test_the_gradient_of_the_kl_survives_a_variance_that_overflows():
    log_var = torch.tensor([1e4], requires_grad=True)
    kl = gaussians.kl_to_standard_normal(torch.zeros(1), log_var)
    kl.backward()
    assert float(kl.detach()) == float(log_var.grad) == math.inf


def test_the_kl_of_diagonal_gaussians_is_twice_differentiable():
    log_var = torch.tensor([[-2.0, -0.1, 0.0, 0.1, 0.24, 0.26, 1.0]], dtype=torch.float64)
    inputs = [draw(1, 7).requires_grad_(), log_var.requires_grad_()]
    inputs += [draw(1, 7, seed=1).requires_grad_(), torch.zeros(1, 7, dtype=torch.float64, requires_grad=True)]
    assert torch.autograd.gradcheck(gaussians.kl_to_standard_normal, inputs[:2])
    assert torch.autograd.gradcheck(gaussians.kl_diagonal, inputs)
    assert torch.autograd.gradgradcheck(gaussians.kl_diagonal, inputs)


def test_equal_means_give_no_nan_where_the_variance_underflows():
    mu, log_var = torch.ones(2), torch.tensor([-150.0, -170.0])  # float32: exp(150) overflows
    assert float(gaussians.kl_diagonal(mu, log_var, mu, log_var)) == 0
    assert gaussians.log_density(mu, mu, log_var).isfinite()


deviations = st.floats(-8, 8).map(lambda exponent: 10.0**exponent)
ratios = st.floats(-3, 3).map(lambda exponent: 10.0**exponent)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(sigma_p=deviations, ratio=ratios, shift=st.floats(-20, 20), center=st.floats(-3, 3))
def test_kl_agrees_with_quadrature_at_every_scale(sigma_p, ratio, shift, center):
    """The densities are written out in full; the integrand is a polynomial, for which Gauss-Hermite is exact."""
    sigma_q, mu_p = sigma_p * ratio, center * sigma_p
    mu_q = mu_p + shift * sigma_p
    nodes, weights = np.polynomial.hermite_e.hermegauss(8)
    z = mu_q + sigma_q * nodes

    def log_normal(mu, sigma):
        return -(((z - mu) / sigma) ** 2) / 2 - np.log(sigma) - np.log(2 * np.pi) / 2

    terms = weights / weights.sum() * (log_normal(mu_q, sigma_q) - log_normal(mu_p, sigma_p))
    given = [torch.tensor([v], dtype=torch.float64) for v in (mu_q, 2 * math.log(sigma_q), mu_p, 2 * math.log(sigma_p))]
    kl = float(gaussians.kl_diagonal(*given))
    assert kl == pytest.approx(terms.sum(), rel=1e-10, abs=1e-14 * np.abs(terms).sum() + 1e-13)
    full = [torch.tensor(v, dtype=torch.float64) for v in ([mu_q], [[sigma_q**2]], [mu_p], [[sigma_p**2]])]
    assert float(gaussians.kl_full(*full)) == pytest.approx(kl, rel=1e-10, abs=1e-13)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(sigma_q=deviations, sigma_p=deviations, shift=st.floats(-1e6, 1e6))
def test_kl_agrees_with_torch_distributions_at_every_scale(sigma_q, sigma_p, shift):
    mu_q, mu_p = (torch.tensor([v], dtype=torch.float64) for v in (shift, 0.5))
    log_var_q, log_var_p = (torch.tensor([2 * math.log(v)], dtype=torch.float64) for v in (sigma_q, sigma_p))
    expected = kl_divergence(diagonal(mu_q, log_var_q), diagonal(mu_p, log_var_p))
    kl = gaussians.kl_diagonal(mu_q, log_var_q, mu_p, log_var_p)
    torch.testing.assert_close(kl, expected, rtol=1e-10, atol=1e-12)


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


def factor(*shape, seed):
    lower = draw(*shape, shape[-1], seed=seed).tril(-1)
    return lower + torch.diag_embed(0.5 + draw(*shape, seed=seed + 100).abs())


def exact_kl(mu_q, chol_q, mu_p, chol_p):
    """The textbook formula from triangular factors, in sixty digits: trace - D - log det + quadratic form, halved."""
    with decimal.localcontext(prec=60):
        exact_q, exact_p = ([[Decimal(v) for v in row] for row in chol.tolist()] for chol in (chol_q, chol_p))
        dim, solved = len(exact_q), []
        shift = [Decimal(a) - Decimal(b) for a, b in zip(mu_q.tolist(), mu_p.tolist(), strict=True)]
        columns = [[*row, difference] for row, difference in zip(exact_q, shift, strict=True)]
        for i in range(dim):  # forward substitution: L_p^-1 L_q, and in the last column L_p^-1 (mu_q - mu_p)
            done = [sum(exact_p[i][k] * solved[k][j] for k in range(i)) for j in range(dim + 1)]
            solved.append([(columns[i][j] - done[j]) / exact_p[i][i] for j in range(dim + 1)])
        squares = sum(value * value for row in solved for value in row)
        return (squares - dim) / 2 - sum(solved[i][i].ln() for i in range(dim))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("distance", [1e-14, 1e-10, 1e-6, 1e-3, 1.0, 1e3])
def test_kl_from_cholesky_factors_has_all_its_digits_at_every_scale_and_distance(scale, distance):
    chol_p, mu_p = factor(4, seed=0), draw(4)
    chol_q = scale * (chol_p + distance * chol_p @ factor(4, seed=1))
    mu_q = scale * (mu_p + distance * draw(4, seed=2))
    arguments = mu_q, chol_q, scale * mu_p, scale * chol_p
    exact = exact_kl(*arguments)
    error = abs(Decimal(float(gaussians.kl_full_cholesky(*arguments))) - exact)
    assert error < Decimal("2e-15") * exact


@pytest.mark.parametrize("ratio", [1e-16, 1e-8, 1e-4, 0.4, 0.6])
def test_a_much_narrower_q_costs_no_digits_either(ratio):
    arguments = draw(3), ratio * factor(3, seed=1), draw(3, seed=2), factor(3, seed=3)
    assert float(gaussians.kl_full_cholesky(*arguments)) == pytest.approx(float(exact_kl(*arguments)), rel=1e-14)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_kl_full_loses_only_what_the_covariances_have_lost(scale):
    chol_q, chol_p, mu_q, mu_p = (scale * v for v in (factor(4, seed=1), factor(4, seed=2), draw(4), draw(4, seed=3)))
    kl = gaussians.kl_full(mu_q, chol_q @ chol_q.mT, mu_p, chol_p @ chol_p.mT)
    assert float(kl) == pytest.approx(float(exact_kl(mu_q, chol_q, mu_p, chol_p)), rel=1e-13)


def test_kl_full_is_zero_at_equality_also_where_variances_differ_by_32_orders_of_magnitude():
    deviations = torch.logspace(-8, 8, 9, dtype=torch.float64)
    chol = deviations[:, None] * factor(9, seed=0)
    cov = chol @ chol.mT
    assert float(gaussians.kl_full(draw(9), cov, draw(9), cov)) == 0
    assert float(gaussians.kl_full_cholesky(draw(9), chol, draw(9), chol)) == 0
    mu_q = draw(9) + 3 * chol[:, 0]
    assert float(gaussians.kl_full(mu_q, cov, draw(9), cov)) == pytest.approx(4.5, rel=1e-8)


def test_kl_full_agrees_with_torch_distributions_in_a_hundred_dimensions():
    mu_q, mu_p, cov_q, cov_p = draw(100), draw(100, seed=1), covariance(100, seed=2), covariance(100, seed=3)
    expected = kl_divergence(MultivariateNormal(mu_q, cov_q), MultivariateNormal(mu_p, cov_p))
    torch.testing.assert_close(gaussians.kl_full(mu_q, cov_q, mu_p, cov_p), expected, rtol=1e-9, atol=0)


def test_kl_full_broadcasts_its_batches():
    mu_q, mu_p, cov_q, cov_p = draw(5, 1, 3), draw(7, 3, seed=1), covariance(7, 3, seed=2), covariance(3, seed=3)
    kl = gaussians.kl_full(mu_q, cov_q, mu_p, cov_p)
    assert kl.shape == (5, 7)
    one = gaussians.kl_full(mu_q[4, 0], cov_q[6], mu_p[6], cov_p)
    torch.testing.assert_close(kl[4, 6], one, rtol=1e-12, atol=0)
    assert gaussians.kl_full(mu_q[0, 0], cov_p, mu_p, cov_p).shape == (7,)


def test_kl_full_is_twice_differentiable():
    inputs = [draw(2, 3), factor(2, 3, seed=1), draw(3, seed=2), factor(3, seed=3)]
    inputs = [value.requires_grad_() for value in inputs]

    def from_factors(mu_q, chol_q, mu_p, chol_p):
        return gaussians.kl_full_cholesky(mu_q, chol_q.tril(), mu_p, chol_p.tril())

    def from_covariances(mu_q, chol_q, mu_p, chol_p):
        return gaussians.kl_full(mu_q, chol_q @ chol_q.mT, mu_p, chol_p @ chol_p.mT)

    for f in (from_factors, from_covariances):
        assert torch.autograd.gradcheck(f, inputs) and torch.autograd.gradgradcheck(f, inputs)


def test_the_gradient_of_kl_full_vanishes_at_equality():
    mu, chol = draw(3).requires_grad_(), factor(3, seed=1).requires_grad_()
    gaussians.kl_full_cholesky(mu, chol, mu.detach(), chol.detach()).backward()
    assert (mu.grad == 0).all() and (chol.grad.tril() == 0).all()


def bad(which, change):
    """Three unit matrices, one of them changed in place."""
    matrices = torch.eye(2, dtype=torch.float64).repeat(3, 1, 1)
    change(matrices[which])
    return matrices


def put(row, column, value):
    def change(matrix):
        matrix[row, column] = value

    return change


@pytest.mark.parametrize("function", [gaussians.kl_full, gaussians.kl_full_cholesky])
@pytest.mark.parametrize(
    ("which", "change", "message"),
    [
        (1, put(0, 0, -1.0), r"\[1\] (is not positive definite|has a diagonal that is not positive)"),
        (0, put(1, 1, 0.0), r"\[0\] (is not positive definite|has a diagonal that is not positive)"),
        (2, put(0, 1, 0.5), r"\[2\] is not (symmetric|lower triangular)"),
        (1, put(1, 1, math.nan), r"\[1\] holds NaN or infinity"),
        (1, put(1, 0, math.nan), r"\[1\] holds NaN or infinity"),
        (0, put(0, 0, math.inf), r"\[0\] holds NaN or infinity"),
    ],
)
def test_the_matrix_that_is_no_covariance_is_named(function, which, change, message):
    mu, good, wrong = torch.zeros(3, 2, dtype=torch.float64), bad(0, lambda matrix: None), bad(which, change)
    kind = "cov" if function is gaussians.kl_full else "chol"
    with pytest.raises(ValueError, match=f"^{kind}_q{message}"):
        function(mu, wrong, mu, good)
    with pytest.raises(ValueError, match=f"^{kind}_p{message}"):
        function(mu, good, mu, wrong)
    with pytest.raises(
        ValueError, match=f"^{kind}_q{message[: message.index('[') - 1]}{message[message.index(']') + 1 :]}"
    ):
        function(mu[0], wrong[which], mu[0], good[0])


def test_the_place_in_a_batch_of_batches_is_told():
    cov = torch.eye(2, dtype=torch.float64).repeat(2, 3, 1, 1)
    cov[1, 2] = torch.ones(2, 2)
    with pytest.raises(ValueError, match=r"cov_q\[1, 2\] is not positive definite"):
        gaussians.kl_full(torch.zeros(2), cov, torch.zeros(2), torch.eye(2))


def test_matrices_of_another_size_are_explained():
    mu, good = torch.zeros(3, 2), torch.eye(2)
    with pytest.raises(ValueError, match=r"cov_q has shape \(3, 2\); for mean vectors of 2 it must be \(..., 2, 2\)"):
        gaussians.kl_full(mu, mu, mu, good)
    with pytest.raises(ValueError, match=r"the last axes differ: .*cov_p \(3, 3\)"):
        gaussians.kl_full(mu, good, mu, torch.eye(3))
    with pytest.raises(ValueError, match=r"the last axes differ: mu_q \(3,\), chol_q \(2, 2\)"):
        gaussians.kl_full_cholesky(torch.zeros(3), good, mu, good)
    with pytest.raises(ValueError, match=r"cov_p has shape \(2,\)"):
        gaussians.kl_full(mu, good, mu, torch.ones(2))


@pytest.mark.parametrize("scale", [1e-16, 1.0, 1e16])
def test_symmetry_is_judged_by_the_size_of_the_variances(scale):
    cov = scale * torch.tensor([[1.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    rounded, wrong = cov.clone(), cov.clone()
    rounded[0, 1] *= 1 + 1e-12
    wrong[0, 1] *= 1 + 1e-6
    mu = torch.zeros(2, dtype=torch.float64)
    assert float(gaussians.kl_full(mu, rounded, mu, cov)) < 1e-20
    with pytest.raises(ValueError, match="cov_q is not symmetric"):
        gaussians.kl_full(mu, wrong, mu, cov)


def test_the_full_log_density_agrees_with_torch_distributions():
    x, mu, cov = draw(3, 5, 4), draw(5, 4, seed=1), covariance(5, 4, seed=2)
    expected = MultivariateNormal(mu, cov).log_prob(x)
    torch.testing.assert_close(gaussians.log_density_full(x, mu, cov), expected, rtol=1e-11, atol=0)
    one = gaussians.log_density_full(x, mu[0], cov[0])
    torch.testing.assert_close(one, MultivariateNormal(mu[0], cov[0]).log_prob(x), rtol=1e-11, atol=0)
    variances = torch.tensor([[1e-16, 1e16]], dtype=torch.float64)
    value = gaussians.log_density_full(x[0, :, :2] * 0, mu[:, :2] * 0, torch.diag_embed(variances))
    torch.testing.assert_close(value, torch.full((5,), -math.log(2 * math.pi), dtype=torch.float64), rtol=1e-14, atol=0)


def test_reparameterize_full_is_mu_plus_the_factor_times_the_noise():
    mu, chol, eps = draw(5, 3), factor(5, 3, seed=1), draw(7, 5, 3, seed=2)
    z = gaussians.reparameterize_full(mu, chol, eps)
    for s, b in ((0, 0), (6, 4), (3, 1)):
        by_hand = [mu[b, i] + sum(chol[b, i, j] * eps[s, b, j] for j in range(i + 1)) for i in range(3)]
        torch.testing.assert_close(z[s, b], torch.stack(by_hand), rtol=1e-13, atol=1e-15)
    assert gaussians.reparameterize_full(mu[0], chol[0], eps[:, 0]).shape == (7, 3)
    diagonal_only = gaussians.reparameterize_full(mu, torch.diag_embed(mu.exp()), eps)
    torch.testing.assert_close(diagonal_only, gaussians.reparameterize(mu, 2 * mu, eps), rtol=1e-14, atol=1e-15)


def test_draws_of_reparameterize_full_have_the_mean_and_covariance_asked_for():
    mu, chol, n = draw(3), factor(3, seed=1), 200_000
    z = gaussians.reparameterize_full(mu, chol, draw(n, 3, seed=2))
    cov = chol @ chol.mT
    assert ((z.mean(0) - mu).abs() < 5 * (cov.diagonal() / n).sqrt()).all()
    error = ((cov**2 + cov.diagonal()[:, None] * cov.diagonal()) / n).sqrt()
    assert ((z.mT.cov() - cov).abs() < 5 * error).all()


def test_the_gradient_passes_through_reparameterize_full():
    inputs = draw(3).requires_grad_(), factor(3, seed=1).requires_grad_()
    eps = draw(4, 3, seed=2)
    assert torch.autograd.gradcheck(lambda m, c: gaussians.reparameterize_full(m, c.tril(), eps), inputs)


def test_reparameterize_full_refuses_what_is_no_factor():
    mu, eps = torch.zeros(2), torch.ones(2)
    with pytest.raises(ValueError, match="chol is not lower triangular"):
        gaussians.reparameterize_full(mu, torch.ones(2, 2), eps)
    with pytest.raises(ValueError, match="chol has a diagonal that is not positive"):
        gaussians.reparameterize_full(mu, -torch.eye(2), eps)
    with pytest.raises(ValueError, match="the last axes differ"):
        gaussians.reparameterize_full(mu, torch.eye(2), torch.ones(3))


def test_numpy_arrays_are_welcome_and_other_input_is_explained():
    value = gaussians.kl_to_standard_normal(np.ones(3), np.zeros(3))
    assert isinstance(value, torch.Tensor) and float(value) == 1.5
    with pytest.raises(ValueError, match="mu is a single number"):
        gaussians.kl_to_standard_normal(torch.tensor(0.0), torch.zeros(1))
    with pytest.raises(ValueError, match="log_var holds"):
        gaussians.kl_to_standard_normal(torch.zeros(1), torch.zeros(1, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"the last axes differ: mu \(2, 1\), log_var \(3,\)"):
        gaussians.kl_to_standard_normal(torch.zeros(2, 1), torch.zeros(3))


def test_numbers_of_two_precisions_meet_in_the_higher_one():
    mu, cov = torch.zeros(2), np.eye(2)
    assert gaussians.kl_full(mu, cov, mu, torch.eye(2)).dtype == torch.float64
    assert gaussians.kl_full(mu, torch.eye(2), mu, torch.eye(2)).dtype == torch.float32
