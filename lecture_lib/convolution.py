"""Convolution of square images: sizes, parameters and receptive field as formulas; a VAE's encoder and decoder."""

import dataclasses
import math
from collections.abc import Sequence
from numbers import Integral

import torch
from torch import Tensor, nn

from lecture_lib import autoencoder

KINDS = ("conv", "pool", "transposed")


def _check_whole(least: int, **values: int) -> None:
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} is {value!r}; it must be a whole number, {least} or more")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A window of `kernel` x `kernel` pixels that moves by `stride` over an image with `padding` on each side.

    `filters` is the number K of channels that leave; a pooling layer has none, as many leave as enter. A fully
    connected layer is a convolution whose kernel is as wide as its input. kind: "conv", "pool" or "transposed".
    """

    kernel: int
    stride: int = 1
    padding: int = 0
    filters: int | None = None
    kind: str = "conv"
    dilation: int = 1
    output_padding: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f'kind is {self.kind!r}; it must be "conv", "pool" or "transposed"')
        _check_whole(1, kernel=self.kernel, stride=self.stride, dilation=self.dilation)
        _check_whole(0, padding=self.padding, output_padding=self.output_padding)
        if self.kind != "pool":
            _check_whole(1, filters=self.filters)
        elif self.filters is not None or 2 * self.padding > self.kernel:
            got = f"filters is {self.filters}, padding {self.padding}"
            raise ValueError(f"{got}; pooling has no filters, and a padding of at most half its kernel {self.kernel}")


LAYERS = (Layer(4, 2, 1, 8), Layer(4, 2, 1, 16))  # 28 -> 14 -> 7: no pixel is left out


def output_size(width: int, kernel: int, stride: int = 1, padding: int = 0, *, dilation: int = 1, floor=False) -> int:
    """(W - F + 2 P) / S + 1 of a convolution or of pooling; F = dilation (kernel - 1) + 1. Eq. (7.2).

    Where this is not whole, some pixels meet no window: ValueError, or rounded down if `floor`, as in PyTorch.
    """
    _check_whole(1, width=width, kernel=kernel, stride=stride, dilation=dilation)
    _check_whole(0, padding=padding)
    padded, span = width + 2 * padding, dilation * (kernel - 1) + 1
    if span > padded:
        raise ValueError(f"kernel is {kernel} and spans {span} pixels; with its padding the input has only {padded}")
    steps, left = divmod(padded - span, stride)
    if left and not floor:
        raise ValueError(
            f"stride is {stride}, but (W - F + 2P)/S + 1 = ({width} - {span} + 2*{padding})/{stride} + 1 is not whole, "
            f"{left} of {padded} pixels would be left out; change stride, kernel or padding, or pass floor=True"
        )
    return int(steps + 1)


def transposed_output_size(
    width: int, kernel: int, stride: int = 1, padding: int = 0, *, dilation: int = 1, output_padding: int = 0
) -> int:
    """(W - 1) S - 2 P + F + output_padding: a width of which a convolution makes W, rounding down. Eq. (7.10)."""
    _check_whole(1, width=width, kernel=kernel, stride=stride, dilation=dilation)
    _check_whole(0, padding=padding, output_padding=output_padding)
    if output_padding >= max(stride, dilation):
        raise ValueError(f"output_padding is {output_padding}; it must be less than stride or dilation")
    full = (width - 1) * stride + dilation * (kernel - 1) + 1 + output_padding
    if full <= 2 * padding:
        raise ValueError(f"padding is {padding}; it must be {(full - 1) // 2} or less to leave any of {full} pixels")
    return int(full - 2 * padding)


def shapes(layers: Sequence[Layer], width: int, channels: int = 1, *, floor: bool = False) -> list[tuple[int, int]]:
    """(channels, width) of the input and of each layer's output. Errors name the layer. Eqs. (7.2), (7.10)."""
    _check_whole(1, width=width, channels=channels)
    found = [(channels, width)]
    for i, layer in enumerate(_stack(layers)):
        size, more = output_size, {"floor": floor}
        if layer.kind == "transposed":
            size, more = transposed_output_size, {"output_padding": layer.output_padding}
        try:
            width = size(width, layer.kernel, layer.stride, layer.padding, dilation=layer.dilation, **more)
        except ValueError as error:
            raise ValueError(f"layers[{i}]: {error}") from None
        found.append((layer.filters or found[-1][0], width))
    return found


def parameter_count(layers: Sequence[Layer], channels: int = 1) -> list[int]:
    """(kernel^2 C + 1) K of each layer: K filters over C channels, each with a bias; none in pooling. Eq. (7.4)."""
    _check_whole(1, channels=channels)
    counts = []
    for layer in _stack(layers):
        counts.append((layer.kernel**2 * channels + 1) * (layer.filters or 0))
        channels = layer.filters or channels
    return counts


