"""The conditional VAE: given a label it is the VAE of that label, in closed form and after a short training."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from lecture_lib import autoencoder, conditional, convolution, data, likelihoods, training, vae

NOISE = 0.5  # variance of x given y and z


class Affine(torch.nn.Module):
    """x -> x A^T, with a constant appended if there is one."""

    def __init__(self, matrix, constant=None):
        super().__init__()
        self.matrix, self.constant = torch.nn.Parameter(matrix), constant

    def forward(self, x):
        out = x @ self.matrix.T
        return out if self.constant is None else torch.cat([out, self.constant.expand_as(out)], -1)


def linear_model(scale=1.0):
    """x = W z + M y + noise: p(x|y) = N(M y, W W^T + NOISE I). q: the posterior, its variance times `scale`."""
    w = torch.tensor([[1.0, 0.0], [0.0, 0.5], [2.0, 0.0], [0.0, 1.0]], dtype=torch.float64)  # orthogonal columns
    means = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    posterior = torch.linalg.inv(torch.eye(2, dtype=torch.float64) + w.T @ w / NOISE)
    gain = posterior @ w.T / NOISE
    encoder = Affine(torch.cat([gain, -gain @ means], 1), constant=(scale * posterior.diagonal()).log())
    model = vae.VAE(encoder, Affine(torch.cat([w, means], 1)), likelihoods.GaussianFixed(NOISE), latent_dim=2)
    return model, [MultivariateNormal(mean, w @ w.T + NOISE * torch.eye(4)) for mean in means.T]


def rows(n=7):
    x = torch.randn(n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return x, torch.arange(n) % 3


def evidence(marginals, x, labels):
    return torch.stack([marginals[label].log_prob(row) for row, label in zip(x, labels, strict=True)])


def test_log_evidence_of_mixed_labels_is_that_of_each_label():
    model, marginals = linear_model()
    x, labels = rows()
    value = conditional.log_evidence(model, conditional.with_labels(x, labels, 3), 4, n_classes=3)
    torch.testing.assert_close(value, evidence(marginals, x, labels), rtol=1e-12, atol=0)
    for label in range(3):
        value = vae.log_evidence(conditional.given(model, label, 3), x, 4)
        torch.testing.assert_close(value, marginals[label].log_prob(x), rtol=1e-12, atol=0)
    assert conditional.log_evidence(model, conditional.with_labels(x, labels, 3)[:0], 4, n_classes=3).shape == (0,)


def test_the_bound_is_below_the_conditional_evidence_by_the_kl_to_the_posterior():
    torch.manual_seed(0)
    model, marginals = linear_model(scale=2.0)
    x, labels = rows()
    joined = conditional.with_labels(x, labels, 3)
    value = conditional.negative_elbo(model, joined, n_samples=20_000, n_classes=3)["elbo"].item()
    gap = 2 * 0.5 * (2 - 1 - math.log(2))  # KL(N(m, 2 s^2) || N(m, s^2)) in each of two dimensions
    weights = vae.log_weights(conditional.given(model, labels, 3), x, 2000).mean(1)
    error = 5 * float(weights.std()) / math.sqrt(20_000)
    assert value == pytest.approx(float(evidence(marginals, x, labels).mean()) - gap, abs=error)


def test_the_order_of_rows_and_the_numbering_of_classes_change_nothing():
    model, _ = linear_model(scale=1.5)
    x, labels = rows()
    renamed = torch.tensor([2, 0, 1])  # new number of each class
    twin, _ = linear_model(scale=1.5)
    with torch.no_grad():
        for network, n in ((twin.encoder, 4), (twin.decoder, 2)):
            network.matrix[:, n + renamed] = network.matrix[:, n:].clone()

    def bound(model, x, labels):
        torch.manual_seed(4)
        return conditional.negative_elbo(model, conditional.with_labels(x, labels, 3), n_classes=3)["loss"].item()

    assert bound(model, x, labels) == pytest.approx(bound(twin, x, renamed[labels]), rel=1e-12)
    order = torch.tensor([3, 1, 0, 6, 5, 2, 4])
    joined = conditional.with_labels(x, labels, 3)
    both = [
        conditional.given(model, split[1].argmax(1), 3).encode(split[0])[0]
        for split in (conditional.split(joined, 3), conditional.split(joined[order], 3))
    ]
    torch.testing.assert_close(both[0][order], both[1], rtol=0, atol=1e-12)


def test_labels_survive_every_transform_of_the_images():
    images, labels = data.digits()
    joined = conditional.with_labels(images[:200], labels[:200])
    assert joined.dtype == torch.uint8 and joined.shape == (200, 794)
    for x in (data.binarize(joined), data.dequantize(joined), data.binarize(joined.float() / 255)):
        _, columns = conditional.split(x)
        assert (columns == torch.nn.functional.one_hot(labels[:200], 10)).all()
    floats = conditional.with_labels(images[:5] / 255, labels[:5])
    assert floats.dtype == torch.float32 and (floats[:, 784:].sum(1) == 1).all() and (floats[:, :784] <= 1).all()


def test_numpy_arrays_are_accepted():
    joined = conditional.with_labels(np.zeros((2, 3), np.uint8), np.array([1, 0], np.uint8), 2)
    assert joined.tolist() == [[0, 0, 0, 0, 255], [0, 0, 0, 255, 0]]


def test_given_shares_the_weights_and_leaves_the_model_alone():
    model, _ = linear_model()
    names = [name for name, _ in model.named_parameters()]
    view = conditional.given(model, 1, 3)
    assert {id(p) for p in view.parameters()} == {id(p) for p in model.parameters()}
    assert [name for name, _ in model.named_parameters()] == names and type(view) is vae.VAE
    assert view.sample(0).shape == (0, 4)
    samples = [view.sample(5, generator=torch.Generator().manual_seed(2)) for _ in range(2)]
    assert (samples[0] == samples[1]).all()
    z = torch.randn(6, 1, 2, dtype=torch.float64).expand(6, 3, 2)
    decoded = conditional.given(model, torch.arange(3), 3).decode(z)
    assert decoded.shape == (6, 3, 4)
    one = conditional.given(model, 2, 3).decode(z[:, 2])
    torch.testing.assert_close(decoded[:, 2], one, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: conditional.given(m, 3, 3), "labels holds values from 3 to 3; it must be whole numbers from 0 to 2"),
        (lambda m: conditional.given(m, -1, 3), "labels holds values from -1 to -1"),
        (lambda m: conditional.given(m, 1.0, 3), "labels holds torch.float32; it must be whole numbers from 0 to 2"),
        (lambda m: conditional.given(m, True, 3), "labels holds torch.bool"),
        (
            lambda m: conditional.given(m, torch.arange(3), 3).sample(4),
            r"labels holds 3 labels for rows of shape \(4, 2\)",
        ),
        (lambda m: conditional.given(m, torch.zeros(2, 2, dtype=int), 3), r"labels has shape \(2, 2\); it must be"),
        (lambda m: conditional.with_labels(torch.zeros(2, 4), torch.tensor([1])), r"shape \(2, 4\) and labels \(1,\)"),
        (lambda m: conditional.with_labels(torch.zeros(4), torch.tensor(1)), r"they must be \(N, D\) and \(N,\)"),
        (lambda m: conditional.negative_elbo(m, torch.zeros(2, 7), n_classes=3), "last 3 columns of x must be one-hot"),
        (lambda m: conditional.negative_elbo(m, torch.ones(2, 7), n_classes=3), "last 3 columns of x must be one-hot"),
        (lambda m: conditional.log_evidence(m, torch.full((2, 17), 255, dtype=torch.uint8)), "must be one-hot"),
        (lambda m: conditional.split(torch.tensor([[0.0, 2.0, -1.0]]), 2), "must be one-hot"),
        (lambda m: conditional.split(torch.tensor([[0.0, float("nan"), 1.0]]), 2), "must be one-hot"),
        (lambda m: conditional.one_hot(1, 0), "n_classes is 0; it must be a whole number, 1 or more"),
        (lambda m: conditional.split(torch.zeros(1, 2), 0), "n_classes is 0"),
        (lambda m: conditional.split(torch.zeros(1, 2), 2), "x has 2 columns; .* more than the 2 of the labels"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call(linear_model()[0])


def test_a_latent_dim_that_counts_the_labels_is_explained():
    model = vae.VAE(autoencoder.mlp([794, 4]), autoencoder.mlp([12, 784]), likelihoods.Bernoulli())
    with pytest.raises(ValueError, match=r"latent_dim is 12, but the decoder takes 12 .* build it with latent_dim=2"):
        conditional.given(model, 1)
    model.latent_dim = 2
    assert conditional.given(model, 1).latent_dim == 2
    with pytest.raises(ValueError, match=r"latent_dim is 2, but the decoder takes 12 numbers, 3 of them the label"):
        conditional.given(model, 1, 3)


def conditional_vae(kind, latent_dim=4):
    torch.manual_seed(0)
    encoder, decoder = autoencoder.mlp([794, 64, 2 * latent_dim]), autoencoder.mlp([latent_dim + 10, 64, 784])
    if kind == "convolutional":
        options = {"n_labels": 10, "hidden": (64,)}
        encoder, decoder = (
            convolution.conv_encoder(latent_dim, **options),
            convolution.conv_decoder(latent_dim, **options),
        )
    return vae.VAE(encoder, decoder, likelihoods.Bernoulli(), latent_dim=latent_dim)


@pytest.fixture(scope="module", params=["fully connected", "convolutional"])
def trained(request):
    """Trained on 1,000 small digits; with the bound before."""
    x = conditional.with_labels(*(part[:1000] for part in data.digits()))
    model, options = conditional_vae(request.param), {"transform": data.binarize}
    before = training.evaluate(model, conditional.negative_elbo, x, **options)["elbo"]
    history = training.train(
        model, conditional.negative_elbo, x, epochs=8, batch_size=50, lr=3e-3, progress=False, **options
    )
    return model, before, history


def test_a_short_training_improves_the_bound(trained):
    _, before, history = trained
    assert before < -500 and history.train["elbo"][-1] > -220
    assert history.train["elbo"][-1] > history.train["elbo"][0] + 60


def test_the_label_chooses_the_digit_and_not_the_style(trained):
    """Most lie nearest to the mean image of the class that was asked for; of ten equal pictures, one in ten would."""
    model, _, _ = trained
    images, labels = data.digits()
    means = torch.stack([images[labels == digit].float().mean(0) / 255 for digit in range(10)])
    z = torch.randn(20, 1, 4, generator=torch.Generator().manual_seed(5)).expand(20, 10, 4)
    with torch.no_grad():
        drawn = model.likelihood.mean(conditional.given(model, torch.arange(10)).decode(z))  # (20, 10, 784)
    nearest = torch.cdist(drawn.flatten(0, 1), means).argmin(1).view(20, 10)
    assert (nearest == torch.arange(10)).float().mean() > 0.5
    apart = [torch.cdist(row, row)[~torch.eye(10, dtype=bool)].min() for row in drawn]
    assert min(apart) > 0.3  # ten pictures from one z


def test_evidence_given_each_label_tells_the_digit(trained):
    model, _, _ = trained
    images, labels = data.digits("test")
    x = data.binarize(images[:40], torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    log_p = [vae.log_evidence(conditional.given(model, y), x, 20, generator=generator) for y in range(10)]
    assert (torch.stack(log_p).argmax(0) == labels[:40]).float().mean() > 0.7


def test_bfloat16_and_a_checkpoint_serve_a_conditional_model_too(tmp_path):
    x, model = conditional.with_labels(*(part[:100] for part in data.digits())), conditional_vae("convolutional")
    options = {
        "transform": data.binarize,
        "precision": "bfloat16",
        "progress": False,
        "checkpoint": tmp_path / "run.pt",
    }
    training.train(model, conditional.negative_elbo, x, epochs=1, **options)
    again = conditional_vae("convolutional")
    history = training.train(again, conditional.negative_elbo, x, epochs=2, resume=True, **options)
    assert history.epochs == 2 and all(math.isfinite(value) for value in history.train["elbo"])
    with torch.autocast("cpu", torch.bfloat16):
        value = conditional.log_evidence(model, data.binarize(x[:12]), 10)
    assert value.dtype == torch.float32 and value.isfinite().all()
