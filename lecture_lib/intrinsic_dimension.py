"""The intrinsic dimension of points, from the sorted distances of each to its k nearest neighbours, (N, k).

`neighbors.nearest` gives the distances, so that each formula here can be tried on distances made by hand. All assume
that the density is constant as far as the k-th neighbour. A point with a duplicate (first distance 0) is left out and
counted, since 0 has no logarithm. The standard errors allow for the overlap of neighbourhoods, see `overlap`.
"""

import dataclasses
import math

import torch
from torch import Tensor

from lecture_lib import special


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Estimate:
    """A dimension: `value`, `std_error`, `pointwise` (N,) if there is one for each point (NaN if left out), else None.

    `duplicates` points were left out. `gamma` holds shape and rate of the gamma distribution that gives the interval.
    """

    value: float
    std_error: float
    pointwise: Tensor | None = None
    duplicates: int = 0
    gamma: tuple[float, float] | None = None

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Lower and upper end of the interval that holds the dimension in a share `level` of all samples.

        Maximum likelihood: quantiles of the gamma distribution of d times the sum of log ratios, Eq. (9.33), with the
        number of ratios divided by `overlap`. Otherwise as many standard errors as a normal distribution has.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level}; it must lie between 0 and 1, as 0.95 does")
        tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
        if self.gamma is None:
            low, high = self.value + torch.special.ndtri(tails) * self.std_error
        else:
            low, high = special.gamma_quantile(tails, self.gamma[0]) / self.gamma[1]
        return float(low), float(high)

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __repr__(self) -> str:
        error = float(f"{self.std_error:.0e}")  # one digit, so that 0.096 counts as 0.1
        digits = max(0, -math.floor(math.log10(error))) if 0 < error < math.inf else 2
        left_out = f" ({self.duplicates:,} points with a duplicate left out)" if self.duplicates else ""
        return f"{self.value:.{digits}f} ± {self.std_error:.{digits}f}{left_out}"


def rank_slope(distances: Tensor, *, response: str = "rank") -> Estimate:
    """The mean slope of log rank j against log r_j, j = 1 ... k, distances (N, k >= 3) -> Estimate. Eq. (9.10).

    From n(r) = const r^d. What scatters is the distance, not the rank, and the mean slope is d times a factor of k
    alone, 0.90 for k = 10 and for k = 20. `response="distance"` fits the other way, log r_j on digamma(j), the mean
    logarithm of rho times the volume, Eq. (9.12): its slope is 1/d without bias, and d the inverse of the mean one. The
    standard error is an upper one: for few dimensions these slopes overlap less than `overlap` says.
    """
    if response not in ("rank", "distance"):
        raise ValueError(f'response is {response!r}; it must be "rank" or "distance"')
    logs, kept = _log_distances(distances, 3)
    _refuse_ties(logs, kept)
    rank = torch.arange(1, logs.shape[1] + 1, dtype=torch.float64, device=logs.device)
    if response == "rank":
        slope = _slope(logs, rank.log())
        value, spread = slope.mean(), slope.std()
    else:
        inverse = _slope(torch.digamma(rank), logs)
        slope, value = 1 / inverse, 1 / inverse.mean()
        spread = inverse.std() * value**2
    error = spread * (overlap(logs.shape[1]) / len(logs)) ** 0.5
    return Estimate(float(value), float(error), *_all_points(slope, kept))


def two_nn(distances: Tensor, *, method: str = "mle", discard: float = 0.1) -> Estimate:
    """TwoNN (Facco et al. 2017): (N - 1) / sum_i log(r_i2 / r_i1), distances (N, k >= 2) -> Estimate. Eq. (9.31).

    The ratio mu = r_2 / r_1 of each point has the distribution function F = 1 - mu^-d; N - 1 instead of the N of
    maximum likelihood makes the estimate unbiased. `method="fit"` fits -log(1 - F) = d log mu through the origin, by
    Eq. (9.24), with F = i / (N + 1) at the i-th smallest of the N ratios, without the share `discard` of largest ones.
    """
    if method not in ("mle", "fit"):
        raise ValueError(f'method is {method!r}; it must be "mle" or "fit"')
    if not 0 <= discard < 1:
        raise ValueError(f"discard is {discard}; it is the share of ratios left out, at least 0 and below 1")
    logs, kept = _log_distances(distances, 2)
    log_mu, duplicates = logs[:, 1] - logs[:, 0], int((~kept).sum())
    if len(log_mu) < 2 or not log_mu.any():
        raise ValueError("distances must hold two points at least without duplicates, and a ratio that is not 1")
    if method == "fit":
        value, error = _fit_through_origin(log_mu.sort().values, discard)
        return Estimate(value, error, duplicates=duplicates)
    n, total = len(log_mu), float(log_mu.sum())
    value, shape = (n - 1) / total, n / overlap(2)
    return Estimate(value, value / shape**0.5, duplicates=duplicates, gamma=(shape, total / overlap(2)))


