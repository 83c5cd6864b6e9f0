"""The interactive parts: every move is seen, and a picture remains without a kernel."""

import io
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from lecture_lib import widgets

ALT = "A map of codes with a ring at the origin, and one digit"


def explorer(**options):
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(500, 2, generator=generator) * torch.tensor([3.0, 0.5]) + 1
    layer = torch.nn.Linear(2, 784)
    labels = torch.arange(500) % 10
    return widgets.latent_explorer(lambda z: torch.sigmoid(layer(z)), codes, labels, alt=ALT, **options)


def pixels(figure):
    with Image.open(io.BytesIO(figure.picture.value)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def move(figure, z1, z2):
    figure.controls["z1"].value, figure.controls["z2"].value = z1, z2


def test_a_slider_moves_the_ring_and_the_digit():
    figure = explorer()
    before = pixels(figure)
    figure.controls["z1"].value += 20 * figure.controls["z1"].step
    changed = np.abs(pixels(figure) - before).max(-1) > 0
    half = before.shape[0]  # the digit is as wide as the picture is high
    assert changed[:, : before.shape[1] - half].any() and changed[:, -half:].any()


def test_the_ring_stands_at_the_point():
    figure = explorer()
    positions = []
    for i in (60, 140):
        z1, z2 = (control.min + i * control.step for control in figure.controls.values())
        move(figure, z1, z2)
        image = pixels(figure)
        map_part = image[:, : image.shape[1] - image.shape[0]]
        move(figure, figure.controls["z1"].min, figure.controls["z2"].min)
        other = pixels(figure)[:, : map_part.shape[1]]
        black = (map_part.max(-1) < 40) & (other.max(-1) > 40)
        positions.append(np.argwhere(black).mean(0))
    assert positions[1][1] > positions[0][1] + 50, "to the right for larger z1"
    assert positions[1][0] < positions[0][0] - 50, "upwards for larger z2"


def test_the_digit_is_the_decoding_black_on_white():
    picture = np.zeros((28, 28), dtype=np.float32)
    picture[:14] = 1.0
    codes, labels = torch.randn(100, 2), torch.zeros(100, dtype=torch.int64)
    figure = widgets.latent_explorer(lambda z: torch.tensor(picture).view(1, 784), codes, labels, alt=ALT)
    image = pixels(figure)
    digit = image[20:-20, -(image.shape[0] - 20) : -20]
    assert digit[: len(digit) // 2 - 2].max() < 10 and digit[len(digit) // 2 + 2 :].min() > 245


def test_it_redraws_more_than_ten_times_a_second():
    figure = explorer()
    started = time.perf_counter()
    for i in range(20):
        figure.controls["z1"].value = figure.controls["z1"].min + i * figure.controls["z1"].step
    assert 20 / (time.perf_counter() - started) > 10


def test_without_a_kernel_a_picture_with_alternative_text_is_left():
    bundle = explorer()._repr_mimebundle_()
    assert f'alt="{ALT}"' in bundle["text/html"] and "data:image/png;base64," in bundle["text/html"]
    assert bundle["text/plain"] == f"Figure: {ALT}"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_sliders_are_described_and_start_where_asked_or_as_near_as_they_can():
    figure = explorer(start=(1.0, 1e6))
    assert [control.description for control in figure.controls.values()] == [
        "z₁, first latent variable",
        "z₂, second latent variable",
    ]
    assert figure.controls["z1"].value == pytest.approx(1.0)
    assert figure.controls["z2"].value == figure.controls["z2"].max


def test_it_leaves_no_figure_open():
    explorer()
    assert not plt.get_fignums()


def test_every_code_needs_its_class():
    with pytest.raises(ValueError, match="labels has 5 entries for 9 codes"):
        widgets.latent_explorer(lambda z: z, torch.randn(9, 2), torch.zeros(5), alt=ALT)


def test_a_failing_map_leaves_no_figure_open_either(monkeypatch):
    def fail(codes, labels, ax):
        raise ZeroDivisionError

    monkeypatch.setattr(widgets.plots, "classes", fail)
    kept = plt.figure()
    with pytest.raises(ZeroDivisionError):
        explorer()
    assert plt.get_fignums() == [kept.number]
    plt.close(kept)


@pytest.mark.parametrize("codes", [torch.zeros(5, 3), torch.zeros(5)])
def test_codes_that_are_no_plane_are_explained(codes):
    with pytest.raises(ValueError, match="a map needs two latent dimensions"):
        widgets.latent_explorer(lambda z: z, codes, torch.zeros(5), alt=ALT)
