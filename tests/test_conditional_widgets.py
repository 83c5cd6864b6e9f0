"""The explorer of digits: the label chooses the digit, the other sliders the style, and every move is seen."""

import io
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from lecture_lib import autoencoder, conditional, conditional_widgets, convolution, likelihoods, vae

ALT = "The digit that was asked for, large, and beside it the same style under all ten labels"
J = 3


def network(kind="fully connected"):
    torch.manual_seed(0)
    if kind == "convolutional":
        parts = convolution.conv_encoder(J, n_labels=10), convolution.conv_decoder(J, n_labels=10)
    else:
        parts = autoencoder.mlp([794, 30, 2 * J]), autoencoder.mlp([J + 10, 30, 784])
    model = vae.VAE(*parts, likelihoods.Bernoulli(), latent_dim=J)
    with torch.no_grad():
        model.decoder[0].weight.mul_(5)  # untrained, it would draw nearly the same gray everywhere
    return model


MODEL = network()


def pixels(figure):
    with Image.open(io.BytesIO(figure.picture.value)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def explorer(model=MODEL, **options):
    return conditional_widgets.digit_explorer(model, **{"alt": ALT} | options)


@pytest.mark.parametrize("kind", ["fully connected", "convolutional"])
def test_the_ten_digits_are_the_means_of_each_label_alone(kind):
    model = network(kind)
    images = conditional_widgets.ten_digits(model, {2: 1.5, 0: -0.5})
    assert images.shape == (10, 28, 28)
    z = torch.tensor([[-0.5, 0.0, 1.5]])
    with torch.no_grad():
        for label in range(10):
            mean = torch.sigmoid(conditional.given(model, label).decode(z)).view(28, 28)
            np.testing.assert_allclose(images[label], mean, atol=1e-5)


def test_the_label_moves_the_large_digit_and_the_frame_and_no_small_digit():
    figure = explorer()
    assert [control.description for control in figure.controls.values()] == [
        "y, the digit",
        "z1, style 1",
        "z2, style 2",
    ]
    before = pixels(figure)
    figure.controls["label"].value = 3
    after = pixels(figure)
    changed = np.abs(after - before).max(-1) > 0
    middle = int(0.33 * changed.shape[1])
    assert changed[:, :middle].mean() > 0.1  # the large digit
    assert 0 < changed[:, middle:].mean() < 0.08  # two frames
    figure.controls["label"].value = 7
    assert np.array_equal(pixels(figure), before)


def test_a_style_moves_all_ten_and_the_large_one_alike():
    figure = explorer(dims=(1,))
    before = pixels(figure)
    figure.controls["z1"].value = 2.0
    changed = np.abs(pixels(figure) - before).max(-1) > 0
    middle, width = int(0.33 * changed.shape[1]), changed.shape[1]
    assert changed[:, :middle].mean() > 0.1
    for part in np.array_split(changed[:, int(0.36 * width) : int(0.97 * width)], 5, axis=1):
        top, bottom = np.array_split(part, 2)
        assert top.mean() > 0.2 and bottom.mean() > 0.2


def test_the_picture_holds_the_digit_that_was_asked_for(monkeypatch):
    made = np.zeros((10, 28, 28), np.float32)
    made[4], made[5] = 1.0, 0.5
    monkeypatch.setattr(conditional_widgets, "ten_digits", lambda model, style: made)
    figure = explorer(label=4)
    tile = pixels(figure)[150:200, 60:160]
    assert (tile == 0).all()  # black
    figure.controls["label"].value = 5
    tile = pixels(figure)[150:200, 60:160]
    assert ((tile > 80) & (tile < 175)).all()
    figure.controls["label"].value = 6
    assert (pixels(figure)[150:200, 60:160] == 255).all()


def test_what_a_slider_is_called_is_the_variable_it_moves(monkeypatch):
    calls = []
    monkeypatch.setattr(
        conditional_widgets, "ten_digits", lambda model, style: calls.append(style) or np.zeros((10, 28, 28))
    )
    figure = explorer(dims=(2, 0), label=0)
    figure.controls["z2"].value = 1.2
    assert calls == [{2: 0.0, 0: 0.0}, {2: 1.2, 0: 0.0}]


def test_every_end_of_the_sliders_draws_and_no_figure_stays_open():
    figure = explorer(dims=(0, 1, 2))
    for label in (0, 9):
        for end in (-2.5, 2.5):
            figure.controls["label"].value = label
            for dim in range(J):
                figure.controls[f"z{dim}"].value = end
            assert pixels(figure).std() > 0
    assert plt.get_fignums() == []


@pytest.mark.parametrize("kind", ["fully connected", "convolutional"])
def test_ten_redraws_take_less_than_a_second(kind):
    figure = explorer(network(kind))
    started = time.process_time()
    for step in range(10):
        figure.controls["z0"].value = 0.1 * (step + 1)
    assert time.process_time() - started < 1


def test_the_resting_picture_has_its_alternative_text():
    bundle = explorer()._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert ALT in data["text/html"] and data["text/plain"] == f"Figure: {ALT}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": 10}, "label is 10; it must be a digit from 0 to 9"),
        ({"label": -1}, "label is -1"),
        ({"dims": ()}, r"dims is \(\); it must hold different numbers from 0 to 2"),
        ({"dims": (1, 1)}, r"dims is \(1, 1\)"),
        ({"dims": (0, 3)}, r"dims is \(0, 3\)"),
    ],
)
def test_what_cannot_be_shown_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        explorer(**options)
