"""Sums over pairs in tiles against one double loop over all pairs, in every way that they are taken."""

import math

import pytest
import torch

from lecture_lib import kernel_sums, kernels

MEMORY = 2**28


def randn(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def plain(x, q, kernel, shape, own):
    """The definition, with the logarithm of the Gaussian taken before the sum."""
    differences = (q[:, None] - x[None]).abs()
    if kernel == "gaussian":
        logs = -0.5 * differences.square().sum(2)
    else:
        r = differences.square().sum(2).sqrt().unsqueeze(2) if shape == "radial" else differences
        logs = kernels.profile(r, kernel).prod(2).log()
    if own:
        logs.fill_diagonal_(-math.inf)
    return logs.logsumexp(1)


def check(x, q=None, kernel="gaussian", shape="radial", rtol=1e-10, memory=MEMORY):
    own, q = q is None, x if q is None else q
    found = kernel_sums.log_sums(x, q, kernel, shape, own=own, memory=memory)
    expected = plain(x, q, kernel, shape, own)
    assert not found.isnan().any() and found.dtype == torch.float64
    both = expected > -math.inf
    assert bool((both == (found > -math.inf)).all())
    error = (found - expected)[both].abs() / (1 + expected[both].abs())
    assert float(error.sum()) < rtol * len(error) and not bool((error > 10 * rtol).any())


@pytest.mark.parametrize("dim", [1, 2, 5, 30])
@pytest.mark.parametrize("shape", kernels.SHAPES)
@pytest.mark.parametrize("kernel", kernels.NAMES)
def test_all_kernels_with_several_tiles_and_with_oneself_left_out(kernel, shape, dim, monkeypatch):
    monkeypatch.setattr(kernel_sums, "ROWS", 32)
    monkeypatch.setattr(kernel_sums, "COLUMNS", 64)
    scale = 1.0 if kernel == "gaussian" else 0.5 / dim**0.5
    x, q = scale * randn(300, dim), scale * randn(71, dim, seed=1)
    check(x, q, kernel, shape)
    check(x, None, kernel, shape)


HARD = {
    "offset": 1e6 + randn(200, 3),
    "two groups far apart": torch.cat([randn(100, 3), randn(100, 3) + 1e6]),
    "an outlier": torch.cat([randn(199, 3), torch.full((1, 3), 1e8).double()]),
    "equal": torch.zeros(50, 3).double(),
    "one point": randn(1, 3),
    "spread wide": 1e3 * randn(200, 3),
    "many dimensions": 3 * randn(100, 784),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_points(name):
    x = HARD[name]
    check(x, torch.cat([x[:20], x[:20] + 0.5 * randn(*x[:20].shape, seed=3), x[:1] + 1e3]), rtol=1e-9)
    if len(x) > 1:
        check(x, rtol=1e-9)


def test_far_away_the_logarithm_is_that_of_the_nearest_points():
    x = torch.tensor([[0.0], [1.0]]).double()
    q = torch.tensor([[1e4], [-1e150]], dtype=torch.float64)
    found = kernel_sums.log_sums(x, q, "gaussian", memory=MEMORY)
    assert found[0] == pytest.approx(-0.5 * (1e4 - 1) ** 2, rel=1e-14)
    assert found[1] == pytest.approx(-0.5e300, rel=1e-14)
    assert (
        kernel_sums.log_sums(x, torch.tensor([[1e200]], dtype=torch.float64), "gaussian", memory=MEMORY)[0] == -math.inf
    )


def test_on_a_line_the_series_and_the_pairs_agree():
    x = torch.cat([randn(3000) * 8, torch.tensor([100.0, 100.0, 200.0]).double()])[:, None]
    q = torch.linspace(-60, 260, 500, dtype=torch.float64)[:, None]
    assert len(x) * len(q) > kernel_sums.FEW
    check(x, q, rtol=1e-12)
    check(x, rtol=1e-12)


def test_an_empty_query_gives_an_empty_answer_and_too_little_memory_is_refused():
    x = randn(5, 2)
    assert kernel_sums.log_sums(x, x[:0], "gaussian", memory=MEMORY).shape == (0,)
    with pytest.raises(ValueError, match="memory is 10; it must be at least 65536 bytes"):
        kernel_sums.log_sums(x, x, "gaussian", memory=10)


def test_tiles_keep_to_the_memory_and_little_memory_gives_the_same():
    x, q = randn(500, 4), randn(400, 4, seed=1)
    rows, columns = kernel_sums._tile_shape(x, q, 2**16)
    assert rows * columns * 64 <= 2**16
    few, many = (kernel_sums.log_sums(x, q, "gaussian", memory=m) for m in (2**16, 2**28))
    assert torch.allclose(few, many, rtol=1e-13, atol=0)
