"""The steps of expectation-maximization for Gaussian mixtures, and their repetition until nothing is gained.

Covariances are full (K, D, D), diagonal (K, D) or spherical (K,). `log_joint`, `e_step` and `m_step` are the formulas;
`run` does the same in blocks, by `quadratic_features` where these keep their digits, and under a floor of variances.
"""

import math

import torch
from torch import Tensor

from lecture_lib import observations, quadratic_features
from lecture_lib.quadratic_features import Mixture, Sums

COVARIANCES = ("full", "diagonal", "spherical")
BLOCK = 2**18  # numbers at once
LOST = 1e-200  # all shares together: fewer have lost their digits to underflow


def log_joint(x: Tensor, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    """log [pi_k N(x; mu_k, Sigma_k)], x (N, D) -> (N, K). Eq. (10.38). From differences and Cholesky factors."""
    dim, log_2pi = means.shape[1], math.log(2 * math.pi)
    if covariances.ndim == 3:
        chol = torch.linalg.cholesky(covariances)
        log_det = 2 * chol.diagonal(dim1=1, dim2=2).log().sum(1)
        parts = zip(chol, means, strict=True)
        squares = [torch.linalg.solve_triangular(c, (x - m).mT, upper=False).square().sum(0) for c, m in parts]
    else:
        variances = covariances if covariances.ndim == 2 else covariances.unsqueeze(1).expand(-1, dim)
        log_det = variances.log().sum(1)
        squares = [((x - m) / v.sqrt()).square().sum(1) for m, v in zip(means, variances, strict=True)]
    return weights.log() - 0.5 * (dim * log_2pi + log_det + torch.stack(squares, 1))


def e_step(log_joint: Tensor) -> tuple[Tensor, Tensor]:
    """log p(x) (N,) and the responsibilities r_k = p(k | x), (N, K), from log p(x, k), (N, K). Eq. (10.41).

    This q(k) = r_k makes the evidence lower bound equal to log p(x). Shares are equal where all of a row is -inf.
    """
    return quadratic_features.shares(log_joint.clone(), 1)


def m_step(x: Tensor, responsibilities: Tensor, covariance: str = "full") -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and covariances that maximize the bound, x (N, D), (N, K). Eqs. (10.46) to (10.48).

    A component without any share has weight 0, and mean and covariance of all observations, as any would do.
    """
    observations.one_of(covariance, "covariance", COVARIANCES)
    n, k = responsibilities.shape
    counts = responsibilities.sum(0)
    shares = torch.where(counts > 0, responsibilities, 1)
    total = shares.sum(0).unsqueeze(1)
    means = shares.mT @ x / total
    covariances = []
    for j in range(k):
        centered = x - means[j]
        weighted = shares[:, j : j + 1] * centered / total[j]
        full = covariance == "full"
        covariances.append(centered.mT @ weighted if full else (centered * weighted).sum(0))
    covariances = torch.stack(covariances)
    return counts / n, means, covariances.mean(1) if covariance == "spherical" else covariances


def run(
    x: Tensor, mixture: Mixture, floor: float, max_iter: int, tol: float
) -> tuple[Mixture, list[float], bool, Tensor]:
    """The last mixture, the mean of log p(x) before each step and at last, whether it converged, and who is floored.

    A step never lowers the likelihood: covariances clamped from below are the best of those allowed, see `floored`.
    """
    history, on_floor = [], torch.zeros(len(mixture.weights), dtype=torch.bool, device=x.device)
    while True:
        sums = sweep(x, mixture)
        history.append(float(sums.log_likelihood) / len(x))
        converged = len(history) > 1 and history[-1] - history[-2] < tol
        if converged or len(history) > max_iter:
            return mixture, history, converged, on_floor
        mixture, on_floor = maximize(sums, mixture, floor)


def sweep(x: Tensor, mixture: Mixture) -> Sums:
    """The sums over all observations that one step needs: E-step and first half of the M-step, in blocks."""
    if quadratic_features.well_scaled(mixture):
        return quadratic_features.sweep(x, mixture)
    full, (k, dim) = mixture.covariances.ndim == 3, mixture.means.shape
    total = x.new_zeros(())
    counts, first = x.new_zeros(k), x.new_zeros(k, dim)
    second = x.new_zeros((k, dim, dim) if full else (k, dim))
    for block in x.split(max(1, BLOCK // (k + dim))):
        log_p, responsibilities = quadratic_features.shares(log_joint(block, *mixture), 1)
        total += log_p.sum()
        counts += responsibilities.sum(0)
        for j in range(k):
            _add(first[j], second[j], block - mixture.means[j], responsibilities[:, j])
    return Sums(total, counts, first, second, mixture.means)


def cluster_sums(x: Tensor, centers: Tensor, labels: Tensor, full: bool) -> Sums:
    """The sums of a first M-step, where each observation belongs to one center."""
    (k, dim), counts = centers.shape, torch.bincount(labels, minlength=len(centers)).double()
    first, second = torch.zeros_like(centers), x.new_zeros((k, dim, dim) if full else (k, dim))
    for j in range(k):
        own = x[labels == j] - centers[j]
        _add(first[j], second[j], own, own.new_ones(len(own)))
    return Sums(x.new_zeros(()), counts, first, second, centers)


def whole(x: Tensor, k: int, covariance: str) -> Mixture:
    """k times the one Gaussian of all x, what a component without observations begins with."""
    shares = x.new_full((len(x), 1), 1.0)
    _, mean, cov = m_step(x, shares, covariance)
    return Mixture(x.new_full((k,), 1 / k), mean.expand(k, -1), cov.expand(k, *cov.shape[1:]))


def maximize(sums: Sums, before: Mixture, floor: float) -> tuple[Mixture, Tensor]:
    """The second half of the M-step: weights, means and covariances from sums, and which components lie on the floor.

    A component that has lost all its shares keeps mean and covariance.
    """
    alive = sums.counts > LOST
    counts = sums.counts.where(alive, 1).unsqueeze(1)
    shift = sums.first / counts
    means = torch.where(alive.unsqueeze(1), sums.origin + shift, before.means)
    if sums.second.ndim == 3:
        cov = sums.second / counts.unsqueeze(2) - shift.unsqueeze(2) * shift.unsqueeze(1)
    else:
        cov = sums.second / counts - shift**2
        cov = cov.mean(1) if before.covariances.ndim == 1 else cov
    cov = torch.where(alive.view(-1, *[1] * (cov.ndim - 1)), cov, before.covariances)
    cov, on_floor = floored(cov, floor)
    return Mixture(sums.counts / sums.counts.sum(), means, cov), on_floor


def floored(covariances: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Covariances with no eigenvalue below `floor`, and whether one had to be raised, (K,).

    Raising them to the floor maximizes -1/2 (log |Sigma| + tr(Sigma^-1 C)) under this condition. Eq. (10.51).
    """
    if covariances.ndim < 3:
        low = covariances < floor
        return covariances.clamp(min=floor), low.any(1) if low.ndim == 2 else low
    identity = torch.eye(covariances.shape[1], dtype=covariances.dtype, device=covariances.device)
    low = torch.linalg.cholesky_ex(covariances - floor * identity).info != 0
    if low.any():
        values, vectors = torch.linalg.eigh(covariances[low])
        raised = (vectors * values.clamp(min=floor).unsqueeze(1)) @ vectors.mT
        covariances = covariances.clone()
        covariances[low] = (raised + raised.mT) / 2
    return covariances, low


def _add(first: Tensor, second: Tensor, centered: Tensor, share: Tensor) -> None:
    """Add the first and second moments of the rows, weighted by their share, to (D,) and (D, D) or (D,)."""
    weighted = share.unsqueeze(1) * centered
    first += weighted.sum(0)
    second += centered.mT @ weighted if second.ndim == 2 else (centered * weighted).sum(0)
