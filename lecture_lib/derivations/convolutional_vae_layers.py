"""The ledger of lecture 07, first part: what convolution, pooling and fully connected layers compute, beside torch."""

from types import SimpleNamespace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecture_lib import ledger


def layer(generator: torch.Generator, padded: bool = True) -> SimpleNamespace:
    """A convolution with random sizes, an image x (D1, W1, W1) that fits, weights w (K, D1, F, F) and biases b (K,).

    y (K, W2, W2) is another image, of the size that comes out.
    """
    v = SimpleNamespace(F=whole(generator, 2, 3), S=whole(generator, 1, 2), D1=whole(generator, 2, 3), R=0)
    v.P, v.K, v.W2 = whole(generator, 0, 1) * padded, whole(generator, 1, 3), whole(generator, 2, 3)
    v.W1 = (v.W2 - 1) * v.S + v.F - 2 * v.P
    v.x, v.w = randn(generator, v.D1, v.W1, v.W1), randn(generator, v.K, v.D1, v.F, v.F)
    v.b, v.y = randn(generator, v.K), randn(generator, v.K, v.W2, v.W2)
    return v


def without_padding(generator: torch.Generator) -> SimpleNamespace:
    """The same with P = 0, as for pooling."""
    return layer(generator, padded=False)


def as_wide_as_the_image(generator: torch.Generator) -> SimpleNamespace:
    """An image x (2, 4, 4) and K filters w (K, 2, 4, 4), which have just one place to stand."""
    K = whole(generator, 2, 4)
    return SimpleNamespace(x=randn(generator, 2, 4, 4), w=randn(generator, K, 2, 4, 4), b=randn(generator, K))


def framed(generator: torch.Generator) -> SimpleNamespace:
    """An image that is zero but for the middle, so that nothing is lost when it moves by S pixels."""
    v = without_padding(generator)
    v.x = F.pad(v.x, (6, 6, 6, 6))
    return v


def with_remainder(generator: torch.Generator) -> SimpleNamespace:
    """A layer that leaves R < S pixels of its input out, with S = 3."""
    v = layer(generator)
    v.S, v.R = 3, whole(generator, 0, 2)
    return v


def stack(generator: torch.Generator) -> SimpleNamespace:
    """Kernels and strides of one to three layers; strides do not exceed kernels, so that no pixel is passed over."""
    kernels = [whole(generator, 1, 4) for _ in range(whole(generator, 1, 3))]
    return SimpleNamespace(kernels=kernels, strides=[whole(generator, 1, kernel) for kernel in kernels])


def whole(generator: torch.Generator, low: int, high: int) -> int:
    """A whole number from low to high."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def randn(generator: torch.Generator, *shape: int) -> Tensor:
    """Normal numbers in float64."""
    return torch.randn(shape, dtype=torch.float64, generator=generator)


def number(value: float) -> Tensor:
    """A number as a float64 tensor."""
    return torch.tensor(value, dtype=torch.float64)


def pixel(x: Tensor, row: int, column: int) -> Tensor:
    """x[row, column], zero outside of the image."""
    inside = 0 <= row < len(x) and 0 <= column < len(x)
    return x[row, column] if inside else x.new_zeros(())


def conv(v: SimpleNamespace, x: Tensor) -> Tensor:
    """What PyTorch makes of the image x with the layer's weights and biases."""
    return F.conv2d(x, v.w, v.b, v.S, v.P)


def by_sums(v: SimpleNamespace) -> Tensor:
    """The sum over channels and window, for each filter and each place."""
    places = [(k, i, j) for k in range(v.K) for i in range(v.W2) for j in range(v.W2)]
    window = [(c, u, t) for c in range(v.D1) for u in range(v.F) for t in range(v.F)]
    return torch.stack(
        [
            v.b[k] + sum(v.w[k, c, u, t] * pixel(v.x[c], v.S * i + u - v.P, v.S * j + t - v.P) for c, u, t in window)
            for k, i, j in places
        ]
    ).view(v.K, v.W2, v.W2)


def by_maxima(v: SimpleNamespace) -> Tensor:
    """The largest number in each window of each channel."""
    places = [(c, i, j) for c in range(v.D1) for i in range(v.W2) for j in range(v.W2)]
    window = [(u, t) for u in range(v.F) for t in range(v.F)]
    found = [torch.stack([v.x[c, v.S * i + u, v.S * j + t] for u, t in window]).max() for c, i, j in places]
    return torch.stack(found).view(v.D1, v.W2, v.W2)


