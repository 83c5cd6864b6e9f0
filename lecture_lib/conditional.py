"""The conditional VAE p(x|y, z) p(z): with its label y given, it is a VAE, so that all of `vae` applies.

The model is a `vae.VAE` whose encoder and decoder take the label as K more inputs, one-hot. `given(model, y)` fills
them in: a `vae.VAE` again, of the same weights, so that sampling, decoding, the bound and log p(x|y) need no code of
their own. In training the labels travel behind the pixels of each row, because `training.train` shuffles, moves, scales
and checkpoints a single array:

    model = vae.VAE(mlp([784 + 10, 200, 40]), mlp([20 + 10, 200, 784]), likelihoods.Bernoulli(), latent_dim=20)
    training.train(model, conditional.negative_elbo, conditional.with_labels(x, labels), transform=data.binarize)
    conditional.given(model, 7).sample(16)  # sixteen sevens
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_lib import vae


def with_labels(images: Tensor, labels: Tensor, n_classes: int = 10) -> Tensor:
    """The K columns of the one-hot labels behind the pixels, (N, D), (N,) -> (N, D + K): 255 in uint8 images, else 1.

    `data.binarize` leaves these columns as they are; `negative_elbo` rounds what other transforms make of them.
    """
    images, columns = torch.as_tensor(images), one_hot(labels, n_classes)
    if images.ndim != 2 or columns.shape[:-1] != images.shape[:1]:
        got = f"images has shape {tuple(images.shape)} and labels {tuple(columns.shape[:-1])}"
        raise ValueError(f"{got}; they must be (N, D) and (N,)")
    scale = 255 if images.dtype == torch.uint8 else 1
    return torch.cat([images, columns.to(images) * scale], -1)


def split(x: Tensor, n_classes: int = 10) -> tuple[Tensor, Tensor]:
    """Images and one-hot labels of rows that `with_labels` joined, (..., D + K) -> (..., D), (..., K)."""
    _check_classes(n_classes)
    if x.shape[-1] <= n_classes:
        raise ValueError(f"x has {x.shape[-1]} columns; it must have more than the {n_classes} of the labels")
    images, columns = x[..., :-n_classes], x[..., -n_classes:].round()
    if x.device.type == "cpu" and not ((columns >= 0).all() and (columns.sum(-1) == 1).all()):
        raise ValueError(f"the last {n_classes} columns of x must be one-hot labels in 0 and 1; see with_labels")
    return images, columns


def given(model: vae.VAE, labels, n_classes: int = 10) -> vae.VAE:
    """p(x, z | y), a VAE that shares the weights of `model`; labels: a number, or a tensor with one for each row.

    decode(z) with ten rows of the same z and labels 0 to 9 keeps the style and changes the digit.
    """
    columns = one_hot(labels, n_classes)
    if columns.ndim > 2:
        raise ValueError(f"labels has shape {tuple(columns.shape[:-1])}; it must be one label, or (B,)")
    return _given(model, columns.to(next(model.parameters())))


def negative_elbo(
    model: vae.VAE, x: Tensor, beta: float = 1.0, n_samples: int = 1, *, n_classes: int = 10
) -> dict[str, Tensor]:
    """-(E_q[log p(x|y, z)] - beta KL(q(z|x, y) || p(z))) and its parts, of rows `with_labels`. Eq. (7.11).

    Entries as in `vae.negative_elbo`. Its bound is one on log p(x|y).
    """
    images, columns = split(x, n_classes)
    return vae.negative_elbo(_given(model, columns), images, beta, n_samples)


def log_evidence(
    model: vae.VAE, x: Tensor, n_samples: int = 5000, *, n_classes: int = 10, generator: torch.Generator | None = None
) -> Tensor:
    """log p(x|y) by importance sampling, of rows `with_labels` (N, D + K) -> (N,), in nats; see `vae.log_evidence`."""
    images, columns = split(x, n_classes)
    labels, result = columns.argmax(-1), images.new_empty(len(images))
    for label in labels.unique():
        rows = labels == label
        model_of_label = given(model, label, n_classes)
        result[rows] = vae.log_evidence(model_of_label, images[rows], n_samples, generator=generator)
    return result


def one_hot(labels, n_classes: int = 10) -> Tensor:
    """1 in the column of the label and 0 in the others, (...) -> (..., K) int64."""
    _check_classes(n_classes)
    labels = torch.as_tensor(labels)
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise ValueError(f"labels holds {labels.dtype}; it must be whole numbers from 0 to {n_classes - 1}")
    if labels.numel() and not (labels.min() >= 0 and labels.max() < n_classes):
        got = f"from {int(labels.min())} to {int(labels.max())}"
        raise ValueError(f"labels holds values {got}; it must be whole numbers from 0 to {n_classes - 1}")
    return F.one_hot(labels.long(), n_classes)


def _check_classes(n_classes: int) -> None:
    if not isinstance(n_classes, int) or isinstance(n_classes, bool) or n_classes < 1:
        raise ValueError(f"n_classes is {n_classes!r}; it must be a whole number, 1 or more")


def _given(model: vae.VAE, columns: Tensor) -> vae.VAE:
    n_classes = columns.shape[-1]
    n_in = next((layer.in_features for layer in model.decoder.modules() if isinstance(layer, nn.Linear)), None)
    if n_in not in (None, model.latent_dim + n_classes):
        got = f"latent_dim is {model.latent_dim}, but the decoder takes {n_in} numbers, {n_classes} of them the label"
        raise ValueError(f"{got}; build it with latent_dim={n_in - n_classes}, or pass another n_classes")
    encoder, decoder = _Labeled(model.encoder, columns), _Labeled(model.decoder, columns)
    return vae.VAE(encoder, decoder, model.likelihood, latent_dim=model.latent_dim)


class _Labeled(nn.Module):
    """network(x, y) as a network of x alone: y (K,) or (B, K) stands behind each row of x (..., B, n)."""

    def __init__(self, network: nn.Module, columns: Tensor):
        super().__init__()
        self.network, self.columns = network, columns

    def forward(self, x: Tensor) -> Tensor:
        if self.columns.ndim > 1 and self.columns.shape[:-1] != x.shape[-2:-1]:
            got = f"labels holds {len(self.columns)} labels for rows of shape {tuple(x.shape)}"
            raise ValueError(f"{got}; it must be a single label, or one for each row")
        return self.network(torch.cat([x, self.columns.to(x.dtype).expand(*x.shape[:-1], -1)], -1))
