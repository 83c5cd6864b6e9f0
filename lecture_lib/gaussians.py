"""Gaussians, diagonal by mean and log-variance or full by mean and covariance, and the divergences between them.

Every function returns one value per observation, in nats: the last axis holds the dimensions and is summed over.
NumPy arrays are welcome; what is no vector of floating-point numbers, or does not fit the others, raises ValueError.
"""

import functools
import math

import torch
from torch import Tensor

from lecture_lib import special

LOG_2PI = math.log(2 * math.pi)


def log_density(x: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
    """log N(x; mu, diag(exp(log_var))), shapes (..., J) -> (...). Eq. (4.3)."""
    x, mu, log_var = _tensors(x=x, mu=mu, log_var=log_var)
    return -0.5 * (LOG_2PI + log_var + ((x - mu) * (-0.5 * log_var).exp()) ** 2).sum(-1)


def entropy(log_var: Tensor) -> Tensor:
    """H = 1/2 sum_j (1 + log 2 pi + log_var_j), the entropy of a diagonal Gaussian, (..., J) -> (...). Eq. (4.6)."""
    (log_var,) = _tensors(log_var=log_var)
    return 0.5 * (1 + LOG_2PI + log_var).sum(-1)


def reparameterize(mu: Tensor, log_var: Tensor, eps: Tensor) -> Tensor:
    """z = mu + sigma * eps, a draw from N(mu, diag(exp(log_var))) when eps ~ N(0, I). Eqs. (5.16) and (6.3).

    `eps` is the caller's noise, of the shape of `mu` or with Monte Carlo samples in front: (S, ..., J). The gradient
    reaches `mu` and `log_var` through this line (Kingma & Welling 2014, section 2.4).
    """
    mu, log_var, eps = _tensors(mu=mu, log_var=log_var, eps=eps)
    return mu + (0.5 * log_var).exp() * eps


def kl_to_standard_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, diag(exp(log_var))) || N(0, I)), shapes (..., J) -> (...). Eqs. (4.10), (4.22), (6.5).

    All digits are right, near zero as well: a sum of terms that are never negative, none of which cancels.
    """
    mu, log_var = _tensors(mu=mu, log_var=log_var)
    return 0.5 * (mu**2 + special.expm1_minus(log_var)).sum(-1)


def kl_diagonal(mu_q: Tensor, log_var_q: Tensor, mu_p: Tensor, log_var_p: Tensor) -> Tensor:
    """KL(N(mu_q, diag(exp(log_var_q))) || N(mu_p, diag(exp(log_var_p)))), shapes (..., J) -> (...).

    Eqs. (4.16) and (4.23). All digits are right, near equality as well.
    """
    mu_q, log_var_q, mu_p, log_var_p = _tensors(mu_q=mu_q, log_var_q=log_var_q, mu_p=mu_p, log_var_p=log_var_p)
    shift = (mu_q - mu_p) * (-0.5 * log_var_p).exp()
    return 0.5 * (shift**2 + special.expm1_minus(log_var_q - log_var_p)).sum(-1)


def log_density_full(x: Tensor, mu: Tensor, cov: Tensor) -> Tensor:
    """log N(x; mu, cov), shapes (..., D), (..., D), (..., D, D) -> (...). Eq. (4.24).

    Raises ValueError naming the matrix of `cov` that is not symmetric and positive definite.
    """
    x, mu, cov = _tensors(x=x, mu=mu, cov=cov)
    chol = _cholesky(cov, "cov", mu.shape[-1])
    log_det = 2 * _diagonal(chol).log().sum(-1)
    return -0.5 * (mu.shape[-1] * LOG_2PI + log_det + (_solve(chol, x - mu) ** 2).sum(-1))


def reparameterize_full(mu: Tensor, chol: Tensor, eps: Tensor) -> Tensor:
    """z = mu + chol eps, a draw from N(mu, chol chol^T) when eps ~ N(0, I). Eq. (5.46).

    mu (..., D), chol (..., D, D) lower triangular with a positive diagonal, as torch.linalg.cholesky gives it, eps
    (..., D) or (S, ..., D). Raises ValueError where chol is not of this kind.
    """
    mu, chol, eps = _tensors(mu=mu, chol=chol, eps=eps)
    return mu + (_factor(chol, "chol", mu.shape[-1]) @ eps.unsqueeze(-1)).squeeze(-1)


def kl_full(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    """KL(N(mu_q, cov_q) || N(mu_p, cov_p)), shapes (..., D), (..., D, D) -> (...). Eq. (4.34).

    Raises ValueError naming the covariance, and the matrix of the batch, that is not symmetric and positive definite.
    """
    mu_q, cov_q, mu_p, cov_p = _tensors(mu_q=mu_q, cov_q=cov_q, mu_p=mu_p, cov_p=cov_p)
    dim = mu_q.shape[-1]
    return _kl_cholesky(mu_q, _cholesky(cov_q, "cov_q", dim), mu_p, _cholesky(cov_p, "cov_p", dim))


def kl_full_cholesky(mu_q: Tensor, chol_q: Tensor, mu_p: Tensor, chol_p: Tensor) -> Tensor:
    """KL(N(mu_q, L_q L_q^T) || N(mu_p, L_p L_p^T)), shapes (..., D), (..., D, D) -> (...). Eq. (4.41).

    chol_q, chol_p: the factors L, lower triangular with a positive diagonal; ValueError names the one that is not.
    """
    mu_q, chol_q, mu_p, chol_p = _tensors(mu_q=mu_q, chol_q=chol_q, mu_p=mu_p, chol_p=chol_p)
    dim = mu_q.shape[-1]
    return _kl_cholesky(mu_q, _factor(chol_q, "chol_q", dim), mu_p, _factor(chol_p, "chol_p", dim))


def _kl_cholesky(mu_q: Tensor, chol_q: Tensor, mu_p: Tensor, chol_p: Tensor) -> Tensor:
    """1/2 [||L_p^-1 (mu_q - mu_p)||^2 + ||E||_F^2 + 2 sum_i (E_ii - log(1 + E_ii))] with E = L_p^-1 L_q - I.

    Nothing is inverted and no term is negative. E comes from L_q - L_p, which has all digits near equality.
    """
    shift, excess = _solve(chol_p, mu_q - mu_p), chol_q - chol_p
    excess = torch.linalg.solve_triangular(chol_p, excess, upper=False)
    ratio, difference = _diagonal(chol_q) / _diagonal(chol_p), _diagonal(excess)
    near = (ratio - 1).abs() < 0.5
    log_ratio = torch.where(near, difference.where(near, 0).log1p(), ratio.log())
    return 0.5 * ((shift**2).sum(-1) + (excess**2).sum((-2, -1))) + special.expm1_minus(log_ratio).sum(-1)


def _solve(chol: Tensor, vectors: Tensor) -> Tensor:
    """chol^-1 vectors, shapes (..., D, D), (..., D) -> (..., D); one factor for all vectors is not copied for each."""
    if chol.ndim > 2:
        return torch.linalg.solve_triangular(chol, vectors.unsqueeze(-1), upper=False).squeeze(-1)
    rows = vectors.reshape(-1, vectors.shape[-1])
    return torch.linalg.solve_triangular(chol.mT, rows, upper=True, left=False).reshape(vectors.shape)


def _diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1)


def _cholesky(cov: Tensor, name: str, dim: int) -> Tensor:
    """The Cholesky factors of covariances; ValueError tells which one has none, and why."""
    _square(cov, name, dim)
    _refuse(~cov.isfinite().all((-2, -1)), name, "holds NaN or infinity")
    scale = _diagonal(cov).abs().sqrt()  # so that the units of the dimensions do not matter
    tolerance = torch.finfo(cov.dtype).eps ** 0.5 * scale.unsqueeze(-1) * scale.unsqueeze(-2)
    _refuse(
        ((cov - cov.mT).abs() > tolerance).any(-1).any(-1),
        name,
        "is not symmetric; for rounding errors take (C + C.mT) / 2",
    )
    factor, failed = torch.linalg.cholesky_ex(cov)
    _refuse(failed != 0, name, "is not positive definite, which a covariance must be")
    return factor


def _factor(chol: Tensor, name: str, dim: int) -> Tensor:
    """The factors themselves, where they can be Cholesky factors."""
    _square(chol, name, dim)
    _refuse(~chol.isfinite().all((-2, -1)), name, "holds NaN or infinity")
    _refuse((chol.triu(1) != 0).any(-1).any(-1), name, "is not lower triangular")
    _refuse((_diagonal(chol) <= 0).any(-1), name, "has a diagonal that is not positive")
    return chol


def _square(matrix: Tensor, name: str, dim: int) -> None:
    if matrix.shape[-2:] != (dim, dim):
        raise ValueError(
            f"{name} has shape {tuple(matrix.shape)}; for mean vectors of {dim} it must be (..., {dim}, {dim})"
        )


def _refuse(bad: Tensor, name: str, why: str) -> None:
    if bad.any():
        index = bad.nonzero()[0].tolist()
        place = f"[{', '.join(map(str, index))}]" if index else ""
        raise ValueError(f"{name}{place} {why}")


def _tensors(**arguments) -> list[Tensor]:
    """The arguments as float tensors of one type, on one device; a shape or type that does not fit is named."""
    devices = [value.device for value in arguments.values() if isinstance(value, Tensor)]
    tensors = {
        name: value if isinstance(value, Tensor) else torch.as_tensor(value, device=devices[0] if devices else None)
        for name, value in arguments.items()
    }
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise ValueError(f"{name} holds {tensor.dtype}; it must hold floating-point numbers")
        if tensor.ndim == 0:
            raise ValueError(f"{name} is a single number; give a vector, shape (..., J), even for J = 1")
    if len({tensor.shape[-1] for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"the last axes differ: {shapes}; all must hold the same dimensions")
    dtype = functools.reduce(torch.promote_types, (tensor.dtype for tensor in tensors.values()))
    return [tensor.to(dtype) for tensor in tensors.values()]