def receptive_field(layers: Sequence[Layer]) -> int:
    """1 + sum_l (F_l - 1) prod_(i < l) S_i: the width, border included, that an output pixel sees. Eq. (7.8)."""
    layers = _stack(layers, KINDS[:2])
    return 1 + sum(layer.dilation * (layer.kernel - 1) * jump(layers[:i]) for i, layer in enumerate(layers))


def jump(layers: Sequence[Layer]) -> int:
    """prod_l S_l: the distance, in pixels of the input, between what two neighboring output pixels see."""
    return math.prod(layer.stride for layer in _stack(layers, KINDS[:2]))


def mirrored(layers: Sequence[Layer], width: int, channels: int = 1) -> list[Layer]:
    """Transposed layers that lead from the last of shapes(layers, width, channels, floor=True) to the first."""
    sizes, back = shapes(layers, width, channels, floor=True), []
    for layer, (n_in, before) in zip(_stack(layers, KINDS[:2]), sizes, strict=False):
        lost = (before + 2 * layer.padding - layer.dilation * (layer.kernel - 1) - 1) % layer.stride
        back.append(dataclasses.replace(layer, kind="transposed", filters=n_in, output_padding=lost))
    return back[::-1]


def network(layers: Sequence[Layer], channels: int = 1, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """The stack in PyTorch, (B, C, W, W) -> (B, K, W', W'): max-pooling, `activation` after each layer with filters."""
    parts = []
    for layer in _stack(layers):
        window, n_out = (layer.kernel, layer.stride, layer.padding), layer.filters
        if layer.kind == "pool":
            parts.append(nn.MaxPool2d(*window, layer.dilation))
        elif layer.kind == "conv":
            parts += [nn.Conv2d(channels, n_out, *window, layer.dilation), activation()]
        else:
            back = (layer.output_padding, 1, True, layer.dilation)  # one group, with biases
            parts += [nn.ConvTranspose2d(channels, n_out, *window, *back), activation()]
        channels = n_out or channels
    return nn.Sequential(*parts)


def conv_encoder(
    latent_dim: int, layers: Sequence[Layer] = LAYERS, *, hidden=(200,), width=28, channels=1, n_labels=0, floor=False
) -> nn.Sequential:
    """(..., channels width^2 + n_labels) -> (..., 2 J): layers, then fully connected ones, where labels come in."""
    _check_whole(1, latent_dim=latent_dim)
    _check_whole(0, n_labels=n_labels)
    n_filters, last = shapes(layers, width, channels, floor=floor)[-1]
    head = autoencoder.mlp([n_filters * last**2 + n_labels, *hidden, 2 * latent_dim])
    return _he(nn.Sequential(_OnImages(network(layers, channels), (channels, width, width)), *head))


def conv_decoder(
    latent_dim: int, layers=LAYERS, *, hidden=(200,), width=28, channels=1, n_labels=0, n_params=1, by_pixel=False
) -> nn.Sequential:
    """(..., J + n_labels) -> (..., channels width^2 n_params): `conv_encoder` of the same arguments, mirrored.

    n_params: the likelihood's. by_pixel: a pixel's numbers lie side by side, for `likelihoods.Categorical` only.
    """
    _check_whole(1, latent_dim=latent_dim, n_params=n_params)
    _check_whole(0, n_labels=n_labels)
    n_filters, first = shapes(layers, width, channels * n_params, floor=True)[-1]
    head = autoencoder.mlp([latent_dim + n_labels, *hidden, n_filters * first**2])
    images = network(mirrored(layers, width, channels * n_params), n_filters)[:-1]  # no activation after the last
    images = _OnImages(images, (n_filters, first, first), n_params if by_pixel else 1)
    return _he(nn.Sequential(*head, nn.ReLU(), images))


class _OnImages(nn.Module):
    """Images (C, W, W) are made of the first columns of (..., C W W + n), for `network`; the other n pass it by."""

    def __init__(self, network: nn.Module, shape: tuple[int, int, int], last: int = 1):
        super().__init__()
        self.network, self.shape, self.last = network, shape, last

    def forward(self, x: Tensor) -> Tensor:
        n = math.prod(self.shape)
        if x.shape[-1] < n:
            raise ValueError(f"x has {x.shape[-1]} columns; images of shape {self.shape} need {n}")
        out = self.network(x[..., :n].reshape(-1, *self.shape)).unflatten(1, (self.last, -1)).movedim(1, -1)
        return torch.cat([out.reshape(*x.shape[:-1], math.prod(out.shape[1:])), x[..., n:].to(out.dtype)], -1)


def _he(network: nn.Module) -> nn.Module:
    for weight in (parameter for parameter in network.parameters() if parameter.ndim > 1):
        nn.init.kaiming_normal_(weight, nonlinearity="relu")  # He et al. 2015: signals do not fade from layer to layer
    return network


def _stack(layers: Sequence[Layer], kinds=KINDS) -> list[Layer]:
    for i, layer in enumerate(layers := list(layers)):
        if not isinstance(layer, Layer) or layer.kind not in kinds:
            raise ValueError(f"layers[{i}] is {layer!r}; it must be a Layer of kind {' or '.join(kinds)}")
    return layers