def mle(distances: Tensor, *, average: str = "harmonic") -> Estimate:
    """Maximum likelihood (Levina & Bickel 2004), distances (N, k) -> Estimate. Eqs. (9.36) to (9.39).

    With T_i = sum_j log(r_ik / r_ij), j = 1 ... k - 1: the harmonic average N (k - 1) / sum_i T_i, which is maximum
    likelihood for all points together (MacKay & Ghahramani 2005), or the arithmetic one, the mean of (k - 2) / T_i,
    each unbiased, for k >= 3. Both corrections at once, k - 2 with the harmonic average, would be too small.
    """
    if average not in ("harmonic", "arithmetic"):
        raise ValueError(f'average is {average!r}; it must be "harmonic" or "arithmetic"')
    logs, kept = _log_distances(distances, 2 if average == "harmonic" else 3)
    n, k = logs.shape
    total = (logs[:, -1:] - logs).sum(1)  # T_i
    if average == "arithmetic" or not total.any():
        _refuse_ties(logs, kept)
    if average == "arithmetic":
        pointwise = (k - 2) / total
        value = float(pointwise.mean())
        error = value * (overlap(k) / (n * (k - 3))) ** 0.5 if k > 3 else math.inf
        return Estimate(value, error, *_all_points(pointwise, kept))
    shape = n * (k - 1) / overlap(k)
    value = n * (k - 1) / float(total.sum())
    gamma = (shape, float(total.sum()) / overlap(k))
    return Estimate(value, value / shape**0.5, *_all_points((k - 1) / total, kept), gamma)


def overlap(k: int) -> float:
    """2 - C(2k - 2, k - 1) / 4^(k - 1): how many times larger than for independent points a variance is. Eq. (9.44).

    Points that are neighbours of each other share a distance. One plus the probability that, of the k - 1 nearest
    neighbours of a point, one has that point among its own: 3/2 for k = 2, towards 2 for many. Exact in the limit of
    many dimensions, and within a few per cent of what is measured in any.
    """
    m = k - 1
    return 2 - math.exp(math.lgamma(2 * m + 1) - 2 * math.lgamma(m + 1) - m * math.log(4))


def _fit_through_origin(log_mu: Tensor, discard: float) -> tuple[float, float]:
    """Slope of -log(1 - F) on the sorted log mu, and its standard error by the delta method.

    log mu_(i) = 1/d sum_(l <= i) Z_l / (N + 1 - l) with independent Z_l ~ Exp(1) (Rényi 1953).
    """
    n = len(log_mu)
    used = max(2, n - math.ceil(discard * n))
    rank = torch.arange(1, n + 1, dtype=torch.float64, device=log_mu.device)
    x, y = log_mu[:used], -(-rank / (n + 1)).log1p()[:used]
    if not x.any():
        raise ValueError(f"all {used} ratios that are left of distances are 1; discard less or take other points")
    value = float((x * y).sum() / (x**2).sum())
    weight = y.flip(0).cumsum(0).flip(0) / (n + 1 - rank[:used])  # of Z_l
    return value, value * float((overlap(2) * (weight**2).sum()).sqrt() / (y**2).sum())


def _slope(x: Tensor, y: Tensor) -> Tensor:
    """Least squares of y on x with a constant, along the last axis."""
    x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
    return (x * y).sum(-1) / (x**2).sum(-1)


def _all_points(values: Tensor, kept: Tensor) -> tuple[Tensor, int]:
    """One value for each point, NaN for those left out, and how many these are."""
    everything = torch.full(kept.shape, math.nan, dtype=values.dtype, device=values.device)
    everything[kept] = values
    return everything, int((~kept).sum())


def _refuse_ties(logs: Tensor, kept: Tensor) -> None:
    tied = logs[:, 0] == logs[:, -1]
    if tied.any():
        row = int(kept.nonzero()[tied, 0][0])
        raise ValueError(f"all {logs.shape[1]} distances of a point are equal (first: row {row}); take a larger k")


def _log_distances(distances: Tensor, least: int) -> tuple[Tensor, Tensor]:
    """log r of the points without a duplicate, and which these are, (N,); what are no distances is refused."""
    r = torch.as_tensor(distances).double()
    if r.ndim != 2 or len(r) < 1 or r.shape[1] < least:
        raise ValueError(f"distances has shape {tuple(r.shape)}; it must be (N, k) with k at least {least}")
    for bad, why in (
        (~r.isfinite(), "holds NaN or infinity"),
        (r < 0, "is negative"),
        (r.diff(dim=1, prepend=r[:, :1]) < 0, "is not sorted: each row must ascend, as neighbors.nearest gives it"),
    ):
        if bad.any():
            raise ValueError(f"distances[{int(bad.any(1).nonzero()[0, 0])}] {why}")
    kept = r[:, 0] > 0
    if not kept.any():
        raise ValueError(f"all {len(r)} points have a duplicate; remove them with torch.unique(x, dim=0)")
    return r[kept].log(), kept
