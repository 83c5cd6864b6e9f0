"""The linear-Gaussian oracle against dense computations, many digits, scikit-learn, quadrature and its own samples."""

import math

import numpy as np
import pytest
import torch
from scipy import optimize
from sklearn.decomposition import PCA
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from lecture_lib import gaussians, latent_variables, quadrature

SIZES = [(1, 1), (3, 1), (5, 3), (4, 4), (3, 7), (2, 20), (40, 6)]
NOISE = [1e-6, 1e-3, 0.5, 1.0, 30.0, 1e3]


def randn(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def model_of(dim, latent_dim, noise_variance, seed=0):
    W, mean = randn(dim, latent_dim, seed=seed), randn(dim, seed=seed + 1)
    return latent_variables.LinearGaussian(W, mean, noise_variance)


def dense(model):
    """The joint distribution of (x, z) by plain matrices: mean and covariance of x, and of z given x."""
    cov = model.W @ model.W.T + model.noise_variance * torch.eye(model.dim, dtype=torch.float64)
    gain = torch.linalg.solve(cov, model.W).T  # (J, D)
    return MultivariateNormal(model.mean, cov), gain, torch.eye(model.latent_dim, dtype=torch.float64) - gain @ model.W


def any_q(model, seed=5):
    """A Gaussian near nothing in particular."""
    root = randn(model.latent_dim, model.latent_dim, seed=seed).tril() + 2 * torch.eye(model.latent_dim).double()
    return randn(model.latent_dim, seed=seed + 1), root @ root.T


# --- evidence and posterior ---


@pytest.mark.parametrize("noise_variance", NOISE)
@pytest.mark.parametrize(("dim", "latent_dim"), SIZES)
def test_evidence_and_posterior_are_those_of_the_dense_computation(dim, latent_dim, noise_variance):
    model = model_of(dim, latent_dim, noise_variance)
    x = model.sample(6, generator=torch.Generator().manual_seed(1))
    of_x, gain, cov = dense(model)
    digits = 1e-13 * max(1.0, 100 / noise_variance)  # what the dense computation keeps
    assert torch.allclose(model.log_evidence(x), of_x.log_prob(x), rtol=digits, atol=digits)
    mean, covariance = model.posterior(x)
    assert torch.allclose(mean, (x - model.mean) @ gain.T, rtol=10 * digits, atol=10 * digits)
    assert torch.allclose(covariance, cov, rtol=10 * digits, atol=10 * digits)


@pytest.mark.parametrize("noise_variance", [1e-6, 1.0, 1e3])
def test_evidence_for_images_is_that_of_the_dense_computation(noise_variance):
    model = model_of(784, 20, noise_variance)
    x = model.sample(3, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(
        model.log_evidence(x), dense(model)[0].log_prob(x), rtol=1e-13 * max(1, 1e-2 / noise_variance)
    )


@pytest.mark.parametrize("noise_variance", [1e-12, 1e-6, 1.0, 1e3])
def test_evidence_in_five_thousand_dimensions_is_that_along_each_axis(noise_variance):
    axes, _ = torch.linalg.qr(randn(5000, 10))
    scale = torch.linspace(0.5, 3, 10, dtype=torch.float64)
    model = latent_variables.LinearGaussian(axes * scale, torch.zeros(5000).double(), noise_variance)
    along, across = (
        randn(10, seed=2),
        math.sqrt(noise_variance) * torch.linalg.qr(torch.cat([axes, randn(5000, 1)], 1))[0],
    )
    x = axes @ along + 7 * across[:, 10]  # the last column is orthogonal to the axes
    expected = Normal(0.0, (scale**2 + noise_variance).sqrt()).log_prob(along).sum()
    expected -= 0.5 * (4990 * math.log(2 * math.pi * noise_variance) + 49)
    assert float(model.log_evidence(x)) == pytest.approx(float(expected), rel=1e-12)


def test_nothing_of_the_size_of_the_covariance_is_made():
    model = model_of(200_000, 3, 0.5)  # its covariance would take 320 GB
    x = model.sample(2)
    mu, cov = any_q(model)
    assert model.log_evidence(x).isfinite().all() and model.elbo(x, mu, cov).isfinite().all()
    assert model.gap(x, mu, cov).isfinite().all() and model.log_second_moment(x, mu, 3 * cov).shape == (2,)


@pytest.mark.parametrize(("dim", "latent_dim"), SIZES)
def test_joint_over_posterior_is_the_evidence_at_every_code(dim, latent_dim):
    model = model_of(dim, latent_dim, 0.6)
    x, z = randn(dim, seed=2), randn(4, latent_dim, seed=3)
    mean, cov = model.posterior(x)
    from_each = model.log_joint(x, z) - MultivariateNormal(mean, cov).log_prob(z)
    assert torch.allclose(from_each, model.log_evidence(x).expand(4), rtol=1e-12)


def test_likelihood_and_joint_are_normal_densities():
    model, x, z = model_of(5, 2, 0.3), randn(4, 5, seed=2), randn(4, 2, seed=3)
    likelihood = Normal(z @ model.W.T + model.mean, math.sqrt(0.3)).log_prob(x).sum(-1)
    assert torch.allclose(model.log_likelihood(x, z), likelihood, rtol=1e-12)
    assert torch.allclose(model.log_joint(x, z), likelihood + Normal(0.0, 1.0).log_prob(z).sum(-1), rtol=1e-12)


def test_axes_in_front_are_observations_or_samples():
    model = model_of(5, 2, 0.3)
    x, z = randn(3, 4, 5, seed=2), randn(7, 1, 1, 2, seed=3)
    assert model.log_evidence(x).shape == (3, 4) and model.posterior(x)[0].shape == (3, 4, 2)
    assert model.log_joint(x, z).shape == (7, 3, 4)
    assert torch.allclose(model.log_evidence(x)[1, 2], model.log_evidence(x[1, 2]), rtol=1e-14)
    assert model.log_evidence(torch.zeros(0, 5)).shape == (0,)


def test_numpy_arrays_and_single_precision_are_welcome():
    model = model_of(5, 2, 0.3)
    x = randn(4, 5, seed=2)
    assert torch.equal(model.log_evidence(x.numpy()), model.log_evidence(x))
    assert torch.equal(model.log_joint(x.numpy(), np.ones((4, 2))), model.log_joint(x, torch.ones(4, 2)))
    single = latent_variables.LinearGaussian(model.W.float(), model.mean.float(), 0.3)
    assert single.log_evidence(x.float()).dtype == torch.float32
    assert torch.allclose(single.log_evidence(x.float()).double(), model.log_evidence(x), rtol=1e-5)
    assert latent_variables.LinearGaussian(model.W.numpy(), model.mean.numpy(), 0.3).dim == 5


def test_nan_stays_in_its_row():
    model, x = model_of(5, 2, 0.3), randn(3, 5)
    x[1, 2] = torch.nan
    assert model.log_evidence(x).isnan().tolist() == [False, True, False]


def test_a_model_with_a_zero_column_ignores_that_code():
    W = torch.cat([randn(4, 1), torch.zeros(4, 1)], 1).double()
    model, x = latent_variables.LinearGaussian(W, torch.zeros(4).double(), 0.2), randn(3, 4, seed=1)
    without = latent_variables.LinearGaussian(W[:, :1], torch.zeros(4).double(), 0.2)
    assert torch.allclose(model.log_evidence(x), without.log_evidence(x), rtol=1e-13)
    mean, cov = model.posterior(x)
    assert mean[:, 1].abs().max() == 0 and float(cov[1, 1]) == pytest.approx(1)


def test_gradients_of_the_evidence_are_those_of_the_dense_computation():
    x, W, mean = randn(3, 5), randn(5, 2, seed=1).requires_grad_(), randn(5, seed=2).requires_grad_()
    ours = torch.autograd.grad(latent_variables.LinearGaussian(W, mean, 0.3).log_evidence(x).sum(), [W, mean])
    cov = W @ W.T + 0.3 * torch.eye(5).double()
    theirs = torch.autograd.grad(MultivariateNormal(mean, cov).log_prob(x).sum(), [W, mean])
    assert all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(ours, theirs, strict=True))
    model, point = model_of(5, 2, 0.3), x.clone().requires_grad_()
    assert torch.autograd.gradcheck(model.log_evidence, [point])


# --- bound and gap ---


@pytest.mark.parametrize("noise_variance", NOISE)
@pytest.mark.parametrize(("dim", "latent_dim"), SIZES)
def test_bound_and_gap_add_up_to_the_evidence(dim, latent_dim, noise_variance):
    model = model_of(dim, latent_dim, noise_variance)
    x, (mu, cov) = randn(4, dim, seed=3), any_q(model)
    bound, gap = model.elbo(x, mu, cov), model.gap(x, mu, cov)
    assert bool((gap >= 0).all())
    assert torch.allclose(bound + gap, model.log_evidence(x), rtol=0, atol=1e-11 * float(bound.abs().max() + 1))


@pytest.mark.parametrize(("dim", "latent_dim"), SIZES)
def test_the_gap_is_zero_at_the_posterior_only(dim, latent_dim):
    model, x = model_of(dim, latent_dim, 0.4), randn(3, dim, seed=3)
    mean, cov = model.posterior(x)
    assert float(model.gap(x, mean, cov).abs().max()) < 1e-14
    assert torch.allclose(model.elbo(x, mean, cov), model.log_evidence(x), rtol=1e-13)
    assert float(model.gap(x, mean, 1.001 * cov).min()) > 1e-8
    assert float(model.gap(x, mean + 1e-3 * cov.diagonal().sqrt(), cov).min()) > 1e-8


def test_bound_and_gap_against_quadrature_and_torch():
    model = model_of(4, 2, 0.4)
    x, (mu, cov) = randn(4, seed=3), any_q(model)
    q = MultivariateNormal(mu, cov)
    expected = quadrature.gaussian_expectation(lambda z: model.log_joint(x, z) - q.log_prob(z), mu, cov)
    assert float(model.elbo(x, mu, cov)) == pytest.approx(float(expected), rel=1e-12)
    expected = kl_divergence(q, MultivariateNormal(*model.posterior(x)))
    assert float(model.gap(x, mu, cov)) == pytest.approx(float(expected), rel=1e-12)


def test_bound_and_gap_work_on_batches_of_q():
    model, x, mu = model_of(4, 2, 0.4), randn(6, 4), randn(6, 2, seed=4)
    cov = torch.diag_embed(0.1 + torch.rand(6, 2, dtype=torch.float64))
    for method in (model.elbo, model.gap, model.log_second_moment):
        alone = torch.stack([method(*row) for row in zip(x, mu, cov, strict=True)])
        assert torch.allclose(method(x, mu, cov), alone, rtol=1e-12)


# --- the second moment of importance weights ---


@pytest.mark.parametrize(("dim", "latent_dim"), [(1, 1), (5, 1), (4, 2), (2, 2)])
def test_the_second_moment_of_the_weights_is_that_by_quadrature(dim, latent_dim):
    model, x = model_of(dim, latent_dim, 1.7), randn(dim, seed=3)
    mean, cov = model.posterior(x)
    root = randn(latent_dim, latent_dim, seed=4)
    mu, q_cov = mean + 0.5 * torch.linalg.cholesky(cov) @ randn(latent_dim, seed=5), cov + 0.2 * root @ root.T
    q = MultivariateNormal(mu, q_cov)
    squares = quadrature.gaussian_expectation(
        lambda z: (2 * (model.log_joint(x, z) - q.log_prob(z) - model.log_evidence(x))).exp(), mu, q_cov, n_nodes=120
    )
    assert float(model.log_second_moment(x, mu, q_cov)) == pytest.approx(float(squares.log()), rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("dim", "latent_dim"), SIZES)
def test_for_the_prior_it_is_the_evidence_with_half_the_noise(dim, latent_dim):
    """The square of a normal density is (4 pi s^2)^(-D/2) times a normal density of half the variance."""
    model, x = model_of(dim, latent_dim, 0.8), randn(3, dim, seed=3)
    half = latent_variables.LinearGaussian(model.W, model.mean, 0.4)
    expected = half.log_evidence(x) - dim / 2 * math.log(4 * math.pi * 0.8) - 2 * model.log_evidence(x)
    prior = torch.zeros(latent_dim).double(), torch.eye(latent_dim).double()
    assert torch.allclose(model.log_second_moment(x, *prior), expected, rtol=1e-10, atol=1e-10)


def test_the_second_moment_is_one_at_the_posterior_and_infinite_below_half_its_width():
    model, x = model_of(5, 3, 0.4), randn(5, seed=3)
    mean, cov = model.posterior(x)
    assert float(model.log_second_moment(x, mean, cov).abs()) < 1e-25
    assert float(model.log_second_moment(x, mean, (1 + 1e-6) * cov)) == pytest.approx(1.5e-12, rel=1e-5)
    assert model.log_second_moment(x, mean, 0.499 * cov) == math.inf
    assert model.log_second_moment(x, mean, 0.501 * cov) < 20


# --- samples and fit ---


def test_generated_data_have_the_models_moments():
    model, n = model_of(4, 2, 0.4), 200_000
    x = model.sample(n, generator=torch.Generator().manual_seed(0))
    cov = model.covariance
    assert ((x.mean(0) - model.mean).abs() < 5 * (cov.diagonal() / n).sqrt()).all()
    error = ((cov**2 + cov.diagonal()[:, None] * cov.diagonal()) / n).sqrt()  # of each covariance, for a normal
    assert ((torch.cov(x.T) - cov).abs() < 5 * error).all()
    assert torch.equal(x, model.sample(n, generator=torch.Generator().manual_seed(0)))
    assert model.sample(0).shape == (0, 4)


@pytest.mark.parametrize(("n", "dim", "latent_dim"), [(50, 6, 2), (200, 10, 9), (8, 30, 3), (1000, 3, 1)])
def test_the_fit_is_that_of_scikit_learn(n, dim, latent_dim):
    """Scikit-learn divides by N - 1, maximum likelihood by N."""
    x = randn(n, dim) @ randn(dim, dim, seed=1) + 3
    model = latent_variables.LinearGaussian.fit(x, latent_dim)
    theirs = PCA(latent_dim, svd_solver="full").fit(x.numpy())
    eigenvalues = torch.linalg.eigvalsh(torch.cov(x.T, correction=0)).flip(0)
    assert model.noise_variance == pytest.approx(float(eigenvalues[latent_dim:].mean()), rel=1e-9)
    if n > dim:  # else scikit-learn averages the eigenvalues that are not zero by construction, as few as N - J
        assert model.noise_variance == pytest.approx(theirs.noise_variance_ * (n - 1) / n, rel=1e-9)
        assert np.allclose(model.covariance, theirs.get_covariance() * (n - 1) / n, rtol=1e-9, atol=1e-9)
    assert torch.allclose(model.mean, x.mean(0))


def test_no_other_model_is_more_likely():
    """An independent search over W and the noise, from three starts, ends where the closed form is."""
    x = randn(100, 4) @ randn(4, 4, seed=1)
    best = float(latent_variables.LinearGaussian.fit(x, 2).log_evidence(x).mean())

    def negative_log_likelihood(parameters):
        point = torch.tensor(parameters).requires_grad_()
        cov = point[:8].view(4, 2) @ point[:8].view(4, 2).T + point[8].exp() * torch.eye(4).double()
        loss = -MultivariateNormal(x.mean(0), cov).log_prob(x).mean()
        return loss.item(), torch.autograd.grad(loss, point)[0].numpy()

    for seed in range(3):
        start = randn(9, seed=10 + seed).numpy()
        found = optimize.minimize(negative_log_likelihood, start, jac=True, method="BFGS", options={"gtol": 1e-9})
        assert -found.fun == pytest.approx(best, abs=1e-9)


def test_the_noise_is_the_mean_of_the_discarded_eigenvalues_and_generated_data_show_it():
    x = randn(500, 12) * torch.linspace(3, 0.5, 12).double()
    model = latent_variables.LinearGaussian.fit(x, 3)
    S = torch.cov(x.T, correction=0)
    discarded = torch.linalg.eigvalsh(S)[:-3]
    assert model.noise_variance == pytest.approx(float(discarded.mean()), rel=1e-12)
    assert float(model.covariance.trace()) == pytest.approx(float(S.trace()), rel=1e-12)
    generated = torch.cov(model.sample(200_000, generator=torch.Generator().manual_seed(0)).T)
    assert float(generated.trace()) == pytest.approx(float(S.trace()), rel=0.01)
    assert torch.allclose(torch.linalg.eigvalsh(generated)[-3:], torch.linalg.eigvalsh(S)[-3:], rtol=0.03)


def test_another_noise_variance_or_scale_is_less_likely():
    x = randn(60, 5) @ randn(5, 5, seed=1)
    model = latent_variables.LinearGaussian.fit(x, 2)
    best = float(model.log_evidence(x).sum())
    for noise, scale in ((1.01, 1), (0.99, 1), (3, 1), (1, 1.01), (1, 0.99)):
        other = latent_variables.LinearGaussian(scale * model.W, model.mean, noise * model.noise_variance)
        assert float(other.log_evidence(x).sum()) < best


def test_the_fit_does_not_mind_an_offset_in_single_precision():
    x = randn(500, 6).float()
    near, far = (latent_variables.LinearGaussian.fit(x + offset, 2) for offset in (0.0, 100.0))
    assert far.noise_variance == pytest.approx(near.noise_variance, rel=1e-4)


def test_two_observations_and_more_dimensions_than_observations_can_be_fitted():
    model = latent_variables.LinearGaussian.fit(randn(3, 10), 1)
    assert model.log_evidence(randn(3, 10)).isfinite().all()
    with pytest.raises(ValueError, match="x lies in 1 dimensions exactly"):
        latent_variables.LinearGaussian.fit(randn(2, 10), 1)


# --- what is refused ---


@pytest.mark.parametrize(
    ("x", "latent_dim", "message"),
    [
        (randn(1, 4), 1, r"x has shape \(1, 4\); it must be \(N, D\), N at least 2"),
        (randn(4), 1, r"x has shape \(4,\)"),
        (torch.ones(4, 3, dtype=torch.long), 1, "of finite floats"),
        (torch.full((4, 3), torch.nan), 1, "of finite floats"),
        (randn(9, 4), 4, "latent_dim is 4; it must be from 1 to D - 1 = 3"),
        (randn(9, 4), 0, "latent_dim is 0"),
        (torch.ones(9, 4), 1, "x lies in 1 dimensions exactly"),
        (randn(9, 2) @ randn(2, 5, seed=1), 2, "x lies in 2 dimensions exactly; the likelihood grows without bound"),
        (randn(4, 9), 3, "x lies in 3 dimensions exactly"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused(x, latent_dim, message):
    with pytest.raises(ValueError, match=message):
        latent_variables.LinearGaussian.fit(x, latent_dim)


@pytest.mark.parametrize(
    ("W", "mean", "noise_variance", "message"),
    [
        (randn(4, 2), randn(3), 1.0, r"W has shape \(4, 2\) and mean \(3,\); they must be \(D, J\) and \(D,\)"),
        (randn(4), randn(4), 1.0, r"W has shape \(4,\)"),
        (randn(4, 0), randn(4), 1.0, r"W has shape \(4, 0\)"),
        (randn(4, 2), randn(4), 0.0, "noise_variance is 0.0; it must be positive and finite"),
        (randn(4, 2), randn(4), -1.0, "noise_variance is -1.0"),
        (randn(4, 2), randn(4), math.nan, "noise_variance is nan"),
        (randn(4, 2), randn(4), math.inf, "noise_variance is inf"),
        (randn(4, 2) * torch.nan, randn(4), 1.0, "must hold finite floating-point numbers"),
        (torch.ones(4, 2, dtype=torch.long), randn(4), 1.0, "must hold finite floating-point numbers"),
    ],
)
def test_what_is_no_model_is_refused(W, mean, noise_variance, message):
    with pytest.raises(ValueError, match=message):
        latent_variables.LinearGaussian(W, mean, noise_variance)


def test_data_and_codes_of_another_dimension_are_refused():
    model = model_of(5, 2, 0.3)
    for method in (model.log_evidence, model.posterior, lambda x: model.log_joint(x, torch.zeros(2))):
        with pytest.raises(ValueError, match=r"x has shape \(3, 4\); its last axis must hold D = 5 values"):
            method(torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"z has shape \(3, 1\); its last axis must hold J = 2 values"):
        model.log_likelihood(torch.zeros(5), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"n is -1; it must be zero or positive"):
        model.sample(-1)


def test_a_q_that_is_no_density_is_refused():
    model = model_of(5, 2, 0.3)
    for method in (model.elbo, model.gap, model.log_second_moment):
        with pytest.raises(ValueError, match="cov is not positive definite"):
            method(torch.zeros(5), torch.zeros(2), -torch.eye(2))
        with pytest.raises(ValueError, match="cov is not symmetric"):
            method(torch.zeros(5), torch.zeros(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
        with pytest.raises(ValueError, match=r"cov \(3, 3\)"):
            method(torch.zeros(5), torch.zeros(2), torch.eye(3))


def test_the_densities_are_those_of_the_module_of_gaussians():
    model, x = model_of(3, 2, 0.4), randn(4, 3)
    full = gaussians.log_density_full(x, model.mean, model.covariance)
    assert torch.allclose(model.log_evidence(x), full, rtol=1e-12)


def test_graphs_and_importance_sampling_go_by_the_name_of_the_lecture_too():
    graph = latent_variables.DirectedGraph([("z", "x")])
    assert graph.factorization() == "p(z) p(x|z)"
    model, x = model_of(3, 2, 0.4), randn(3)
    log_weights = latent_variables.importance_sampling(lambda z: model.log_joint(x, z), *model.posterior(x), 50)
    assert float(latent_variables.effective_sample_size(log_weights)) == pytest.approx(50)
