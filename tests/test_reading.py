"""The classifier's loss against scikit-learn and by hand; the slant of strokes that lean by a known amount."""

import math

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss

from lecture_lib import autoencoder, conditional, data, reading, training


def logits_of(values):
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return values

    return Fixed()


def test_loss_and_accuracy_are_those_of_scikit_learn():
    torch.manual_seed(0)
    logits, labels = torch.randn(40, 6), torch.arange(40) % 6
    found = reading.cross_entropy(
        logits_of(logits), conditional.with_labels(torch.zeros(40, 3), labels, 6), n_classes=6
    )
    assert float(found["loss"]) == pytest.approx(log_loss(labels, logits.double().softmax(1)), rel=1e-5)
    assert float(found["accuracy"]) == pytest.approx(accuracy_score(labels, logits.argmax(1)))


def test_equal_logits_cost_the_log_of_the_number_of_classes():
    x = conditional.with_labels(torch.zeros(4, 3), torch.tensor([0, 1, 2, 3]))
    found = reading.cross_entropy(logits_of(torch.zeros(4, 10)), x)
    assert float(found["loss"]) == pytest.approx(math.log(10))


def test_a_classifier_learns_with_the_loop_of_the_course():
    torch.manual_seed(0)
    x, x_test = (conditional.with_labels(*data.digits(split)) for split in ("train", "test"))
    model = autoencoder.mlp([784, 50, 10])
    training.train(model, reading.cross_entropy, x, epochs=5, lr=2e-3, progress=False)
    assert training.evaluate(model, reading.cross_entropy, x_test)["accuracy"] > 0.85


def test_logits_of_another_shape_are_refused():
    x = conditional.with_labels(torch.zeros(4, 3), torch.tensor([0, 1, 2, 3]))
    with pytest.raises(ValueError, match=r"model returns \(4, 7\); it must return a logit a class, \(4, 10\)"):
        reading.cross_entropy(logits_of(torch.zeros(4, 7)), x)


@pytest.mark.parametrize("lean", [-1, 0, 1])
def test_the_slant_of_a_bar_is_its_lean(lean):
    image = torch.zeros(28, 28)
    for row in range(4, 24):
        start = 12 - lean * (row - 13)  # to the right in going up
        image[row, start : start + 3] = 1
    assert float(reading.slant(image.flatten())) == pytest.approx(lean, abs=1e-12)


def test_mirror_image_place_and_darkness():
    images = data.digits("test")[0][:20]
    mirrored = images.view(-1, 28, 28).flip(-1).flatten(1)
    moved = images.view(-1, 28, 28).roll((2, 3), (-2, -1)).flatten(1)
    value = reading.slant(images)
    assert value.shape == (20,) and value.dtype == torch.float64
    torch.testing.assert_close(reading.slant(mirrored), -value, rtol=0, atol=1e-12)
    torch.testing.assert_close(reading.slant(moved), value, rtol=0, atol=1e-12)
    torch.testing.assert_close(reading.slant(images / 510), value, rtol=0, atol=1e-6)
    torch.testing.assert_close(reading.slant(images.view(4, 5, 784)), value.view(4, 5))


def test_a_shear_adds_to_the_slant():
    """Row r moves r columns to the left, down from the top: 1 more for every row up."""
    image = torch.zeros(28, 28)
    image[8:20, 20:24] = torch.rand(12, 4, generator=torch.Generator().manual_seed(0))
    sheared = torch.stack([row.roll(10 - i) for i, row in enumerate(image)])
    difference = reading.slant(sheared.flatten()) - reading.slant(image.flatten())
    assert float(difference) == pytest.approx(1, abs=1e-6)


def test_it_is_the_regression_of_columns_on_rows():
    image = data.digits("test")[0][3].double().view(28, 28)
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    weights = image.flatten().sqrt()
    design = torch.stack([-rows.flatten().double(), torch.ones(784).double()], 1) * weights[:, None]
    solution = torch.linalg.lstsq(design, (columns.flatten().double() * weights)[:, None]).solution
    assert float(reading.slant(image.flatten())) == pytest.approx(float(solution[0]), rel=1e-9)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 783), r"images has shape \(2, 783\); its last axis must hold the pixels of a square"),
        (torch.tensor(1.0), r"images has shape \(\)"),
        (torch.zeros(2, 784), "images holds one whose ink has no height"),
        (torch.eye(28).flatten() * (torch.arange(784) < 28), "no height"),
    ],
)
def test_images_without_a_slant_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        reading.slant(images)
