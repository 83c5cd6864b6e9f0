"""The nearest neighbours of points, exactly, in bounded memory."""

import math

import torch
from torch import Tensor


def log_unit_ball_volume(d: Tensor) -> Tensor:
    """log V_d = d/2 log pi - log Gamma(d/2 + 1), the volume of the unit ball in R^d, shapes (...) -> (...)."""
    d = torch.as_tensor(d, dtype=torch.float64)
    if not bool((d >= 0).all()):
        raise ValueError(f"d is {d.min().item():g}; a dimension is zero or positive")
    return d / 2 * math.log(math.pi) - torch.lgamma(d / 2 + 1)


def nearest(x: Tensor, k: int, *, queries: Tensor | None = None, memory: int = 2**28) -> tuple[Tensor, Tensor]:
    """Distances and indices of the k nearest rows of x to each query, each (N, k), ascending, ties by index.

    Without `queries`, each row of x is asked for its neighbours and is not its own; a duplicate is, at distance 0.
    """
    x = _points(x, "x")
    rows = x if queries is None else _points(queries, "queries")
    available = len(x) - (queries is None)
    if not 1 <= k <= available:
        raise ValueError(f"k is {k}; it must be from 1 to {available}, as x has {len(x)} rows")
    if rows.shape[1] != x.shape[1] or rows.device != x.device:
        raise ValueError(f"queries has shape {tuple(rows.shape)} on {rows.device}, x {tuple(x.shape)} on {x.device}")
    x, rows = x.double(), rows.double()
    found = []
    for start in range(0, len(rows), step := max(1, memory // (32 * len(x)))):
        distances = torch.cdist(rows[start : start + step], x, compute_mode="donot_use_mm_for_euclid_dist")
        if queries is None:
            distances.diagonal(start).fill_(math.inf)
        found.append(tuple(part[:, :k] for part in distances.sort(dim=1, stable=True)))
    return torch.cat([d for d, _ in found]), torch.cat([i for _, i in found])


def _points(x: Tensor, name: str) -> Tensor:
    x = torch.as_tensor(x)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (N, D), neither of them zero")
    if not x.isfinite().all():
        raise ValueError(f"{name} holds NaN or infinity (first: row {int((~x.isfinite()).any(1).nonzero()[0])})")
    return x
