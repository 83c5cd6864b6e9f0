"""Pictures of layer stacks: each image as a pile of its channels, to scale, with what leads from one to the next."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from lecture_lib import convolution, plots

SIDE = 2.4  # of the widest image
LEAST = 0.22  # of one that would be too small to see
GAP = 2.6
SHIFT = 0.09  # from one channel of a pile to the next
MOST = 8  # channels drawn of a pile
LINE, FACE = "#555555", "#f2f2f2"


def layer_stack(
    layers: Sequence[convolution.Layer], ax: Axes | None = None, *, width: int, channels: int = 1, floor: bool = False
) -> Axes:
    """All images of a stack, from the input (channels, width, width), with every layer's window and parameters.

    The window of a layer and the one pixel that it makes are blue; a transposed layer makes a window of one pixel. At
    most 8 channels of an image are drawn. Sizes that do not fit raise the ValueError of `convolution.shapes`.
    """
    layers = list(layers)
    sizes = convolution.shapes(layers, width, channels, floor=floor)
    corners, sides = _layout(sizes)
    ax = _canvas(sizes, corners, sides, ax)
    for (n, w), corner, side in zip(sizes, corners, sides, strict=True):
        _pile(n, w, corner, side, ax)
    for i, (layer, count) in enumerate(zip(layers, convolution.parameter_count(layers, channels), strict=True)):
        _window(layer, corners[i : i + 2], sides[i : i + 2], sizes[i : i + 2], ax)
        middle = (corners[i][0] + sides[i] + _depth(sizes[i][0]) + corners[i + 1][0]) / 2
        text = "\n".join([*_words(layer, *sizes[i]), f"{count:,} parameters"])
        ax.text(middle, _top(sizes, sides), text, ha="center", va="bottom", size=9)
    return ax


def describe(layers: Sequence[convolution.Layer], *, width: int, channels: int = 1, floor: bool = False) -> str:
    """The picture of `layer_stack` in words, for `plots.show`."""
    layers = list(layers)
    sizes = convolution.shapes(layers, width, channels, floor=floor)
    steps = [f"A stack of layers drawn as piles of images, from {_size(*sizes[0])}"]
    for layer, before, after in zip(layers, sizes, sizes[1:], strict=False):
        title, numbers = _words(layer, *before)
        steps.append(f"{title} ({numbers}) to {_size(*after)}")
    return f"{'; '.join(steps)}. {sum(convolution.parameter_count(layers, channels)):,} parameters in all."


def _layout(sizes: list[tuple[int, int]]) -> tuple[list[tuple[float, float]], list[float]]:
    """Lower left corners of the front images, all centered on y = 0, and their sides."""
    widest = max(width for _, width in sizes)
    sides = [max(LEAST, SIDE * width / widest) for _, width in sizes]
    corners, x = [], 0.0
    for (channels, _), side in zip(sizes, sides, strict=True):
        corners.append((x, -side / 2))
        x += side + _depth(channels) + GAP
    return corners, sides


def _top(sizes: list[tuple[int, int]], sides: list[float]) -> float:
    """Just above the highest pile: there the text begins."""
    return 0.2 + max(side / 2 + _depth(channels) for (channels, _), side in zip(sizes, sides, strict=True))


def _depth(channels: int) -> float:
    return SHIFT * (min(channels, MOST) - 1)


def _canvas(sizes, corners, sides, ax: Axes | None) -> Axes:
    right = corners[-1][0] + sides[-1] + _depth(sizes[-1][0])
    low, high = (-0.8, -SIDE / 2 - 0.7), (right + 0.8, _top(sizes, sides) + 1.2)
    if ax is None:
        _, ax = plt.subplots(figsize=(0.62 * (high[0] - low[0]), 0.62 * (high[1] - low[1])))
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.set_axis_off()
    return ax


def _pile(channels: int, width: int, corner: tuple[float, float], side: float, ax: Axes) -> None:
    """The channels from the back to the front, and the size below."""
    for i in reversed(range(min(channels, MOST))):
        place = (corner[0] + i * SHIFT, corner[1] + i * SHIFT)
        ax.add_patch(Rectangle(place, side, side, facecolor=FACE, edgecolor=LINE, linewidth=0.8))
    below = -SIDE / 2 - 0.25
    ax.text(corner[0] + (side + _depth(channels)) / 2, below, _size(channels, width), ha="center", va="top", size=9)


def _window(layer: convolution.Layer, corners, sides, sizes, ax: Axes) -> None:
    """The window on one image, the pixel that belongs to it on the other, and the lines between them."""
    spans = [layer.dilation * (layer.kernel - 1) + 1, 1]
    if layer.kind == "transposed":
        spans.reverse()
    boxes = []
    for span, corner, side, (_, width) in zip(spans, corners, sides, sizes, strict=True):
        size = side * min(1.0, span / width)
        x, y = corner[0] + (side - size) / 2, -size / 2
        ax.add_patch(Rectangle((x, y), size, size, facecolor=plots.MODEL, alpha=0.35, linewidth=0))
        ax.add_patch(Rectangle((x, y), size, size, facecolor="none", edgecolor=plots.MODEL, linewidth=1.2))
        boxes.append((x, y, size))
    (x0, y0, a), (x1, y1, b) = boxes
    for up in (0, 1):
        ax.plot([x0 + a, x1], [y0 + up * a, y1 + up * b], color=plots.MODEL, linewidth=0.8)


def _size(channels: int, width: int) -> str:
    return f"{channels} × {width} × {width}"


def _words(layer: convolution.Layer, channels: int, width: int) -> tuple[str, str]:
    """What the layer is and its numbers, for an input (channels, width, width)."""
    if (layer.kind, layer.kernel, layer.padding, layer.dilation) == ("conv", width, 0, 1):
        return "fully connected", f"{channels * width**2:,} to {layer.filters:,}"
    names = {"conv": "convolution", "pool": "pooling", "transposed": "transposed convolution"}
    dilation = f", dilation {layer.dilation}" if layer.dilation > 1 else ""
    title = f"{names[layer.kind]} {layer.kernel} × {layer.kernel}"
    return title, f"stride {layer.stride}, padding {layer.padding}{dilation}"
