"""Figures of principal components: what is drawn is what was given, in the colors of the course."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import same_color

from lecture_lib import pca_plots, plots


@pytest.fixture(autouse=True)
def close_figures():
    plots.use_style()
    yield
    plt.close("all")
    plt.rcdefaults()


def test_a_cloud_shows_points_reconstructions_what_is_lost_and_named_arrows():
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    ax = pca_plots.cloud(x, x + 1, {"$v_1$": torch.tensor([1.0, 2.0])}, torch.tensor([3.0, 4.0]))
    lost, points, images = ax.lines
    assert [line.get_label() for line in ax.lines] == ["lost", "$x$", "$\\hat x$"]
    colors = [line.get_color() for line in ax.lines]
    assert all(map(same_color, colors, (plots.ERROR, plots.DATA, plots.MODEL)))
    np.testing.assert_array_equal(points.get_xydata(), x)
    np.testing.assert_array_equal(images.get_xydata(), x + 1)
    np.testing.assert_array_equal(lost.get_xydata()[[0, 1, 3, 4]], [[0, 1], [1, 2], [2, 3], [3, 4]])
    assert np.isnan(lost.get_xydata()[[2, 5]]).all()
    arrow, name = ax.texts
    assert tuple(arrow.xy) == tuple(name.xy) == (4, 6) and tuple(arrow.xyann) == (3, 4) and name.get_text() == "$v_1$"


def test_signed_images_have_white_at_zero_and_a_scale_of_their_own():
    images = torch.tensor([[0.0, 1.0, -2.0, 0.5], [0.1, 0.0, 0.0, 0.0], [0.0, 0.0, -3.0, 0.0]])
    ax = pca_plots.signed(images, columns=2, titles=["a", "b", "c"])
    (picture,) = ax.images
    expected = [[0, 0.5, 1, 0], [-1, 0.25, 0, 0], [0, 0, 0, 0], [-1, 0, 0, 0]]
    np.testing.assert_allclose(picture.get_array(), expected)
    assert picture.get_clim() == (-1, 1)
    assert [text.get_text() for text in ax.texts] == ["a", "b", "c"]
    low, middle, high = (picture.cmap(value) for value in (0.0, 0.5, 1.0))
    assert same_color(low, plots.ERROR) and same_color(high, plots.MODEL)
    np.testing.assert_allclose(middle, 1, atol=0.02)


def test_a_spectrum_tells_what_is_kept_from_what_is_discarded():
    values = torch.tensor([4.0, 2.0, 1.0])
    kept, discarded = pca_plots.spectrum(values, kept=1).lines
    assert same_color(kept.get_color(), plots.MODEL) and same_color(discarded.get_color(), plots.ERROR)
    np.testing.assert_array_equal(kept.get_xydata(), [[1, 4]])
    np.testing.assert_array_equal(discarded.get_xydata(), [[2, 2], [3, 1]])
    ax = pca_plots.spectrum(values)
    assert len(ax.lines) == 1 and ax.get_legend() is None and ax.get_yscale() == "log"


def test_a_table_of_cosines_shows_their_sizes_row_by_row():
    ax = pca_plots.cosines(torch.tensor([[1.0, -0.25], [0.5, 0.75], [0.0, -1.0]]))
    np.testing.assert_array_equal(ax.images[0].get_array(), [[1, 0.25], [0.5, 0.75], [0, 1]])
    assert [text.get_text() for text in ax.texts] == ["1.00", "0.25", "0.50", "0.75", "0.00", "1.00"]
    assert [text.get_color() for text in ax.texts] == ["white", "black", "black", "white", "black", "white"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["$v_1$", "$v_2$", "$v_3$"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2"]
