"""How wide a kernel should be: by a rule that takes the data for normal, or by leaving out one point at a time."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_lib import kernel_sums, kernels, observations

CRITERIA = ("likelihood", "squares")
STEP = 2**0.5  # from one bandwidth tried to the next
SPAN = (-8, 5)  # steps around Silverman's bandwidth to begin with
FURTHEST = 60  # steps
PRECISION = 1e-3  # of the logarithm of the bandwidth


def silverman_bandwidth(x: Tensor, *, kernel: str = "gaussian", shape: str = "radial", robust: bool = False) -> Tensor:
    """h_j = s_j (4 / ((D + 2) N))^(1 / (D + 4)), (N, D) -> (D,) float64: best for normal data. Eq. (10.25).

    s_j is the standard deviation (N - 1) or, `robust`, the smaller of it and the interquartile range / 1.349, which
    outliers and several modes do not widen. Other kernels get as much smoothing, Eq. (10.27). Raises ValueError where a
    column does not vary, since then no width fits (Silverman 1986, section 4.3).
    """
    kernels.check(kernel, shape)
    spread, (n, dim) = _spread(x, robust), x.shape
    return spread * (4 / ((dim + 2) * n)) ** (1 / (dim + 4)) * kernels.equivalent(kernel, dim, shape)


def scott_bandwidth(x: Tensor, *, kernel: str = "gaussian", shape: str = "radial", robust: bool = False) -> Tensor:
    """h_j = s_j N^(-1 / (D + 4)), (N, D) -> (D,) float64; the same as Silverman's for D = 2 (Scott 1992).

    Options and errors are those of `silverman_bandwidth`.
    """
    kernels.check(kernel, shape)
    spread, (n, dim) = _spread(x, robust), x.shape
    return spread * n ** (-1 / (dim + 4)) * kernels.equivalent(kernel, dim, shape)


def leave_one_out_bandwidth(
    x: Tensor, *, kernel: str = "gaussian", shape: str = "radial", criterion: str = "likelihood", memory: int = 2**28
) -> Tensor:
    """The best c h_j, h_j = `silverman_bandwidth` (robust), when each observation is left out in turn, (N, D) -> (D,).

    "likelihood": the largest sum_i log p_-i(x_i), Eq. (10.29), which aims at the least KL(p || p_hat); heavy tails make
    it too wide. "squares", Gaussian only: the least integral of p_hat^2 - 2/N sum_i p_-i(x_i), Eq. (10.31), which aims
    at the least integrated squared error. Chance moves both by about N^(-1/10) of the bandwidth (Hall & Marron 1987).
    Raises ValueError where every row is repeated, which no bandwidth is small enough for, or a column does not vary.
    """
    observations.one_of(criterion, "criterion", CRITERIA)
    if criterion == "squares" and kernel != "gaussian":
        raise ValueError(f'kernel is {kernel!r}; the criterion "squares" has a closed form for "gaussian" only')
    x = observations.fitted(x, least=2)
    start = silverman_bandwidth(x, kernel=kernel, shape=shape, robust=True)
    scaled = x.double() / start
    scaled = scaled - scaled.median(0).values
    if bool((scaled.unique(dim=0, return_counts=True)[1] > 1).all()):
        raise ValueError("every row of x is repeated, so the narrower the kernel the better; give a bandwidth")
    score = likelihood_score if criterion == "likelihood" else squares_score
    return start * _maximize(lambda c: score(scaled / c, kernel, shape, memory=memory) - x.shape[1] * math.log(c))


def likelihood_score(u: Tensor, kernel: str = "gaussian", shape: str = "radial", *, memory: int = 2**28) -> float:
    """The mean of log p_-i(u_i), for bandwidth 1, (N, D) -> float; -inf where a point has no other in reach."""
    sums = kernel_sums.log_sums(u, u, kernel, shape, own=True, memory=memory)
    return float(sums.mean()) - kernels.log_norm(kernel, u.shape[1], shape) - math.log(len(u) - 1)


def squares_score(u: Tensor, kernel: str = "gaussian", shape: str = "radial", *, memory: int = 2**28) -> float:
    """log of 2/N sum_i p_-i(u_i) less the integral of p_hat^2, for bandwidth 1: to be made large; -inf if negative.

    The integral is a sum over pairs of the Gaussian with sqrt(2) times the bandwidth.
    """
    n, dim = u.shape
    norm = kernels.log_norm(kernel, dim, shape)
    others = kernel_sums.log_sums(u, u, kernel, shape, own=True, memory=memory).exp().sum() / (n * (n - 1))
    pairs = kernel_sums.log_sums(u / 2**0.5, u / 2**0.5, kernel, shape, memory=memory).exp().sum() / n**2
    score = float(2 * others - pairs / 2 ** (dim / 2))
    return math.log(score) - norm if score > 0 else -math.inf


def _maximize(f: Callable[[float], float]) -> float:
    """The c > 0 with the largest f(c): the best on a grid of steps, refined by golden sections."""
    values = {i: f(STEP**i) for i in range(SPAN[0], SPAN[1] + 1)}
    while (best := max(values, key=values.get)) in (min(values), max(values)) or values[best] == -math.inf:
        edge = max(values) + 1 if best == max(values) or values[best] == -math.inf else min(values) - 1
        if abs(edge) > FURTHEST:
            raise ValueError(f"no bandwidth within a factor of {STEP**FURTHEST:.0e} of Silverman's is best; give one")
        values[edge] = f(STEP**edge)
    low, high, golden = best - 1.0, best + 1.0, (5**0.5 - 1) / 2
    inner = [high - golden * (high - low), low + golden * (high - low)]
    found = [f(STEP**i) for i in inner]
    while (high - low) * math.log(STEP) > PRECISION:
        if found[0] >= found[1]:
            high, inner, found = inner[1], [0.0, inner[0]], [0.0, found[0]]
            inner[0] = high - golden * (high - low)
            found[0] = f(STEP ** inner[0])
        else:
            low, inner, found = inner[0], [inner[1], 0.0], [found[1], 0.0]
            inner[1] = low + golden * (high - low)
            found[1] = f(STEP ** inner[1])
    return STEP ** ((low + high) / 2)


def _spread(x: Tensor, robust: bool) -> Tensor:
    """A standard deviation for each column, (D,) float64; ValueError where one is zero."""
    x = observations.fitted(x, least=2).double()
    spread = x.std(0)
    if robust:
        low, high = quantiles(x, 0.25), quantiles(x, 0.75)
        middle = (high - low) / 1.349
        spread = torch.where(middle > 0, torch.minimum(spread, middle), spread)
    if not bool((spread > 0).all()):
        column = int((spread == 0).nonzero()[0])
        raise ValueError(f"column {column} of x does not vary, so no rule gives it a bandwidth; drop it or give one")
    return spread


def quantiles(x: Tensor, share: float) -> Tensor:
    """The quantile of each column, interpolated as NumPy does, (N, D) -> (D,); of any N."""
    place = share * (len(x) - 1)
    ranked, below = x.sort(0).values, int(place)
    return torch.lerp(ranked[below], ranked[min(below + 1, len(x) - 1)], place - below)
