"""Are two sets of points drawn from one distribution? Two answers that need no density, and an honest interval.

A classifier: what it tells apart on points it has not seen is a lower bound on how different the distributions are.
Nearest neighbors: in one mixed cloud, half of them belong to the other set; the fewer do, the more the two differ.
"""

import torch
from torch import Tensor

from lecture_lib import conditional, neighbors, observations


def labeled(real: Tensor, drawn: Tensor) -> Tensor:
    """Rows (N + M, D + 2) for `reading.cross_entropy(..., n_classes=2)`: real ones have label 1, drawn ones 0.

    Raises ValueError where the rows do not fit.
    """
    real, drawn = _two(real, drawn)
    labels = torch.arange(len(real) + len(drawn), device=real.device) < len(real)
    return conditional.with_labels(torch.cat([real, drawn]), labels.long(), 2)


def variation_at_least(accuracy: float) -> float:
    """2 a - 1, a lower bound of the total variation distance from a classifier's accuracy on fresh points. Eq. (11.11).

    Zero at a = 1/2 and below. Raises ValueError outside of 0 to 1.
    """
    if not 0 <= accuracy <= 1:
        raise ValueError(f"accuracy is {accuracy}; it must be a share, from 0 to 1")
    return max(0.0, 2 * float(accuracy) - 1)


def neighbor_share(real: Tensor, drawn: Tensor, k: int = 1) -> float:
    """The share of the k nearest neighbors of all points that belong to the point's own set (Schilling 1986).

    Shapes (N, D), (M, D). About `expected_share(N, M)` if both come from one distribution; Eq. (11.12) says what it
    tends to if they do not. Of rows at the same distance the earlier one counts as nearer, so give no equal rows.
    """
    real, drawn = _two(real, drawn)
    _, indices = neighbors.nearest(torch.cat([real, drawn]), k)
    own = torch.arange(len(indices), device=indices.device) < len(real)
    return float((own[indices] == own.unsqueeze(1)).double().mean())


def expected_share(n: int, m: int) -> float:
    """(n (n - 1) + m (m - 1)) / ((n + m) (n + m - 1)): the mean over all ways to label the points. Eq. (11.14)."""
    n, m = observations.whole(n, "n"), observations.whole(m, "m")
    return (n * (n - 1) + m * (m - 1)) / ((n + m) * (n + m - 1))


def coverage(n: int) -> float:
    """1 - 2^(1 - n): how often the range of n independent results holds their distribution's median. Eq. (11.15)."""
    return 1 - 2.0 ** (1 - observations.whole(n, "n", 2))


def _two(real: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    real, drawn = torch.as_tensor(real), torch.as_tensor(drawn)
    if real.ndim != 2 or drawn.ndim != 2 or real.shape[1] != drawn.shape[1] or not len(real) or not len(drawn):
        got = f"real has shape {tuple(real.shape)} and drawn {tuple(drawn.shape)}"
        raise ValueError(f"{got}; they must be (N, D) and (M, D), N and M at least 1")
    if real.dtype != drawn.dtype or real.device != drawn.device:
        got = f"real is {real.dtype} on {real.device} and drawn {drawn.dtype} on {drawn.device}"
        raise ValueError(f"{got}; they must be of one type, on one device")
    return real, drawn
