"""log sum_i k(q_m - x_i) over all pairs of queries and points, in tiles: exact, and in bounded memory.

Coordinates are in units of the bandwidth. For the Gaussian, exponents of a tile are one matrix product; where that
would lose digits (far from the center) or the sum would underflow, differences are taken. On a line, `gauss_sums` needs
no pairs at all. Kernels that end are sorted along one axis, so that tiles out of reach are skipped.
"""

import math

import torch
from torch import Tensor

from lecture_lib import gauss_sums, kernels

ROOT = math.log2(math.e) ** 0.5  # coordinates times this: exp(-r^2 / 2) becomes 2^(-r^2 / 2), which is quicker
SAFE = 1e5  # squared distance from the center up to which the product keeps ten digits of the density and more
SMALL = 2.0**-900  # a smaller sum may have lost terms to underflow
ROWS, COLUMNS = 256, 1024  # of a tile, which then stays in the processor's cache; a GPU takes larger ones
TAIL = 16  # queries
FEW = 2**17  # pairs; for fewer, a series does not pay


def log_sums(x: Tensor, q: Tensor, kernel: str, shape: str = "radial", *, own: bool = False, memory: int) -> Tensor:
    """log sum_i k(q_m - x_i), x (N, D), q (M, D) -> (M,), all float64; -inf where nothing reaches.

    own: q is x, and no point counts for itself. Beside copies of x and q it takes at most `memory` bytes.
    """
    if len(q) == 0:
        return q.new_empty(0)
    tile = _tile_shape(x, q, memory)
    if kernel != "gaussian":
        return _reached(x, q, kernel, shape, own, tile)
    if x.shape[1] == 1 and len(x) * len(q) > FEW:
        return _on_a_line(x, q, own, tile)
    return _gaussian(x, q, own, tile)


def _on_a_line(x: Tensor, q: Tensor, own: bool, tile) -> Tensor:
    """By the series, and by differences where it does not tell, or where what is left without oneself is too little."""
    sums = gauss_sums.Moments(x[:, 0]).sums(q[:, 0])
    sums = torch.where(sums > 1.01, sums - 1, math.nan) if own else sums
    left = sums.isnan().nonzero()[:, 0]
    result = sums.log()
    if len(left):
        result[left] = _far(x, q[left], left, tile) if own else _tails(x, q[left], tile)
    return result


def _tails(x: Tensor, q: Tensor, tile) -> Tensor:
    """On a line, what is much further away than the nearest point adds less than a digit: a few queries at a time."""
    along, (places, order), result = x[:, 0].sort().values, q[:, 0].sort(), q.new_empty(len(q))
    right = torch.searchsorted(along, places)
    gaps = [(places - along[i.clamp(0, len(x) - 1)]).abs() for i in (right - 1, right)]
    reach = (torch.minimum(*gaps) ** 2 + 2 * (math.log(len(x)) + 37)).sqrt() * (1 + 1e-9)
    for part in torch.arange(len(q), device=q.device).split(TAIL):
        ends = torch.stack([(places - reach)[part].min(), (places + reach)[part].max()])
        start, stop = torch.searchsorted(along, ends).tolist()
        result[order[part]] = _far(along[start:stop, None], places[part, None], None, tile)
    return result


def _gaussian(x: Tensor, q: Tensor, own: bool, tile) -> Tensor:
    """Points and queries near the center by matrix products, all others by differences."""
    center = x.median(0).values
    near_x, near_q = (((points - center) ** 2).sum(1) < SAFE for points in (x, q))
    if not (near_x.double().mean() > 0.5 and bool(near_q.any())):
        return _far(x, q, torch.arange(len(q), device=q.device) if own else None, tile)
    rows = near_q.nonzero()[:, 0]
    sums = _near(x[near_x] - center, q[rows] - center, own, tile)  # own: the same ones are near
    enough, result = sums > SMALL, q.new_full((len(q),), math.nan)
    result[rows] = torch.where(enough, sums.log(), math.nan)
    if not near_x.all():  # those who are far: reach none or few
        beyond = _far(x[~near_x], q[rows], None, tile)
        result[rows] = torch.logaddexp(result[rows], beyond)
    left = result.isnan().nonzero()[:, 0]
    result[left] = _far(x, q[left], left if own else None, tile)
    return result


