"""Nearest neighbors against a brute force in float64, on data that ask for trouble."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lecture_lib import device, integers, neighbors, pairwise


def randn(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def randint(high, *shape, seed=0):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def brute_force(x, queries=None):
    """All distances (M, N) in float64, infinite to oneself: a loop over queries, and a sum of squared differences."""
    points = np.asarray(x, np.float64)
    asked = points if queries is None else np.asarray(queries, np.float64)
    distances = np.stack([np.sqrt(((points - row) ** 2).sum(1)) for row in asked])
    if queries is None:
        np.fill_diagonal(distances, np.inf)
    return distances


def check(x, k, queries=None, *, exact=False, **options):
    """The result is that of the brute force; with all ties where this is exact, else but for rounding."""
    distances, indices = (part.numpy() for part in neighbors.nearest(x, k, queries=queries, **options))
    expected = brute_force(x, queries)
    order = np.argsort(expected, axis=1, kind="stable")[:, :k]
    assert distances.shape == indices.shape == order.shape and distances.dtype == np.float64
    sorted_, taken = (np.take_along_axis(expected, at, 1) for at in (order, indices))
    if exact:
        assert (indices == order).all()
        assert ((np.diff(distances) == 0) == (np.diff(sorted_) == 0)).all()
    np.testing.assert_allclose(distances, sorted_, rtol=1e-13, atol=0)
    np.testing.assert_allclose(distances, taken, rtol=1e-13, atol=0)
    assert (np.diff(np.sort(indices, 1)) > 0).all()  # nobody twice
    same = np.diff(distances) == 0
    assert (np.diff(distances) >= 0).all() and (np.diff(indices)[same] > 0).all()


CASES = {
    "normal": (randn(300, 5), 10),
    "one dimension": (randn(300, 1), 10),
    "many dimensions": (randn(200, 784), 10),
    "two points": (randn(2, 3), 1),
    "three points, all neighbors": (randn(3, 2), 2),
    "all neighbors of all": (randn(90, 3), 89),
    "offset": (1e4 + randn(300, 20), 10),
    "close points": (1 + 1e-9 * randn(300, 20), 10),
    "pairs that nearly touch": (torch.cat([randn(150, 70), randn(150, 70) + 1e-12]), 3),
    "clusters far apart": (1e6 * randint(5, 300, 1) + 1e-3 * randn(300, 70), 10),
    "scales of axes": (randn(300, 10) * torch.logspace(-8, 8, 10).double(), 10),
    "scales of points": (randn(300, 70) * torch.logspace(-9, 9, 300).double().unsqueeze(1), 10),
    "an outlier": (torch.cat([randn(299, 70), torch.full((1, 70), 1e8).double()]), 10),
    "repetitions": (randn(60, 7).repeat(5, 1), 10),
    "few different rows": (randn(3, 70).repeat(100, 1), 10),
    "half of the rows equal": (torch.cat([torch.zeros(150, 70).double(), randn(150, 70)])[torch.randperm(300)], 10),
    "all rows equal": (torch.full((300, 4), 0.3).double(), 10),
    "sorted by nearness": ((torch.linspace(1, 0, 300).double() ** 3).unsqueeze(1) * randn(1, 5), 10),
    "huge numbers": (1e200 * randn(100, 7), 10),
    "tiny numbers": (1e-200 * randn(100, 7), 10),
    "numbers near the end of float64": (1.5e308 * (2 * torch.rand(100, 3).double() - 1) / 2, 10),
}


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("name", CASES)
def test_float64_points(name):
    x, k = CASES[name]
    unit = pairwise.unit(x, x)  # the brute force squares as it is told
    if unit == 1:
        check(x, k)
    else:
        distances, indices = neighbors.nearest(x, k)
        smaller = neighbors.nearest(x / unit, k)
        check(x / unit, k)
        assert torch.equal(distances, smaller[0] * unit) and torch.equal(indices, smaller[1])
        assert bool(distances.isfinite().all()) and bool((distances > 0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", [name for name in CASES if "numbers" not in name])
def test_points_in_fewer_bits(name, dtype):
    x, k = CASES[name]
    check((x if dtype == torch.float32 else x.clamp(-6e4, 6e4)).to(dtype).float(), k)
    if dtype != torch.float32:
        x = x.clamp(-6e4, 6e4).to(dtype)
        assert all(map(torch.equal, neighbors.nearest(x, k), neighbors.nearest(x.float(), k)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float32])
@pytest.mark.parametrize(("high", "dim"), [(2, 3), (2, 30), (100, 1), (100, 5), (128, 784)])
def test_whole_numbers_with_all_ties(high, dim, dtype):
    check(randint(high, 200, dim).to(dtype), 20, exact=True)
    check(randint(high, 200, dim).to(dtype), 20, randint(high, 30, dim, seed=1).to(dtype), exact=True)


@pytest.mark.parametrize("dtype", [torch.int16, torch.int32, torch.int64, torch.float32, torch.float64])
def test_whole_numbers_that_do_not_fit_into_bytes(dtype):
    check(randint(257, 300, 3).to(dtype) - 40, 20, exact=True)
    check(randint(30_000, 200, 70).to(dtype), 20, exact=True)


def test_other_integers_and_truth_values():
    for dtype in (np.uint16, np.uint32, bool):
        x = (randint(500, 100, 4).numpy() % 300).astype(dtype)
        check(x, 7, exact=True)


@pytest.mark.parametrize("step", [0.5, 3 * 2.0**-40])
@pytest.mark.parametrize(("high", "dim"), [(2, 3), (2, 70), (5, 2), (1000, 2)])
def test_ties_on_a_grid_go_by_index(high, dim, step):
    """Squares on these grids are exact in float64, so ties are ties."""
    x = (randint(high, 300, dim) + 1 / 4).double() * step
    distances, indices = neighbors.nearest(x, 12)
    expected, order = torch.as_tensor(brute_force(x)).sort(dim=1, stable=True)
    assert torch.equal(indices, order[:, :12])
    assert torch.allclose(distances, expected[:, :12], rtol=1e-15, atol=0)


def test_ties_by_hand():
    distances, indices = neighbors.nearest(torch.tensor([[0.0], [1.0], [2.0], [3.0], [1.0]]), 3)
    assert indices.tolist() == [[1, 4, 2], [4, 0, 2], [1, 3, 4], [2, 1, 4], [1, 0, 2]]
    assert distances.tolist() == [[1, 1, 2], [0, 1, 1], [1, 1, 1], [1, 2, 2], [0, 1, 1]]


def test_a_duplicate_is_a_neighbor_and_oneself_is_not():
    x = randn(50, 70)
    x[[7, 30]] = x[3].clone()
    distances, indices = neighbors.nearest(x, 4)
    assert indices[[3, 7, 30], :2].tolist() == [[7, 30], [3, 30], [3, 7]]
    assert distances[[3, 7, 30], :2].tolist() == [[0, 0]] * 3 and bool((distances[[3, 7, 30], 2:] > 0).all())
    assert bool((indices != torch.arange(50).unsqueeze(1)).all())


def test_an_offset_changes_nothing_but_the_digits_it_takes():
    x = (randn(300, 40) * 2**20).round() / 2**20  # 2^13 + x is exact
    near, far = neighbors.nearest(x, 10), neighbors.nearest(x + 2**13, 10)
    assert torch.equal(near[1], far[1]) and torch.equal(near[0], far[0])
    single = (x + 1e4).float()
    assert float((neighbors.nearest(single, 10)[0] / near[0] - 1).abs().max()) < 1e-3  # float32 holds 1e4 to 1e-3
    check(single, 10)


class TestQueries:
    @pytest.mark.parametrize("name", ["normal", "one dimension", "many dimensions", "offset", "clusters far apart"])
    def test_points_that_are_not_rows(self, name):
        x, k = CASES[name]
        check(x, k, x[::3] + 0.01 * randn(*x[::3].shape, seed=1))
        check(x.float(), k, (x[::3] + 0.01 * randn(*x[::3].shape, seed=1)).float())

    @pytest.mark.parametrize("name", ["normal", "repetitions", "few different rows", "all rows equal"])
    def test_rows_find_themselves(self, name):
        x, k = CASES[name]
        for queries in (x, x.clone(), x[:7]):
            check(x, k, queries)
            assert float(neighbors.nearest(x, 1, queries=queries)[0].max()) == 0

    def test_all_rows_can_be_asked_for(self):
        check(randn(40, 3), 40, randn(5, 3, seed=1))
        check(randn(1, 3), 1, randn(5, 3, seed=1))

    def test_far_from_all_rows(self):
        check(randn(300, 70), 10, 1e6 + randn(9, 70, seed=1))
        check(randint(256, 300, 70).to(torch.uint8), 10, randint(256, 9, 70).to(torch.uint8), exact=True)

    def test_none_gives_none(self):
        for x in (randn(40, 3), randint(9, 40, 3)):
            distances, indices = neighbors.nearest(x, 5, queries=x[:0])
            assert distances.shape == indices.shape == (0, 5)
            assert distances.dtype == torch.float64 and indices.dtype == torch.int64


class TestWaysToCompute:
    """Every format, block size and fallback gives the same to the last bit."""

    x = torch.cat([randn(400, 70), randn(100, 70).repeat(2, 1), 1e-6 * randn(100, 70), 1e3 + randn(100, 70)])

    def expect(self, x=None):
        return neighbors.nearest(self.x if x is None else x, 9)

    @pytest.fixture
    def expected(self):
        check(self.x, 9)
        return self.expect()

    @pytest.mark.parametrize("chosen", list(itertools.chain(*(itertools.combinations(range(3), n) for n in (1, 2, 3)))))
    def test_any_formats(self, chosen, expected, monkeypatch):
        original = pairwise.formats
        monkeypatch.setattr(pairwise, "formats", lambda *given: [original(*given)[i] for i in chosen])
        for small in (0, 2**62):
            monkeypatch.setattr(neighbors, "SMALL", small)
            if small == 0 or chosen != (0,):
                assert all(map(torch.equal, self.expect(), expected))

    @pytest.mark.parametrize("memory", [1, 10**5, 10**6, 1e7, 2**30])
    def test_any_memory(self, memory, expected):
        x = torch.cat([self.x[i : i + 35] for i in (390, 490, 590, 690)])  # rows of all kinds
        assert all(map(torch.equal, neighbors.nearest(x, 9, memory=memory), self.expect(x)))
        whole = randint(5, 300, 7)
        check(whole, 9, exact=True, memory=memory)
        check(whole, 9, randint(5, 50, 7, seed=1), exact=True, memory=memory)

    def test_without_the_product_of_bytes(self, expected, monkeypatch):
        whole = randint(256, 500, 784).to(torch.uint8)
        exact = self.expect(whole)
        monkeypatch.setattr(integers, "_has_exact_product", lambda device: False)
        monkeypatch.delattr(torch, "_int_mm")
        assert all(map(torch.equal, self.expect(), expected))
        assert all(map(torch.equal, self.expect(whole), exact))

    def test_where_products_of_floats_are_cut_short(self, expected, monkeypatch):
        monkeypatch.setattr(pairwise, "_keeps_24_bits", lambda device: False)
        assert all(map(torch.equal, self.expect(), expected))

    def test_within_autocast(self, expected):
        whole = randint(256, 500, 784).to(torch.uint8)
        exact = self.expect(whole)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert all(map(torch.equal, self.expect(), expected))
            assert all(map(torch.equal, self.expect(whole), exact))

    def test_without_float64_on_the_device(self, expected, monkeypatch):
        answers = iter([False, True])
        monkeypatch.setattr(neighbors, "_has_float64", lambda device: next(answers))
        distances, indices = self.expect()
        assert torch.equal(distances, expected[0].float()) and torch.equal(indices, expected[1])

    def test_a_device_that_refuses_float64_is_noticed(self, monkeypatch):
        assert neighbors._has_float64(torch.device("cpu"))

        def refuse(*size, **options):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )

        monkeypatch.setattr(torch, "ones", refuse)
        assert not neighbors._has_float64(torch.device("cpu"))

    @pytest.mark.parametrize("arrange", [np.asarray, np.asfortranarray, lambda x: x[::-1][::-1], "readonly"])
    def test_numpy_arrays(self, arrange, expected):
        x = self.x.numpy().copy()
        if arrange == "readonly":
            x.flags.writeable = False
        else:
            x = arrange(x)
        assert all(map(torch.equal, self.expect(x), expected))
        assert all(map(torch.equal, self.expect(x[::-1][::-1]), expected))
        assert torch.equal(neighbors.nearest(x, 9, queries=self.x)[0], neighbors.nearest(self.x, 9, queries=x)[0])

    def test_any_layout_lists_and_tensors_with_gradients(self, expected):
        assert all(map(torch.equal, self.expect(self.x.mT.contiguous().mT), expected))
        assert neighbors.nearest([[0.0], [3.0]], 1)[0].tolist() == [[3.0], [3.0]]
        found = self.expect(self.x.clone().requires_grad_())
        assert all(map(torch.equal, found, expected)) and not found[0].requires_grad

    def test_two_threads(self, expected):
        torch.set_num_threads(2)
        assert all(map(torch.equal, self.expect(), expected))

    @pytest.mark.gpu
    def test_an_accelerator(self, expected):
        where = device.pick()
        whole = randint(256, 500, 784).to(torch.uint8)
        for x, same in ((self.x, expected), (whole, self.expect(whole))):
            distances, indices = self.expect(x.to(where))
            assert distances.device.type == indices.device.type == where.type
            assert torch.allclose(distances.cpu().double(), same[0], rtol=1e-6) and torch.equal(indices.cpu(), same[1])


def test_the_input_is_left_as_it_was():
    for x in (randn(100, 70), randint(256, 100, 70).to(torch.uint8)):
        before = x.clone()
        neighbors.nearest(x, 5, queries=x[:9])
        neighbors.nearest(x, 5)
        assert torch.equal(x, before)


values = st.sampled_from([0.0, 1.0, 1.5, 2.0, -1.0, 2.0**-12, 2.0**12, 3.0])
matrices = st.integers(1, 4).flatmap(
    lambda dim: st.lists(st.lists(values, min_size=dim, max_size=dim), min_size=2, max_size=40)
)


@settings(max_examples=150, deadline=None)
@given(matrices, st.integers(1, 50), st.sampled_from([1, 2**20]), st.sampled_from([0.0, 2.0**20]), st.integers(0, 9))
def test_many_small_sets_full_of_ties(rows, k, memory, offset, copies):
    """Squared distances of such numbers are exact in float64, whatever is added to them here."""
    x = torch.tensor(rows + rows[:copies], dtype=torch.float64) + offset
    k = min(k, len(x) - 1)
    check(x, k, exact=True, memory=memory)
    check(x, min(k, len(rows)), x[: len(rows)] + 0.5, exact=True, memory=memory)


def test_memory_is_bounded_by_what_is_stated():
    """All distances of 10,000 points would take 400 MB in 32 bits. Half of the rows are equal: lists are full."""
    code = """
