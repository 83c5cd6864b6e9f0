"""Distances of pairs of rows: from differences, or for all pairs by one matrix product and with proof of its error.

In the second way a row is written as x = origin + scale z + r, z in 8, 32 or 64 bits and ||r|| at most `radius`:
    | ||x_a - x_b|| - scale ||z_a - z_b|| | <= radius_a + radius_b,
and ||z_a - z_b||^2 = ||z_a||^2 + ||z_b||^2 - 2 z_a.z_b takes little more than the product. Rounding puts it off by at
most `slack` times ||z_a||^2 + ||z_b||^2: in 8 bits by nothing at all, as all numbers are whole.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lecture_lib import integers

TILE = 32  # codes are filled up to a multiple of so many rows
FAR = 2**30  # more than all squared distances in 8 bits of at most
MAX_BYTES = 2**14  # dimensions
FEW = 64  # dimensions: the product of so few costs little, and nothing is gained by 8 bits
BLOCK = 2**18  # numbers that a processor has close at hand
UNDERFLOW = 1e-30  # more than what products too small for float32 add up to


class Format(NamedTuple):
    """How rows are written down. Where radius and slack are zero, nothing is lost."""

    dtype: torch.dtype
    origin: Tensor  # (D,) float64
    scale: float
    slack: float
    exact: bool = False

    @property
    def far(self) -> int:
        """The order of what is further away than everything."""
        return FAR if self.dtype == torch.int8 else 0x7F800000  # infinity in float32


class Codes(NamedTuple):
    """Rows in a format, filled up with zeros that count as far from everything; norms are ||z||^2 less the slack."""

    z: Tensor  # (n, D)
    norms: Tensor  # (n,)
    radius: Tensor  # (n,) float64


def distances(x: Tensor, queries: Tensor, indices: Tensor) -> Tensor:
    """||queries_m - x_i|| for i = indices[m, n] (M, n), from differences in float64, (M, n); infinity for index -1."""
    found = x.new_empty(indices.shape, dtype=torch.float64)
    step, wide = max(1, BLOCK // (indices.shape[1] * x.shape[1])), max(1, BLOCK // x.shape[1])
    for m in range(0, len(indices), step):
        query = queries[m : m + step].unsqueeze(1).double()
        for n in range(0, indices.shape[1], wide):
            chosen = indices[m : m + step, n : n + wide].clamp(min=0)
            differences = x.index_select(0, chosen.flatten()).double().view(*chosen.shape, -1).sub_(query)
            found[m : m + step, n : n + wide] = torch.linalg.vector_norm(differences, dim=2)
    return found.masked_fill_(indices < 0, math.inf)


def first_equal(x: Tensor) -> Tensor:
    """The index of the first row that is equal to each row of x (N, D): (N,).

    Equal rows are found by a mark of 64 bits and compared. Different rows of the same mark, of which hardly anyone will
    ever see two, count as different, but their repetitions may not be noticed.
    """
    weights = torch.randint(2**62, (x.shape[1],), generator=torch.Generator().manual_seed(0)).to(x.device) * 2 + 1
    marks, blocks = [], _blocks(x)
    for block in blocks:
        bits = (block.double() + 0.0).view(torch.int64)  # + 0.0 turns -0.0 into 0.0
        marks.append(((bits ^ (bits >> 32)) * weights).sum(1))
    index, group = torch.arange(len(x), device=x.device), torch.cat(marks).unique(return_inverse=True)[1]
    first = torch.full_like(index, len(x)).scatter_reduce(0, group, index, "amin")[group]
    same = [(x[i] == block).all(1) for i, block in zip(first.split(len(blocks[0])), blocks, strict=True)]
    return first.where(torch.cat(same), index)


def unit(x: Tensor, queries: Tensor) -> float:
    """A power of two to divide by: one, unless squares of such numbers would overflow or vanish in float64."""
    if x.dtype != torch.float64 or len(queries) == 0:
        return 1.0
    largest = max(max(-float(values.min()), float(values.max())) for values in (x, queries))
    exponent = math.frexp(largest)[1]
    return 2.0 ** max(-1000, min(exponent, 1000)) if abs(exponent) > 300 else 1.0


def formats(x: Tensor, queries: Tensor) -> list[Format]:
    """The formats that suit rows x (N, D) and queries (M, D); quick and coarse ones first.

    Whole numbers that span at most 255 fit into 8 bits as they are, and need no other.
    """
    (low, high), dim = _limits(x, queries), x.shape[1]
    span = float((high - low).max())
    if span <= 255 and dim <= MAX_BYTES and _whole(x) and _whole(queries):
        return [Format(torch.int8, low + 128, 1.0, 0.0, exact=True)]
    found = []
    if FEW <= dim <= MAX_BYTES and span > 0 and integers.is_quick(x.device):
        step = span / 255
        found.append(Format(torch.int8, low + 128 * step, step, 0.0))
    mean = sum(block.double().sum(0) for block in _blocks(x)) / len(x)
    scale = 2.0 ** math.frexp(float(torch.maximum(high - mean, mean - low).max()))[1]
    dtypes = [torch.float32, torch.float64] if _keeps_24_bits(x.device) else [torch.float64]
    return found + [Format(dtype, mean, scale, (dim + 10) * torch.finfo(dtype).eps) for dtype in dtypes]


def _limits(x: Tensor, queries: Tensor) -> tuple[Tensor, Tensor]:
    """The least and largest values of each column, (D,) float64; for bytes, those that there can be."""
    if x.dtype == torch.uint8:
        low = x.new_zeros(x.shape[1], dtype=torch.float64)
        return low, low + 255
    both = (x, queries) if len(queries) else (x, x)
    low, high = ([extreme(values, 0) for values in both] for extreme in (torch.amin, torch.amax))
    return torch.minimum(*low).double(), torch.maximum(*high).double()


def _whole(x: Tensor) -> bool:
    return not x.is_floating_point() or all(bool((block == block.round()).all()) for block in _blocks(x))


def _blocks(x: Tensor) -> tuple[Tensor, ...]:
    return x.split(max(1, BLOCK // x.shape[1]))


def encode(fmt: Format, x: Tensor) -> Codes:
    """Rows x (n, D) in the format, filled up to a multiple of 32 rows and, in 8 bits, of 16 columns."""
    rows, columns = -len(x) % TILE + len(x), x.shape[1]
    number, far = fmt.dtype, math.inf
    if fmt.dtype == torch.int8:
        columns, number, far = -columns % 16 + columns, torch.int32, FAR
    z = x.new_zeros((rows, columns), dtype=fmt.dtype)
    codes = Codes(z, z.new_full((rows,), far, dtype=number), z.new_zeros(rows, dtype=torch.float64))
    step = max(1, BLOCK // columns)
    for start in range(0, len(x), step):
        part = x[start : start + step]
        _encode(fmt, part, *(code[start : start + len(part)] for code in codes))
    return codes


def _encode(fmt: Format, x: Tensor, z: Tensor, norms: Tensor, radius: Tensor) -> None:
    z = z[:, : x.shape[1]]
    if x.dtype == torch.uint8:  # as below, without a detour
        z.copy_(integers.signed(x))
        norms.copy_(z.to(torch.int32).square_().sum(1))
        return
    true = (x.double() - fmt.origin) / fmt.scale
    z.copy_(true.round() if fmt.dtype == torch.int8 else true)
    written = z.double()
    norms.copy_(written.square().sum(1) * (1 - fmt.slack))
    if not fmt.exact:
        rounding = 8 * torch.finfo(torch.float64).eps * torch.linalg.vector_norm(true, dim=1)
        radius.copy_(fmt.scale * (torch.linalg.vector_norm(true - written, dim=1) + rounding))


def orders(a: Codes, b: Codes, scratch: Tensor) -> Tensor:
    """Lower bounds of ||z_a - z_b||^2, (A, B), as int32 in the same order: see `bounds`.

    They are the whole numbers themselves, or the bits of a float32. `scratch` has their number of elements and the type
    of the norms.
    """
    out = scratch.view(len(a.z), len(b.z))
    if a.z.dtype == torch.int8:
        integers.product(a.z, b.z.mT, out=out)
    else:
        torch.mm(a.z, b.z.mT, out=out)
    torch.add(a.norms.unsqueeze(1), out, alpha=-2, out=out).add_(b.norms)
    if out.dtype == torch.float64:
        out = out.mul_(1 - 2**-22).float()
    return out.view(torch.int32)


def bounds(fmt: Format, order: Tensor) -> Tensor:
    """The lower bounds of scale ||z_a - z_b|| that `orders` gave, as float64."""
    if fmt.dtype == torch.int8:
        return fmt.scale * order.double().sqrt()
    return fmt.scale * (order.to(torch.int32).view(torch.float32).double() - UNDERFLOW).clamp(min=0).sqrt()


def _keeps_24_bits(device: torch.device) -> bool:
    """Whether products of float32 matrices do: not where TensorFloat-32 or bfloat16 were asked for instead."""
    a = 1 + torch.arange(128 * 128, device=device).view(128, 128) / 9973 % 1
    b = a.diagonal().diag()  # so that every number of a b is one product
    return bool(
        (torch.mm(a, b, out=a.new_empty(128, 128)).double() / (a.double() * b.diagonal()) - 1).abs().max() < 1e-7
    )
