"""Centers to begin with: k-means++ and a few steps of k-means, in bounded memory."""

import torch
from torch import Tensor

BLOCK = 2**20  # distances at once


def centers(x: Tensor, k: int, *, steps: int = 10, generator: torch.Generator | None = None) -> Tensor:
    """k centers for x (N, D), (k, D): rows drawn in proportion to their squared distance from those drawn before.

    Arthur & Vassilvitskii 2007; then at most `steps` steps of Lloyd's algorithm, in which a center that loses all its
    points stays. Where fewer than k different rows exist, centers are repeated.
    """
    first = torch.randint(len(x), (1,), device=x.device, generator=generator)
    chosen, nearest = [x[first]], _squares(x, x[first]).squeeze(1)
    for _ in range(k - 1):
        ends = nearest.cumsum(0)
        ticket = ends[-1] * torch.rand(1, dtype=ends.dtype, device=x.device, generator=generator)
        new = x[torch.searchsorted(ends, ticket, right=True).clamp(max=len(x) - 1)]
        chosen.append(new)
        nearest = torch.minimum(nearest, _squares(x, new).squeeze(1))
    found = torch.cat(chosen)
    for _ in range(steps):
        before, labels = found, nearest_center(x, found)
        counts = torch.bincount(labels, minlength=k).unsqueeze(1)
        sums = torch.zeros_like(found).index_add_(0, labels, x)
        found = torch.where(counts > 0, sums / counts, found)
        if torch.equal(found, before):
            break
    return found


def nearest_center(x: Tensor, found: Tensor) -> Tensor:
    """The index of the nearest center of each row, (N,)."""
    blocks = x.split(max(1, BLOCK // len(found)))
    return torch.cat([_squares(block, found).argmin(1) for block in blocks])


def _squares(x: Tensor, found: Tensor) -> Tensor:
    """Squared distances (N, K), from differences."""
    return torch.cdist(x, found, compute_mode="donot_use_mm_for_euclid_dist").square_()
