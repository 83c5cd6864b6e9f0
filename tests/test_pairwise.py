"""Coarse distances are never above the true ones, nor far below; equal rows are found; differences keep all digits."""

import math
from fractions import Fraction

import pytest
import torch

from lecture_lib import integers, pairwise


def randn(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def all_distances(x, queries):
    """(N, M), one difference after the other."""
    return torch.stack([((x - query) ** 2).sum(1).sqrt() for query in queries], 1)


def by_product(fmt, x, queries):
    """Lower bounds of all distances, (N, M), less the radii."""
    a, b = pairwise.encode(fmt, x), pairwise.encode(fmt, queries)
    orders = pairwise.orders(a, b, a.norms.new_empty(len(a.z) * len(b.z)))
    bounds = pairwise.bounds(fmt, orders) - a.radius.unsqueeze(1) - b.radius
    return bounds[: len(x), : len(queries)]


POINTS = {
    "normal": randn(70, 80),
    "two dimensions": randn(70, 2),
    "an offset": 1e4 + randn(70, 80),
    "an outlier": torch.cat([randn(69, 80), torch.full((1, 80), 1e6).double()]),
    "scales": randn(70, 80) * torch.logspace(-12, 12, 70).double().unsqueeze(1),
    "close points": 1 + 1e-9 * randn(70, 80),
    "far from the mean, close together": torch.cat([1e3 + 1e-6 * randn(35, 80), -1e3 + 1e-6 * randn(35, 80)]),
    "equal": randn(1, 80).expand(70, 80).contiguous(),
    "a grid": (randn(70, 80) * 2).round() / 4,
    "tiny": 1e-30 * randn(70, 80),
    "one far, the others tiny": torch.cat([1e-25 * randn(69, 80), torch.ones(1, 80).double()]),
    "so tiny that squares vanish": torch.cat([1e-22 * randn(68, 80), torch.ones(1, 80), -torch.ones(1, 80)]).double(),
}


class TestFormats:
    @pytest.mark.parametrize("name", POINTS)
    def test_bounds_are_never_above_the_distance(self, name):
        x = POINTS[name]
        for fmt in pairwise.formats(x, x):
            assert bool((by_product(fmt, x, x) <= all_distances(x, x) * (1 + 1e-14)).all())

    @pytest.mark.parametrize(("dtype", "far_off"), [(torch.int8, 0.2), (torch.float32, 2e-4), (torch.float64, 5e-6)])
    def test_bounds_are_not_far_below_the_distance(self, dtype, far_off):
        """Distances are about 12, and 255 steps reach from the least to the largest number; bounds have 22 bits."""
        x = POINTS["normal"]
        (fmt,) = [fmt for fmt in pairwise.formats(x, x) if fmt.dtype == dtype]
        loss = all_distances(x, x) - by_product(fmt, x, x)
        between = ~torch.eye(70, dtype=torch.bool)
        assert float(loss[between].max()) < far_off

    @pytest.mark.parametrize("name", POINTS)
    def test_the_radius_covers_what_the_format_loses(self, name):
        x = POINTS[name][::9]
        for fmt in pairwise.formats(x, x):
            z, _, radius = pairwise.encode(fmt, x)
            for row, code, r in zip(x.tolist(), z.tolist(), radius.tolist()):  # noqa: B905, as codes are filled up
                terms = zip(row, fmt.origin.tolist(), code)  # noqa: B905
                loss = sum((Fraction(a) - Fraction(o) - Fraction(fmt.scale) * Fraction(c)) ** 2 for a, o, c in terms)
                assert loss <= Fraction(r) ** 2

    def test_coarse_ones_come_first_and_eight_bits_only_where_products_cost(self):
        assert [fmt.dtype for fmt in pairwise.formats(randn(9, 64), randn(9, 64))] == [
            torch.int8,
            torch.float32,
            torch.float64,
        ]
        assert [fmt.dtype for fmt in pairwise.formats(randn(9, 63), randn(9, 63))] == [torch.float32, torch.float64]

    def test_where_float32_is_cut_short_it_is_not_used(self, monkeypatch):
        monkeypatch.setattr(pairwise, "_keeps_24_bits", lambda device: False)
        assert [fmt.dtype for fmt in pairwise.formats(randn(9, 3), randn(9, 3))] == [torch.float64]

    def test_products_cut_short_are_noticed(self, monkeypatch):
        assert pairwise._keeps_24_bits(torch.device("cpu"))
        original = torch.mm

        def short(a, b, out):
            return out.copy_(original(a.bfloat16(), b.bfloat16()))

        monkeypatch.setattr(torch, "mm", short)
        assert not pairwise._keeps_24_bits(torch.device("cpu"))

    def test_eight_bits_are_not_used_where_they_are_slow(self, monkeypatch):
        monkeypatch.setattr(integers, "is_quick", lambda device: False)
        assert [fmt.dtype for fmt in pairwise.formats(randn(9, 64), randn(9, 64))] == [torch.float32, torch.float64]


class TestWholeNumbers:
    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int64, torch.float32, torch.float64])
    def test_distances_are_exact(self, dtype):
        x = torch.randint(0, 128, (50, 33), generator=torch.Generator().manual_seed(0)).to(dtype)
        x[0], x[1] = 0, 127
        (fmt,) = pairwise.formats(x, x)
        assert fmt.exact
        assert torch.equal(by_product(fmt, x, x), all_distances(x.double(), x.double()))

    def test_they_may_lie_anywhere_and_span_255(self):
        x = torch.tensor([[1000, -300, 7], [1255, -45, 7], [1001, -300, 7]])
        (fmt,) = pairwise.formats(x, x)
        assert torch.equal(by_product(fmt, x, x), all_distances(x.double(), x.double()))

    def test_the_queries_count_as_well(self):
        x = torch.tensor([[0.0], [1.0]])
        assert pairwise.formats(x, x + 254)[0].exact
        assert not pairwise.formats(x, x + 255)[0].exact
        assert not pairwise.formats(x, x + 0.5)[0].exact
        assert not pairwise.formats(x + 0.5, x)[0].exact

    def test_the_largest_distance_of_the_most_dimensions_does_not_overflow(self):
        x = torch.tensor([[0], [255]], dtype=torch.uint8).expand(2, pairwise.MAX_BYTES)
        (fmt,) = pairwise.formats(x, x)
        assert by_product(fmt, x, x).tolist() == [[0, 255 * 128], [255 * 128, 0]]
        longer = x[:, :1].expand(2, pairwise.MAX_BYTES + 1)
        assert {fmt.dtype for fmt in pairwise.formats(longer, longer)} == {torch.float32, torch.float64}

    def test_what_fills_up_is_further_than_everything(self):
        x = torch.tensor([[0], [255]], dtype=torch.uint8).expand(2, pairwise.MAX_BYTES)
        for points in (x, x / 3):
            for fmt in pairwise.formats(points, points):
                codes = pairwise.encode(fmt, points)
                orders = pairwise.orders(codes, codes, codes.norms.new_empty(32 * 32))
                assert bool((orders[2:, :2] >= fmt.far).all()) and bool((orders[:2, :2] < fmt.far).all())


