"""Estimates of the evidence: exact where they must be, unbiased, of the variance that the closed form predicts."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from lecture_lib import elbo, latent_variables, monte_carlo


def randn(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def example(dim=5, latent_dim=2, noise_variance=1.3):
    model = latent_variables.LinearGaussian(randn(dim, latent_dim), randn(dim, seed=1), noise_variance)
    return model, randn(dim, seed=2)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- importance sampling ---


def test_with_the_posterior_every_weight_is_the_evidence():
    model, x = example()
    log_weights = monte_carlo.importance_sampling(lambda z: model.log_joint(x, z), *model.posterior(x), 1000)
    assert log_weights.shape == (1000,)
    assert torch.allclose(log_weights, model.log_evidence(x).expand(1000), rtol=1e-12)
    assert float(monte_carlo.effective_sample_size(log_weights)) == pytest.approx(1000)


def test_the_weights_are_the_joint_over_the_proposal():
    """Against torch.distributions at the very codes that were drawn."""
    model, x = example()
    mu, root = randn(2, seed=3), torch.tensor([[1.0, 0.0], [0.6, 0.5]]).double()
    drawn = []

    def log_joint(z):
        drawn.append(z)
        return model.log_joint(x, z)

    log_weights = monte_carlo.importance_sampling(log_joint, mu, root @ root.T, 700, generator=seeded())
    z = torch.cat(drawn)
    assert [len(block) for block in drawn] == [256, 256, 188]
    assert torch.allclose(log_weights, model.log_joint(x, z) - MultivariateNormal(mu, root @ root.T).log_prob(z))
    many = monte_carlo.importance_sampling(log_joint, mu, root @ root.T, 50_000, generator=seeded())
    z = torch.cat(drawn[3:])
    assert len(z) == len(many)
    assert torch.allclose(torch.cov(z.T), root @ root.T, atol=0.05) and torch.allclose(z.mean(0), mu, atol=0.03)


@pytest.mark.parametrize("width", [1.0, 1.5, 3.0])
def test_the_estimate_is_unbiased_with_the_variance_of_the_closed_form(width):
    model, x = example()
    mean, cov = model.posterior(x)
    mu, q_cov, n = mean + 0.3, width * cov, 200_000
    log_w = monte_carlo.importance_sampling(lambda z: model.log_joint(x, z), mu, q_cov, n, generator=seeded())
    relative = (log_w - model.log_evidence(x)).exp()
    rho = float(model.log_second_moment(x, mu, q_cov).expm1())
    assert abs(float(relative.mean()) - 1) < 5 * math.sqrt(rho / n)
    if width > 1:  # else the fourth moment, and with it the error of the variance, is large
        assert float(relative.var()) == pytest.approx(rho, rel=0.05)
        share = float(monte_carlo.effective_sample_size(log_w)) / n
        assert share == pytest.approx(1 / (1 + rho), rel=0.03)


def test_a_batch_has_its_own_proposals():
    model, _ = example()
    x = randn(4, 5, seed=7)
    mean, cov = model.posterior(x)
    for covariances in (cov, cov.expand(4, 2, 2)):
        log_w = monte_carlo.importance_sampling(lambda z: model.log_joint(x, z), mean, covariances, 30, block=7)
        assert log_w.shape == (30, 4)
        assert torch.allclose(log_w, model.log_evidence(x).expand(30, 4), rtol=1e-12)


def test_a_batch_of_covariances_serves_one_mean():
    model, x = example()
    mean, cov = model.posterior(x)
    log_w = monte_carlo.importance_sampling(lambda z: model.log_joint(x, z), mean, torch.stack([cov, 2 * cov]), 50)
    assert log_w.shape == (50, 2)
    assert torch.allclose(log_w[:, 0], model.log_evidence(x).expand(50), rtol=1e-12)


def test_the_function_never_sees_more_than_a_block():
    model, x = example()
    seen = []

    def log_joint(z):
        seen.append(len(z))
        return model.log_joint(x, z)

    monte_carlo.importance_sampling(log_joint, *model.posterior(x), 10, block=4)
    monte_carlo.prior_sampling(lambda z: (seen.append(len(z)), model.log_likelihood(x, z))[1], 2, 9, block=3)
    assert seen == [4, 4, 2, 3, 3, 3]


def test_the_gradient_reaches_the_proposal():
    model, x = example()
    mu, cov = (torch.zeros(2).double().requires_grad_(), (2 * torch.eye(2).double()).requires_grad_())
    log_w = monte_carlo.importance_sampling(lambda z: model.log_joint(x, z), mu, cov, 10)
    grads = torch.autograd.grad(log_w.mean(), [mu, cov])
    assert all(grad.isfinite().all() and grad.abs().max() > 0 for grad in grads)


# --- draws from the prior ---


def test_prior_sampling_is_importance_sampling_with_the_prior():
    model, x = example()
    prior = torch.zeros(2).double(), torch.eye(2).double()
    plain = monte_carlo.prior_sampling(lambda z: model.log_likelihood(x, z), 2, 500, generator=seeded())
    weighted = monte_carlo.importance_sampling(lambda z: model.log_joint(x, z), *prior, 500, generator=seeded())
    assert torch.allclose(plain, weighted, rtol=1e-12) and plain.dtype == torch.float64


@pytest.mark.parametrize("latent_dim", [1, 2, 4])
def test_the_plain_estimate_is_unbiased_with_the_variance_of_the_closed_form(latent_dim):
    model, x = example(6, latent_dim, 3.0)
    n = 400_000
    log_w = monte_carlo.prior_sampling(
        lambda z: model.log_likelihood(x, z), latent_dim, n, generator=seeded(), block=50_000
    )
    rho = float(model.log_second_moment(x, torch.zeros(latent_dim), torch.eye(latent_dim).double()).expm1())
    assert abs(float((elbo.importance_weighted_bound(log_w) - model.log_evidence(x)).expm1())) < 5 * math.sqrt(rho / n)
    assert float((log_w - model.log_evidence(x)).exp().var()) == pytest.approx(rho, rel=0.1)


def test_a_batch_can_share_the_draws():
    model, _ = example()
    x = randn(3, 5)
    log_w = monte_carlo.prior_sampling(lambda z: model.log_likelihood(x, z.unsqueeze(-2)), 2, 11)
    assert log_w.shape == (11, 3)


def test_the_same_generator_gives_the_same_draws():
    model, x = example()
    one, other = (
        monte_carlo.prior_sampling(lambda z: model.log_likelihood(x, z), 2, 20, generator=seeded(3)) for _ in range(2)
    )
    assert torch.equal(one, other)


# --- effective sample size ---


@pytest.mark.parametrize(
    ("weights", "size"),
    [([1.0, 1.0, 1.0], 3), ([1.0, 0.0, 0.0], 1), ([2.0, 1.0], 9 / 5), ([1.0, 1.0, 0.0, 0.0], 2), ([5.0], 1)],
)
def test_effective_sample_size_by_hand(weights, size):
    log_weights = torch.tensor(weights).double().log()
    assert float(monte_carlo.effective_sample_size(log_weights)) == pytest.approx(size, rel=1e-14)


@pytest.mark.parametrize("shift", [-1e5, -800.0, 0.0, 800.0])
def test_effective_sample_size_does_not_mind_the_scale(shift):
    log_weights = randn(50)
    expected = monte_carlo.effective_sample_size(log_weights)
    assert float(monte_carlo.effective_sample_size(log_weights + shift)) == pytest.approx(float(expected), rel=1e-9)


def test_effective_sample_size_goes_along_an_axis():
    log_weights = randn(4, 30, 3)
    along = monte_carlo.effective_sample_size(log_weights, dim=1)
    assert along.shape == (4, 3)
    assert float(along[2, 1]) == pytest.approx(float(monte_carlo.effective_sample_size(log_weights[2, :, 1])))
    assert bool((along >= 1).all()) and bool((along <= 30).all())


def test_weights_that_are_all_zero_count_for_nothing():
    log_weights = torch.tensor([[-math.inf, -math.inf], [-math.inf, 0.0]])
    assert monte_carlo.effective_sample_size(log_weights).tolist() == [0.0, 1.0]


# --- what is refused ---


@pytest.mark.parametrize("bad", [torch.tensor([0.0, math.nan]), torch.tensor([0.0, math.inf]), torch.zeros(0)])
def test_weights_that_are_no_weights_are_refused(bad):
    with pytest.raises(ValueError, match=r"log_weights, shape .*, must hold samples along dim=0, and neither NaN nor"):
        monte_carlo.effective_sample_size(bad)


def test_proposals_and_counts_that_make_no_sense_are_refused():
    model, x = example()

    def log_joint(z):
        return model.log_joint(x, z)

    mu, cov = model.posterior(x)
    with pytest.raises(ValueError, match="cov is not positive definite"):
        monte_carlo.importance_sampling(log_joint, mu, -cov, 5)
    with pytest.raises(ValueError, match=r"the last axes differ: .* cov \(3, 3\)"):
        monte_carlo.importance_sampling(log_joint, mu, torch.eye(3).double(), 5)
    with pytest.raises(ValueError, match="n_samples is 0 and block 256; both must be at least 1"):
        monte_carlo.importance_sampling(log_joint, mu, cov, 0)
    with pytest.raises(ValueError, match="n_samples is 5 and block 0"):
        monte_carlo.prior_sampling(log_joint, 2, 5, block=0)
    with pytest.raises(
        ValueError, match=r"the function of z gave shape \(\); it must map z \(s, ..., J\) to \(s, ...\)"
    ):
        monte_carlo.prior_sampling(lambda z: z.sum(), 2, 5)


# --- the gap in Jensen's inequality ---


def test_the_gap_of_two_values_by_hand():
    gap = monte_carlo.jensen_gap(torch.tensor([1.0, 9.0]).double().log())
    assert float(gap) == pytest.approx(math.log(5 / 3), rel=1e-14)  # mean 5, geometric mean 3


def test_the_gap_is_zero_for_equal_values_and_for_one_alone():
    assert float(monte_carlo.jensen_gap(torch.full((7,), -2.5).double())) == 0
    assert monte_carlo.jensen_gap(randn(1, 4)).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("shift", [0.0, -5000.0, 800.0])
def test_the_gap_ignores_a_common_factor_and_goes_along_an_axis(shift):
    log_values = 3 * randn(6, 50)
    expected = log_values.exp().mean(1).log() - log_values.mean(1)
    assert torch.allclose(monte_carlo.jensen_gap(log_values + shift, dim=1), expected, rtol=1e-10)
    assert torch.allclose(monte_carlo.jensen_gap((log_values + shift).T), expected, rtol=1e-10)


def test_the_gap_of_nearly_equal_values_is_half_their_variance_to_the_last_digits():
    away = torch.tensor([1.0, -1.0, 0.0, 0.0]).double()
    for spread in (1e-3, 1e-8, 1e-100):
        exact = math.log1p((math.cosh(spread) - 1) / 2) if spread == 1e-3 else spread**2 / 4
        assert float(monte_carlo.jensen_gap(spread * away)) == pytest.approx(exact, rel=1e-9, abs=0)


def test_weights_thousands_of_nats_apart_have_a_gap():
    gap = monte_carlo.jensen_gap(torch.tensor([0.0, -6000.0]).double().requires_grad_())
    assert float(gap.detach()) == pytest.approx(3000 - math.log(2), rel=1e-14)


def test_the_gradient_of_the_gap_is_the_normalized_weight_less_a_share():
    log_values = (2 * randn(9)).requires_grad_()
    (slope,) = torch.autograd.grad(monte_carlo.jensen_gap(log_values), log_values)
    assert torch.allclose(slope, log_values.detach().softmax(0) - 1 / 9)


@pytest.mark.parametrize("log_values", [[0.0, -math.inf], [math.nan, 0.0], [math.inf, 0.0], []])
def test_a_gap_that_is_not_finite_is_refused(log_values):
    with pytest.raises(ValueError, match="must hold finite logarithms"):
        monte_carlo.jensen_gap(torch.tensor(log_values).double())
