"""The nearest neighbors of points: exact, quick, and in bounded memory.

A matrix product in a coarse number format names candidates, and proves how near all others can be at most. Distances
of the candidates are then taken from differences in float64; where that does not suffice, a finer format follows.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lecture_lib import candidates, pairwise

SMALL = 2**24  # pairs; for fewer, looking for the best format does not pay
PART = 2**20  # candidates whose distances are sorted at once
REALS = {torch.float64, torch.float32, torch.float16, torch.bfloat16}
REALS |= {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}
WIDER = {torch.bool: torch.uint8, torch.uint16: torch.int32, torch.uint32: torch.int64}


def log_unit_ball_volume(d: Tensor) -> Tensor:
    """log omega_d = d/2 log pi - log Gamma(d/2 + 1), the volume of the unit ball in R^d, (...) -> (...). Eq. (9.2)."""
    d = torch.as_tensor(d, dtype=torch.float64)
    if not bool((d >= 0).all()):
        raise ValueError(f"d is {d.min().item():g}; a dimension is zero or positive")
    return d / 2 * math.log(math.pi) - torch.lgamma(d / 2 + 1)


def nearest(x: Tensor, k: int, *, queries: Tensor | None = None, memory: int = 3 * 2**28) -> tuple[Tensor, Tensor]:
    """Euclidean distances and indices of the k nearest rows of x to each query, both (M, k), ascending.

    x (N, D) and queries (M, D) hold floats or integers of one type, on one device; the result is there too. Without
    queries every row of x is one, and is not its own neighbor; an equal row is, at distance 0. Of rows at the same
    distance, the one with the smaller index comes first. Distances are float64 whatever x holds: ratios of them are
    taken, and float32 would make ties. No gradients.

    Exact: differences of all pairs in float64 give the same. Quickest for whole numbers that span at most 255, such as
    the bytes of images. Takes at most `memory` bytes, and a few times what the result takes.
    """
    x = _points(x, "x")
    queries, itself = (x, True) if queries is None else (_points(queries, "queries", like=x), False)
    k = _checked_count(k, len(x), itself)
    if not memory >= 1:
        raise ValueError(f"memory is {memory}; it must be a positive number of bytes")
    if not _has_float64(x.device):
        distances, indices = nearest(x.cpu(), k, queries=None if itself else queries.cpu(), memory=memory)
        return distances.float().to(x.device), indices.to(x.device)
    if (unit := pairwise.unit(x, queries)) != 1:
        distances, indices = nearest(x / unit, k, queries=None if itself else queries / unit, memory=memory)
        return distances * unit, indices
    task = _Task(x, queries, torch.arange(len(x), device=x.device) if itself else None, k, int(memory))
    formats = pairwise.formats(x, queries)
    return _exact(task, formats[0]) if formats[0].exact else _proven(task, formats)


class _Task(NamedTuple):
    """The points, what is asked about them, and what may be used for it."""

    x: Tensor
    queries: Tensor
    own: Tensor | None  # the row of x that each query is
    k: int
    memory: int


def _exact(task: _Task, fmt: pairwise.Format) -> tuple[Tensor, Tensor]:
    """Distances and indices by a format that loses nothing."""
    keys, radius = candidates.smallest(fmt, task.x, task.queries, task.k, own=task.own, memory=task.memory)
    found = candidates.read(fmt, keys, radius)
    return found.bounds, found.indices


def _proven(task: _Task, formats: list[pairwise.Format]) -> tuple[Tensor, Tensor]:
    """Distances and indices by one format after the other, until each query has been answered for certain.

    What is left for the last are ties and repeated points: there, equal rows are searched as one, with ever more
    candidates.
    """
    m, x = len(task.queries), task.x
    result = x.new_empty((m, task.k), dtype=torch.float64), x.new_empty((m, task.k), dtype=torch.int64)
    left, width = torch.arange(m, device=x.device), task.k + task.k // 4 + 4
    for fmt in _promising(task, formats, width):
        left = _answer(task, fmt, left, width, result)
        if len(left) == 0:
            return result
    first = pairwise.first_equal(x)
    while len(left):
        width = min(8 * width, len(x) + 1)
        left = _answer(task, formats[-1], left, width, result, first)
    return result


def _promising(task: _Task, formats: list, width: int) -> list[pairwise.Format]:
    """The formats from the coarsest on that is fine enough for most of a sample of queries."""
    m = len(task.queries)
    if m * len(task.x) < SMALL:
        return [fmt for fmt in formats if fmt.dtype != torch.int8]
    sample = torch.arange(0, m, -(-m // 64), device=task.x.device)
    for i, fmt in enumerate(formats[:-1]):
        certain = torch.cat([certain for *_, certain in _search(task, fmt, sample, width)])
        if float(certain.double().mean()) > 2 / 3:
            return formats[i:]
    return formats[-1:]


def _answer(task: _Task, fmt, left: Tensor, width: int, result: tuple, first: Tensor | None = None) -> Tensor:
    """Write the answers to the queries `left` into the result; returns the queries whose answer is not certain."""
    at_once = max(1, task.memory // (256 * (task.x.shape[1] + width + (task.k + 1) ** 2)))
    everything = len(left) == len(task.queries) and first is None
    open_ = [left[:0]]
    for queries in [left] if everything else left.split(at_once):
        for rows, distances, indices, certain in _search(task, fmt, queries, width, first):
            if first is not None:
                distances, indices = _repeated(task, rows, distances, indices, first)
            for whole, part in zip(result, (distances, indices), strict=True):
                whole[rows[certain]] = part[certain]
            open_.append(rows[~certain])
    return torch.cat(open_)


def _search(task: _Task, fmt, rows: Tensor, width: int, first: Tensor | None = None) -> Iterator[tuple[Tensor, ...]]:
    """Some at a time: rows, distances, indices, and whether they are certain; with `first`, of k + 1 different rows."""
    queries = task.queries if first is None and len(rows) == len(task.queries) else task.queries[rows]
    own = None if task.own is None or first is not None else task.own[rows]
    hidden = None if first is None else first != torch.arange(len(first), device=first.device)
    width, k = min(width, len(task.x) + 1), min(task.k + (first is not None), width)
    keys, radius = candidates.smallest(fmt, task.x, queries, width, own=own, hidden=hidden, memory=task.memory)
    rounding = 1 + (task.x.shape[1] + 10) * torch.finfo(torch.float64).eps
    for start in range(0, len(rows), step := max(1, PART // width)):
        part = slice(start, start + step)
        found = candidates.read(fmt, keys[part], radius[part])
        distances, indices = _sorted(pairwise.distances(task.x, queries[part], found.indices), found.indices)
        certain = found.others.isinf() | (found.others > distances[:, k - 1] * rounding)
        yield rows[part], distances[:, :k], indices[:, :k], certain


def _repeated(task: _Task, rows: Tensor, distances: Tensor, indices: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """The neighbors of the queries `rows` from their k + 1 nearest different rows, each with all that are equal."""
    grouped, counts = first.argsort(stable=True), first.bincount(minlength=len(first))
    place, many = counts.cumsum(0) - counts, torch.arange(min(task.k + 1, int(counts.max())), device=rows.device)
    indices = indices.unsqueeze(2)
    members = grouped[(place[indices] + many).clamp(max=len(first) - 1)]  # (m, k + 1, many)
    away = (indices < 0) | (many >= counts[indices])
    if task.own is not None:
        away |= members == task.own[rows].view(-1, 1, 1)
    distances = distances.unsqueeze(2).expand(members.shape).masked_fill(away, math.inf)
    distances, members = _sorted(distances.flatten(1), members.flatten(1))
    return distances[:, : task.k], members[:, : task.k]


def _sorted(distances: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of both by distance, and at the same distance by index."""
    indices, order = indices.sort(dim=1)
    distances, order = distances.gather(1, order).sort(dim=1, stable=True)
    return distances, indices.gather(1, order)


