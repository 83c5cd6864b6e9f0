"""The explorer of components: every position works, every move is seen, and the numbers are right."""

import io
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from lecture_lib import data, pca, pca_widgets

ALT = "A digit, its reconstruction from ten components, and the share of the variance that is discarded"
X = data.digits("test")[0]
MODEL = pca.fit(X, 60)


def explorer(start=10, x=X[:5]):
    return pca_widgets.components_explorer(MODEL, x, start, alt=ALT)


def pixels(figure):
    with Image.open(io.BytesIO(figure.picture.value)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("J", [1, 7, 60])
def test_the_reconstruction_is_that_of_a_fit_with_so_many_components(J):
    smaller = pca.fit(X, J)
    expected = smaller.reconstruct(smaller.project(X))
    torch.testing.assert_close(pca_widgets.reconstructions(MODEL, MODEL.project(X), J), expected, rtol=0, atol=1e-9)


def test_the_share_discarded_goes_from_all_to_what_the_model_discards():
    share = pca_widgets.discarded_share(MODEL)
    assert len(share) == 61 and float(share[0]) == 1 and (share.diff() < 0).all()
    torch.testing.assert_close(1 - share[1:], MODEL.explained_variance_ratio.cumsum(0))


def test_each_slider_changes_its_part_of_the_picture():
    figure = explorer()
    assert [control.description for control in figure.controls.values()] == [
        "J, number of components",
        "digit, which one",
    ]
    before = pixels(figure)
    figure.controls["n_components"].value = 30
    after = pixels(figure)
    changed = np.abs(after - before).max(-1).max(0) > 0
    assert not changed[: int(0.24 * len(changed))].any()  # the digit itself stands still
    assert (
        changed[int(0.3 * len(changed)) : int(0.5 * len(changed))].any() and changed[-int(0.3 * len(changed)) :].any()
    )
    figure.controls["digit"].value = 4
    assert (np.abs(pixels(figure) - after)[:, : int(0.24 * len(changed))] > 0).any()
    figure.controls["digit"].value = 1
    figure.controls["n_components"].value = 10
    assert np.array_equal(pixels(figure), before)


def test_what_is_shown_are_the_digit_and_its_reconstruction(monkeypatch):
    calls = []
    original = pca_widgets.reconstructions
    monkeypatch.setattr(pca_widgets, "reconstructions", lambda *args: calls.append(args) or original(*args))
    explorer(start=12)
    ((model, z, J),) = calls
    assert model is MODEL and J == 12 and torch.equal(z, MODEL.project(X[:5])[0])


def test_floats_are_shown_like_bytes():
    assert np.array_equal(pixels(explorer()), pixels(explorer(x=X[:5].double() / 255)))


def test_every_end_of_the_sliders_draws_and_no_figure_stays_open():
    figure = explorer()
    for J in (1, 60):
        for digit in (1, 5):
            figure.controls["n_components"].value, figure.controls["digit"].value = J, digit
            assert pixels(figure).std() > 0
    assert plt.get_fignums() == []


def test_ten_redraws_take_less_than_a_second():
    figure = explorer()
    started = time.process_time()
    for J in range(20, 30):
        figure.controls["n_components"].value = J
    assert time.process_time() - started < 1


def test_the_resting_picture_has_its_alternative_text():
    bundle = explorer()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert ALT in data["text/html"] and data["text/plain"] == f"Figure: {ALT}"


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="start is 61; it must be from 1 to 60"):
        explorer(start=61)
    with pytest.raises(ValueError, match="start is 0"):
        explorer(start=0)
    with pytest.raises(ValueError, match="model is of 5 dimensions"):
        pca_widgets.components_explorer(pca.fit(torch.randn(9, 5).double(), 2), X, 1, alt=ALT)