class TestDifferences:
    def test_they_are_right_by_hand(self):
        x = torch.tensor([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]])
        found = pairwise.distances(x, x[:2], torch.tensor([[1, 2, -1], [0, 1, 2]]))
        assert found.tolist() == [[5, math.sqrt(2), math.inf], [5, 0, math.sqrt(13)]]

    @pytest.mark.parametrize("dim", [1, 3, 784])
    def test_they_do_not_depend_on_who_else_is_asked(self, dim, monkeypatch):
        x, indices = randn(40, dim), torch.randint(0, 40, (40, 7), generator=torch.Generator().manual_seed(0))
        at_once = pairwise.distances(x, x, indices)
        for block in (1, 3 * dim, 20 * dim):
            monkeypatch.setattr(pairwise, "BLOCK", block)
            assert torch.equal(pairwise.distances(x, x, indices), at_once)

    def test_equal_rows_are_at_equal_distance_to_the_last_bit(self):
        x = randn(30, 97).repeat(3, 1)
        found = pairwise.distances(x, x[:30], torch.arange(90).expand(30, 90))
        assert torch.equal(found[:, :30], found[:, 30:60]) and torch.equal(found[:, :30], found[:, 60:])
        assert torch.equal(found[:, :30], found[:, :30].mT)


class TestEqualRows:
    def test_the_first_of_them_is_found(self):
        x = torch.tensor([[1.0, 0.0], [2.0, 1.0], [1.0, -0.0], [2.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
        assert pairwise.first_equal(x).tolist() == [0, 1, 0, 1, 4, 0]

    @pytest.mark.parametrize("step", [1.0, 0.1, 2.0**40])
    def test_among_many(self, step):
        x = torch.randint(0, 3, (3000, 6), generator=torch.Generator().manual_seed(0)) * step
        seen = {}
        expected = [seen.setdefault(tuple(row), i) for i, row in enumerate(x.tolist())]
        assert pairwise.first_equal(x).tolist() == expected

    def test_rows_that_share_a_mark_are_compared(self, monkeypatch):
        real = torch.randint
        monkeypatch.setattr(torch, "randint", lambda *a, **k: (real(*a, **k) * 0).sub_(1) // 2)  # weights -1: sums
        x = torch.tensor([[0.5, 0.25], [0.25, 0.5], [0.5, 0.25], [0.25, 0.5]]).double()
        assert pairwise.first_equal(x).tolist() == [0, 1, 0, 3]  # one repetition is missed, no difference is


def test_the_unit_tames_what_is_too_large_or_too_small():
    one = torch.ones(2, 1, dtype=torch.float64)
    assert pairwise.unit(one, 1e80 * one) == 1 and pairwise.unit(1e-80 * one, 0 * one) == 1
    assert pairwise.unit(0 * one, 0 * one) == 1 and pairwise.unit(one, one[:0]) == 1
    assert pairwise.unit(one.float(), one.float()) == 1
    for size in (1e200, -1e200, 1e-200, 1.7e308, 5e-324):
        assert 1e-30 < abs(size) / pairwise.unit(size * one, 0 * one) < 1e30
        assert math.frexp(pairwise.unit(size * one, 0 * one))[0] == 0.5