def seen_by_one_pixel(v: SimpleNamespace) -> Tensor:
    """How many pixels in a row have a gradient to one pixel of the last image; all weights are 1."""
    x = torch.ones(1, 1, 100, dtype=torch.float64, requires_grad=True)
    out = x
    for kernel, stride in zip(v.kernels, v.strides, strict=True):
        out = F.conv1d(out, torch.ones(1, 1, kernel, dtype=torch.float64), stride=stride)
    (gradient,) = torch.autograd.grad(out[0, 0, 0], x)
    return number(int((gradient > 0).sum()))


def sum_over_layers(v: SimpleNamespace) -> Tensor:
    """1 + sum_l (F_l - 1) prod_(i < l) S_i."""
    total, product = 1, 1
    for kernel, stride in zip(v.kernels, v.strides, strict=True):
        total = total + (kernel - 1) * product
        product = product * stride
    return number(total)


LINES = [
    ledger.Line(
        "7.1",
        r"\mathrm{conv}(x)_{k,i,j} = b_k + \sum_{c=1}^{D_1} \sum_{u=0}^{F-1} \sum_{t=0}^{F-1} w_{k,c,u,t}\;"
        r"x_{c,\; S i + u - P,\; S j + t - P}",
        layer,
        lambda v: conv(v, v.x),
        by_sums,
    ),
    ledger.Line(
        "7.2",
        r"W_2 = \frac{W_1 - F + 2P}{S} + 1",
        layer,
        lambda v: number(len(conv(v, v.x)[0])),
        lambda v: number((v.W1 - v.F + 2 * v.P) / v.S + 1),
    ),
    ledger.Line("7.3", r"D_2 = K", layer, lambda v: number(len(conv(v, v.x))), lambda v: number(v.K)),
    ledger.Line(
        "7.4",
        r"\text{parameters} = (F^2 D_1 + 1)\, K",
        layer,
        lambda v: number(sum(p.numel() for p in nn.Conv2d(v.D1, v.K, v.F, v.S, v.P).parameters())),
        lambda v: number((v.F**2 * v.D1 + 1) * v.K),
    ),
    ledger.Line(
        "7.5",
        r"\mathrm{conv}(T_S\, x) = T_1\, \mathrm{conv}(x)",
        framed,
        lambda v: conv(v, v.x.roll(v.S, -2)),
        lambda v: conv(v, v.x).roll(1, -2),
    ),
    ledger.Line(
        "7.6",
        r"\mathrm{pool}(x)_{c,i,j} = \max_{0 \le u, t < F}\; x_{c,\; S i + u,\; S j + t}",
        without_padding,
        lambda v: F.max_pool2d(v.x, v.F, v.S),
        by_maxima,
    ),
    ledger.Line(
        "7.7",
        r"\mathrm{conv}(x)_k = b_k + \sum_{c=1}^{D_1} \sum_{u=0}^{W_1-1} \sum_{t=0}^{W_1-1} w_{k,c,u,t}\; x_{c,u,t}"
        r"\qquad (F = W_1,\ P = 0)",
        as_wide_as_the_image,
        lambda v: F.conv2d(v.x, v.w, v.b).flatten(),
        lambda v: v.b + v.w.flatten(1) @ v.x.flatten(),
    ),
    ledger.Line(
        "7.8",
        r"r = 1 + \sum_{l=1}^{L} (F_l - 1) \prod_{i=1}^{l-1} S_i",
        stack,
        seen_by_one_pixel,
        sum_over_layers,
    ),
    ledger.Line(
        "7.9",
        r"\big\langle \mathrm{conv}(x),\ y \big\rangle = \big\langle x,\ \mathrm{conv}^\top(y) \big\rangle",
        layer,
        lambda v: (F.conv2d(v.x, v.w, None, v.S, v.P) * v.y).sum(),
        lambda v: (v.x * F.conv_transpose2d(v.y, v.w, None, v.S, v.P)).sum(),
    ),
    ledger.Line(
        "7.10",
        r"W_1 = (W_2 - 1)\, S - 2P + F + R, \qquad 0 \le R < S",
        with_remainder,
        lambda v: number(len(F.conv_transpose2d(v.y, v.w, None, v.S, v.P, v.R)[0])),
        lambda v: number((v.W2 - 1) * v.S - 2 * v.P + v.F + v.R),
    ),
]
