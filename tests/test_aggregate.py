"""The aggregate posterior against torch.distributions' mixtures, double loops and quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

from lecture_lib import aggregate, gaussians


def posteriors(n=7, dim=3, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    mu = 2 * torch.randn(n, dim, dtype=torch.float64, generator=generator)
    return mu, torch.randn(n, dim, dtype=torch.float64, generator=generator) - 1


def as_torch(mu, log_var):
    parts = Independent(Normal(mu, (0.5 * log_var).exp()), 1)
    return MixtureSameFamily(Categorical(torch.ones(len(mu), dtype=torch.float64)), parts)


def points(n, dim, *, seed=1):
    return 3 * torch.randn(n, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("n", "dim"), [(1, 1), (7, 3), (300, 15)])
def test_the_density_is_that_of_an_equal_mixture(n, dim):
    mu, log_var = posteriors(n, dim)
    z = points(11, dim)
    expected = as_torch(mu, log_var).log_prob(z)
    torch.testing.assert_close(aggregate.log_density(z, mu, log_var), expected, rtol=1e-11, atol=1e-11)


def test_very_narrow_posteriors_far_from_the_origin_keep_their_digits():
    mu, log_var = posteriors()
    mu, log_var = mu + 1e4, log_var - 20
    z = mu + (0.5 * log_var).exp()
    expected = as_torch(mu, log_var).log_prob(z)
    torch.testing.assert_close(aggregate.log_density(z, mu, log_var), expected, rtol=1e-7, atol=0)


def test_any_memory_gives_the_same_density():
    mu, log_var = posteriors(50)
    whole = aggregate.log_density(points(20, 3), mu, log_var)
    torch.testing.assert_close(aggregate.log_density(points(20, 3), mu, log_var, memory=1), whole, rtol=1e-13, atol=0)


def test_the_density_integrates_to_one():
    mu, log_var = posteriors(4, 1)
    total, _ = integrate.quad(
        lambda t: float(aggregate.log_density(torch.tensor([[t]], dtype=torch.float64), mu, log_var).exp()),
        -15, 15, points=mu[:, 0].tolist(), limit=200,
    )  # fmt: skip
    assert total == pytest.approx(1, abs=1e-8)


def test_types_stay_what_they_were_and_numpy_is_accepted():
    mu, log_var = posteriors()
    z = points(5, 3)
    assert aggregate.log_density(z.float(), mu.float(), log_var.float()).dtype == torch.float32
    np.testing.assert_allclose(
        aggregate.log_density(z.numpy(), mu.numpy(), log_var.numpy()), aggregate.log_density(z, mu, log_var)
    )
    assert aggregate.log_density(z[:0], mu, log_var).shape == (0,)


def test_a_code_far_from_everything_has_a_finite_density():
    mu, log_var = posteriors()
    value = aggregate.log_density(torch.full((1, 3), 1e6, dtype=torch.float64), mu, log_var)
    assert value.isfinite().all() and value < -1e10


def test_the_moments_are_those_of_the_mixture():
    mu, log_var = posteriors(40)
    mean, cov = aggregate.moments(mu, log_var)
    mixture = as_torch(mu, log_var)
    torch.testing.assert_close(mean, mixture.mean)
    torch.testing.assert_close(cov.diagonal(), mixture.variance)
    second = (torch.diag_embed(log_var.exp()) + mu.unsqueeze(2) * mu.unsqueeze(1)).mean(0)
    torch.testing.assert_close(cov, second - torch.outer(mean, mean))


def test_no_other_gaussian_has_a_larger_mean_log_density():
    mu, log_var = posteriors(30)
    mean, cov = aggregate.moments(mu, log_var)
    parameters = [mean.clone().requires_grad_(), torch.linalg.cholesky(cov).requires_grad_()]
    other = MultivariateNormal(parameters[0], scale_tril=parameters[1])
    outward = torch.linalg.cholesky(
        torch.diag_embed(log_var.exp()) * 3
    )  # 2 J points with the moments of each posterior
    points = torch.cat([mu.unsqueeze(1) + outward.mT, mu.unsqueeze(1) - outward.mT], 1)
    loss = other.log_prob(points).mean()  # of a quadratic function these points give the expectation exactly
    assert loss.detach() > MultivariateNormal(mean + 0.1, cov).log_prob(points).mean()
    for gradient in torch.autograd.grad(loss, parameters):
        torch.testing.assert_close(gradient.tril() if gradient.ndim == 2 else gradient, torch.zeros_like(gradient))


def test_one_posterior_is_its_own_aggregate():
    mu, log_var = posteriors(1)
    mean, cov = aggregate.moments(mu, log_var)
    torch.testing.assert_close(mean, mu[0])
    torch.testing.assert_close(cov, log_var[0].exp().diag())
    torch.testing.assert_close(aggregate.information(points(1, 3), mu, log_var), torch.zeros(1, dtype=torch.float64))


def test_information_is_log_n_where_nothing_overlaps_and_zero_where_all_is_alike():
    log_var = torch.zeros(6, 2, dtype=torch.float64)
    far = 100 * torch.arange(12, dtype=torch.float64).view(6, 2)
    torch.testing.assert_close(aggregate.information(far, far, log_var), torch.full((6,), math.log(6)).double())
    same = torch.ones(6, 2, dtype=torch.float64)
    zero = torch.zeros(6, dtype=torch.float64)
    torch.testing.assert_close(aggregate.information(same + 1, same, log_var), zero, rtol=0, atol=1e-12)


def test_information_and_distance_from_the_prior_make_up_the_mean_kl():
    mu, log_var = posteriors(5, 2)
    generator = torch.Generator().manual_seed(0)
    rounds, total = 20_000, []
    for part in range(5):  # many draws of each posterior: information takes one code for each
        eps = torch.randn(rounds, 2, dtype=torch.float64, generator=generator)
        z = mu[part] + (0.5 * log_var[part]).exp() * eps
        log_q = aggregate.log_density(z, mu, log_var)
        own = gaussians.log_density(z, mu[part], log_var[part])
        prior = gaussians.log_density(z, torch.zeros(2).double(), torch.zeros(2).double())
        total.append((own - log_q) + (log_q - prior))
    estimate = torch.cat(total)
    expected = gaussians.kl_to_standard_normal(mu, log_var).mean()
    error = float(torch.stack([part.std() for part in total]).mean()) / math.sqrt(5 * rounds)
    assert float(estimate.mean()) == pytest.approx(float(expected), abs=5 * error)
    one = aggregate.information(z[:5], mu, log_var)
    by_hand = gaussians.log_density(z[:5], mu, log_var) - aggregate.log_density(z[:5], mu, log_var)
    torch.testing.assert_close(one, by_hand)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z, mu, lv: (z[:, :2], mu, lv), r"x has shape \(4, 2\); it must be \(M, 3\)"),
        (lambda z, mu, lv: (z, mu, lv[:3]), r"log_var has shape \(3, 3\).* must be \(7, 3\)"),
        (lambda z, mu, lv: (z, mu, lv + math.nan), "log_var has shape"),
        (lambda z, mu, lv: (z, mu, lv + 800), "between -700 and 700"),
        (lambda z, mu, lv: (z, mu * math.inf, lv), "holds NaN or infinity"),
        (lambda z, mu, lv: (z * math.nan, mu, lv), "holds NaN or infinity"),
        (lambda z, mu, lv: (z, mu[:0], lv[:0]), "N at least 1"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        aggregate.log_density(*change(points(4, 3), *posteriors()))


def test_other_bad_input_is_named():
    mu, log_var = posteriors()
    with pytest.raises(ValueError, match="memory is 0"):
        aggregate.log_density(points(4, 3), mu, log_var, memory=0)
    with pytest.raises(ValueError, match=r"z has shape \(4, 3\); it must be \(7, 3\)"):
        aggregate.information(points(4, 3), mu, log_var)
