"""Gaussians given by mean and log-variance, and the Kullback-Leibler divergences between them.

Every function returns one value per observation, in nats: the last axis holds the dimensions and is summed over.
"""

import math

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


def log_density(x: Tensor, mu: Tensor, log_var: Tensor) -> Tensor:
    """log N(x; mu, diag(exp(log_var))), shapes (..., J) -> (...). Eq. (4.1)."""
    x, mu, log_var = _tensors(x=x, mu=mu, log_var=log_var)
    return -0.5 * (LOG_2PI + log_var + (x - mu) ** 2 * (-log_var).exp()).sum(-1)


def entropy(log_var: Tensor) -> Tensor:
    """H = 1/2 sum_j (1 + log 2 pi + log_var_j), the entropy of a diagonal Gaussian, (..., J) -> (...). Eq. (4.2)."""
    (log_var,) = _tensors(log_var=log_var)
    return 0.5 * (1 + LOG_2PI + log_var).sum(-1)


def reparameterize(mu: Tensor, log_var: Tensor, eps: Tensor) -> Tensor:
    """z = mu + sigma * eps, a draw from N(mu, diag(exp(log_var))) when eps ~ N(0, I). Eqs. (5.3) and (6.3).

    `eps` is the caller's noise, of the shape of `mu` or with Monte Carlo samples in front: (S, ..., J). The gradient
    reaches `mu` and `log_var` through this line (Kingma & Welling 2014, section 2.4).
    """
    mu, log_var, eps = _tensors(mu=mu, log_var=log_var, eps=eps)
    return mu + (0.5 * log_var).exp() * eps


def kl_to_standard_normal(mu: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mu, diag(exp(log_var))) || N(0, I)), shapes (..., J) -> (...). Eqs. (4.4) and (6.5).

    With t = log_var, `expm1(t) - t` is right to one rounding of t; exp(t) - 1 - t would be right to one of 1 only.
    """
    mu, log_var = _tensors(mu=mu, log_var=log_var)
    return 0.5 * (mu**2 + log_var.expm1() - log_var).sum(-1)


def kl_diagonal(mu_q: Tensor, log_var_q: Tensor, mu_p: Tensor, log_var_p: Tensor) -> Tensor:
    """KL(N(mu_q, diag(exp(log_var_q))) || N(mu_p, diag(exp(log_var_p)))), shapes (..., J) -> (...). Eq. (4.5)."""
    mu_q, log_var_q, mu_p, log_var_p = _tensors(mu_q=mu_q, log_var_q=log_var_q, mu_p=mu_p, log_var_p=log_var_p)
    log_ratio = log_var_q - log_var_p
    return 0.5 * ((mu_q - mu_p) ** 2 * (-log_var_p).exp() + log_ratio.expm1() - log_ratio).sum(-1)


def kl_full(mu_q: Tensor, cov_q: Tensor, mu_p: Tensor, cov_p: Tensor) -> Tensor:
    """KL(N(mu_q, cov_q) || N(mu_p, cov_p)), shapes (..., D), (..., D, D) -> (...). Eq. (4.8).

    Computed from Cholesky factors, without an inverse: with L = chol(cov), the trace is ||L_p^-1 L_q||_F^2 and the
    quadratic form ||L_p^-1 (mu_p - mu_q)||^2. Raises ValueError naming the covariance that is not positive definite.
    """
    mu_q, cov_q, mu_p, cov_p = _tensors(mu_q=mu_q, cov_q=cov_q, mu_p=mu_p, cov_p=cov_p)
    chol_q, chol_p = _cholesky(cov_q, "cov_q"), _cholesky(cov_p, "cov_p")
    ratio = torch.linalg.solve_triangular(chol_p, chol_q, upper=False)
    shift = torch.linalg.solve_triangular(chol_p, (mu_p - mu_q).unsqueeze(-1), upper=False)
    log_det = 2 * (_diagonal(chol_p).log() - _diagonal(chol_q).log()).sum(-1)
    return 0.5 * (log_det - mu_q.shape[-1] + (ratio**2).sum((-2, -1)) + (shift**2).sum((-2, -1)))


def _diagonal(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1)


def _cholesky(covariance: Tensor, name: str) -> Tensor:
    if covariance.ndim < 2 or covariance.shape[-1] != covariance.shape[-2]:
        raise ValueError(f"{name} has shape {tuple(covariance.shape)}; a covariance is square: (..., D, D)")
    factor, failed = torch.linalg.cholesky_ex(covariance)
    asymmetry = (covariance - covariance.mT).abs().amax((-2, -1))
    symmetric = asymmetry <= 1e-5 * _diagonal(covariance).abs().amax(-1)  # False for NaN
    bad = (failed != 0) | ~symmetric
    if bad.any():
        which = f" (matrix {int(bad.flatten().nonzero()[0])} of the batch)" if bad.ndim else ""
        raise ValueError(f"{name}{which} is no covariance: it must be symmetric and positive definite")
    return factor


def _tensors(**arguments) -> list[Tensor]:
    """The arguments as float tensors on one device; a shape or type that does not fit is named."""
    given = [value for value in arguments.values() if isinstance(value, Tensor)]
    tensors = []
    for name, value in arguments.items():
        tensor = (
            value if isinstance(value, Tensor) else torch.as_tensor(value, device=given[0].device if given else None)
        )
        if not tensor.is_floating_point():
            raise ValueError(f"{name} holds {tensor.dtype}; it must hold floating-point numbers")
        if tensor.ndim == 0:
            raise ValueError(f"{name} is a single number; give a vector, shape (..., J), even for J = 1")
        tensors.append(tensor)
    return tensors
