"""Figures: what is drawn from the arrays, and how it is shown. (Their colors: test_palette.)"""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from lecture_lib import plots

ALT = "A line that rises from zero to one"


@pytest.fixture(autouse=True)
def close_figures():
    plots.use_style()
    yield
    plt.close("all")
    plt.rcdefaults()


@pytest.fixture
def shown(monkeypatch):
    bundles = []
    monkeypatch.setattr(plots, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def line():
    fig, ax = plt.subplots(figsize=(5, 3))
    ax.plot([0, 1])
    return fig


def test_a_shown_figure_is_html_with_alternative_text_and_closed(shown):
    plots.show(line(), 'A "line" <rises> & ends at one')
    html = shown[0]["text/html"]
    assert 'alt="A &quot;line&quot; &lt;rises&gt; &amp; ends at one"' in html
    assert re.search(r'src="data:image/png;base64,[A-Za-z0-9+/=]+"', html) and "width: 480px" in html
    assert shown[0]["text/plain"] == 'Figure: A "line" <rises> & ends at one'
    assert not plt.get_fignums()


def test_the_same_figure_gives_the_same_bytes(shown):
    plots.show(line(), ALT)
    plots.show(line(), ALT)
    assert shown[0] == shown[1]


@pytest.mark.parametrize("alt", ["", "   ", "a plot"])
def test_a_figure_without_a_description_is_refused(alt):
    with pytest.raises(ValueError, match="describe the figure in a sentence"):
        plots.show(line(), alt)


def test_digits_stand_in_reading_order_in_rows():
    images = torch.zeros(5, 4)
    images[3] = 1.0
    ax = plots.digits(images, columns=3)
    canvas = ax.images[0].get_array()
    assert canvas.shape == (4, 6)
    assert canvas[2:, :2].min() == 1 and canvas.sum() == 4
    assert ax.images[0].get_clim() == (0, 1)


def test_labeled_rows_name_every_row():
    ax = plots.labeled_rows({"original": np.zeros((4, 784)), "reconstruction": torch.ones(4, 784, requires_grad=True)})
    assert [text.get_text() for text in ax.texts] == ["original", "reconstruction"]
    assert ax.images[0].get_array()[28:].min() == 1


@pytest.mark.parametrize("name", ["I", "decoded, J = 40", "reconstructions of what nobody has seen"])
@pytest.mark.parametrize("shape", [(2, 14), (5, 8), (12, 3)])
def test_the_names_of_rows_stay_inside_the_picture(name, shape):
    n_rows, columns = shape
    rows = {"-" * row: np.zeros((columns, 784)) for row in range(n_rows - 1)} | {name: np.zeros((columns, 784))}
    ax = plots.labeled_rows(rows)
    ax.figure.canvas.draw()
    assert min(text.get_window_extent().x0 for text in ax.texts) >= 0


def test_curves_are_told_apart_without_color():
    ax = plots.curves({name: ([0, 1], [0, i]) for i, name in enumerate("abcde")}, xlabel="epoch", ylabel="loss (nats)")
    assert len({str(curve.get_linestyle()) for curve in ax.lines}) >= 4
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list("abcde")
    assert ax.get_xlabel() == "epoch" and ax.get_ylabel() == "loss (nats)"


def test_a_history_is_drawn_as_two_curves_over_its_epochs():
    ax = plots.history({"kl": [1.0, 2.0]}, {"kl": [3.0, 4.0]}, "kl", ylabel="KL (nats)")
    assert [curve.get_ydata().tolist() for curve in ax.lines] == [[1.0, 2.0], [3.0, 4.0]]
    assert ax.lines[0].get_xdata().tolist() == [1, 2]
    assert len(plots.history({"kl": [1.0]}, {}, "kl", ylabel="KL (nats)").lines) == 1


def test_every_class_is_named_at_its_median():
    z = torch.tensor([[0.0, 0.0], [2.0, 2.0], [9.0, 1.0]])
    ax = plots.classes(z, torch.tensor([4, 4, 7]))
    assert [(text.get_text(), tuple(text.get_position())) for text in ax.texts] == [("4", (1, 1)), ("7", (9, 1))]


def test_names_that_would_cover_each_other_move_apart():
    z = torch.tensor([[0.0, 0.0], [0.1, 0.0], [10.0, 10.0]])
    first, second, third = (text.get_position() for text in plots.classes(z, torch.arange(3)).texts)
    assert np.hypot(*np.subtract(first, second)) == pytest.approx(0.55, rel=0.02)
    assert np.hypot(*first) < 0.4 and third == (10, 10)


def test_bars_carry_their_numbers():
    ax = plots.bars({"a": 1.25, "b": 2.0}, ylabel="nats", fmt="{:.2f}")
    assert [text.get_text() for text in ax.texts] == ["1.25", "2.00"]
    assert [patch.get_height() for patch in ax.patches] == [1.25, 2.0]


def test_a_png_holds_no_version_and_has_a_white_background():
    png = plots.to_png(line())
    with Image.open(io.BytesIO(png)) as image:
        assert "Software" not in image.info
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_histograms_share_their_bins_and_have_a_legend_where_there_are_several():
    ax = plots.histograms(
        {"near": torch.tensor([0.0, 1.0]), "far": np.array([2.0, 9.0])}, xlabel="distance", ylabel="images"
    )
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["near", "far"]
    corners = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert len(corners) == 80 and corners[:40] == corners[40:]
    assert corners[0][0] == pytest.approx(0.0, abs=1e-9) and corners[-1][1] == pytest.approx(9.0)
    assert sum(patch.get_height() for patch in ax.patches) == 4
    assert plots.histograms({"one": [1.0, 2.0]}, xlabel="distance", ylabel="images").get_legend() is None


def test_tint_covers_exactly_the_masked_tiles():
    ax = plots.digits(np.zeros((4, 784)), columns=2)
    plots.tint(np.array([[True, False], [False, False]]), ax)
    tiles = np.ma.filled(np.ma.asarray(ax.images[-1].get_array(), dtype=float), 0)
    assert tiles.shape == ax.images[0].get_array().shape == (56, 56)
    assert tiles[:28, :28].min() == 1 and tiles.sum() == 28 * 28
