"""The explorer of priors: codes and digits are those of the prior that is chosen, and every move is seen."""

import itertools
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from explorers import move, pixels

from lecture_lib import autoencoder, likelihoods, mixture, prior_widgets, vae

ALT = "Codes of data in gray, drawn ones in blue, and the thirty-six images that these decode to"
J = 4


def network():
    torch.manual_seed(0)
    model = vae.VAE(autoencoder.mlp([784, 30, 2 * J]), autoencoder.mlp([J, 30, 784]), likelihoods.Bernoulli())
    with torch.no_grad():
        model.decoder[0].weight.mul_(5)  # untrained, it would draw nearly the same gray everywhere
    return model


MODEL = network()
LABELS = torch.arange(400) % 10
CODES = torch.randn(400, J, generator=torch.Generator().manual_seed(0)) + LABELS[:, None] * torch.tensor([1.0, 0, 0, 1])
PRIORS = {
    "N(0, I)": None,
    "one Gaussian": mixture.GaussianMixture(1).fit(CODES),
    "5 Gaussians": mixture.GaussianMixture(5).fit(CODES, generator=torch.Generator().manual_seed(0)),
}


def explorer(**options):
    return prior_widgets.prior_explorer(
        *({"model": MODEL, "priors": PRIORS, "codes": CODES, "labels": LABELS} | options).values(), alt=ALT
    )


@pytest.mark.parametrize("name", PRIORS)
def test_the_codes_are_draws_of_the_prior_and_the_images_their_means(name):
    z, images = prior_widgets.drawn(MODEL, PRIORS[name], 3)
    generator = torch.Generator().manual_seed(3)
    expected = (
        torch.randn(36, J, generator=generator)
        if PRIORS[name] is None
        else PRIORS[name].sample(36, generator=generator)
    )
    torch.testing.assert_close(z, expected.float())
    with torch.no_grad():
        means = torch.sigmoid(MODEL.decode(expected.float())).view(36, 28, 28)
    np.testing.assert_allclose(images, means, atol=1e-6)


def test_the_plane_is_that_in_which_the_class_means_differ():
    view = prior_widgets.plane(CODES, LABELS)
    between = torch.tensor([1.0, 0, 0, 1]) / 2**0.5
    assert float((view.axes[:, 0] @ between).abs()) > 0.99
    assert prior_widgets.plane(CODES[:50], LABELS[:50] * 0).axes.shape == (J, 2)  # one class


def test_every_position_draws_another_picture_of_the_same_size():
    figure = explorer()
    seen, shape = set(), pixels(figure).shape
    for name, number in itertools.product(PRIORS, (1, 2, 50)):
        move(figure, prior=name, draw=number)
        assert pixels(figure).shape == shape
        seen.add(pixels(figure).tobytes())
    assert len(seen) == 9


def test_both_halves_change_and_the_codes_of_data_do_not():
    figure = explorer()
    before = pixels(figure)
    move(figure, draw=2)
    changed = np.abs(pixels(figure) - before).max(-1) > 60
    middle = int(0.54 * changed.shape[1])
    assert changed[:, middle:].mean() > 0.02 and 0 < changed[:, :middle].mean() < 0.05
    move(figure, draw=1)
    assert np.array_equal(pixels(figure), before)


def test_the_start_may_be_named_and_without_a_kernel_a_picture_stands():
    figure = explorer(prior="5 Gaussians")
    assert figure.controls["prior"].value == "5 Gaussians"
    bundle = figure._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert ALT in data["text/html"] and "data:image/png" in data["text/html"] and ALT in data["text/plain"]


def test_ten_redraws_take_less_than_a_second():
    figure = explorer()
    start = time.process_time()
    for number in range(2, 22):
        move(figure, draw=number)
    assert (time.process_time() - start) / 20 < 0.1


def test_no_figure_of_pyplot_is_left_open():
    before = plt.get_fignums()
    explorer()
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codes": CODES[:, :3]}, r"codes has shape \(400, 3\); it must be \(N, 4\)"),
        ({"codes": CODES[:20], "labels": LABELS[:20]}, "N at least 36"),
        ({"labels": LABELS[:9]}, r"labels has shape \(9,\) for 400 codes"),
        ({"priors": {}}, "there is none"),
        ({"prior": "best"}, "prior is 'best'"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        explorer(**options)
