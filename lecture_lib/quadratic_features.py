"""Expectation-maximization in two matrix products: a log-density that is quadratic in x is linear in x_i x_j.

With phi(x) = (1, x_1 ... x_D, all x_i x_j, i <= j), log [pi_k N(x; mu_k, Sigma_k)] is a dot product of phi(x) with
numbers of the component, for all components one product; sums of responsibilities times phi give weights, means and
covariances in another. phi keeps its digits where components are not very thin; `well_scaled` says whether they are.
Everything is float64; features are rows here, phi(x) is (F, n).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

LARGEST = 1e7  # sum of the terms of a typical quadratic form, up to which nine digits of it are kept
AT_ONCE = 2**18  # numbers in the features of one block


class Mixture(NamedTuple):
    """Weights (K,), means (K, D), covariances (K, D, D), (K, D) or (K,), full, diagonal or spherical."""

    weights: Tensor
    means: Tensor
    covariances: Tensor


class Sums(NamedTuple):
    """Sums over observations: log p(x), and by component responsibilities, first and second moments about `origin`."""

    log_likelihood: Tensor
    counts: Tensor  # (K,)
    first: Tensor  # (K, D)
    second: Tensor  # (K, D, D), or (K, D) of squares alone
    origin: Tensor  # (K, D) or (1, D)


def features(x: Tensor, full: bool) -> Tensor:
    """phi(x), (n, D) -> (F, n): 1, x, and all products of two coordinates, or the squares alone."""
    n, dim = x.shape
    size = 1 + dim + (dim * (dim + 1) // 2 if full else dim)
    phi = x.new_empty(size, n)
    phi[0], phi[1 : dim + 1] = 1, x.mT
    columns, place = phi[1 : dim + 1], dim + 1
    if not full:
        torch.mul(columns, columns, out=phi[place:])
        return phi
    for i in range(dim):
        torch.mul(columns[i], columns[i:], out=phi[place : place + dim - i])
        place += dim - i
    return phi


def coefficients(mixture: Mixture) -> Tensor:
    """c (K, F) with c phi(x) = log [pi_k N(x; mu_k, Sigma_k)]. Eq. (10.50)."""
    weights, means, covariances = mixture
    dim = means.shape[1]
    precision, log_det = inverse(covariances, dim)
    if precision.ndim == 3:
        linear = (precision @ means.unsqueeze(2)).squeeze(2)
        upper = torch.triu_indices(dim, dim, device=means.device)
        quadratic = -precision[:, upper[0], upper[1]]
        quadratic[:, upper[0] == upper[1]] *= 0.5
    else:
        linear, quadratic = precision * means, -0.5 * precision
    constant = weights.log() - 0.5 * (dim * math.log(2 * math.pi) + log_det + (linear * means).sum(1))
    return torch.cat([constant.unsqueeze(1), linear, quadratic], 1)


def inverse(covariances: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The inverses, (K, D, D) or (K, D), and the logarithms of the determinants, (K,)."""
    if covariances.ndim == 3:
        chol = torch.linalg.cholesky(covariances)
        return torch.cholesky_inverse(chol), 2 * chol.diagonal(dim1=1, dim2=2).log().sum(1)
    variances = covariances if covariances.ndim == 2 else covariances.unsqueeze(1).expand(-1, dim)
    return 1 / variances, variances.log().sum(1)


def well_scaled(mixture: Mixture) -> bool:
    """Whether products of coordinates of order 1 keep the digits of all components."""
    precision, _ = inverse(mixture.covariances, mixture.means.shape[1])
    precision = precision.diagonal(dim1=1, dim2=2) if precision.ndim == 3 else precision
    return bool((precision * (1 + mixture.means.square())).sum(1).max() <= LARGEST)


def shares(log_joint: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """log sum_k exp(log_joint), and exp(log_joint) in its place as shares of the sum, along `dim`.

    Where all are -inf, far from everything, the shares are equal.
    """
    largest = log_joint.amax(dim, keepdim=True)
    lost = largest == -math.inf
    joint = log_joint.sub_(largest.masked_fill(lost, 0)).exp_()
    if lost.any():
        joint += lost
    total = joint.sum(dim, keepdim=True)
    log_total = (total.log() + largest).squeeze(dim)
    return log_total, joint.div_(total)


def sweep(x: Tensor, mixture: Mixture) -> Sums:
    """All sums that one step needs, x (N, D) in blocks, by features."""
    full, dim, weights = mixture.covariances.ndim == 3, x.shape[1], coefficients(mixture)
    total, log_likelihood = torch.zeros_like(weights), x.new_zeros(())
    for block in x.split(max(1, AT_ONCE // weights.shape[1])):
        phi = features(block, full)
        log_p, responsibilities = shares(weights @ phi, 0)
        log_likelihood += log_p.sum()
        total.addmm_(responsibilities, phi.mT)
    second = total[:, dim + 1 :]
    if full:
        upper = torch.triu_indices(dim, dim, device=x.device)
        square = total.new_empty(len(total), dim, dim)
        square[:, upper[0], upper[1]] = square[:, upper[1], upper[0]] = second
        second = square
    return Sums(log_likelihood, total[:, 0], total[:, 1 : dim + 1], second, x.new_zeros(1, dim))
