"""Who can be near: for each query the rows with the smallest lower bounds of their distance, in bounded memory.

Rows and queries meet block by block. Most of a block is settled by the minima of tiles of up to 32 rows: only tiles
with something nearer than the last candidate of a query so far are looked into.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_lib import pairwise

TILE = pairwise.TILE
BYTES = 96  # a pair of a block takes: its bound and, at worst, a place in several lists
NONE = 2**63 - 1  # the key of no row; a key is an order in its upper 32 bits and an index in the lower


class Candidates(NamedTuple):
    """For each of M queries the rows with the smallest bounds, ascending, ties by index."""

    indices: Tensor  # (M, width), -1 where there are no more rows
    bounds: Tensor  # (M, width) float64: how near they can be at most; the distance itself in an exact format
    others: Tensor  # (M,) float64: how near all other rows can be at most; infinity where there are none


def smallest(
    fmt: pairwise.Format,
    x: Tensor,
    queries: Tensor,
    width: int,
    *,
    own: Tensor | None = None,
    hidden: Tensor | None = None,
    memory: int,
) -> tuple[Tensor, Tensor]:
    """`width` candidates of each query (M, D) among the rows x (N, D), in the form of keys that `read` reads.

    Row own[i] is no candidate of query i, and rows that are `hidden` (N,) are none at all. Where `queries` is x itself,
    each pair is computed once and serves both. Takes at most `memory` bytes, and as many again as the keys.
    """
    search = _Search(fmt, x, queries, width, memory)
    search.run(own, hidden)
    return search.keys, search.radius


def read(fmt: pairwise.Format, keys: Tensor, radius: Tensor) -> Candidates:
    """The candidates of some of the queries, from their keys (M, width) and radii (M,)."""
    missing = keys == NONE
    bounds = pairwise.bounds(fmt, keys >> 32).sub_(radius.unsqueeze(1)).clamp_(min=0)
    bounds.masked_fill_(missing, math.inf)
    return Candidates((keys & (2**32 - 1)).masked_fill_(missing, -1), bounds, bounds[:, -1])


class _Search:
    """The smallest keys that every query has met so far, (M, width), ascending."""

    def __init__(self, fmt: pairwise.Format, x: Tensor, queries: Tensor, width: int, memory: int):
        self.fmt, self.mutual = fmt, queries is x
        self.keys = x.new_full((len(queries), width), NONE, dtype=torch.int64)
        self.radius = x.new_zeros(len(queries), dtype=torch.float64)
        pairs = memory // 2 // BYTES
        most = memory // 16 // (x.shape[1] * fmt.dtype.itemsize)  # rows whose codes take so much
        wide = _tiles(min(len(queries), math.isqrt(pairs), most))
        tall = wide if self.mutual else _tiles(min(len(x), pairs // wide, most))
        self.queries = _Blocks(fmt, queries, wide, memory // 4)
        self.rows = self.queries if self.mutual else _Blocks(fmt, x, tall, memory // 4)
        self.scratch = x.new_empty(tall * wide, dtype=torch.int32 if fmt.dtype == torch.int8 else fmt.dtype)

    def run(self, own: Tensor | None, hidden: Tensor | None) -> None:
        """Let every block of queries meet every block of rows, or, of the same x, the blocks up to its own."""
        widest = self.radius.new_zeros(())
        for q in range(0, len(self.keys), self.queries.size):
            queries, codes = slice(q, min(q + self.queries.size, len(self.keys))), self.queries[q]
            self.radius[queries] = codes.radius[: queries.stop - q]
            for r in range(0, q + 1 if self.mutual else len(self.rows.x), self.rows.size):
                widest = torch.maximum(widest, self.rows[r].radius.max())
                self._meet(r, self.rows[r], queries, codes, own, hidden)
        self.radius += widest

    def _meet(self, r: int, rows, queries: slice, codes, own: Tensor | None, hidden: Tensor | None) -> None:
        """Rows from r on, and queries: both by their codes, which may be filled up beyond their end."""
        orders = pairwise.orders(codes, rows, self.scratch[: len(codes.z) * len(rows.z)])  # (queries, rows)
        if own is not None:
            place = own[queries] - r
            inside = ((place >= 0) & (place < len(rows.z))).nonzero().squeeze(1)
            orders[inside, place[inside]] = self.fmt.far
        if hidden is not None:
            orders[:, : len(hidden) - r].masked_fill_(hidden[r : r + len(rows.z)], self.fmt.far)
        self._choose(orders[: queries.stop - queries.start], 1, queries, r)
        if self.mutual and r != queries.start:
            self._choose(orders, 0, slice(r, r + len(rows.z)), queries.start)

    def _choose(self, orders: Tensor, dim: int, queries: slice, first: int) -> None:
        """Keep what is nearer than the last candidate; the rows lie along `dim`, `first` is the index of the first.

        Blocks of rows come in ascending order, so that of two at the same distance the first is there already.
        """
        keys, width = self.keys[queries], self.keys.shape[1]
        last = ((keys[:, -1] >> 32) - 1).clamp(max=self.fmt.far - 1).to(torch.int32).unsqueeze(1)
        size = TILE if first else _power_of_two(orders.shape[dim] // (4 * width))  # at first, most tiles hold some
        tiles = orders.unflatten(dim, (-1, size))
        minima = tiles.amin(1) if dim == 0 else tiles.amin(2)
        minima = minima.mT.contiguous() if dim == 0 else minima  # (queries, tiles)
        near = minima <= last
        if width <= minima.shape[1] and int(near.sum()) > 2 * width * len(keys):
            last = torch.minimum(last, minima.topk(width, largest=False, sorted=False).values.amax(1, keepdim=True))
            near = minima <= last  # the last minimum of `width` tiles: so many rows are at least as near
        query, tile = near.nonzero(as_tuple=True)
        inside = tiles[tile, :, query] if dim == 0 else _lines(orders, size, query * minima.shape[1] + tile)
        nearer, place = (inside <= last[query]).nonzero(as_tuple=True)
        found = (inside[nearer, place].long() << 32) | (first + tile[nearer] * size + place)
        _merge(keys, query[nearer], found)


class _Blocks:
    """The codes of x, `size` rows at a time, kept where all of them fit into `memory`."""

    def __init__(self, fmt: pairwise.Format, x: Tensor, size: int, memory: int):
        self.fmt, self.x, self.size, self.kept = fmt, x, size, {}
        self.fits = len(x) * x.shape[1] * fmt.dtype.itemsize <= memory

    def __getitem__(self, start: int) -> pairwise.Codes:
        if start in self.kept:
            return self.kept[start]
        codes = pairwise.encode(self.fmt, self.x[start : start + self.size])
        if self.fits:
            self.kept[start] = codes
        return codes


def _tiles(n: int) -> int:
    """n, at least one, filled up to a multiple of TILE."""
    return max(1, -(-n // TILE)) * TILE


def _power_of_two(n: int) -> int:
    """The largest one up to n and up to TILE."""
    return min(TILE, 1 << max(1, n).bit_length() - 1)


def _lines(orders: Tensor, size: int, index: Tensor) -> Tensor:
    """Rows of orders seen as (..., size): ten times as fast as with two indices."""
    return orders.reshape(-1, size).index_select(0, index)


def _merge(keys: Tensor, query: Tensor, found: Tensor) -> None:
    """Put keys found (m,) into the rows `query` (m,), ascending, of keys (n, width), of which the smallest stay."""
    counts = query.bincount(minlength=len(keys))
    rows = counts.nonzero().squeeze(1)
    if len(rows) == 0:
        return
    counts, width = counts[rows], keys.shape[1]
    row = torch.arange(len(rows), device=keys.device).repeat_interleave(counts)
    place = torch.arange(len(query), device=keys.device) - (counts.cumsum(0) - counts)[row]
    both = keys.new_full((len(rows), width + int(counts.max())), NONE)
    both[:, :width] = keys[rows]
    both[row, width + place] = found
    keys[rows] = both.topk(width, largest=False).values
