"""The four likelihoods against torch.distributions and SciPy, and their sums and means by hand."""

import math

import pytest
import torch
from torch import distributions

from lecture_lib import likelihoods

LIKELIHOODS = [
    likelihoods.Bernoulli(),
    likelihoods.GaussianFixed(0.3),
    likelihoods.GaussianLearned(),
    likelihoods.Categorical(4),
]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def data(likelihood, *shape):
    """Images of the kind that the likelihood is meant for."""
    x = draw(*shape, seed=9).sigmoid()
    if isinstance(likelihood, likelihoods.Bernoulli):
        return x.round()
    return (x * 3).round() / 3 if isinstance(likelihood, likelihoods.Categorical) else x


def reference(likelihood, x, params):
    """The same log-probability from torch.distributions."""
    if isinstance(likelihood, likelihoods.Bernoulli):
        return distributions.Bernoulli(logits=params).log_prob(x).sum(-1)
    if isinstance(likelihood, likelihoods.GaussianFixed):
        return distributions.Normal(params, math.sqrt(0.3)).log_prob(x).sum(-1)
    if isinstance(likelihood, likelihoods.GaussianLearned):
        dim = x.shape[-1]
        return distributions.Normal(params[..., :dim], params[..., dim:].exp().sqrt()).log_prob(x).sum(-1)
    logits = params.reshape(*params.shape[:-1], x.shape[-1], 4)
    return distributions.Categorical(logits=logits).log_prob((x * 3).round()).sum(-1)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_log_prob_agrees_with_torch_distributions(likelihood):
    x, params = data(likelihood, 5, 6), 3 * draw(5, 6 * likelihood.n_params)
    torch.testing.assert_close(likelihood.log_prob(x, params), reference(likelihood, x, params), rtol=1e-12, atol=0)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_monte_carlo_samples_in_front_of_params_give_one_value_each(likelihood):
    x, params = data(likelihood, 5, 6), 3 * draw(7, 5, 6 * likelihood.n_params)
    value = likelihood.log_prob(x, params)
    assert value.shape == (7, 5)
    rows = torch.stack([likelihood.log_prob(x, sample) for sample in params])
    torch.testing.assert_close(value, rows, rtol=1e-12, atol=0)


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_the_samples_have_the_stated_mean(likelihood):
    params = draw(6 * likelihood.n_params)
    n = 40_000
    x = likelihood.sample(params.expand(n, -1), generator=torch.Generator().manual_seed(1))
    assert x.shape == (n, 6)
    error = (x.mean(0) - likelihood.mean(params)).abs()
    assert (error < 5 * x.std(0) / math.sqrt(n)).all()


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_the_log_prob_is_differentiable_in_params(likelihood):
    x, params = data(likelihood, 2, 3), draw(2, 3 * likelihood.n_params).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: likelihood.log_prob(x, p), (params,))


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=lambda value: type(value).__name__)
def test_a_decoder_of_the_wrong_width_is_explained(likelihood):
    with pytest.raises(ValueError, match=f"needs {likelihood.n_params} for each of the 6 pixels"):
        likelihood.log_prob(torch.zeros(5, 6), torch.zeros(5, 6 * likelihood.n_params + 1))


def test_probabilities_of_all_binary_and_all_categorical_images_sum_to_one():
    params = draw(3)
    images = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3)
    total = likelihoods.Bernoulli().log_prob(images, params.expand(8, -1)).exp().sum()
    assert float(total) == pytest.approx(1, rel=1e-12)
    images = torch.cartesian_prod(*[torch.arange(4, dtype=torch.float64) / 3] * 2)
    total = likelihoods.Categorical(4).log_prob(images, draw(8).expand(16, -1)).exp().sum()
    assert float(total) == pytest.approx(1, rel=1e-12)


def test_bernoulli_survives_extreme_logits():
    x, params = torch.tensor([1.0, 0.0]), torch.tensor([-200.0, 200.0])
    assert float(likelihoods.Bernoulli().log_prob(x, params)) == -400.0
    assert float(likelihoods.Bernoulli().log_prob(x, -params)) == 0.0


@pytest.mark.parametrize("likelihood", [likelihoods.Bernoulli(), likelihoods.Categorical(256)])
@pytest.mark.parametrize("value", [-0.5, 1.5, 255.0, math.nan])
def test_unscaled_or_missing_pixels_are_refused(likelihood, value):
    x = torch.zeros(2, 3)
    x[1, 1] = value
    with pytest.raises(ValueError, match="x holds"):
        likelihood.log_prob(x, torch.zeros(2, 3 * likelihood.n_params))


def test_categorical_refuses_values_between_its_levels_and_takes_all_256_greys():
    with pytest.raises(ValueError, match=r"x holds 0\.5, which is none of the 256 grey values"):
        likelihoods.Categorical().log_prob(torch.full((1, 2), 0.5), torch.zeros(1, 512))
    x = torch.arange(256, dtype=torch.uint8).view(1, 256).float() / 255
    params = torch.zeros(1, 256, 256)
    params[0, torch.arange(256), torch.arange(256)] = 50.0  # certain of the right level, pixel by pixel
    assert float(likelihoods.Categorical().log_prob(x, params.view(1, -1))) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("variance", [0, -1, math.inf, math.nan])
def test_a_variance_must_be_positive(variance):
    with pytest.raises(ValueError, match="variance is"):
        likelihoods.GaussianFixed(variance)


@pytest.mark.parametrize("levels", [1, 0, 2.5, True])
def test_levels_must_be_a_whole_number_of_at_least_two(levels):
    with pytest.raises(ValueError, match="levels is"):
        likelihoods.Categorical(levels)


def test_bits_per_dimension_of_uniform_greys_is_eight():
    uniform = likelihoods.Categorical().log_prob(torch.zeros(1, 784), torch.zeros(1, 784 * 256))
    assert float(likelihoods.bits_per_dimension(uniform, 784)) == pytest.approx(8, rel=1e-6)


def test_a_uniform_density_of_dequantized_greys_is_eight_bits_too():
    log_prob = likelihoods.dequantized_log_prob(torch.zeros(1), dim=784)
    assert float(likelihoods.bits_per_dimension(log_prob, 784)) == pytest.approx(8, rel=1e-6)


def test_dequantization_bounds_the_probability_of_the_grey_value():
    """One pixel, 4 levels, density N(0.4, 0.2^2): the mean bound is at most the log of the density's mass."""
    normal = distributions.Normal(torch.tensor(0.4, dtype=torch.float64), 0.2)
    for level in range(4):
        u = (level + (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000) / 4
        bound = likelihoods.dequantized_log_prob(normal.log_prob(u), dim=1, levels=4).mean()
        mass = normal.cdf(torch.tensor((level + 1) / 4)) - normal.cdf(torch.tensor(level / 4))
        assert float(mass.log()) - 0.4 < float(bound) <= float(mass.log())
