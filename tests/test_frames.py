"""Pictures drawn beforehand: which positions they show, that each is the one that is drawn there, and their size."""

import base64
import io
import itertools
import json
import re

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from lecture_lib import frames, gaussian_widgets, widgets

ALT = "A gray square whose shade is told by a slider"
TAG = f'<img alt="{ALT}" src="data:image/png;base64,AA">'


def draw(shade, size=8):
    pixels = np.full((16, 12, 3), 255, dtype=np.uint8)
    pixels[:size] = shade
    return Image.fromarray(pixels)


def controls(**options):
    shade = ipywidgets.IntSlider(**{"value": 100, "min": 0, "max": 200, "description": "shade, of 255"} | options)
    return {"shade": shade, "size": ipywidgets.IntSlider(value=8, min=4, max=16, description="size (pixels)")}


def given(html: str) -> dict:
    """What the script is told."""
    return json.loads(re.search(r"const given = (\{.*?\});\n", html, re.DOTALL)[1].replace("<\\/", "</"))


def shown(picture: str, still) -> np.ndarray:
    """What is seen: the pixels of a frame over the resting picture, which shows through where they are transparent."""
    still = Image.fromarray(np.asarray(still).astype(np.uint8)).convert("RGBA")
    if not picture:
        return np.asarray(still.convert("RGB")).astype(int)
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        assert image.format == "WEBP"
        return np.asarray(Image.alpha_composite(still, image.convert("RGBA")).convert("RGB")).astype(int)


def test_each_picture_is_what_is_drawn_at_its_position_with_the_others_at_rest():
    told = given(frames.html(TAG, controls(), draw, ("shade",)))
    (shade,) = told["controls"]
    assert shade["values"] == [str(10 * i) for i in range(21)] and shade["values"][shade["rest"]] == "100"
    assert shade["label"] == "shade, of 255"
    assert told["pictures"][shade["rest"]] == ""  # the resting picture is there already
    for value, picture in zip(shade["values"], told["pictures"], strict=True):
        pixels = shown(picture, draw(100))
        assert pixels.shape == (16, 12, 3) and (pixels[8:] == 255).all()
        assert abs(pixels[:8] - int(value)).max() <= 4


def test_two_sliders_have_a_picture_for_each_pair_of_their_positions():
    def bars(left, right):
        pixels = np.zeros((4, 6, 3), dtype=np.uint8)
        pixels[:, :3], pixels[:, 3:] = left, right
        return Image.fromarray(pixels)

    both = {
        "left": ipywidgets.IntSlider(value=60, min=0, max=240, description="left"),
        "right": ipywidgets.FloatSlider(value=20.0, min=0.0, max=120.0, step=1.0, description="right"),
    }

    def at(left, right):
        return bars(left, round(right))

    told = given(frames.html(TAG, both, at, ("right", "left")))
    columns = [control["values"] for control in told["controls"]]
    assert [control["label"] for control in told["controls"]] == ["right", "left"]
    assert [len(column) for column in columns] == [13, 13] and columns[1][3] == "60"
    for (right, left), picture in zip(itertools.product(*columns), told["pictures"], strict=True):
        assert abs(shown(picture, bars(60, 20)) - np.asarray(at(int(left), float(right))).astype(int)).max() <= 4
    assert [i for i, picture in enumerate(told["pictures"]) if not picture] == [2 * 13 + 3]


def test_a_color_that_fills_an_area_at_rest_is_kept_exactly():
    """Else the edge of what has changed would be seen in it."""

    def square(x):
        pixels = np.full((40, 80, 3), (221, 222, 223), dtype=np.uint8)
        pixels[10:30, x : x + 20] = (213, 94, 0)
        return Image.fromarray(pixels)

    moving = {"x": ipywidgets.IntSlider(value=0, min=0, max=60, description="x")}
    picture = given(frames.html(TAG, moving, square, ("x",)))["pictures"][-1]
    seen = shown(picture, square(0))
    assert (seen[:, :60] == (221, 222, 223)).all()  # where the square has been as well
    assert np.abs(seen - np.asarray(square(60))).max() <= 4


