"""The VAE against a linear one, for which evidence, posterior and bound are known in closed form."""

import math
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.distributions import MultivariateNormal

from lecture_lib import autoencoder, elbo, gaussians, likelihoods, vae

NOISE = 0.5  # variance of x given z


class Affine(nn.Module):
    """x -> x A^T + b with an optional constant appended: the networks of the linear-Gaussian model."""

    def __init__(self, matrix, shift=None, constant=None):
        super().__init__()
        self.matrix, self.shift = nn.Parameter(matrix), shift
        self.constant = constant

    def forward(self, x):
        out = x @ self.matrix.T
        out = out if self.shift is None else out + self.shift
        return out if self.constant is None else torch.cat([out, self.constant.expand_as(out)], -1)


def linear_vae(scale=1.0):
    """p(z) = N(0, I), p(x|z) = N(W z, NOISE I), q(z|x) = the posterior's mean with `scale` times its variance."""
    w = torch.tensor([[1.0, 0.0], [0.0, 0.5], [2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)  # orthogonal columns
    posterior = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + w.T @ w / NOISE)
    encoder = Affine(posterior @ w.T / NOISE, constant=(scale * posterior.diagonal()).log())
    model = vae.VAE(encoder, Affine(w), likelihoods.GaussianFixed(NOISE), latent_dim=2)
    marginal = MultivariateNormal(torch.zeros(4, dtype=torch.float64), w @ w.T + NOISE * torch.eye(4))
    return model, marginal


def data(n=6):
    return torch.randn(n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    model, marginal = linear_vae()
    weights = vae.log_weights(model, data(), 5)
    assert weights.shape == (5, 6)
    torch.testing.assert_close(weights, marginal.log_prob(data()).expand(5, 6), rtol=1e-12, atol=0)


def test_the_bound_is_below_the_evidence_by_the_kl_to_the_posterior():
    torch.manual_seed(0)
    model, marginal = linear_vae(scale=2.0)
    n_samples = 20_000
    value = float(vae.negative_elbo(model, data(), n_samples=n_samples)["elbo"].detach())
    gap = 2 * 0.5 * (2 - 1 - math.log(2))  # KL(N(m, 2 s^2) || N(m, s^2)) in each of two dimensions
    weights = vae.log_weights(model, data(), 2000).mean(1)
    error = 5 * float(weights.std()) / math.sqrt(n_samples)
    assert value == pytest.approx(float(marginal.log_prob(data()).mean()) - gap, abs=error)


def test_log_evidence_reaches_the_evidence_from_an_inexact_posterior():
    model, marginal = linear_vae(scale=1.5)
    value = vae.log_evidence(model, data(), 20_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(value, marginal.log_prob(data()), rtol=0, atol=0.02)


@pytest.mark.parametrize("max_elements", [1, 30, 4 * 50, 10**6])
def test_log_evidence_does_not_depend_on_its_blocks(monkeypatch, max_elements):
    """With the exact posterior all weights are equal, so any way of cutting must give the evidence to rounding."""
    monkeypatch.setattr(vae, "MAX_ELEMENTS", max_elements)
    model, marginal = linear_vae()
    torch.testing.assert_close(vae.log_evidence(model, data(), 50), marginal.log_prob(data()), rtol=1e-12, atol=0)


def test_log_evidence_of_one_block_is_the_importance_weighted_bound():
    model, _ = linear_vae(scale=2.0)
    value = vae.log_evidence(model, data(1), 40, generator=torch.Generator().manual_seed(5))
    weights = vae.log_weights(model, data(1), 40, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(value, elbo.importance_weighted_bound(weights), rtol=1e-12, atol=0)


def test_log_evidence_takes_no_more_memory_for_a_million_samples():
    code = """
import resource, torch
from lecture_lib import autoencoder, likelihoods, vae
torch.set_num_threads(1)
model = vae.VAE(autoencoder.mlp([784, 4]), autoencoder.mlp([2, 784]), likelihoods.Bernoulli())
vae.log_evidence(model, torch.zeros(1, 784), 1000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
vae.log_evidence(model, torch.zeros(1, 784), 300_000)  # 941 MB if all were kept
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    grown = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert grown < 300


def test_log_evidence_of_no_rows_is_empty_and_bad_input_is_explained():
    model, _ = linear_vae()
    assert vae.log_evidence(model, data(6)[:0], 10).shape == (0,)
    with pytest.raises(ValueError, match="n_samples is 0"):
        vae.log_evidence(model, data(), 0)
    with pytest.raises(ValueError, match=r"x has shape \(4,\)"):
        vae.log_evidence(model, data()[0], 10)


def network(likelihood, dim=6, latent_dim=2):
    encoder = autoencoder.mlp([dim, 5, 2 * latent_dim])
    return vae.VAE(encoder, autoencoder.mlp([latent_dim, 5, dim * likelihood.n_params]), likelihood)


@pytest.mark.parametrize(
    "likelihood",
    [
        likelihoods.Bernoulli(),
        likelihoods.GaussianFixed(1.0),
        likelihoods.GaussianLearned(),
        likelihoods.Categorical(2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_likelihood_makes_a_vae(likelihood):
    torch.manual_seed(0)
    model, x = network(likelihood), torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.0, 1.0]] * 3)
    mu, log_var = model.encode(x)
    assert mu.shape == log_var.shape == (3, 2)
    assert model.decode(mu).shape == (3, 6 * likelihood.n_params)
    assert model(x).shape == model.sample(3).shape == (3, 6)
    losses = vae.negative_elbo(model, x, n_samples=4)
    difference = losses["log_likelihood"] - losses["kl"]
    assert losses["elbo"].item() == pytest.approx(difference.item(), rel=1e-5)
    losses["loss"].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert vae.log_evidence(model, x, 7).shape == (3,)


def test_beta_weighs_the_kl_in_the_loss_and_leaves_the_bound_alone():
    model, x = network(likelihoods.Bernoulli()), torch.ones(4, 6)
    torch.manual_seed(1)
    plain = vae.negative_elbo(model, x)
    torch.manual_seed(1)
    heavy = vae.negative_elbo(model, x, beta=3.0)
    assert heavy["loss"].item() == pytest.approx((plain["loss"] + 2 * plain["kl"]).item(), rel=1e-5)
    assert heavy["elbo"].item() == plain["elbo"].item() == -plain["loss"].item()


def test_the_kl_term_is_that_of_the_encoder():
    model, x = network(likelihoods.Bernoulli()), torch.ones(4, 6)
    expected = gaussians.kl_to_standard_normal(*model.encode(x)).mean()
    assert vae.negative_elbo(model, x)["kl"].item() == expected.item()


def test_the_loss_compiles_into_one_graph():
    model, x = network(likelihoods.Bernoulli(), dim=4), data().float().sigmoid().round()
    compiled = torch.compile(vae.negative_elbo, backend="eager", fullgraph=True, dynamic=False)
    torch.manual_seed(0)
    expected = vae.negative_elbo(model, x)
    torch.manual_seed(0)
    found = compiled(model, x)
    assert all(torch.allclose(found[name], value) for name, value in expected.items())


def test_samples_follow_the_model():
    """x = W z + noise has the covariance W W^T + NOISE I."""
    model, marginal = linear_vae()
    n = 40_000
    x = model.sample(n, generator=torch.Generator().manual_seed(0))
    error = (x.T @ x / n - marginal.covariance_matrix).abs()
    spread = marginal.covariance_matrix.diagonal()
    assert (error < 5 * (2 * spread[:, None] * spread[None, :] / n).sqrt()).all()
    assert model.sample(0).shape == (0, 4)
    with pytest.raises(ValueError, match="n is -1"):
        model.sample(-1)


def test_latent_activity_is_the_variance_of_the_posterior_means():
    model, _ = linear_vae()
    mu = model.encode(data())[0].detach()
    expected = ((mu - mu.mean(0)) ** 2).sum(0) / 5
    torch.testing.assert_close(vae.latent_activity(model, data()), expected)
    with pytest.raises(ValueError, match="at least 2"):
        vae.latent_activity(model, data(1))


def test_networks_that_do_not_fit_together_are_explained():
    with pytest.raises(ValueError, match="needs 4: a mean and a log-variance"):
        vae.VAE(autoencoder.mlp([6, 2]), autoencoder.mlp([2, 6]), likelihoods.Bernoulli()).encode(torch.zeros(1, 6))
    with pytest.raises(ValueError, match="latent_dim is not given"):
        vae.VAE(nn.Identity(), nn.Identity(), likelihoods.Bernoulli())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
def test_bound_and_evidence_agree_between_the_cpu_and_the_accelerator():
    model, marginal = linear_vae()
    model, where = model.float(), torch.accelerator.current_accelerator()
    model.encoder.constant = model.encoder.constant.float().to(where)
    value = vae.log_evidence(model.to(where), data().float().to(where), 50).cpu().double()
    torch.testing.assert_close(value, marginal.log_prob(data()), rtol=1e-4, atol=1e-4)


class Shifted:
    """The density N(1, 4 I) over codes, with the two methods that a prior needs."""

    def score_samples(self, z):
        return torch.distributions.Normal(1.0, 2.0).log_prob(z).sum(-1)

    def sample(self, n, *, generator=None):
        return 1 + 2 * torch.randn(n, 2, dtype=torch.float64, generator=generator)


def under_another_prior():
    """The marginal of x in `linear_vae` where z ~ N(1, 4 I)."""
    model, _ = linear_vae()
    w = model.decoder.matrix.detach()
    return MultivariateNormal(w.sum(1), 4 * w @ w.T + NOISE * torch.eye(4, dtype=torch.float64))


def test_evidence_under_another_prior_is_that_of_the_other_marginal():
    model, _ = linear_vae(scale=4.0)  # the posterior under the other prior is wider
    estimate = vae.log_evidence(model, data(), 200_000, prior=Shifted(), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(estimate, under_another_prior().log_prob(data()), rtol=0, atol=0.03)


def test_the_standard_normal_as_another_prior_changes_nothing():
    class Standard(Shifted):
        def score_samples(self, z):
            return gaussians.log_density(z, torch.zeros_like(z), torch.zeros_like(z))

    model, _ = linear_vae(scale=2.0)
    same = [
        vae.log_weights(model, data(), 5, prior=p, generator=torch.Generator().manual_seed(1))
        for p in (None, Standard())
    ]
    torch.testing.assert_close(*same, rtol=1e-12, atol=0)


def test_samples_under_another_prior_have_the_moments_of_the_other_marginal():
    model, _ = linear_vae()
    torch.manual_seed(0)
    x = model.sample(200_000, prior=Shifted(), generator=torch.Generator().manual_seed(0))
    marginal = under_another_prior()
    torch.testing.assert_close(x.mean(0), marginal.mean, rtol=0, atol=0.05)
    torch.testing.assert_close(torch.cov(x.T), marginal.covariance_matrix, rtol=0.03, atol=0.1)
