"""The explorer of dimensions: every control is seen, and the numbers are the library's."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from explorers import move, pixels

from lecture_lib import dimension_widgets, intrinsic_dimension, neighbors

ALT = "A cloud of points, log rank over log distance, and six estimates of its dimension"


def explorer(**options):
    return dimension_widgets.dimension_explorer(alt=ALT, **options)


def test_a_cloud_lies_in_its_space_and_begins_the_same_for_every_size():
    for manifold in dimension_widgets.MANIFOLDS:
        few, many = (dimension_widgets.cloud(manifold, 3, 0.1, n) for n in (100, 400))
        assert many.shape == (400, 12) and (few == many[:100]).all() and many.dtype == torch.float64


@pytest.mark.parametrize("manifold", dimension_widgets.MANIFOLDS)
def test_without_noise_a_cloud_has_the_dimension_that_is_called_true(manifold):
    for d in (1, 2):
        r, _ = neighbors.nearest(dimension_widgets.cloud(manifold, d, 0.0, 400), 8)
        found, truth = float(intrinsic_dimension.mle(r)), dimension_widgets.true_dimension(manifold, d)
        assert found == pytest.approx(truth, rel=0.15)


def test_noise_is_normal_in_every_coordinate():
    still, moved = (dimension_widgets.cloud("ball", 3, noise, 400) for noise in (0.0, 0.25))
    assert ((moved - still) / 0.25).std(0).tolist() == pytest.approx([1.0] * 12, abs=6 / 800**0.5)


def test_what_is_measured_are_the_estimates_of_the_library():
    x = dimension_widgets.cloud("sphere", 2, 0.0, 200)
    r, _ = neighbors.nearest(x, 7)
    log_r, found = dimension_widgets.measure(x, 7)
    assert log_r.tolist() == pytest.approx((r / r[:, 6:]).log().mean(0).tolist())
    expected = [
        intrinsic_dimension.rank_slope(r),
        intrinsic_dimension.rank_slope(r, response="distance"),
        intrinsic_dimension.two_nn(r, method="fit"),
        intrinsic_dimension.two_nn(r),
        intrinsic_dimension.mle(r),
    ]
    assert list(found.values())[:5] == [pytest.approx((e.value, *e.interval())) for e in expected]
    assert list(found)[5] == "DANCo" and found["DANCo"][0] == dimension_widgets.quick_danco(x)


@pytest.mark.parametrize(("manifold", "d"), [("ball", 2), ("ball", 6), ("cube", 5), ("Gaussian", 5)])
def test_the_quick_danco_is_near_the_truth_where_the_cloud_is_like_its_references(manifold, d):
    found = dimension_widgets.quick_danco(dimension_widgets.cloud(manifold, d, 0.0, 400))
    assert found == pytest.approx(d, rel=0.08)


@pytest.mark.parametrize(
    ("name", "value", "panels"), [("manifold", "cube", 3), ("d", 4, 3), ("noise", 0.3, 3), ("n", 100, 3), ("k", 30, 2)]
)
def test_every_control_moves_what_depends_on_it(name, value, panels):
    figure = explorer(manifold="ball", d=2)
    before = pixels(figure)
    move(figure, **{name: value})
    changed = np.abs(pixels(figure) - before).max(-1)[40:] > 0  # below the titles
    width = changed.shape[1]
    left, middle, right = (changed[:, int(a * width) : int(b * width)] for a, b in ((0, 0.32), (0.36, 0.61), (0.73, 1)))
    assert [part.any() for part in (left, middle, right)] == [panels == 3, True, True]


def test_a_picture_does_not_depend_on_the_way_to_it():
    figure, fresh = explorer(), explorer(manifold="ball", d=5, noise=0.1, n=200, k=20)
    move(figure, manifold="spiral", n=100, k=3, noise=0.5)
    move(figure, manifold="ball", d=5, noise=0.1, n=200, k=20)
    assert (pixels(figure) == pixels(fresh)).all()


def test_the_dots_stand_where_the_estimates_are(monkeypatch):
    names = [*dimension_widgets.ESTIMATORS, "DANCo"]

    def blue_columns(value):
        found = dict.fromkeys(names, (value, value, value))
        monkeypatch.setattr(dimension_widgets, "measure", lambda x, k: (torch.zeros(k, dtype=torch.float64), found))
        image = pixels(explorer())
        right = image[40:, int(0.73 * image.shape[1]) :]
        blue = (right[..., 2] > right[..., 0] + 60).any(0)
        return float(np.flatnonzero(blue).mean())

    two, four, twelve = (blue_columns(value) for value in (2.0, 4.0, 12.0))
    assert two < four < twelve and (twelve - two) / (four - two) == pytest.approx(5, rel=0.02)


def test_it_redraws_more_than_ten_times_a_second():
    figure, rates = explorer(), []
    for shift in (0.0, 0.001, 0.002):  # the best of three, in processor time: other programs may be running
        started = time.process_time()
        for i in range(10):
            figure.controls["noise"].value = 0.02 * i + 0.01 + shift
        rates.append(10 / (time.process_time() - started))
    assert max(rates) > 10


def test_the_controls_are_described_and_start_where_asked():
    figure = explorer(manifold="torus", d=3, noise=0.2, n=100, k=5)
    assert {control.description: control.value for control in figure.controls.values()} == {
        "manifold": "torus",
        "d, its dimension (spiral: 1)": 3,
        "noise in each coordinate, σ": 0.2,
        "N, points": 100,
        "k, neighbors": 5,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"manifold": "donut"}, "manifold is 'donut'; it must be one of spiral, swiss roll, sphere"),
        ({"n": 300}, "n is 300; it must be one of 100, 200, 400"),
        ({"d": 7}, "d is 7; it must be from 1 to 6"),
        ({"noise": -0.1}, r"noise is -0\.1; it must be from 0 to 0\.5"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"k": 2}, "k is 2; it must be from 3 to 40"),
    ],
)
def test_a_start_outside_the_controls_is_explained(options, message):
    with pytest.raises(ValueError, match=message):
        explorer(**options)


def test_without_a_kernel_a_picture_with_alternative_text_is_left_and_no_figure_is_open():
    bundle = explorer()._repr_mimebundle_()
    assert f'alt="{ALT}"' in bundle["text/html"] and "data:image/png;base64," in bundle["text/html"]
    assert bundle["text/plain"] == f"Figure: {ALT}"
    assert not plt.get_fignums()
