"""Pictures of stacks: every image, window and number is drawn, to scale, and nothing lies on anything else."""

import itertools

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from lecture_lib import convolution, convolution_plots, plots
from lecture_lib.convolution import Layer

POOL = Layer(2, 2, kind="pool")
HEAD = [Layer(7, filters=200), Layer(1, filters=40)]
STACKS = {  # layers, width, channels
    "encoder": ([*convolution.LAYERS, *HEAD], 28, 1),
    "decoder": (convolution.mirrored(convolution.LAYERS, 28), 7, 16),
    "lenet": ([Layer(5, filters=6), POOL, Layer(5, filters=16), POOL, Layer(5, filters=120)], 32, 1),
    "dilated": ([Layer(3, 2, 1, 8, dilation=2)], 29, 3),
    "none": ([], 28, 1),
}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def draw(name, ax=None):
    stack, width, channels = STACKS[name]
    return convolution_plots.layer_stack(stack, ax, width=width, channels=channels)


def boxes(ax, face):
    found = [patch for patch in ax.patches if type(patch) is Rectangle]
    return [box for box in found if to_hex(box.get_facecolor()) == face]


@pytest.mark.parametrize("name", STACKS)
def test_every_channel_up_to_eight_is_drawn_and_every_size_named(name):
    stack, width, channels = STACKS[name]
    sizes = convolution.shapes(stack, width, channels)
    ax = draw(name)
    assert len(boxes(ax, convolution_plots.FACE)) == sum(min(n, 8) for n, _ in sizes)
    texts = [text.get_text() for text in ax.texts]
    assert texts[: len(sizes)] == [f"{n} × {w} × {w}" for n, w in sizes]
    counts = convolution.parameter_count(stack, channels)
    for text, count in zip(texts[len(sizes) :], counts, strict=True):
        assert text.endswith(f"\n{count:,} parameters")
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", ["encoder", "decoder", "lenet", "dilated"])
def test_images_are_to_scale_and_do_not_touch(name):
    stack, width, channels = STACKS[name]
    sizes = convolution.shapes(stack, width, channels)
    drawn, left = boxes(draw(name), convolution_plots.FACE), []
    for n, _ in sizes:
        pile, drawn = drawn[: min(n, 8)], drawn[min(n, 8) :]
        left.append((pile[-1].get_x(), pile[0].get_x() + pile[0].get_width(), pile[-1].get_width()))
    widest = max(w for _, w in sizes)
    for (_, w), (_, _, side) in zip(sizes, left, strict=True):
        assert side == pytest.approx(max(convolution_plots.LEAST, convolution_plots.SIDE * w / widest))
    assert all(right + 1 < start for (_, right, _), (start, _, _) in itertools.pairwise(left))


@pytest.mark.parametrize(("name", "spans"), [("encoder", (4, 1)), ("decoder", (1, 4)), ("dilated", (5, 1))])
def test_a_window_is_as_wide_as_the_kernel_reaches(name, spans):
    stack, width, channels = STACKS[name]
    sizes = convolution.shapes(stack, width, channels)
    ax = draw(name)
    blue = [patch for patch in ax.patches if to_hex(patch.get_edgecolor()) == plots.MODEL]
    fronts = {box.get_width() for box in boxes(ax, convolution_plots.FACE)}
    sides = sorted(fronts, reverse=name != "decoder")
    for box, span, side, (_, w) in zip(blue, spans, sides, sizes, strict=False):
        assert box.get_width() / side == pytest.approx(span / w)
    assert len(blue) == 2 * len(stack)


@pytest.mark.parametrize("name", STACKS)
def test_text_stays_inside_and_apart(name):
    ax = draw(name)
    ax.figure.canvas.draw()
    frame = ax.figure.bbox
    spans = [text.get_window_extent() for text in ax.texts]
    assert all(frame.x0 <= s.x0 and s.x1 <= frame.x1 and frame.y0 <= s.y0 and s.y1 <= frame.y1 for s in spans)
    assert not any(a.overlaps(b) for i, a in enumerate(spans) for b in spans[:i])


def test_a_description_says_what_the_picture_shows():
    stack, width, channels = STACKS["encoder"]
    assert convolution_plots.describe(stack, width=width, channels=channels) == (
        "A stack of layers drawn as piles of images, from 1 × 28 × 28; convolution 4 × 4 (stride 2, padding 1) to "
        "8 × 14 × 14; convolution 4 × 4 (stride 2, padding 1) to 16 × 7 × 7; fully connected (784 to 200) to "
        "200 × 1 × 1; fully connected (200 to 40) to 40 × 1 × 1. 167,240 parameters in all."
    )
    stack, width, channels = STACKS["dilated"]
    assert "convolution 3 × 3 (stride 2, padding 1, dilation 2)" in convolution_plots.describe(
        stack, width=width, channels=channels
    )


def test_a_given_axis_is_used_and_sizes_that_do_not_fit_are_refused():
    _, ax = plt.subplots()
    assert draw("encoder", ax) is ax
    for function in (convolution_plots.layer_stack, convolution_plots.describe):
        with pytest.raises(ValueError, match=r"layers\[0\]: stride is 2, but"):
            function([Layer(5, 2, filters=1)], width=28)
    assert convolution_plots.layer_stack([Layer(5, 2, filters=1)], width=28, floor=True).patches
