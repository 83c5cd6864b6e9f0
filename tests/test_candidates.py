"""Candidates against a sort of all distances, whatever the blocks."""

import pytest
import torch

from lecture_lib import candidates, pairwise

MEMORY = [1, 10**6, 2**20 * 96, 2**28]  # blocks of 32, 96, ... rows, and all at once


def whole(n, dim, seed=0, high=256):
    return torch.randint(0, high, (n, dim), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def find(x, queries, width, fmt=None, **options):
    fmt = fmt or pairwise.formats(x, queries)[0]
    return candidates.read(fmt, *candidates.smallest(fmt, x, queries, width, **options))


def expected(x, queries, width, own=None):
    """By a stable sort of all distances."""
    distances = ((queries.double()[:, None] - x.double()) ** 2).sum(2).sqrt()
    if own is not None:
        distances[torch.arange(len(queries)), own] = torch.inf
    distances, indices = distances.sort(dim=1, stable=True)
    return distances[:, :width], indices[:, :width]


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(
    ("n", "width", "high"), [(1, 1, 9), (32, 31, 9), (33, 5, 2), (500, 20, 256), (500, 20, 2), (700, 400, 4)]
)
def test_rows_and_queries_of_all_kinds(n, width, high, memory):
    x, queries = whole(n, 6, high=high), whole(70, 6, seed=1, high=high)
    found = find(x, queries, width, memory=memory)
    distances, indices = expected(x, queries, width)
    assert torch.equal(found.bounds, distances) and torch.equal(found.indices, indices)
    assert torch.equal(found.others, distances[:, -1])


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize(("n", "width", "high"), [(2, 1, 9), (33, 5, 2), (500, 20, 256), (500, 20, 2), (700, 400, 4)])
def test_rows_with_themselves(n, width, high, memory):
    x, own = whole(n, 6, high=high), torch.arange(n)
    distances, indices = expected(x, x, width, own)
    for queries in (x, x.clone()):  # each pair once, or twice
        found = find(x, queries, width, own=own, memory=memory)
        assert torch.equal(found.bounds, distances) and torch.equal(found.indices, indices)


@pytest.mark.parametrize("memory", MEMORY)
def test_rows_that_come_ever_nearer_and_ever_further(memory):
    x = torch.arange(0, 255).to(torch.uint8).repeat_interleave(3).unsqueeze(1)
    for rows in (x, x.flip(0)):
        for queries in (x[:1], x[-1:], x[300:310]):
            found = find(rows, queries, 9, memory=memory)
            assert torch.equal(found.indices, expected(rows, queries, 9)[1])


@pytest.mark.parametrize("memory", MEMORY)
def test_hidden_rows_and_the_row_of_the_query_are_left_out(memory):
    x = whole(300, 5)
    hidden = torch.arange(300) % 3 == 1
    queries, own = x[50:90], torch.arange(50, 90)
    found = find(x, queries, 7, own=own, hidden=hidden, memory=memory)
    kept = (~hidden).nonzero().squeeze(1)
    for i, query in enumerate(queries):
        rows = kept[kept != own[i]]
        distances, indices = expected(x[rows], query.unsqueeze(0), 7)
        assert torch.equal(found.bounds[i], distances[0]) and torch.equal(found.indices[i], rows[indices[0]])


def test_where_rows_run_out_there_is_none_and_no_other():
    x = whole(5, 3)
    found = find(x, x, 8, own=torch.arange(5), memory=2**20)
    assert found.indices[:, 4:].tolist() == [[-1] * 4] * 5 and bool((found.indices[:, :4] >= 0).all())
    assert found.bounds[:, 4:].isinf().all() and found.others.isinf().all()


@pytest.mark.parametrize("memory", MEMORY)
@pytest.mark.parametrize("dim", [2, 70])
def test_all_others_are_at_least_as_far_as_said(dim, memory):
    x = torch.randn(400, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[::5] *= 1e-3
    distances = ((x[:, None] - x) ** 2).sum(2).sqrt().fill_diagonal_(torch.inf)
    for fmt in pairwise.formats(x, x):
        found = find(x, x, 6, fmt, own=torch.arange(400), memory=memory)
        assert bool((found.bounds <= distances.gather(1, found.indices)).all())
        assert bool((found.others <= distances.scatter(1, found.indices, torch.inf).amin(1)).all())
        assert bool((found.bounds.diff(dim=1) >= 0).all())


def test_codes_are_kept_only_where_they_fit():
    x, fmt = whole(640, 100), pairwise.formats(whole(640, 100), whole(640, 100))[0]
    kept = {memory: candidates._Search(fmt, x, x, 5, memory) for memory in (10**5, 10**6)}
    for memory, search in kept.items():
        search.run(None, None)
        assert bool(search.queries.kept) == (memory == 10**6)
        assert search.scratch.numel() * 96 <= max(memory, 96 * 32 * 32)