def test_colors_are_kept_and_only_what_has_changed_is_stored():
    """Of a noisy picture, in which a red spot moves, a frame holds two spots."""
    noise = np.random.default_rng(0).integers(0, 256, (100, 200, 3), dtype=np.uint8)

    def spot(x):
        pixels = noise.copy()
        pixels[40:50, x : x + 10] = (213, 94, 0)
        return Image.fromarray(pixels)

    moving = {"x": ipywidgets.IntSlider(value=0, min=0, max=100, description="x")}
    pictures = given(frames.html(TAG, moving, spot, ("x",)))["pictures"]
    assert max(map(len, pictures)) < 1500 < noise.size / 30
    difference = np.abs(shown(pictures[10], spot(0)) - np.asarray(spot(50)).astype(int))
    assert difference.max() <= 4 and (difference[:, 60:] == 0).all()


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (ipywidgets.IntSlider(value=4, min=3, max=6), [3, 4, 5, 6]),
        (ipywidgets.FloatSlider(value=0.3, min=0.0, max=1.0, step=0.1), [0, 0.3, 0.5, 0.7, 1.0]),
        (ipywidgets.FloatLogSlider(value=1.0, min=-1, max=1), [0.1, 0.316228, 1.0, 3.16228, 10]),
        (ipywidgets.SelectionSlider(options=[("a", 1), ("b", 2)], value=2), [1, 2]),
        (ipywidgets.Dropdown(options=["x", "y", "z"], value="y"), ["x", "y", "z"]),
        (ipywidgets.IntSlider(value=10, min=1, max=10_000), [1, 10, 100, 1000, 10_000]),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, ipywidgets.Widget) else "",
)
def test_positions_span_the_range_and_hold_the_present_one(control, expected):
    found = frames.positions(control, 5)
    if isinstance(control, ipywidgets.FloatSlider):
        assert len(found) == 5 and found[0] == 0 and found[-1] == pytest.approx(1) and control.value in found
        assert all(abs(10 * value - round(10 * value)) < 1e-9 for value in found)
    else:
        assert found == (pytest.approx(expected, rel=1e-5) if isinstance(expected[0], float) else expected)
    assert control.value in found


def test_the_same_figure_gives_the_same_text_and_other_pictures_another_mark():
    one = frames.html(TAG, controls(), draw, ("shade",))
    assert one == frames.html(TAG, controls(), draw, ("shade",))
    assert given(one)["id"] != given(frames.html(TAG, controls(), draw, ("size",)))["id"]


def test_without_a_script_there_is_the_picture_and_no_slider():
    bare = re.sub(r"<script>.*?</script>", "", frames.html(TAG, controls(), draw, ("shade",)), flags=re.DOTALL)
    assert TAG in bare and "<input" not in bare


def test_a_label_cannot_end_the_script():
    html = frames.html(TAG, controls(description="</script><b>"), draw, ("shade",))
    assert html.count("</script>") == 1 and given(html)["controls"][0]["label"] == "</script><b>"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("shape",), "names has 'shape'; it must be one of the controls: shade, size"),
        (("shade", "shape"), "names has 'shape'; it must be one of the controls: shade, size"),
        ((), r"names is \(\); it must be a tuple of one or two names of controls"),
        ("shade", "names is 'shade'; it must be a tuple"),
        (("a", "b", "c"), "it must be a tuple of one or two names"),
    ],
)
def test_names_of_no_control_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        frames.html(TAG, controls(), draw, names)


def test_pictures_of_different_sizes_are_refused():
    def growing(shade, size=8):
        return Image.fromarray(np.full((size, 12, 3), shade, dtype=np.uint8))

    with pytest.raises(ValueError, match="draw gave a picture of 12 x 4 pixels; at rest it has 12 x 8"):
        frames.html(TAG, controls(), growing, ("size",))


def test_a_figure_of_the_course_is_small_and_rests_where_its_controls_stand():
    figure = gaussian_widgets.divergence_explorer(alt="Two Gaussians, and the integrands of both divergences")
    html = figure._repr_mimebundle_()["text/html"]
    told = given(html)
    assert len(html) < 300_000 and len(told["pictures"]) == 21
    (control,) = told["controls"]
    assert control["values"][control["rest"]] == f"{figure.controls['mu_q'].value:.2f}"
    with Image.open(io.BytesIO(base64.b64decode(re.search('base64,([^"]*)', html)[1]))) as image:
        resting = np.asarray(image.convert("RGB")).astype(int)
    assert (resting == np.asarray(figure.draw(**{n: c.value for n, c in figure.controls.items()}))).all()
    there = {n: c.value for n, c in figure.controls.items()} | {"mu_q": figure.controls["mu_q"].min}
    assert np.abs(shown(told["pictures"][0], resting) - np.asarray(figure.draw(**there))).max() <= 4


def test_a_figure_must_say_which_control_moves():
    with pytest.raises(TypeError, match="moves"):
        widgets.Figure(controls(), draw, caption="", alt=ALT)
