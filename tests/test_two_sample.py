"""Two-sample tests against scikit-learn, SciPy, enumeration and known distributions."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from sklearn.neighbors import NearestNeighbors

from lecture_lib import autoencoder, conditional, reading, training, two_sample


def clouds(n=60, m=40, dim=3, shift=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    real = torch.randn(n, dim, dtype=torch.float64, generator=generator)
    return real, torch.randn(m, dim, dtype=torch.float64, generator=generator) + shift


@pytest.mark.parametrize("k", [1, 4])
def test_the_share_is_what_scikit_learn_counts(k):
    real, drawn = clouds()
    x, own = np.concatenate([real, drawn]), np.arange(100) < 60
    indices = NearestNeighbors(n_neighbors=k + 1).fit(x).kneighbors(x, return_distance=False)[:, 1:]
    assert two_sample.neighbor_share(real, drawn, k) == pytest.approx((own[indices] == own[:, None]).mean())


def test_far_apart_all_neighbors_are_own_ones():
    real, drawn = clouds(shift=1000.0)
    assert two_sample.neighbor_share(real, drawn, 3) == 1


def test_the_expected_share_is_the_mean_over_all_labelings():
    x = clouds(n=5, m=2)
    everything, shares = torch.cat(x), []
    for real in itertools.combinations(range(7), 5):
        rest = [i for i in range(7) if i not in real]
        shares.append(two_sample.neighbor_share(everything[list(real)], everything[rest], 2))
    assert np.mean(shares) == pytest.approx(two_sample.expected_share(5, 2), abs=1e-12)


def test_alike_clouds_have_the_expected_share():
    shares = [two_sample.neighbor_share(*clouds(300, 300, seed=seed)) for seed in range(30)]
    error = np.std(shares, ddof=1) / math.sqrt(30)
    assert np.mean(shares) == pytest.approx(two_sample.expected_share(300, 300), abs=4 * error)


def test_the_share_tends_to_the_integral_of_the_lecture():
    p, p_hat = stats.norm(0, 1).pdf, stats.norm(2, 1).pdf
    limit, _ = integrate.quad(lambda x: (p(x) ** 2 + p_hat(x) ** 2) / (2 * (p(x) + p_hat(x))), -9, 11)
    shares = [two_sample.neighbor_share(*clouds(2000, 2000, 1, 2.0, seed)) for seed in range(10)]
    error = np.std(shares, ddof=1) / math.sqrt(10)
    assert np.mean(shares) == pytest.approx(limit, abs=4 * error + 0.002)


def test_a_trained_classifier_comes_near_the_bound_and_not_above_it():
    torch.manual_seed(0)
    distance = 2 * stats.norm.cdf(1.0) - 1  # total variation of N(0, 1) and N(2, 1)
    rows = [two_sample.labeled(*clouds(3000, 3000, 1, 2.0, seed)) for seed in (0, 1)]
    loss = lambda model, x: reading.cross_entropy(model, x, n_classes=2)  # noqa: E731
    net = autoencoder.mlp([1, 16, 2])
    training.train(net.double(), loss, rows[0], epochs=5, lr=1e-2, progress=False)
    accuracy = training.evaluate(net, loss, rows[1])["accuracy"]
    found = two_sample.variation_at_least(accuracy)
    error = 2 * math.sqrt(accuracy * (1 - accuracy) / 6000)
    assert distance - 0.02 - 4 * error < found < distance + 4 * error


def test_labels_stand_behind_the_rows():
    real, drawn = torch.zeros(2, 4, dtype=torch.uint8), torch.full((3, 4), 255, dtype=torch.uint8)
    rows = two_sample.labeled(real, drawn)
    images, columns = conditional.split(rows.double() / 255, 2)
    assert rows.shape == (5, 6) and rows.dtype == torch.uint8
    assert columns.argmax(1).tolist() == [1, 1, 0, 0, 0] and images.sum(1).tolist() == [0, 0, 4, 4, 4]


def test_the_bound_on_the_variation():
    assert [two_sample.variation_at_least(a) for a in (0.0, 0.5, 0.75, 1.0)] == [0, 0, 0.5, 1]


@pytest.mark.parametrize("n", [2, 3, 6, 10])
def test_the_coverage_is_that_of_the_sign_test(n):
    outside = stats.binom.pmf(0, n, 0.5) + stats.binom.pmf(n, n, 0.5)
    assert two_sample.coverage(n) == pytest.approx(1 - outside, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: two_sample.variation_at_least(1.2), "accuracy is 1.2"),
        (lambda: two_sample.variation_at_least(math.nan), "accuracy is nan"),
        (lambda: two_sample.coverage(1), "n is 1; it must be a whole number from 2"),
        (lambda: two_sample.expected_share(0, 3), "n is 0"),
        (lambda: two_sample.neighbor_share(torch.zeros(3), torch.zeros(3)), r"real has shape \(3,\)"),
        (lambda: two_sample.neighbor_share(torch.zeros(3, 2), torch.zeros(3, 4)), r"drawn \(3, 4\)"),
        (lambda: two_sample.neighbor_share(torch.zeros(0, 2), torch.zeros(3, 2)), "at least 1"),
        (lambda: two_sample.labeled(torch.zeros(3, 2), torch.zeros(3, 2).double()), "must be of one type"),
        (lambda: two_sample.neighbor_share(*clouds(3, 2), k=5), "k is 5"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
