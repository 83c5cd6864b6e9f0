"""Two networks and their squared error: z = E(x), x_hat = D(z)."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """x_hat = D(E(x)) for any two networks E: (..., D) -> (..., J) and D: (..., J) -> (..., D). Eq. (1.1)."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode(self, x: Tensor) -> Tensor:
        """z = E(x), shapes (..., D) -> (..., J)."""
        return at_least_float32(self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """x_hat = D(z), shapes (..., J) -> (..., D)."""
        return at_least_float32(self.decoder(z))

    def forward(self, x: Tensor) -> Tensor:
        """x_hat, shapes (..., D) -> (..., D)."""
        return self.decode(self.encode(x))


def mlp(sizes: Sequence[int], activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Fully connected layers, `sizes` (D, ..., J), with `activation` between them and none after the last.

    Two sizes make a linear map with a bias. Raises ValueError for fewer, or for a size below 1.
    """
    sizes = list(sizes)
    if len(sizes) < 2 or any(size != int(size) or size < 1 for size in sizes):
        raise ValueError(f"sizes is {sizes}; it needs at least two whole numbers of 1 or more, as in [784, 200, 2]")
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def squared_error(x: Tensor, x_hat: Tensor) -> Tensor:
    """||x - x_hat||^2 per observation, shapes (..., D), (..., D) -> (...). Eq. (1.2)."""
    if x.shape != x_hat.shape:
        raise ValueError(f"x has shape {tuple(x.shape)} and x_hat {tuple(x_hat.shape)}; they must agree")
    return ((x - x_hat) ** 2).sum(-1)


def reconstruction_loss(model: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """{"loss": mean over the batch of ||x - D(E(x))||^2}, the empirical risk, for `training.train`. Eq. (1.2)."""
    return {"loss": squared_error(x, model(x)).mean()}


def interpolate(start: Tensor, end: Tensor, n: int) -> Tensor:
    """(1 - t) start + t end for n values of t from 0 to 1, shapes (D,), (D,) -> (n, D). Eq. (1.5)."""
    if n < 2:
        raise ValueError(f"n is {n}; two ends need at least n = 2")
    t = torch.linspace(0, 1, n, dtype=start.dtype, device=start.device).view(-1, *[1] * start.ndim)
    return (1 - t) * start + t * end


def at_least_float32(x: Tensor) -> Tensor:
    """x itself, or x in float32 where autocast made it a half: sums over 784 pixels need the digits."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
