"""The bounds against numbers made by hand and a model whose evidence is known."""

import math

import pytest
import torch
from torch.distributions import Categorical, MultivariateNormal, Normal, kl_divergence

from lecture_lib import elbo, gaussians, latent_variables, quadrature


def oracle():
    """The linear-Gaussian model with J = 1, an observation, and its posterior."""
    W, mean = torch.tensor([[0.8], [1.1], [0.5]], dtype=torch.float64), torch.tensor([0.5, -0.2, 0.1])
    model, x = latent_variables.LinearGaussian(W, mean, 0.7), torch.tensor([1.5, 1.8, -0.2], dtype=torch.float64)
    m, S = model.posterior(x)
    return model, x, Normal(m[0], S[0, 0].sqrt())


def test_elbo_by_hand():
    log_likelihood, kl = torch.tensor([-3.0, -1.0]), torch.tensor([1.0, 0.5])
    assert elbo.elbo(log_likelihood, kl).tolist() == [-4.0, -1.5]
    assert elbo.elbo(log_likelihood, kl, beta=4.0).tolist() == [-7.0, -3.0]
    with pytest.raises(ValueError, match=r"beta is -1"):
        elbo.elbo(log_likelihood, kl, beta=-1)


def test_sgvb_by_hand():
    log_joint, log_q = torch.tensor([[1.0, 2.0], [3.0, 6.0]]), torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    assert elbo.sgvb_a(log_joint, log_q).tolist() == [1.5, 3.0]
    assert elbo.sgvb_b(log_joint, torch.tensor([0.5, 1.0])).tolist() == [1.5, 3.0]


def test_sgvb_refuses_shapes_that_would_broadcast_to_something_else():
    with pytest.raises(ValueError, match="shapes must agree"):
        elbo.sgvb_a(torch.zeros(4, 3), torch.zeros(4, 1))
    with pytest.raises(ValueError, match="samples in front"):
        elbo.sgvb_b(torch.zeros(4, 3), torch.zeros(4, 3))


def test_all_bounds_meet_the_evidence_when_q_is_the_posterior():
    """z ~ N(0, 1), x ~ N(z, 1): then x ~ N(0, 2) and z | x ~ N(x / 2, 1 / 2), all in closed form."""
    x = torch.tensor(1.3, dtype=torch.float64)
    posterior = Normal(x / 2, torch.tensor(0.5, dtype=torch.float64).sqrt())
    z = torch.linspace(-2, 2, 9, dtype=torch.float64)
    log_joint = Normal(z * 0, 1.0).log_prob(z) + Normal(z, 1.0).log_prob(x)
    evidence = -0.5 * math.log(2 * math.pi * 2) - 1.3**2 / 4
    assert float(elbo.sgvb_a(log_joint, posterior.log_prob(z))) == pytest.approx(evidence, rel=1e-12)
    log_weights = log_joint - posterior.log_prob(z)
    assert float(elbo.importance_weighted_bound(log_weights)) == pytest.approx(evidence, rel=1e-12)


def test_both_sgvb_estimators_have_the_bound_as_their_mean_and_each_its_place_of_no_variance():
    """On the linear-Gaussian model: A is constant at the posterior, B nearly so where q is narrow, both unbiased."""
    generator = torch.Generator().manual_seed(0)
    W = torch.tensor([[0.8], [-0.5], [1.1]], dtype=torch.float64)
    model = latent_variables.LinearGaussian(W, torch.zeros(3, dtype=torch.float64), 0.6)
    x, eps = W[:, 0] + 0.3, torch.randn(40_000, 1, dtype=torch.float64, generator=generator)
    mean, cov = model.posterior(x)
    for mu, log_var in ((mean, cov[0].log()), (mean - 0.4, cov[0].log() - 12), (mean + 0.5, cov[0].log() + 1)):
        z, kl = gaussians.reparameterize(mu, log_var, eps), gaussians.kl_to_standard_normal(mu, log_var)
        a = elbo.sgvb_a(model.log_joint(x, z)[None], gaussians.log_density(z, mu, log_var)[None])  # S = 1
        b = elbo.sgvb_b(model.log_likelihood(x, z)[None], kl.expand(40_000))
        exact = model.elbo(x, mu, log_var.exp().diag())
        assert all(abs(e.mean() - exact) <= 5 * e.std() / 200 + 1e-12 for e in (a, b))
        if log_var == cov[0].log():
            assert a.std() < 1e-12 < 0.1 < b.std()
        elif log_var < cov[0].log():
            assert b.std() < 0.02 < 0.5 < a.std()