def _near(x: Tensor, q: Tensor, own: bool, tile) -> Tensor:
    """sum_i exp(-|q_m - x_i|^2 / 2), (M,), as 2^(q.x - |q|^2/2 - |x|^2/2): a product and a power for each pair."""
    (rows, columns), sums = tile, q.new_zeros(len(q))
    left, right = ((ROOT * points, -0.5 * (ROOT * points).square().sum(1, keepdim=True)) for points in (q, x))
    left = torch.cat([*left, torch.ones_like(left[1])], 1)
    right = torch.cat([right[0], torch.ones_like(right[1]), right[1]], 1).mT.contiguous()
    scratch = q.new_empty(rows * columns)
    for m in range(0, len(q), rows):
        part = left[m : m + rows]
        for n in range(0, len(x), columns):
            points = right[:, n : n + columns]
            out = scratch[: len(part) * points.shape[1]].view(len(part), -1)
            torch.mm(part, points, out=out).exp2_()
            if own and n < m + rows and m < n + columns:
                out.diagonal(m - n).zero_()
            sums[m : m + rows] += out.sum(1)
    return sums


def _far(x: Tensor, q: Tensor, skip: Tensor | None, tile) -> Tensor:
    """log sum_i exp(-|q_m - x_i|^2 / 2), (M,), from differences, with the largest term taken out of each sum.

    skip (M,): the row of x that does not count for each query.
    """
    (rows, columns), result = tile, q.new_empty(len(q))
    for m in range(0, len(q), rows):
        part = q[m : m + rows]
        largest, total = (part.new_full((len(part),), value) for value in (-math.inf, 0.0))
        for n in range(0, len(x), columns):
            exponents = _distances(part, x[n : n + columns]).square_().mul_(-0.5 * ROOT**2)
            if skip is not None:
                _leave_out(exponents, skip[m : m + rows], n, -math.inf)
            new = torch.maximum(largest, exponents.amax(1))
            offset = new.where(new > -math.inf, 0)
            total = total * (largest - offset).exp2() + exponents.sub_(offset.unsqueeze(1)).exp2_().sum(1)
            largest = new
        result[m : m + rows] = (largest + total.log2()) / ROOT**2
    return result


def _reached(x: Tensor, q: Tensor, kernel: str, shape: str, own: bool, tile) -> Tensor:
    """The sums of a kernel that ends at 1: along the axis of largest spread, a tile needs only what lies within 1."""
    axis = int((x.amax(0) - x.amin(0)).argmax())
    order, asked = x[:, axis].argsort(), q[:, axis].argsort()
    x, q = x[order], q[asked]
    skip = order.argsort()[asked] if own else None
    along, (rows, columns), sums = x[:, axis].contiguous(), tile, q.new_zeros(len(q))
    for m in range(0, len(q), rows):
        part = q[m : m + rows]
        ends = torch.stack([part[0, axis] - 1, part[-1, axis] + 1])
        start, stop = torch.searchsorted(along, ends).tolist()
        for n in range(start, stop, columns):
            values = _values(part, x[n : min(n + columns, stop)], kernel, shape)
            if own:
                _leave_out(values, skip[m : m + rows], n, 0.0)
            sums[m : m + rows] += values.sum(1)
    return torch.empty_like(sums).index_copy_(0, asked, sums.log())


def _values(q: Tensor, x: Tensor, kernel: str, shape: str) -> Tensor:
    """k(q_m - x_i), (M, N)."""
    if shape == "radial":
        return kernels.profile(_distances(q, x), kernel)
    values = kernels.profile(_distances(q[:, :1], x[:, :1]), kernel)
    for j in range(1, x.shape[1]):
        values *= kernels.profile(_distances(q[:, j : j + 1], x[:, j : j + 1]), kernel)
    return values


def _distances(q: Tensor, x: Tensor) -> Tensor:
    """|q_m - x_i| from differences, (M, N)."""
    if x.shape[1] == 1:
        return (q - x.mT).abs_()
    return torch.cdist(q, x, compute_mode="donot_use_mm_for_euclid_dist")


def _leave_out(values: Tensor, skip: Tensor, start: int, value: float) -> None:
    """Set the entry of each row that stands for the point `skip`, in a tile whose columns begin at `start`."""
    inside = (skip >= start) & (skip < start + values.shape[1])
    rows = inside.nonzero()[:, 0]
    values[rows, skip[rows] - start] = value


def _tile_shape(x: Tensor, q: Tensor, memory: int) -> tuple[int, int]:
    """Rows and columns of a tile: what fits a cache, or a share of the memory allowed on a GPU."""
    if not memory >= 2**16:
        raise ValueError(f"memory is {memory}; it must be at least 65536 bytes")
    most = int(memory) // (8 * 8)  # numbers in one of at most eight temporaries
    rows, columns = (ROWS, COLUMNS) if x.device.type == "cpu" else (2**12, 2**14)
    while rows * columns > most:
        rows, columns = max(1, rows // 2), columns // 2
    return min(rows, len(q)), min(columns, len(x))
