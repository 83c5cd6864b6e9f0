"""Gradient estimators against gradients in closed form, and samplers against the distribution functions of SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.distributions import Categorical, Exponential, MultivariateNormal, Normal, kl_divergence

from lecture_lib import gaussians, gradients, latent_variables

REPARAMETERIZE, LOG_Q = gaussians.reparameterize, gaussians.log_density
N_DRAWS = 40_000


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def uniform(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def within_standard_errors(estimates, exact, n_errors=5.0):
    """Whether the mean of the gradients is the exact one, in every entry, within `n_errors` standard errors."""
    error = estimates.std(0) / math.sqrt(len(estimates))
    return bool(((estimates.mean(0) - exact).abs() <= n_errors * error + 1e-12).all())


# --- one gradient for each draw ---


def test_each_gradient_is_the_one_of_its_draw_alone():
    """Against a loop over draws, each with its own backward pass."""
    mu, log_var, eps = draw(3), 0.3 * draw(3, seed=1), draw(5, 3, seed=2)

    def f(z):
        return (z.sin() * z).sum(-1) + z[..., 0] * z[..., 1]

    by_mu, by_log_var = gradients.pathwise(f, REPARAMETERIZE, (mu, log_var), eps)
    assert by_mu.shape == by_log_var.shape == (5, 3)
    for s in range(5):
        phi = mu.clone().requires_grad_(), log_var.clone().requires_grad_()
        expected = torch.autograd.grad(f(REPARAMETERIZE(*phi, eps[s])), phi)
        torch.testing.assert_close((by_mu[s], by_log_var[s]), expected, rtol=1e-12, atol=1e-14)


def test_the_pathwise_gradient_by_hand():
    """z = mu + sigma eps, f = z^2: 2 z by mu, and 2 z sigma eps / 2 by the log-variance."""
    mu, log_var = torch.tensor([1.0]), torch.tensor([math.log(4.0)])
    eps = torch.tensor([[0.0], [1.0], [-2.0]])  # z = 1, 3, -3
    by_mu, by_log_var = gradients.pathwise(lambda z: (z**2).sum(-1), REPARAMETERIZE, (mu, log_var), eps)
    assert by_mu.flatten().tolist() == pytest.approx([2, 6, -6])
    assert by_log_var.flatten().tolist() == pytest.approx([0, 6, 12])


def test_the_score_of_a_gaussian_by_hand():
    mu, log_var = torch.tensor([1.0]), torch.tensor([math.log(4.0)])
    by_mu, by_log_var = gradients.score(LOG_Q, (mu, log_var), torch.tensor([[1.0], [3.0], [-3.0]]))
    assert by_mu.flatten().tolist() == pytest.approx([0, 0.5, -1])  # (z - mu) / sigma^2
    assert by_log_var.flatten().tolist() == pytest.approx([-0.5, 0, 1.5])  # ((z - mu)^2 / sigma^2 - 1) / 2


def test_parameters_and_draws_may_come_in_batches():
    mu, log_var, eps = draw(4, 3), 0.3 * draw(4, 3, seed=1), draw(6, 4, 3, seed=2)
    together = gradients.pathwise(lambda z: (z**3).sum(-1), REPARAMETERIZE, (mu, log_var), eps)
    z = REPARAMETERIZE(mu, log_var, eps)
    scores = gradients.score(LOG_Q, (mu, log_var), z)
    weighted = gradients.score_function((z**3).sum(-1), scores)
    for r in range(4):
        alone = gradients.pathwise(lambda z: (z**3).sum(-1), REPARAMETERIZE, (mu[r], log_var[r]), eps[:, r])
        torch.testing.assert_close(tuple(part[:, r] for part in together), alone)
        alone = gradients.score(LOG_Q, (mu[r], log_var[r]), z[:, r])
        alone = gradients.score_function((z[:, r] ** 3).sum(-1), alone)
        torch.testing.assert_close(tuple(part[:, r] for part in weighted), alone)


def test_gradients_are_taken_where_none_are_recorded_and_leave_no_trace():
    mu = draw(2).requires_grad_()
    with torch.no_grad():
        by_mu, _ = gradients.pathwise(lambda z: z.sum(-1), REPARAMETERIZE, (mu, torch.zeros(2)), torch.zeros(3, 2))
    assert by_mu.tolist() == [[1.0, 1.0]] * 3
    assert not by_mu.requires_grad
    assert mu.grad is None


def test_a_parameter_that_nothing_depends_on_has_the_gradient_zero():
    phi = draw(2), draw(2, seed=1)
    by_mu, by_other = gradients.pathwise(lambda z: z.sum(-1), lambda mu, other, eps: mu + eps, phi, torch.zeros(3, 2))
    assert by_mu.tolist() == [[1.0, 1.0]] * 3
    assert by_other.tolist() == [[0.0, 0.0]] * 3


# --- the means are the gradient ---


MU, LOG_VAR = torch.tensor([0.7, -1.2], dtype=torch.float64), torch.tensor([-0.4, 0.6], dtype=torch.float64)
A, B = torch.tensor([0.5, 0.3], dtype=torch.float64), torch.tensor([1.4, -0.8], dtype=torch.float64)


def polynomial(z):
    return (A * z**2 + B * z).sum(-1)


EXACT = 2 * A * MU + B, A * LOG_VAR.exp()  # of sum A (mu^2 + sigma^2) + B mu


@pytest.mark.parametrize("baseline", ["none", "number", "leave one out"])
def test_the_score_function_estimator_has_the_right_mean_with_any_baseline(baseline):
    z = REPARAMETERIZE(MU, LOG_VAR, draw(N_DRAWS, 2))
    values, scores = polynomial(z), gradients.score(LOG_Q, (MU, LOG_VAR), z)
    b = {"none": 0.0, "number": 3.0, "leave one out": gradients.leave_one_out(values)}[baseline]
    estimates = gradients.score_function(values, scores, b)
    assert all(map(within_standard_errors, estimates, EXACT))


def test_the_pathwise_estimator_has_the_right_mean():
    estimates = gradients.pathwise(polynomial, REPARAMETERIZE, (MU, LOG_VAR), draw(N_DRAWS, 2))
    assert all(map(within_standard_errors, estimates, EXACT))


def test_a_baseline_made_from_the_draw_itself_is_noticed():
    """The check above can fail: the mean of all draws, its own included, shrinks the gradient by 1 - 1/S."""
    z = REPARAMETERIZE(MU, LOG_VAR, draw(20_000, 2, 2))  # many pairs, S = 2
    values, scores = polynomial(z), gradients.score(LOG_Q, (MU.expand(2, 2), LOG_VAR.expand(2, 2)), z)
    wrong = gradients.score_function(values, scores, values.mean(1, keepdim=True).expand_as(values))
    right = gradients.score_function(values, scores, gradients.leave_one_out(values.T).T)
    assert all(within_standard_errors(part.mean(1), exact) for part, exact in zip(right, EXACT, strict=True))
    assert all(within_standard_errors(part.mean(1), exact / 2) for part, exact in zip(wrong, EXACT, strict=True))
    assert not within_standard_errors(wrong[0].mean(1), EXACT[0])


def test_leaving_one_out_by_hand():
    values = torch.tensor([[1.0, 0.0], [2.0, 0.0], [6.0, 3.0]])
    assert gradients.leave_one_out(values).tolist() == [[4.0, 1.5], [3.5, 1.5], [1.5, 0.0]]


def test_pathwise_has_the_smaller_variance_for_a_smooth_f():
    eps = draw(N_DRAWS, 2)
    z = REPARAMETERIZE(MU, LOG_VAR, eps)
    scored = gradients.score_function(polynomial(z), gradients.score(LOG_Q, (MU, LOG_VAR), z))
    path = gradients.pathwise(polynomial, REPARAMETERIZE, (MU, LOG_VAR), eps)
    assert all(bool((a.var(0) < b.var(0)).all()) for a, b in zip(path, scored, strict=True))


def test_full_covariance_gradients_reach_every_entry_of_the_factor():
    """E[z^T M z] = mu^T M mu + tr(M L L^T), whose gradients are 2 M mu and the lower triangle of 2 M L."""
    chol = torch.tensor([[1.1, 0.0], [-0.6, 0.7]], dtype=torch.float64)
    M = torch.tensor([[0.9, 0.2], [0.2, -0.4]], dtype=torch.float64)
    estimates = gradients.pathwise(
        lambda z: ((z @ M) * z).sum(-1), gaussians.reparameterize_full, (MU, chol), draw(N_DRAWS, 2)
    )
    assert within_standard_errors(estimates[0], 2 * M @ MU)
    assert within_standard_errors(estimates[1].tril(), (2 * M @ chol).tril())


def test_scores_of_a_categorical():
    """grad_logits log pi_z = onehot(z) - pi, exactly; the mean of f times it is the enumerated gradient."""
    logits, f = torch.tensor([0.2, -1.0, 0.9], dtype=torch.float64), torch.tensor([3.0, -1.0, 0.5], dtype=torch.float64)
    z = Categorical(logits=logits).sample((N_DRAWS,))
    scores = gradients.score(lambda z, logits: Categorical(logits=logits).log_prob(z), (logits,), z)
    pi = logits.softmax(-1)
    torch.testing.assert_close(scores[0], torch.nn.functional.one_hot(z, 3) - pi)
    (estimates,) = gradients.score_function(f[z], scores)
    assert within_standard_errors(estimates, pi * (f - (pi * f).sum()))


# --- the gradient of the bound ---


def oracle():
    model = latent_variables.LinearGaussian(draw(4, 2), draw(4, seed=1), 0.6)
    return model, draw(4, seed=2)


def exact_bound_gradient(model, x, mu, log_var):
    mu, log_var = mu.clone().requires_grad_(), log_var.clone().requires_grad_()
    mean, cov = model.posterior(x)
    q = MultivariateNormal(mu, torch.diag(log_var.exp()))
    return torch.autograd.grad(-kl_divergence(q, MultivariateNormal(mean, cov)), (mu, log_var))


@pytest.mark.parametrize("estimator", [gradients.bound_gradient, gradients.path_derivative])
def test_both_gradients_of_the_bound_have_the_right_mean(estimator):
    model, x = oracle()
    phi = 0.5 * draw(2, seed=3), 0.3 * draw(2, seed=4)
    estimates = estimator(lambda z: model.log_joint(x, z), LOG_Q, REPARAMETERIZE, phi, draw(N_DRAWS, 2))
    assert all(map(within_standard_errors, estimates, exact_bound_gradient(model, x, *phi)))


def test_the_two_differ_by_the_score():
    model, x = oracle()
    phi, eps = (0.5 * draw(2, seed=3), 0.3 * draw(2, seed=4)), draw(7, 2)
    whole, path = (
        estimator(lambda z: model.log_joint(x, z), LOG_Q, REPARAMETERIZE, phi, eps)
        for estimator in (gradients.bound_gradient, gradients.path_derivative)
    )
    scores = gradients.score(LOG_Q, phi, REPARAMETERIZE(*phi, eps))
    torch.testing.assert_close(whole, tuple(a - b for a, b in zip(path, scores, strict=True)), rtol=1e-10, atol=1e-12)


def test_the_path_derivative_vanishes_at_the_posterior_draw_by_draw():
    model, x = oracle()
    mean, cov = model.posterior(x)
    phi, eps = (mean, torch.linalg.cholesky(cov)), draw(50, 2)

    def log_q(z, mu, chol):
        white = torch.linalg.solve_triangular(chol, (z - mu).unsqueeze(-1), upper=False)
        return -0.5 * (white**2).sum((-2, -1)) - chol.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    arguments = lambda z: model.log_joint(x, z), log_q, gaussians.reparameterize_full, phi, eps
    assert max(float(part.tril().abs().max()) for part in gradients.path_derivative(*arguments)) < 1e-12
    assert float(gradients.bound_gradient(*arguments)[0].var(0).min()) > 0.1


# --- other families ---


QUANTILES = torch.tensor([1e-12, 1e-3, 0.25, 0.5, 0.9, 1 - 1e-9], dtype=torch.float64)


@pytest.mark.parametrize(
    ("sampler", "distribution"),
    [
        (lambda u: gradients.logistic(torch.tensor(0.7), torch.tensor(2.5), u), stats.logistic(0.7, 2.5)),
        (lambda u: gradients.exponential(torch.tensor(2.5), u), stats.expon(scale=1 / 2.5)),
        (gradients.gumbel, stats.gumbel_r()),
    ],
    ids=["logistic", "exponential", "gumbel"],
)
def test_samplers_are_the_inverse_distribution_functions(sampler, distribution):
    z = sampler(QUANTILES).numpy()
    np.testing.assert_allclose(z, distribution.ppf(QUANTILES.numpy()), rtol=1e-6)
    np.testing.assert_allclose(distribution.cdf(z), QUANTILES.numpy(), rtol=1e-6)
    assert stats.kstest(sampler(uniform(20_000)).numpy(), distribution.cdf).pvalue > 1e-3


def test_small_uniforms_keep_their_digits():
    """-log(1 - u) loses all digits where 1 - u rounds to 1."""
    u = torch.tensor([1e-20, 1e-30], dtype=torch.float64)
    z = gradients.exponential(torch.tensor(2.0, dtype=torch.float64), u)
    torch.testing.assert_close(z, u / 2, rtol=1e-15, atol=0)


def test_gradients_through_the_exponential_and_the_logistic():
    """E[z^2] = 2 / rate^2; and E[z^2] = loc^2 + pi^2 scale^2 / 3."""
    u = uniform(N_DRAWS, 1)
    rate, loc, scale = (torch.tensor([value], dtype=torch.float64) for value in (1.7, 0.8, 0.6))
    (by_rate,) = gradients.pathwise(lambda z: (z**2).sum(-1), gradients.exponential, (rate,), u)
    assert within_standard_errors(by_rate, -4 / rate**3)
    by_loc, by_scale = gradients.pathwise(lambda z: (z**2).sum(-1), gradients.logistic, (loc, scale), u)
    assert within_standard_errors(by_loc, 2 * loc)
    assert within_standard_errors(by_scale, 2 * math.pi**2 * scale / 3)
    z = gradients.exponential(rate, u)
    scores = gradients.score(lambda z, rate: Exponential(rate).log_prob(z).sum(-1), (rate,), z)
    (scored,) = gradients.score_function((z**2).sum(-1), scores)
    assert within_standard_errors(scored, -4 / rate**3)


def test_gumbel_max_draws_from_the_softmax():
    logits = torch.tensor([0.2, -1.0, 0.9], dtype=torch.float64)
    z = gradients.gumbel_max(logits, gradients.gumbel(uniform(N_DRAWS, 3)))
    counts = torch.bincount(z, minlength=3)
    assert stats.chisquare(counts.numpy(), (N_DRAWS * logits.softmax(-1)).numpy()).pvalue > 1e-3


def test_gumbel_softmax_by_hand_and_in_the_limit():
    logits, noise = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0 - math.log(3.0)])
    soft = gradients.gumbel_softmax(logits, 1.0, noise)
    assert soft.tolist() == pytest.approx([0.75, 0.25])  # odds e / (e / 3)
    assert gradients.gumbel_softmax(logits, 0.5, noise).tolist() == pytest.approx([0.9, 0.1])  # odds squared
    assert gradients.gumbel_softmax(logits, 1e-3, noise).tolist() == [1.0, 0.0]
    assert int(gradients.gumbel_max(logits, noise)) == 0


def test_gumbel_softmax_is_biased_and_less_so_when_cold():
    logits, f = torch.tensor([0.4, -0.4], dtype=torch.float64), torch.tensor([0.0, 1.0], dtype=torch.float64)
    noise = gradients.gumbel(uniform(200_000, 2))
    pi = logits.softmax(-1)
    exact, biases = pi * (f**2 - (pi * f**2).sum()), []
    for temperature in (2.0, 1.0, 0.25):
        (estimates,) = gradients.pathwise(
            lambda y: ((y * f).sum(-1)) ** 2,
            lambda logits, noise, t=temperature: gradients.gumbel_softmax(logits, t, noise),
            (logits,),
            noise,
        )
        biases.append(float((estimates.mean(0) - exact).abs().max()))
    assert biases[0] > biases[1] + 0.02 > biases[2] + 0.04  # standard errors are below 0.001


# --- hostile input ---


@pytest.mark.parametrize("u", [0.0, 1.0, -0.1, 1.5, math.nan])
@pytest.mark.parametrize(
    "sampler",
    [
        gradients.gumbel,
        lambda u: gradients.exponential(torch.ones(1), u),
        lambda u: gradients.logistic(torch.zeros(1), torch.ones(1), u),
    ],
)
def test_uniforms_outside_the_open_interval_are_refused(sampler, u):
    with pytest.raises(ValueError, match="u must hold numbers above 0 and below 1"):
        sampler(torch.tensor([0.5, u]))


def test_whole_numbers_are_no_uniforms():
    with pytest.raises(ValueError, match="u must hold numbers"):
        gradients.gumbel(torch.tensor([0, 1]))


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_scales_and_rates_must_be_positive(bad):
    u, value = torch.tensor([0.5]), torch.tensor([1.0, bad])
    with pytest.raises(ValueError, match="rate holds"):
        gradients.exponential(value, u)
    with pytest.raises(ValueError, match="scale holds"):
        gradients.logistic(torch.zeros(2), value, u)
    with pytest.raises(ValueError, match="temperature is"):
        gradients.gumbel_softmax(torch.zeros(2), bad, torch.zeros(2))


def test_shapes_that_would_mix_draws_are_refused():
    phi, eps = (torch.zeros(3), torch.zeros(3)), torch.zeros(5, 3)
    with pytest.raises(ValueError, match=r"phi\[0\] has shape \(\), a draw \(3,\)"):
        gradients.pathwise(lambda z: z.sum(-1), gradients.exponential, (torch.tensor(1.0),), eps)
    with pytest.raises(ValueError, match=r"f gave shape \(\), not one value for each of 5 draws"):
        gradients.pathwise(lambda z: z.mean(), REPARAMETERIZE, phi, eps)
    with pytest.raises(ValueError, match="phi must be a tuple"):
        gradients.pathwise(lambda z: z.sum(-1), REPARAMETERIZE, torch.zeros(2, 3), eps)
    with pytest.raises(ValueError, match=r"baseline has shape \(5, 1\), values \(5,\)"):
        gradients.score_function(torch.zeros(5), (eps,), torch.zeros(5, 1))
    with pytest.raises(ValueError, match=r"values has shape \(4,\), a score \(5, 3\)"):
        gradients.score_function(torch.zeros(4), (eps,))
    with pytest.raises(ValueError, match="two draws or more"):
        gradients.leave_one_out(torch.zeros(1, 3))


def test_a_path_that_is_cut_is_told():
    logits = torch.zeros(3)
    with pytest.raises(ValueError, match="no gradient reaches phi"):
        gradients.pathwise(lambda k: k.double(), gradients.gumbel_max, (logits,), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="no gradient reaches phi"):
        gradients.pathwise(
            lambda z: z.sum(-1), lambda mu, eps: Normal(mu, 1.0).sample(), (torch.zeros(3),), torch.zeros(5, 3)
        )
