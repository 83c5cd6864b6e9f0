"""Figures of densities: the arrays given are the arrays drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from lecture_lib import density_plots, plots


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


X = np.linspace(-1, 1, 5)


def test_a_line_has_its_estimates_its_truth_and_its_points():
    ax = density_plots.line(X, {"one": X**2, "other": X + 2}, truth=1 - X**2, points=[0.1, 0.2])
    one, other, truth, points = ax.lines
    np.testing.assert_array_equal(one.get_ydata(), X**2)
    np.testing.assert_array_equal(other.get_ydata(), X + 2)
    np.testing.assert_array_equal(truth.get_ydata(), 1 - X**2)
    assert truth.get_linestyle() == "--" and to_rgb(truth.get_color()) == to_rgb(plots.TRUTH)
    assert points.get_xdata().tolist() == [0.1, 0.2] and max(points.get_ydata()) < 0
    assert one.get_linestyle() != other.get_linestyle()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "other"]
    assert ax.get_xlabel() == "x" and ax.get_ylabel() == "density"
    assert density_plots.line(X, {"": X}).get_legend() is None


def test_a_histogram_has_its_steps_and_its_error_bars():
    edges, heights, errors = np.array([0.0, 1.0, 3.0]), np.array([0.4, 0.3]), np.array([0.1, 0.2])
    ax = density_plots.histogram(edges, heights, x=X, truth=X, errors=errors)
    steps = ax.patches[0].get_data()
    np.testing.assert_array_equal(steps.values, heights)
    np.testing.assert_array_equal(steps.edges, edges)
    bars = [segment[:, :].tolist() for segment in ax.collections[0].get_segments()]
    assert np.allclose(bars, [[[0.5, 0.3], [0.5, 0.5]], [[2.0, 0.1], [2.0, 0.5]]])
    np.testing.assert_array_equal(ax.lines[-1].get_ydata(), X)
    assert not density_plots.histogram(edges, heights).collections


def test_kernels_are_told_apart_without_color():
    ax = density_plots.profiles(X, {str(i): X + i for i in range(7)})
    assert len({str(line._dash_pattern) for line in ax.lines}) == 7
    assert len(ax.get_legend().get_texts()) == 7
    np.testing.assert_array_equal(ax.lines[3].get_ydata(), X + 3)


def test_the_ellipse_of_a_component_has_two_deviations_along_its_axes():
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    cov = turn @ np.diag([0.25, 4.0]) @ turn.T
    ax = density_plots.components(np.zeros((3, 2)), [[1.0, 2.0]], [cov])
    (ellipse,) = ax.patches
    assert tuple(ellipse.center) == (1.0, 2.0)
    assert (ellipse.width, ellipse.height) == pytest.approx((2.0, 8.0))
    points = ellipse.get_patch_transform().transform(np.array([[1.0, 0.0], [0.0, 1.0]])) - [1.0, 2.0]
    assert np.einsum("ni,ij,nj->n", points, np.linalg.inv(cov), points) == pytest.approx([4.0, 4.0])
    assert ax.lines[0].get_xydata().tolist() == [[0.0, 0.0]] * 3 and ax.get_aspect() == 1
