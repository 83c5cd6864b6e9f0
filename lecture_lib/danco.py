"""DANCo (Ceruti et al. 2014): the dimension whose samples have nearest distances and angles most like the data's.

Boundary and shortage of points bias every count of neighbors. DANCo compares with samples of known dimension and of
the same size, which suffer in the same way; it is right where the data are like one of the references.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from lecture_lib import concentration, manifolds, neighbors
from lecture_lib.intrinsic_dimension import Estimate

REPEATS = 4  # samples of each reference at each of three dimensions around the answer
Reference = Callable[..., Tensor]


def danco(
    x: Tensor,
    *,
    k: int = 10,
    max_dim: int | None = None,
    references: Sequence[Reference] = (manifolds.ball, manifolds.subspace),
    generator: torch.Generator | None = None,
) -> Estimate:
    """The d at which the summary of x (N, D) diverges least from that of N points of dimension d. Eq. (9.59).

    `references` are samplers (n, d, *, generator) of known dimension, and the one that comes nearest counts: uniform
    balls, as published, and Gaussians, whose density falls off. `max_dim` is the largest d considered, D unless given;
    an estimate that reaches it is no estimate. The standard error comes from the scatter of the reference samples.

    Between whole numbers the summary is interpolated, so that d need not be one. `references=(manifolds.ball,)` is the
    published method, but for the search (only dimensions near the answer are sampled) and for the mean concentration,
    which is the one of the mean resultant length: for d = 1 the mean of the concentrations themselves is infinite.
    """
    x = torch.as_tensor(x)
    if k < 3:
        raise ValueError(f"k is {k}; it must be at least 3, for three angles at each point")
    observed, duplicates = summary(x, k)
    max_dim = x.shape[1] if max_dim is None else max_dim
    if max_dim < 1 or not references:
        raise ValueError(f"max_dim is {max_dim} and references are {len(references)}; both must be at least 1")
    matches = [_match(observed, _Samples(reference, len(x), k, generator), max_dim) for reference in references]
    best = min(matches, key=lambda match: match.divergence)
    return Estimate(best.value, best.std_error, duplicates=duplicates)


def summary(x: Tensor, k: int) -> tuple[Tensor, int]:
    """log d of the nearest ratios, mean direction and log concentration of the angles, (3,), and how many duplicates.

    Points with a duplicate have no direction to it and are left out.
    """
    distances, indices = neighbors.nearest(x, k + 1)
    kept = (distances[:, 0] > 0).nonzero()[:, 0]
    if len(kept) < 1:
        raise ValueError(f"all {len(x)} points of x have a duplicate; remove them with torch.unique(x, dim=0)")
    d = concentration.fit_nearest_ratio(distances[kept, 0] / distances[kept, k], k)
    angles = concentration.neighbor_angles(x, indices[kept, :k], rows=kept)
    nu, resultant = concentration.fit_von_mises(angles)
    tau = concentration.concentration(float(resultant.mean()))
    return torch.tensor([math.log(d), float(nu.mean()), math.log(tau)], dtype=torch.float64), len(x) - len(kept)


def divergence(q: Tensor, p: Tensor, k: int) -> Tensor:
    """KL of the nearest ratios plus KL of the angles between two summaries, shapes (..., 3) -> (...). Eq. (9.59)."""
    ratios = concentration.kl_nearest_ratio(q[..., 0].exp(), p[..., 0].exp(), k)
    return ratios + concentration.kl_von_mises(q[..., 1], q[..., 2].exp(), p[..., 1], p[..., 2].exp())


@dataclasses.dataclass
class _Samples:
    """Summaries of n points of a reference, for each dimension as many as were asked for so far."""

    reference: Reference
    n: int
    k: int
    generator: torch.Generator | None
    drawn: dict[int, list[Tensor]] = dataclasses.field(default_factory=dict)

    def at(self, d: int, repeats: int = 1) -> Tensor:
        """(repeats, 3)."""
        known = self.drawn.setdefault(d, [])
        while len(known) < repeats:
            known.append(summary(self.reference(self.n, d, generator=self.generator), self.k)[0])
        return torch.stack(known[:repeats])


@dataclasses.dataclass
class _Match:
    value: float
    std_error: float
    divergence: float


def _match(observed: Tensor, samples: _Samples, max_dim: int) -> _Match:
    """The best dimension of one reference, how far its summary is from the observed one, and the standard error."""
    dims = _around(observed, samples, max_dim)
    drawn = torch.stack([samples.at(d, REPEATS) for d in dims])  # (3, REPEATS, 3)
    center = drawn.mean(1)
    scatter = (drawn - center[:, None]).flatten(0, 1) * math.sqrt(REPEATS / (REPEATS - 1))
    low, high = max(1, dims[0] / 1.1), min(max_dim, dims[-1] * 1.1)
    log_d = torch.linspace(math.log(low), math.log(high), 100, dtype=torch.float64)
    curve = _interpolated(log_d, torch.tensor(dims).double().log(), center)  # (100, 3)
    observed = torch.cat([observed[None], observed + scatter])  # as other data of the same kind would be
    distance = divergence(observed[:, None], curve, samples.k)
    d = _lowest(log_d, distance).exp()
    error = ((d[1:] - d[0]) ** 2).mean().sqrt() * math.sqrt(1 + 1 / REPEATS)  # of the data and of the curve
    return _Match(float(d[0]), float(error), float(distance[0].min()))


def _around(observed: Tensor, samples: _Samples, max_dim: int) -> list[int]:
    """Three dimensions (fewer if max_dim is), about a fifth apart, around the least divergent one."""
    ladder = sorted({min(round(1.2**step), max_dim) for step in range(math.ceil(math.log(max_dim, 1.2)) + 1)})
    start = min(range(len(ladder)), key=lambda i: abs(math.log(ladder[i]) - float(observed[0])))
    found = {}
    while True:
        best = min(found, key=found.get, default=start)
        new = [i for i in range(max(0, best - 2), min(len(ladder), best + 3)) if i not in found]
        if not new:
            first = max(0, min(best - 1, len(ladder) - 3))
            return ladder[first : first + 3]
        for i in new:
            found[i] = float(divergence(observed, samples.at(ladder[i])[0], samples.k))


def _lowest(at: Tensor, values: Tensor) -> Tensor:
    """Where values (m, n) at equally spaced points (n,) are lowest, (m,): the vertex of a parabola through three."""
    middle = values.argmin(1).clamp(1, len(at) - 2)
    left, center, right = (values.gather(1, (middle + step)[:, None])[:, 0] for step in (-1, 0, 1))
    offset = ((left - right) / (2 * (left - 2 * center + right))).nan_to_num().clamp(-1, 1)
    return at[middle] + offset * (at[1] - at[0])


def _interpolated(at: Tensor, nodes: Tensor, values: Tensor) -> Tensor:
    """Lagrange's polynomial through the values (m, ...) at the nodes (m,), at points (n,) -> (n, ...)."""
    weights = torch.ones(len(at), len(nodes), dtype=at.dtype)
    for i, j in itertools.permutations(range(len(nodes)), 2):
        weights[:, i] *= (at - nodes[j]) / (nodes[i] - nodes[j])
    return weights @ values
