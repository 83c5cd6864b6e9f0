"""Figures of neighbors and of dimensions: the arrays given are the arrays drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from lecture_lib import dimension_plots, plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def same_color(one, other):
    return to_rgb(one) == pytest.approx(to_rgb(other))


def test_a_cloud_shows_two_coordinates_and_circles_around_its_center():
    x = torch.arange(12.0).view(4, 3)
    ax = dimension_plots.cloud(x, center=x[1], radii=(0.5, 2.0))
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), x[:, :2])
    assert [(*circle.center, circle.radius) for circle in ax.patches] == [(3.0, 4.0, 0.5), (3.0, 4.0, 2.0)]
    assert ax.get_aspect() == 1 and ax.lines[0].get_xydata().tolist() == [[3.0, 4.0]]
    assert not dimension_plots.cloud(x).lines


def test_counts_are_markers_and_laws_dashed_on_logarithmic_axes():
    r = np.array([0.1, 0.2, 0.4])
    ax = dimension_plots.counts(r, {"d = 1": 3 * r, "d = 2": r**2}, {"d = 1": 2 * r}, ylabel="how many")
    one, two, law = ax.lines
    assert one.get_linestyle() == "None" and one.get_marker() != two.get_marker()
    np.testing.assert_array_equal(two.get_ydata(), r**2)
    np.testing.assert_array_equal(law.get_ydata(), 2 * r)
    assert law.get_linestyle() == "--" and same_color(law.get_color(), plots.TRUTH)
    assert ax.get_xscale() == ax.get_yscale() == "log" and ax.get_ylabel() == "how many"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["d = 1", "d = 2"]


def test_the_line_through_the_ranks_is_the_fit_given():
    log_r, log_rank = torch.tensor([-2.0, -1.5, -1.0]), torch.tensor([0.0, 0.7, 1.1])
    ax = dimension_plots.ranks(log_r, log_rank, (2.0, 3.0))
    dots, line = ax.lines
    np.testing.assert_array_equal(dots.get_ydata(), log_rank)
    assert line.get_xydata().tolist() == [[-2.0, -1.0], [-1.0, 1.0]]
    assert ax.get_legend().get_texts()[0].get_text() == "slope 2.00"


def test_the_histogram_of_ratios_is_a_density_of_all_of_them():
    mu = torch.cat([torch.linspace(1.001, 1.049, 30), torch.full((10,), 2.0), torch.full((60,), 9.0)])
    ax = dimension_plots.pareto(mu, 3)
    heights = np.array([bar.get_height() for bar in ax.patches])
    widths = np.array([bar.get_width() for bar in ax.patches])
    assert (heights * widths).sum() == pytest.approx(0.4)  # the 60 beyond 3 count, and are not seen
    assert heights[0] * widths[0] == pytest.approx(0.3)
    (law,) = ax.lines
    x, y = law.get_data()
    np.testing.assert_allclose(y, 3 * x**-4)
    assert law.get_linestyle() == "--" and ax.get_legend().get_texts()[0].get_text() == "Pareto, d = 3"


def test_ratios_that_are_left_out_are_orange():
    x, y = torch.tensor([0.1, 0.2, 0.5, 1.0]), torch.tensor([0.2, 0.5, 0.9, 1.6])
    ax = dimension_plots.straightened(x, y, 3, 1.7)
    used, left_out, line = ax.lines
    assert len(used.get_xdata()) == 3 and left_out.get_xydata() == pytest.approx(np.array([[1.0, 1.6]]))
    assert same_color(left_out.get_color(), plots.ERROR) and same_color(used.get_color(), plots.DATA)
    np.testing.assert_allclose(line.get_xydata(), [[0, 0], [1.0, 1.7]])


def test_estimates_have_their_error_bars_and_the_truth_is_dashed():
    series = {"TwoNN": ([1, 2], torch.tensor([2.0, 3.0])), "likelihood": ([1, 3], [2.5, 2.6])}
    ax = dimension_plots.estimates(series, xlabel="k", truth=2, errors={"TwoNN": [0.5, 0.25]})
    (with_bars, without) = ax.containers
    assert with_bars.has_yerr and not without.has_yerr
    segments = with_bars.lines[2][0].get_segments()
    assert [segment[:, 1].tolist() for segment in segments] == [[1.5, 2.5], [2.75, 3.25]]
    truth = ax.lines[-1]
    assert truth.get_linestyle() == "--" and truth.get_ydata()[0] == 2
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["TwoNN", "likelihood"]
    curve = dimension_plots.estimates({"one": ([1, 2], [1, 2])}, xlabel="d", truth=([1, 2], [1.5, 2.5]))
    assert curve.lines[-1].get_ydata().tolist() == [1.5, 2.5] and curve.get_legend() is None
    assert len(dimension_plots.estimates({"one": ([1], [1])}, xlabel="d").lines) == 1


def test_intervals_run_from_top_to_bottom_with_their_numbers():
    ax = dimension_plots.intervals({"first": (2.04, 1.5, 2.5), "second": (3.0, 2.0, 5.0)}, truth=2.2)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["first", "second"]
    places = ax.get_yticks()
    assert places[0] > places[1]
    assert [segment.tolist() for segment in ax.collections[0].get_segments()] == [
        [[1.5, places[0]], [2.5, places[0]]],
        [[2.0, places[1]], [5.0, places[1]]],
    ]
    dots, truth = ax.lines
    assert dots.get_xdata().tolist() == [2.04, 3.0] and [text.get_text() for text in ax.texts] == ["2.0", "3.0"]
    assert truth.get_xdata()[0] == 2.2 and truth.get_linestyle() == "--"
    low, high = ax.get_ylim()
    assert low < places.min() and high > places.max()
    assert len(dimension_plots.intervals({"first": (2.0, 1.5, 2.5)}).lines) == 1


X = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: dimension_plots.cloud(np.ones((2, 2)), ax),
        lambda ax: dimension_plots.counts(X, {"a": X}, {}, ax),
        lambda ax: dimension_plots.ranks(X, X, (1.0, 0.0), ax),
        lambda ax: dimension_plots.pareto(X, 2, ax),
        lambda ax: dimension_plots.straightened(X, X, 1, 1.0, ax),
        lambda ax: dimension_plots.estimates({"a": (X, X)}, ax, xlabel="x"),
        lambda ax: dimension_plots.intervals({"a": (1.0, 0.5, 2.0)}, ax),
    ],
)
def test_given_axes_are_used_and_returned(draw):
    _, ax = plt.subplots()
    assert draw(ax) is ax
