"""The explorer of density estimates: every control is seen, and the numbers are the library's."""

import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from explorers import move, pixels
from scipy import stats

from lecture_lib import bandwidth, density, density_widgets

ALT = "Four estimates of one density with three bumps, each with its truth"


def explorer(**options):
    return density_widgets.density_explorer(alt=ALT, **options)


def test_the_truth_is_the_mixture_that_the_data_are_drawn_from():
    x = torch.linspace(-6, 7, 50, dtype=torch.float64)
    parts = zip(density_widgets.WEIGHTS, density_widgets.MEANS, density_widgets.DEVIATIONS, strict=True)
    expected = sum(w * stats.norm.pdf(x.numpy(), m, s) for w, m, s in parts)
    np.testing.assert_allclose(density_widgets.true_density(x), expected, rtol=1e-12)
    draws = density_widgets.draw(4000, generator=torch.Generator().manual_seed(0))
    parts = list(zip(density_widgets.WEIGHTS, density_widgets.MEANS, density_widgets.DEVIATIONS, strict=True))
    cdf = lambda t: sum(w * stats.norm.cdf(t, m, s) for w, m, s in parts)  # noqa: E731
    assert draws.shape == (4000, 1) and stats.kstest(draws[:, 0].numpy(), cdf).pvalue > 1e-3


def test_the_squared_error_of_the_truth_is_zero_and_of_nothing_the_integral_of_its_square():
    x = torch.linspace(-8, 9, 2001, dtype=torch.float64)
    assert density_widgets.squared_error(density_widgets.true_density(x), x) == 0
    w, m, s = (np.array(p) for p in (density_widgets.WEIGHTS, density_widgets.MEANS, density_widgets.DEVIATIONS))
    pairs = stats.norm.pdf(m[:, None] - m, scale=np.sqrt(s[:, None] ** 2 + s**2))
    assert density_widgets.squared_error(torch.zeros_like(x), x) == pytest.approx(w @ pairs @ w, rel=1e-8)


def test_what_is_drawn_are_the_estimates_of_the_library():
    x = density_widgets._data(300)
    grid = torch.linspace(density_widgets.LOW, density_widgets.HIGH, density_widgets.POINTS, dtype=torch.float64)
    h = 0.5 * bandwidth.silverman_bandwidth(x, kernel="biweight")
    expected = {
        ("kernel", 0.5, "biweight"): density.KernelDensity(h, "biweight"),
        ("nearest neighbors", 7, "gaussian"): density.KNeighborsDensity(7),
        ("histogram", 12, "gaussian"): density.HistogramDensity(12, range=(-5.0, 6.0)),
    }
    for (name, setting, kernel), model in expected.items():
        found = density_widgets.estimate(name, 300, setting, kernel)
        assert torch.equal(found, model.fit(x).score_samples(grid[:, None]).exp())
    edges, heights = density_widgets.histogram(300, 12)
    np.testing.assert_allclose(heights, np.histogram(x.numpy(), edges)[0] / (300 * 11 / 12))
    mixed = density_widgets.estimate("mixture", 300, 3)
    assert float(torch.trapezoid(mixed, grid)) == pytest.approx(1, abs=1e-3)
    assert density_widgets.squared_error(mixed, grid) < 0.005


@pytest.mark.parametrize(
    ("name", "value", "panels"),
    [
        ("n", 1000, "1111"),
        ("bins", 40, "1000"),
        ("h", 3.0, "0100"),
        ("kernel", "uniform", "0100"),
        ("k", 60, "0010"),
        ("K", 1, "0001"),
    ],
)
def test_every_control_moves_its_own_panel(name, value, panels):
    figure = explorer()
    before = pixels(figure)
    move(figure, **{name: value})
    changed = np.abs(pixels(figure) - before).max(-1) > 0
    height, width = changed.shape[0] // 2, changed.shape[1] // 2
    parts = [changed[:height, :width], changed[:height, width:], changed[height:, :width], changed[height:, width:]]
    assert "".join(str(int(part.any())) for part in parts) == panels


def test_a_picture_does_not_depend_on_the_way_to_it():
    figure, fresh = explorer(), explorer(n=100, bins=30, h=0.5, kernel="cosine", k=9, K=2)
    move(figure, n=1000, bins=3, K=7, k=80)
    move(figure, n=100, bins=30, h=0.5, kernel="cosine", k=9, K=2)
    assert (pixels(figure) == pixels(fresh)).all()


def test_it_redraws_more_than_ten_times_a_second():
    figure, rates = explorer(), []
    for shift in (0, 10, 20):  # the best of three, in processor time: other programs may be running
        started = time.process_time()
        for i in range(5):
            move(figure, bins=20 + shift + i)
            move(figure, k=30 + shift + i)
        rates.append(10 / (time.process_time() - started))
    assert max(rates) > 10


def test_the_controls_are_described_and_start_where_asked():
    figure = explorer(n=100, bins=30, h=0.5, kernel="cosine", k=9, K=2)
    assert {control.description: control.value for control in figure.controls.values()} == {
        "N, observations": 100,
        "number of bins": 30,
        "h / Silverman's bandwidth": 0.5,
        "kernel": "cosine",
        "k, neighbors": 9,
        "K, components": 2,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 200}, "n is 200; it must be one of 100, 300, 1000"),
        ({"kernel": "box"}, "kernel is 'box'; it must be one of gaussian, uniform"),
        ({"h": 0.0}, r"h is 0\.0; it must be from 0\.1 to 10"),
        ({"bins": 81}, "bins is 81; it must be from 1 to 80"),
        ({"k": 0}, "k is 0; it must be from 1 to 90"),
        ({"K": 11}, "K is 11; it must be from 1 to 10"),
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