import resource, torch
from lecture_lib import neighbors
x = torch.randint(0, 256, (10_000, 20), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
x[::2] = 0
third = x[:4000] / 3
neighbors.nearest(x[:2000], 3, memory=2**22), neighbors.nearest(third[:2000], 3, memory=2**22)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
neighbors.nearest(x, 3, memory=2**26)
neighbors.nearest(third, 3, memory=2**26)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1024 * int(run.stdout) < 2**26 + 4 * 10_000 * 3 * 16


@pytest.mark.parametrize(
    ("x", "k", "options", "message"),
    [
        (randn(9, 2), 0, {}, "k is 0; it must be a whole number from 1 to N - 1 = 8, as no row is its own neighbor"),
        (randn(9, 2), 9, {}, "k is 9; it must be a whole number from 1 to N - 1 = 8"),
        (randn(9, 2), -1, {}, "k is -1; it must be"),
        (randn(9, 2), 2.5, {}, "k is 2.5; it must be a whole number"),
        (randn(9, 2), True, {}, "k is True; it must be a whole number"),
        (randn(1, 2), 1, {}, "k is 1; it must be a whole number from 1 to N - 1 = 0"),
        (randn(9, 2), 10, {"queries": randn(3, 2)}, "k is 10; it must be a whole number from 1 to N = 9$"),
        (randn(9), 1, {}, r"x has shape \(9,\); it must be \(N, D\), N and D at least 1"),
        (randn(9, 2, 2), 1, {}, r"x has shape \(9, 2, 2\)"),
        (randn(0, 2), 1, {}, r"x has shape \(0, 2\)"),
        (randn(9, 0), 1, {}, r"x has shape \(9, 0\)"),
        (randn(9, 2), 1, {"queries": randn(2)}, r"queries has shape \(2,\); it must be \(N, D\)"),
        (randn(9, 2), 1, {"queries": randn(3, 4)}, r"queries has shape \(3, 4\) and x \(9, 2\); D must be the same"),
        (randn(9, 2), 1, {"queries": randn(3, 2).float()}, "queries has dtype torch.float32 and x torch.float64"),
        (randn(9, 2), 1, {"queries": randint(9, 3, 2)}, "queries has dtype torch.int64 and x torch.float64"),
        (
            randn(9, 2),
            1,
            {"queries": randn(3, 2).to("meta")},
            "queries has device meta and x cpu; they must be the same",
        ),
        (randn(9, 2).to(torch.complex64), 1, {}, "x holds torch.complex64; it must hold floats, or integers"),
        (torch.tensor([[2**53 + 1], [1]]), 1, {}, "x holds integers beyond 2.53, which float64 does not tell apart"),
        (randn(9, 2), 1, {"memory": 0}, "memory is 0; it must be a positive number of bytes"),
        (randn(9, 2), 1, {"memory": math.nan}, "memory is nan"),
    ],
)
def test_what_makes_no_sense_is_refused(x, k, options, message):
    with pytest.raises(ValueError, match=message):
        neighbors.nearest(x, k, **options)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_what_is_not_finite_is_refused_with_its_row(value, dtype):
    x = randn(50, 3).to(dtype)
    broken = x.clone()
    broken[[17, 33], 1] = value
    with pytest.raises(ValueError, match=r"x holds NaN or infinity \(first: row 17\)"):
        neighbors.nearest(broken, 2)
    with pytest.raises(ValueError, match=r"queries holds NaN or infinity \(first: row 17\)"):
        neighbors.nearest(x, 2, queries=broken)


def test_volumes_of_unit_balls_by_hand():
    expected = [1, 2, math.pi, 4 / 3 * math.pi, math.pi**2 / 2, 8 / 15 * math.pi**2]
    assert neighbors.log_unit_ball_volume(torch.arange(6)).exp().tolist() == pytest.approx(expected, rel=1e-14)
    assert float(neighbors.log_unit_ball_volume(3)) == pytest.approx(math.log(4 / 3 * math.pi), rel=1e-14)


def test_volumes_of_unit_balls_follow_their_recurrence():
    """V_(d + 2) = 2 pi / (d + 2) V_d, for d that are not whole as well."""
    d = torch.linspace(0, 1000, 777, dtype=torch.float64).view(7, 111)
    ratio = neighbors.log_unit_ball_volume(d + 2) - neighbors.log_unit_ball_volume(d)
    assert torch.allclose(ratio, (2 * math.pi / (d + 2)).log(), rtol=1e-9, atol=1e-11)


def test_a_negative_dimension_has_no_volume():
    with pytest.raises(ValueError, match="d is -1; a dimension is zero or positive"):
        neighbors.log_unit_ball_volume(torch.tensor([3.0, -1.0]))
    with pytest.raises(ValueError, match="d is nan"):
        neighbors.log_unit_ball_volume(math.nan)
