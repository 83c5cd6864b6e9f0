"""The series on a line against sums over all pairs."""

import pytest
import torch

from lecture_lib import gauss_sums


def pairs(u, q):
    return (-0.5 * (q[:, None] - u) ** 2).exp().sum(1)


def rand(*shape, seed=0):
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SOURCES = {
    "one": torch.tensor([3.2]).double(),
    "two far apart": torch.tensor([0.0, 1e6]).double(),
    "normal": torch.randn(3000, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 9,
    "dense": rand(3000),
    "sparse": rand(300) * 1e5,
    "equal": torch.full((500,), -7.3).double(),
    "offset": 1e5 + 30 * rand(500),
    "outliers": torch.cat([rand(500) * 10, torch.tensor([1e8, -1e8]).double()]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sums_are_those_of_all_pairs_to_thirteen_digits(name):
    u = SOURCES[name]
    q = torch.cat([u[:200] + 6 * (rand(min(200, len(u)), seed=1) - 0.5), u.min() - 4 + 14 * rand(500, seed=2)])
    expected, found = pairs(u, q), gauss_sums.Moments(u).sums(q)
    known = ~found.isnan()
    assert bool((known == (expected > gauss_sums.LEAST)).all())
    digits = 1e-13 + 1e-16 * float(u.abs().max())  # of the distance itself, by the rounding of the numbers
    assert float((found / expected - 1)[known].abs().max()) < 4 * digits
    assert int(known.sum()) > 20


def test_the_error_is_small_for_every_distance_of_one_source():
    q = torch.linspace(-7, 7, 6001, dtype=torch.float64)
    found = gauss_sums.Moments(torch.zeros(1, dtype=torch.float64)).sums(q)
    assert float((found * (0.5 * q**2).exp() - 1).abs().max()) < 1e-13


def test_far_queries_and_a_line_too_long_for_boxes_are_left_to_others():
    few = gauss_sums.Moments(torch.zeros(1, dtype=torch.float64))
    assert few.sums(torch.tensor([1e300, -40.0, 40.0, -1e300], dtype=torch.float64)).isnan().all()
    long = gauss_sums.Moments(torch.tensor([0.0, 1e13]).double())
    assert not long.usable and long.sums(torch.zeros(2, dtype=torch.float64)).isnan().all()
    assert few.sums(torch.zeros(0, dtype=torch.float64)).shape == (0,)
