"""Pictures drawn beforehand: which positions they show, that each is the one that is drawn there, and their size."""

import base64
import io
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
    return Image.fromarray(np.full((size, 12, 3), shade, dtype=np.uint8))


def controls(**options):
    shade = ipywidgets.IntSlider(**{"value": 100, "min": 0, "max": 200, "description": "shade, of 255"} | options)
    return {"shade": shade, "size": ipywidgets.IntSlider(value=8, min=4, max=16, description="size (pixels)")}


def given(html: str) -> dict:
    """What the script is told."""
    return json.loads(re.search(r"const given = (\{.*?\});\n", html, re.DOTALL)[1].replace("<\\/", "</"))


def opened(picture: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB")).astype(int)


def test_each_picture_is_what_is_drawn_at_its_position_with_the_others_at_rest():
    told = given(frames.html(TAG, controls(), draw, "shade"))
    assert told["values"] == [str(10 * i) for i in range(21)] and told["values"][told["rest"]] == "100"
    assert told["label"] == "shade, of 255"
    for value, picture in zip(told["values"], told["pictures"], strict=True):
        pixels = opened(picture)
        assert pixels.shape == (8, 12, 3) and abs(pixels - int(value)).max() <= 3


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
    one = frames.html(TAG, controls(), draw, "shade")
    assert one == frames.html(TAG, controls(), draw, "shade")
    assert given(one)["id"] != given(frames.html(TAG, controls(), draw, "size"))["id"]


def test_without_a_script_there_is_the_picture_and_no_slider():
    bare = re.sub(r"<script>.*?</script>", "", frames.html(TAG, controls(), draw, "shade"), flags=re.DOTALL)
    assert TAG in bare and "<input" not in bare


def test_a_label_cannot_end_the_script():
    html = frames.html(TAG, controls(description="</script><b>"), draw, "shade")
    assert html.count("</script>") == 1 and given(html)["label"] == "</script><b>"


def test_a_name_that_is_no_control_is_refused():
    with pytest.raises(ValueError, match="name is 'shape'; it must be one of the controls: shade, size"):
        frames.html(TAG, controls(), draw, "shape")


def test_a_figure_of_the_course_is_small_and_rests_where_its_controls_stand():
    figure = gaussian_widgets.divergence_explorer(alt="Two Gaussians, and the integrands of both divergences")
    html = figure._repr_mimebundle_()["text/html"]
    told = given(html)
    assert len(html) < 700_000 and len(told["pictures"]) == frames.COUNT
    assert told["values"][told["rest"]] == f"{figure.controls['mu_q'].value:.2f}"
    with Image.open(io.BytesIO(figure.picture.value)) as image:
        resting = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(opened(told["pictures"][told["rest"]]) - resting).mean() < 3


def test_a_figure_must_say_which_control_moves():
    with pytest.raises(TypeError, match="moves"):
        widgets.Figure(controls(), draw, caption="", alt=ALT)