def _points(x, name: str, like: Tensor | None = None) -> Tensor:
    """x as a matrix of real numbers, of the type and on the device of another."""
    if isinstance(x, np.ndarray):
        x = np.require(x, requirements=["C", "W"])  # what PyTorch can share
    x = x.detach() if isinstance(x, Tensor) else torch.as_tensor(x, device=None if like is None else like.device)
    x = x.to(WIDER.get(x.dtype, x.dtype))
    if x.ndim != 2 or x.shape[1] == 0 or (len(x) == 0 and like is None):
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (N, D), N and D at least 1")
    if x.dtype not in REALS:
        raise ValueError(f"{name} holds {x.dtype}; it must hold floats, or integers of at most 63 bits")
    for what in ("device", "dtype"):
        if like is not None and getattr(x, what) != getattr(like, what):
            raise ValueError(f"{name} has {what} {getattr(x, what)} and x {getattr(like, what)}; they must be the same")
    if like is not None and x.shape[1] != like.shape[1]:
        raise ValueError(f"{name} has shape {tuple(x.shape)} and x {tuple(like.shape)}; D must be the same")
    if len(x) and (x.is_floating_point() or x.dtype == torch.int64):
        _check_values(x, name)
    return x


def _check_values(x: Tensor, name: str) -> None:
    low, high = x.min().item(), x.max().item()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name} holds NaN or infinity (first: row {int((~x.isfinite()).any(1).nonzero()[0])})")
    if not x.is_floating_point() and max(-low, high) > 2**53:
        raise ValueError(f"{name} holds integers beyond 2^53, which float64 does not tell apart")


def _has_float64(device: torch.device) -> bool:
    try:
        return torch.ones(1, dtype=torch.float64, device=device).dtype == torch.float64
    except (RuntimeError, TypeError):  # Apple's accelerators
        return False


def _checked_count(k: int, n: int, itself: bool) -> int:
    if not isinstance(k, (int, np.integer)) or isinstance(k, bool) or not 1 <= k <= n - itself:
        most = f"N - 1 = {n - 1}, as no row is its own neighbor" if itself else f"N = {n}"
        raise ValueError(f"k is {k}; it must be a whole number from 1 to {most}")
    return int(k)
