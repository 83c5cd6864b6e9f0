"""The interactive parts on Gaussians: every move is seen, and the numbers are right."""

import io
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch.distributions import Normal, kl_divergence

from lecture_lib import gaussian_widgets, latent_variables

ALT = "The densities of two Gaussians, and below them the integrands of both divergences"


def pixels(figure):
    with Image.open(io.BytesIO(figure.picture.value)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


# --- divergence_explorer ---


def explorer(**options):
    return gaussian_widgets.divergence_explorer(alt=ALT, **options)


def move(figure, **values):
    for name, value in values.items():
        figure.controls[name].value = value


@pytest.mark.parametrize("numbers", [(0.7, 0.6, -0.5, 1.5), (-4.0, 0.2, 4.0, 3.0), (1.0, 2.0, 1.0, 2.0)])
def test_the_divergences_shown_are_those_of_torch_distributions(numbers):
    q, p = (Normal(*(torch.tensor(v, dtype=torch.float64) for v in pair)) for pair in (numbers[:2], numbers[2:]))
    expected = float(kl_divergence(q, p)), float(kl_divergence(p, q))
    assert gaussian_widgets.divergences(*numbers) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("numbers", [(0.7, 0.6, -0.5, 1.5), (-1.0, 0.2, 1.0, 1.0), (1.0, 1.0, -1.0, 1.0)])
def test_the_areas_below_the_integrands_are_the_divergences(numbers):
    q, p, *areas = gaussian_widgets.integrands(*numbers)
    step = gaussian_widgets.Z[1] - gaussian_widgets.Z[0]
    assert q.sum() * step == pytest.approx(1, abs=1e-6) and p.sum() * step == pytest.approx(1, abs=1e-6)
    sums = tuple(area.sum() * step for area in areas)
    assert sums == pytest.approx(gaussian_widgets.divergences(*numbers), rel=1e-5)


def test_the_titles_tell_both_divergences(monkeypatch):
    told = []
    original = gaussian_widgets.divergences
    monkeypatch.setattr(gaussian_widgets, "divergences", lambda **v: told.append(original(**v)) or (1.5, 2.5))
    one = pixels(explorer())
    monkeypatch.setattr(gaussian_widgets, "divergences", lambda **v: (1.5, 9.25))
    other = pixels(explorer())
    assert told == [original(0.7, 0.6, -0.5, 1.5)]
    changed = np.argwhere(np.abs(one - other).max(-1) > 0)
    height, width = one.shape[:2]
    assert (changed[:, 1] > width / 2).all() and (changed[:, 0] > height / 2).all()  # the right title alone


@pytest.mark.parametrize("name", ["mu_q", "sigma_q", "mu_p", "sigma_p"])
def test_every_slider_moves_a_density_and_both_integrands(name):
    figure = explorer()
    before = pixels(figure)
    figure.controls[name].value += 0.3
    changed = np.abs(pixels(figure) - before).max(-1) > 0
    height, width = changed.shape
    parts = changed[: height // 2], changed[height // 2 :, : width // 2], changed[height // 2 :, width // 2 :]
    assert all(part.any() for part in parts)


def test_a_picture_does_not_depend_on_the_way_to_it():
    figure, fresh = explorer(), explorer(q=(2.0, 0.3), p=(-1.0, 0.5))
    move(figure, mu_q=-4.0, sigma_q=0.2, sigma_p=3.0)
    move(figure, mu_q=2.0, sigma_q=0.3, mu_p=-1.0, sigma_p=0.5)
    assert (pixels(figure) == pixels(fresh)).all()


def is_orange(image):
    return (image[..., 0] > image[..., 2] + 60).any()


def test_equal_gaussians_have_no_areas_and_others_have_both_kinds():
    image = pixels(explorer())
    assert is_orange(image[image.shape[0] // 2 :])
    equal = pixels(explorer(q=(1.0, 0.5), p=(1.0, 0.5)))
    below = equal[int(0.56 * equal.shape[0]) :]
    assert not is_orange(below) and not (below[..., 2] > below[..., 0] + 60).any()


def test_it_redraws_more_than_ten_times_a_second():
    figure, rates = explorer(), []
    for shift in (0.0, 0.01, 0.02):  # the best of three, in processor time: other programs may be running
        started = time.process_time()
        for i in range(20):
            figure.controls["sigma_q"].value = 0.2 + 0.05 * i + shift
        rates.append(20 / (time.process_time() - started))
    assert max(rates) > 10


def test_the_sliders_are_described_and_start_where_asked():
    figure = explorer(q=(1.0, 0.5), p=(-2.0, 3.0))
    assert {control.description: control.value for control in figure.controls.values()} == {
        "μ of q, mean": 1.0,
        "σ of q, standard deviation": 0.5,
        "μ of p, mean": -2.0,
        "σ of p, standard deviation": 3.0,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"q": (5.0, 1.0)}, "the mean of q is 5.0; it must be from -4 to 4"),
        ({"p": (0.0, 0.0)}, "the standard deviation of p is 0.0; it must be from 0.2 to 3"),
        ({"p": (float("nan"), 1.0)}, "the mean of p is nan"),
    ],
)
def test_a_start_outside_the_sliders_is_explained(options, message):
    with pytest.raises(ValueError, match=message):
        explorer(**options)


def test_without_a_kernel_a_picture_with_alternative_text_is_left_and_no_figure_is_open():
    bundle = explorer()._repr_mimebundle_()
    assert f'alt="{ALT}"' in bundle["text/html"] and "data:image/png;base64," in bundle["text/html"]
    assert bundle["text/plain"] == f"Figure: {ALT}"
    assert not plt.get_fignums()


# --- gap_explorer ---


X = torch.tensor([1.5, 1.8, -0.2], dtype=torch.float64)
GAP_ALT = "A posterior and a wider q; a blue bar, and in orange the gap to log p(x)"


def oracle(latent_dim=1):
    W = torch.tensor([[0.8, 0.1], [1.1, 0.3], [0.5, -0.2]], dtype=torch.float64)[:, :latent_dim]
    return latent_variables.LinearGaussian(W, torch.tensor([0.5, -0.2, 0.1], dtype=torch.float64), 0.7)


def gap_explorer(**options):
    return gaussian_widgets.gap_explorer(oracle(), X, alt=GAP_ALT, **options)


@pytest.mark.parametrize("numbers", [(0.0, 1.0), (-3.0, 0.2), (1.0, 0.5)])
def test_bound_and_gap_are_those_of_quadrature_and_of_torch_distributions(numbers):
    mu, sigma = (torch.tensor(value, dtype=torch.float64) for value in numbers)
    z, q = mu + sigma * torch.linspace(-9, 9, 2001, dtype=torch.float64), Normal(mu, sigma)
    weights = torch.softmax(q.log_prob(z), 0)
    mean, cov = oracle().posterior(X)
    bound, gap = gaussian_widgets.levels(oracle(), X, *numbers)
    assert bound == pytest.approx(
        float((weights * (oracle().log_joint(X, z[:, None]) - q.log_prob(z))).sum()), rel=1e-10
    )
    assert gap == pytest.approx(float(kl_divergence(q, Normal(mean[0], cov[0, 0].sqrt()))), rel=1e-10, abs=1e-14)
    assert bound + gap == pytest.approx(float(oracle().log_evidence(X)), rel=1e-12)


@pytest.mark.parametrize("name", ["mu_q", "sigma_q"])
def test_both_sliders_move_the_density_and_the_bar(name):
    figure = gap_explorer()
    before = pixels(figure)
    figure.controls[name].value += 0.3
    changed = np.abs(pixels(figure) - before).max(-1) > 0
    half = int(0.55 * changed.shape[1])
    assert changed[:, :half].any() and changed[:, half:].any()


def orange_pixels(figure):
    image = pixels(figure)
    return int(((image[..., 0] > image[..., 2] + 60) & (image[..., 1] > 100)).sum())


def test_the_orange_part_is_as_high_as_the_gap_and_vanishes_at_the_posterior():
    gaps, areas = [], []
    for q in ((1.0, 1.0), (0.0, 1.0), (0.0, 0.8)):
        gaps.append(gaussian_widgets.levels(oracle(), X, *q)[1])
        areas.append(orange_pixels(gap_explorer(q=q)))
    assert np.divide(areas, areas[0]) == pytest.approx(np.divide(gaps, gaps[0]), rel=0.03)
    mean, cov = oracle().posterior(X)
    assert orange_pixels(gap_explorer(q=(float(mean), float(cov[0, 0].sqrt())))) < 0.02 * areas[0]


def test_a_picture_of_the_gap_does_not_depend_on_the_way_to_it():
    figure = gap_explorer()
    move(figure, mu_q=-3.0, sigma_q=0.2)
    move(figure, mu_q=1.5, sigma_q=0.7)
    assert (pixels(figure) == pixels(gap_explorer(q=(1.5, 0.7)))).all()


def test_the_gap_explorer_refuses_what_it_cannot_show():
    with pytest.raises(ValueError, match="model has 2 latent variables; the picture has room for one"):
        gaussian_widgets.gap_explorer(oracle(2), X, alt=GAP_ALT)
    with pytest.raises(ValueError, match=r"the standard deviation of q is 0\.1; it must be from 0.2 to 2"):
        gap_explorer(q=(0.0, 0.1))


def test_the_gap_leaves_a_picture_without_a_kernel_and_no_open_figure():
    bundle = gap_explorer()._repr_mimebundle_()
    assert f'alt="{GAP_ALT}"' in bundle["text/html"] and "data:image/png;base64," in bundle["text/html"]
    assert not plt.get_fignums()
