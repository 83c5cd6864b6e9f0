"""The histogram as an estimate of a density, in any dimension: only cells that hold something are stored."""

import math

import torch
from torch import Tensor

from lecture_lib import bandwidth, observations

RULES = ("sturges", "scott", "freedman-diaconis", "leave-one-out")
MOST = 2**53  # bins along an axis: float64 can count no further
MOST_TRIED = 500  # bins, by the rule that tries them one by one


class HistogramDensity:
    """p(x) = n_j / (N Delta) in the cell j of volume Delta that holds x, after `fit`. Eq. (10.3).

    bins: a number; a rule for it, of "sturges", "scott", "freedman-diaconis" and "leave-one-out"; the edges (B + 1,) in
    ascending order; or a list of these for each axis. Uniform bins span `range` = (low, high), for each axis or for
    all, or what the data span; a column that does not vary gets a span of 1. A cell is closed below and open above, the
    last one closed. Observations beyond the edges count in N, but for no cell. `fit` learns `n_bins_` (D,), the
    occupied `cells_` (C, D), and their `counts_` (C,).
    """

    def __init__(self, bins="scott", *, range=None):
        self.bins, self.range = bins, range

    def fit(self, x: Tensor) -> "HistogramDensity":
        """Count the observations x (N, D); raises ValueError where x, bins or range is not what it must be."""
        x = observations.fitted(x)
        rows, dim = x.double(), x.shape[1]
        several = isinstance(self.bins, list | tuple)
        bins = list(self.bins) if several else [self.bins] * dim
        if len(bins) != dim:
            raise ValueError(f"bins has {len(bins)} entries; x has {dim} columns, and each needs one")
        self.axes_ = [_axis(rows[:, j], bins[j], self._span(rows[:, j], j), dim) for j in range(dim)]
        self.x_, self.n_ = x[:0], len(x)
        self.n_bins_ = torch.tensor([axis.n_bins for axis in self.axes_])
        cells = self._cells(rows)
        inside = cells[(cells >= 0).all(1)]
        self.cells_, self.counts_ = inside.unique(dim=0, return_counts=True)
        return self

    def score_samples(self, x: Tensor) -> Tensor:
        """log p(x), (M, D) -> (M,); -inf in empty cells and beyond the edges."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        cells, counts = self._counts(x)
        inside = counts > 0
        log_volume = sum(axis.widths(cells[inside, j]).log() for j, axis in enumerate(self.axes_))
        result = torch.full((len(cells),), -math.inf, dtype=torch.float64, device=cells.device)
        result[inside] = counts[inside].double().log() - math.log(self.n_) - log_volume
        return result.to(x.dtype)

    def relative_error(self, x: Tensor) -> Tensor:
        """1 / sqrt(n_j), the counting error as a share of p(x), (M, D) -> (M,); inf in empty cells. Eq. (10.6)."""
        observations.require_fit(self)
        x = observations.queries(x, self.x_)
        return self._counts(x)[1].double().rsqrt().to(x.dtype)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws (n, D): a cell by its count, a place in it by uniform numbers."""
        observations.require_fit(self)
        if len(self.counts_) == 0:
            raise ValueError("all observations lie beyond the edges, so there is nothing to draw from")
        n, device = observations.whole(n, "n", 0), self.counts_.device
        ends = self.counts_.cumsum(0)
        ticket = torch.randint(int(ends[-1]), (n,), device=device, generator=generator)
        cells = self.cells_[torch.searchsorted(ends, ticket, right=True)]
        place = torch.rand(cells.shape, dtype=torch.float64, device=device, generator=generator)
        columns = [axis.edge(cells[:, j]) + place[:, j] * axis.widths(cells[:, j]) for j, axis in enumerate(self.axes_)]
        return torch.stack(columns, 1).to(self.x_.dtype)

    def _span(self, column: Tensor, j: int) -> tuple[float, float]:
        """Lowest and highest edge of uniform bins."""
        if self.range is None:
            low, high = float(column.min()), float(column.max())
            return (low, high) if low < high else (low - 0.5, high + 0.5)
        low, high = self.range if not isinstance(self.range[0], list | tuple) else self.range[j]
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"range is {self.range}; it must be finite, low below high")
        return float(low), float(high)

    def _cells(self, rows: Tensor) -> Tensor:
        return torch.stack([axis.index(rows[:, j]) for j, axis in enumerate(self.axes_)], 1)

    def _counts(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The cell of each row, and how many observations it holds: equal rows of cells are found by sorting."""
        cells = self._cells(x.double())
        both, which = torch.cat([self.cells_, cells]).unique(dim=0, return_inverse=True)
        counts = torch.zeros(len(both), dtype=torch.int64, device=cells.device)
        counts[which[: len(self.cells_)]] = self.counts_
        return cells, counts[which[len(self.cells_) :]]


class _Uniform:
    """Bins of equal width, of which there may be very many: their edges are computed when needed."""

    def __init__(self, low: float, high: float, n_bins: int):
        self.low, self.high, self.n_bins, self.step = low, high, n_bins, (high - low) / n_bins

    def edge(self, i: Tensor) -> Tensor:
        return torch.where(i == self.n_bins, self.high, self.low + i.double() * self.step)

    def widths(self, i: Tensor) -> Tensor:
        return self.edge(i + 1) - self.edge(i)

    def index(self, x: Tensor) -> Tensor:
        """The bin of each number, -1 beyond the edges; by comparison with the edges, as division rounds."""
        i = ((x - self.low) / self.step).clamp(0, self.n_bins - 1).long()
        i = i - ((x < self.edge(i)) & (i > 0)).long()
        i = i + ((x >= self.edge(i + 1)) & (i < self.n_bins - 1)).long()
        return i.masked_fill((x < self.low) | (x > self.high), -1)


class _Given:
    """Bins between given edges."""

    def __init__(self, edges: Tensor):
        self.edges, self.n_bins = edges, len(edges) - 1

    def edge(self, i: Tensor) -> Tensor:
        return self.edges[i]

    def widths(self, i: Tensor) -> Tensor:
        return self.edges[i + 1] - self.edges[i]

    def index(self, x: Tensor) -> Tensor:
        i = torch.searchsorted(self.edges, x.contiguous(), right=True) - 1
        i = torch.where(x == self.edges[-1], self.n_bins - 1, i)
        return i.masked_fill(i == self.n_bins, -1)


def _axis(column: Tensor, bins, span: tuple[float, float], dim: int):
    """The bins of one axis from what the caller gave for it."""
    if isinstance(bins, str):
        observations.one_of(bins, "bins", RULES)
        return _Uniform(*span, n_bins(column, bins, dim, span))
    if not isinstance(bins, bool) and isinstance(bins, int):
        return _Uniform(*span, observations.whole(bins, "bins", 1, MOST))
    edges = torch.as_tensor(bins, dtype=torch.float64, device=column.device)
    if edges.ndim != 1 or len(edges) < 2 or not edges.isfinite().all() or not (edges.diff() > 0).all():
        raise ValueError(f"bins holds edges of shape {tuple(edges.shape)}; they must be (B + 1,), finite and ascending")
    return _Given(edges)


def n_bins(x: Tensor, rule: str, dim: int = 1, span: tuple[float, float] | None = None) -> int:
    """How many uniform bins a rule takes for the numbers x (N,), one of `dim` columns, over `span` or what they span.

    "sturges": log2 N + 1, as if counts were binomial coefficients. "scott": width 3.49 s N^(-1/(D + 2)), Eq. (10.11).
    "freedman-diaconis": twice the interquartile range in the place of 3.49 s, which outliers do not widen.
    "leave-one-out": the least of `leave_one_out_risk` of 1 to MOST_TRIED bins, of this column by itself.
    """
    observations.one_of(rule, "rule", RULES)
    low, high = (float(x.min()), float(x.max())) if span is None else span
    if rule == "sturges":
        return math.ceil(math.log2(len(x)) + 1)
    if rule == "leave-one-out":
        tried = range(1, min(MOST_TRIED, max(1, len(x))) + 1)
        return min(tried, key=lambda b: leave_one_out_risk(x, b, (low, high)))
    width = 3.49 * float(x.std()) if len(x) > 1 else 0.0
    if rule == "freedman-diaconis":
        columns = x.unsqueeze(1)
        middle = float(bandwidth.quantiles(columns, 0.75) - bandwidth.quantiles(columns, 0.25))
        width = 2 * middle if middle > 0 else width
    width *= len(x) ** (-1 / (dim + 2))
    return min(MOST, max(1, math.ceil((high - low) / width))) if width > 0 else 1


def leave_one_out_risk(x: Tensor, bins: int, span: tuple[float, float]) -> float:
    """An unbiased estimate of the integrated squared error less the integral of p^2 (Rudemo 1982). Eq. (10.12)."""
    axis, n = _Uniform(*span, bins), len(x)
    counts = axis.index(x)
    shares = torch.bincount(counts[counts >= 0], minlength=bins).double() / n
    return float(2 - (n + 1) * (shares**2).sum()) / ((n - 1) * axis.step) if n > 1 else math.inf
