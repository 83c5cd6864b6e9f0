"""Figures of Gaussians: what is drawn is what was given, in the colors of the course."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import same_color

from lecture_lib import gaussian_plots, plots


@pytest.fixture(autouse=True)
def close_figures():
    plots.use_style()
    yield
    plt.close("all")
    plt.rcdefaults()


Z = torch.linspace(-2, 2, 9, dtype=torch.float64)


def test_fits_draw_the_target_dashed_and_black_and_the_models_in_the_order_of_the_palette():
    ax = gaussian_plots.fits(Z, Z**2, {"forward": Z + 2, "reverse": Z + 3}, target_name="p")
    target, forward, reverse = ax.lines
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["p", "forward", "reverse"]
    assert same_color(target.get_color(), plots.TRUTH) and target.get_linestyle() == "--"
    assert same_color(forward.get_color(), plots.MODEL) and same_color(reverse.get_color(), plots.ERROR)
    assert forward.get_linestyle() != reverse.get_linestyle()
    np.testing.assert_array_equal(reverse.get_ydata(), Z + 3)
    assert gaussian_plots.fits(Z, Z**2, {}, legend=False).get_legend() is None


def test_an_integrand_is_filled_blue_above_zero_and_orange_below():
    ax = gaussian_plots.integrand(Z, Z**3, ylabel="q log(q/p)")
    above, below = (area.get_paths()[0].vertices[:, 1] for area in ax.collections)
    assert above.min() == 0 and above.max() == 8 and below.max() == 0 and below.min() == -8
    assert [area.get_facecolor()[0][:3].tolist() for area in ax.collections] == [
        pytest.approx(plt.matplotlib.colors.to_rgb(color)) for color in (plots.MODEL, plots.ERROR)
    ]
    assert ax.get_ylabel() == "q log(q/p)"


def test_contours_lie_where_the_values_are_equal():
    x, y = np.linspace(-2, 2, 81), np.linspace(-1, 1, 41)
    ax = gaussian_plots.contours(x, y, x**2 + y[:, None] ** 2, [0.25, 1.0], xlabel="a", ylabel="b", fmt="%g nats")
    radii = [np.hypot(*path.vertices.T) for path in ax.collections[0].get_paths()]
    assert np.abs(radii[0] - 0.5).max() < 1e-2 and np.abs(radii[1] - 1).max() < 1e-2
    assert {text.get_text() for text in ax.texts} == {"0.25 nats", "1 nats"}
    one = gaussian_plots.contours(x, y, x**2 + y[:, None] ** 2, [0.5], xlabel="a", ylabel="b")
    assert same_color(one.collections[0].get_edgecolor()[0], plots.MODEL)


def test_an_outline_lies_two_standard_deviations_from_the_mean():
    mu, cov = torch.tensor([1.0, -2.0]), torch.tensor([[2.0, 0.6], [0.6, 0.5]])
    away = gaussian_plots.outline(mu, cov) - mu.numpy()[:, None]
    squares = np.einsum("in,ij,jn->n", away, np.linalg.inv(cov.numpy()), away)
    np.testing.assert_allclose(squares, 4, rtol=1e-5)


def test_ellipses_show_the_target_and_every_model():
    circle = torch.eye(2)
    ax = gaussian_plots.ellipses(torch.zeros(2), circle, {"wide": (torch.zeros(2), 4 * circle)})
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["target", "wide"]
    assert np.hypot(*ax.lines[1].get_data()) == pytest.approx(4 * np.ones(200))
    assert ax.get_aspect() == 1
    named = gaussian_plots.ellipses(torch.zeros(2), circle, {}, target_name="posterior")
    assert [text.get_text() for text in named.get_legend().get_texts()] == ["posterior"]


def test_the_bars_of_a_gap_reach_from_below_to_the_evidence():
    ax = gaussian_plots.gap_bars({"far": -9.0, "near": -4.5, "equal": -4.0 + 1e-16}, -4.0, -8.0)
    bound, lack = ax.containers
    assert [(bar.get_y(), bar.get_height()) for bar in bound] == [(-8, 0), (-8, 3.5), (-8, 4)]
    assert [(bar.get_y(), bar.get_height()) for bar in lack] == [(-8, 4), (-4.5, 0.5), (-4, 0)]
    assert [text.get_text() for text in ax.texts] == ["5.00", "0.50", "0.00"]
    assert same_color(bound[0].get_facecolor(), plots.MODEL)
    assert same_color(lack[0].get_facecolor()[:3], plots.ERROR)
    (evidence,) = ax.lines
    assert evidence.get_linestyle() == "--" and same_color(evidence.get_color(), plots.TRUTH)
    assert evidence.get_ydata()[0] == -4 and ax.get_ylim()[0] == -8 and ax.get_ylabel() == "nats"


def test_errors_without_an_answer_and_without_an_error_stay_in_the_picture():
    given = {"naive": [np.nan, np.inf, 1e-3], "stable": torch.tensor([0.0, 1e-30, 1e-8])}
    ax = gaussian_plots.errors([1, 2, 3], given, xlabel="t", rounding=1e-7)
    naive, stable, rounding = ax.lines
    assert naive.get_ydata().tolist() == [10, 10, 1e-3]
    np.testing.assert_allclose(stable.get_ydata(), [1e-8, 1e-8, 1e-8])
    low, high = ax.get_ylim()
    assert low < 1e-8 and high > 10 and rounding.get_ydata()[0] == 1e-7
    assert ax.get_xscale() == ax.get_yscale() == "log"


def test_given_axes_are_used_and_returned():
    _, ax = plt.subplots()
    assert gaussian_plots.fits(Z, Z, {}, ax) is ax
    assert gaussian_plots.integrand(Z, Z, ax, ylabel="y") is ax
    assert gaussian_plots.contours(Z, Z, Z + Z[:, None], [0.5], ax, xlabel="x", ylabel="y") is ax
    assert gaussian_plots.ellipses(torch.zeros(2), torch.eye(2), {}, ax) is ax
    _, ax = plt.subplots()  # its horizontal axis holds names
    assert gaussian_plots.gap_bars({"q": -1.0}, 0.0, -2.0, ax) is ax
    assert gaussian_plots.errors([1.0], {"a": [1.0]}, ax, xlabel="x", rounding=1e-7) is ax
