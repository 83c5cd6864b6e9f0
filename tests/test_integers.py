"""Products of 8-bit integers: exact at the extremes, whichever way they are computed."""

import pytest
import torch

from lecture_lib import integers


def random_bytes(*shape):
    return torch.randint(-128, 128, shape, generator=torch.Generator().manual_seed(0)).to(torch.int8)


def test_signed_takes_128_from_every_byte():
    every = torch.arange(256).to(torch.uint8)
    assert integers.signed(every).tolist() == list(range(-128, 128))
    assert every.tolist() == list(range(256))  # the input is left as it was


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (40, 784, 33), (64, 3000, 64)])
def test_a_product_is_that_of_long_integers(shape):
    n, k, m = shape
    a, b = random_bytes(n, k), random_bytes(m, k).T
    expected = a.long() @ b.long()
    assert integers.product(a, b).dtype == torch.int32
    assert torch.equal(integers.product(a, b).long(), expected)
    assert torch.equal(integers._float_product(a, b).long(), expected)


def test_a_product_goes_where_it_is_told(monkeypatch):
    a, b = random_bytes(40, 784), random_bytes(33, 784).T
    for _ in range(2):
        out = torch.empty(40, 33, dtype=torch.int32)
        assert integers.product(a, b, out=out) is out
        assert torch.equal(out.long(), a.long() @ b.long())
        monkeypatch.setattr(integers, "_has_exact_product", lambda device: False)


def test_automatic_casts_do_not_reach_the_product():
    a = random_bytes(64, 2048)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(integers._float_product(a, a.T).long(), a.long() @ a.T.long())


def test_the_product_is_quick_where_it_is_exact_and_takes_no_longer_than_floats(monkeypatch):
    cpu = torch.device("cpu")
    integers._gain.cache_clear()
    gain = integers._gain(cpu)
    assert 0.001 < gain < 1000 and integers.is_quick(cpu) == (integers._has_exact_product(cpu) and gain >= 1)
    for exact, factor, quick in [(True, 4.0, True), (True, 0.5, False), (False, 4.0, False)]:
        monkeypatch.setattr(integers, "_has_exact_product", lambda device, exact=exact: exact)
        monkeypatch.setattr(integers, "_gain", lambda device, factor=factor: factor)
        assert integers.is_quick(cpu) == quick


def test_the_largest_sum_that_is_allowed_does_not_overflow():
    a = torch.full((32, integers.MAX_TERMS), -128, dtype=torch.int8)
    assert (integers.product(a, a.T) == 2**14 * integers.MAX_TERMS).all()
    with pytest.raises(ValueError, match="K is 131072; sums of more than 131071 terms"):
        integers.product(a[:1, :1].expand(1, 2**17), a[:1, :1].expand(2**17, 1))


class TestWithoutTheFastProduct:
    @pytest.fixture(autouse=True)
    def forget(self):
        integers._has_exact_product.cache_clear()
        yield
        integers._has_exact_product.cache_clear()

    def test_a_pytorch_that_lacks_it_gives_the_same(self, monkeypatch):
        monkeypatch.delattr(torch, "_int_mm")
        self.expect_the_same()

    def test_a_processor_that_rounds_is_noticed(self, monkeypatch):
        original = torch._int_mm
        monkeypatch.setattr(torch, "_int_mm", lambda a, b: original(a, b).clamp(-(2**24), 2**24))
        self.expect_the_same()

    def test_a_shape_that_is_not_taken_goes_the_other_way(self, monkeypatch):
        original = torch._int_mm

        def picky(a, b):
            if len(a) < 17:
                raise RuntimeError("self.size(0) needs to be greater than 16")
            return original(a, b)

        monkeypatch.setattr(torch, "_int_mm", picky)
        self.expect_the_same(available=True)

    def expect_the_same(self, available=False):
        a, b = random_bytes(4, 5000), random_bytes(5000, 3)
        a[0], b[:, 0] = -128, -128
        assert torch.equal(integers.product(a, b).long(), a.long() @ b.long())
        assert integers._has_exact_product(a.device) == available


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.ones(2, 2), random_bytes(2, 2), "a holds torch.float32 and b torch.int8"),
        (random_bytes(2, 3), random_bytes(2, 3), r"a has shape \(2, 3\) and b \(2, 3\)"),
        (random_bytes(3), random_bytes(3, 1), r"a has shape \(3,\)"),
    ],
)
def test_what_has_no_product_is_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        integers.product(a, b)