def test_the_importance_weighted_bound_is_the_log_of_the_mean_weight():
    weights = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.0, 4.0]], dtype=torch.float64)
    expected = [math.log(4 / 3), math.log(8 / 3)]
    assert elbo.importance_weighted_bound(weights.log(), dim=1).tolist() == pytest.approx(expected)
    assert float(elbo.importance_weighted_bound(torch.tensor([-2000.0, -2000.0]))) == -2000.0
    assert float(elbo.importance_weighted_bound(torch.tensor([-torch.inf, -torch.inf]))) == -torch.inf
    with pytest.raises(ValueError, match="no samples"):
        elbo.importance_weighted_bound(torch.zeros(0, 3))


def test_more_samples_tighten_the_bound_on_average():
    log_weights = torch.randn(40, 20000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    bounds = []
    for k in (1, 5, 40):
        groups = log_weights.view(-1, k, 20000)
        bounds.append(float(elbo.importance_weighted_bound(groups, dim=1).mean()))
    assert bounds[0] < bounds[1] < bounds[2] < 0.5  # log E[exp(N(0, 1))] = 1/2 is the limit
    assert bounds[2] == pytest.approx(0.5, abs=0.03)


# --- the divergence of finitely many values ---


def test_kl_categorical_agrees_with_torch_distributions():
    q, p = torch.rand(2, 4, 3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    q, p = q / q.sum(-1, keepdim=True), p / p.sum(-1, keepdim=True)
    expected = kl_divergence(Categorical(probs=q), Categorical(probs=p))
    torch.testing.assert_close(elbo.kl_categorical(q, p), expected, rtol=1e-12, atol=0)
    assert (elbo.kl_categorical(q, p) > ((q.sqrt() - p.sqrt()) ** 2).sum(-1)).all()


def test_kl_categorical_by_hand_and_at_its_ends():
    half, sure, other = (torch.tensor(values, dtype=torch.float64) for values in ([0.5, 0.5], [1.0, 0.0], [0.0, 1.0]))
    assert float(elbo.kl_categorical(sure, half)) == pytest.approx(math.log(2))
    assert float(elbo.kl_categorical(half, sure)) == float(elbo.kl_categorical(sure, other)) == math.inf
    assert float(elbo.kl_categorical(sure, sure)) == float(elbo.kl_categorical(half, half)) == 0


def test_kl_categorical_refuses_what_is_no_distribution():
    half = torch.tensor([0.5, 0.5])
    for wrong in ([0.5, 0.6], [-0.5, 1.5], [math.nan, 1.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="q must hold probabilities"):
            elbo.kl_categorical(torch.tensor(wrong), half)
        with pytest.raises(ValueError, match="p must hold probabilities"):
            elbo.kl_categorical(half, torch.tensor(wrong))
    with pytest.raises(ValueError, match="q must hold probabilities"):
        elbo.kl_categorical(torch.tensor([3, 1]), half)  # counts
    with pytest.raises(ValueError, match=r"q has shape \(2,\) and p \(1,\); the last axes must hold the same K"):
        elbo.kl_categorical(half, torch.tensor([1.0]))


# --- forms of the bound, on the oracle ---


@pytest.mark.parametrize("shift, scale", [(0.0, 1.0), (0.7, 0.4), (-1.0, 3.0), (0.0, 1e-6)])
def test_the_three_forms_and_the_gap_agree_on_the_oracle(shift, scale):
    model, x, posterior = oracle()
    q, prior = Normal(posterior.mean + shift, posterior.stddev * scale), Normal(torch.tensor(0.0).double(), 1.0)
    expected_joint = quadrature.normal_expectation(lambda z: model.log_joint(x, z[:, None]), q.mean, q.stddev)
    expected_likelihood = quadrature.normal_expectation(lambda z: model.log_likelihood(x, z[:, None]), q.mean, q.stddev)
    third = elbo.entropy_form(expected_joint, q.entropy())
    second = elbo.elbo(expected_likelihood, kl_divergence(q, prior))
    closed = model.elbo(x, q.mean.view(1), q.variance.view(1, 1))
    assert float(third) == pytest.approx(float(closed), rel=1e-12) == pytest.approx(float(second), rel=1e-12)
    gap = elbo.gap(model.log_evidence(x), closed)
    assert float(gap) == pytest.approx(float(kl_divergence(q, posterior)), rel=1e-10, abs=1e-13)


def test_forms_refuse_shapes_that_would_broadcast():
    for function in (elbo.entropy_form, elbo.gap):
        with pytest.raises(ValueError, match="the shapes must agree"):
            function(torch.zeros(3), torch.zeros(3, 1))


def test_beta_makes_the_squared_error_the_bound_up_to_scale_and_constant():
    kl, error = torch.tensor([0.3, 2.0]), torch.tensor([4.0, 0.5])
    for c in (0.01, 0.5, 3.0):
        bound = -error / (2 * c) - kl
        torch.testing.assert_close(error + elbo.gaussian_beta(c) * kl, -2 * c * bound)
    assert elbo.gaussian_beta(0.5) == 1
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="noise_variance is"):
            elbo.gaussian_beta(wrong)


# --- the mean field ---


def test_no_diagonal_gaussian_comes_nearer_than_the_mean_field_gap():
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(5, 3, 3, dtype=torch.float64, generator=generator)
    cov = factor @ factor.mT + 0.1 * torch.eye(3, dtype=torch.float64)
    target = MultivariateNormal(torch.zeros(5, 3, dtype=torch.float64), cov)
    best = elbo.mean_field_variances(cov)

    def divergence(variances, mean=0.0):
        return kl_divergence(
            MultivariateNormal(torch.zeros_like(variances) + mean, torch.diag_embed(variances)), target
        )

    gap = elbo.mean_field_gap(cov)
    torch.testing.assert_close(gap, divergence(best), rtol=1e-10, atol=0)
    for _ in range(20):
        factors = (0.3 * torch.randn(5, 3, dtype=torch.float64, generator=generator)).exp()
        assert (divergence(best * factors) > gap).all() and (divergence(best, 0.1) > gap).all()


def test_the_mean_field_of_a_pair_depends_on_the_correlation_alone():
    for rho in (0.0, 0.5, -0.9, 0.999999):
        cov = torch.tensor([[4.0, 2e3 * rho], [2e3 * rho, 1e6]], dtype=torch.float64)
        expected = -0.5 * math.log1p(-(rho**2))
        assert float(elbo.mean_field_gap(cov)) == pytest.approx(expected, rel=1e-8, abs=1e-14)
        assert elbo.mean_field_variances(cov).tolist() == pytest.approx(
            [4 * (1 - rho**2), 1e6 * (1 - rho**2)], rel=1e-8
        )


def test_the_mean_field_refuses_what_is_no_covariance():
    for wrong in ([[1.0, 2.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]):
        for function in (elbo.mean_field_gap, elbo.mean_field_variances):
            with pytest.raises(ValueError, match="not positive definite"):
                function(torch.tensor(wrong))


# --- bounds from several samples, without Monte Carlo ---


def log_weight(q):
    model, x, _ = oracle()
    return lambda z: model.log_joint(x, z[:, None]) - q.log_prob(z)


@pytest.mark.parametrize("shift, scale", [(0.0, 0.5), (0.4, 1.0), (-1.0, 1.3), (2.0, 4.0)])
def test_one_sample_gives_the_closed_form(shift, scale):
    model, x, posterior = oracle()
    q = Normal(posterior.mean + shift * posterior.stddev, posterior.stddev * scale)
    exact = elbo.multi_sample_bound(log_weight(q), float(q.mean), float(q.stddev), 1)
    assert float(exact) == pytest.approx(float(model.elbo(x, q.mean.view(1), q.variance.view(1, 1))), abs=1e-10)


def test_several_samples_agree_with_random_draws_and_rise_to_the_evidence():
    model, x, posterior = oracle()
    q, draws = Normal(posterior.mean - 1, posterior.stddev * 2), 200_000
    z = q.mean + q.stddev * torch.randn(draws, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = [float(elbo.multi_sample_bound(log_weight(q), float(q.mean), float(q.stddev), k)) for k in (1, 2, 5, 50)]
    for k, value in zip((1, 2, 5, 50), exact, strict=True):
        bounds = elbo.importance_weighted_bound(log_weight(q)(z).view(-1, k), dim=1)
        assert abs(float(bounds.mean()) - value) < 4 * float(bounds.std()) / math.sqrt(len(bounds))
    assert exact == sorted(exact) and exact[-1] < float(model.log_evidence(x))
    chi2 = quadrature.integral(lambda z: (2 * posterior.log_prob(z) - q.log_prob(z)).exp(), -8, 8) - 1
    gap = model.log_evidence(x) - elbo.multi_sample_bound(log_weight(q), float(q.mean), float(q.stddev), 100_000)
    assert float(gap) == pytest.approx(float(chi2) / 200_000, rel=1e-3)


def test_at_the_posterior_any_number_of_samples_gives_the_evidence():
    model, x, posterior = oracle()
    for k in (1, 7, 10**6):
        bound = elbo.multi_sample_bound(log_weight(posterior), float(posterior.mean), float(posterior.stddev), k)
        assert float(bound) == pytest.approx(float(model.log_evidence(x)), abs=1e-12)
    for k, sigma in ((0, 1.0), (1, 0.0), (1, math.nan)):
        with pytest.raises(ValueError, match="k must be at least 1, sigma positive"):
            elbo.multi_sample_bound(log_weight(posterior), 0.0, sigma, k)
