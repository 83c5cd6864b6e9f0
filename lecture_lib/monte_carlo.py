"""The evidence by random draws: from the prior, from a Gaussian proposal, and what the draws are worth. In nats."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_lib import gaussians, special


def prior_sampling(
    log_likelihood: Callable[[Tensor], Tensor],
    latent_dim: int,
    n_samples: int,
    *,
    generator: torch.Generator | None = None,
    block: int = 256,
) -> Tensor:
    """log p(x|z_s) for z_s ~ N(0, I), s = 1 ... n_samples: (S, ...), whose mean weight estimates p(x). Eq. (2.14).

    `log_likelihood` maps z (s, J), in float64, to (s, ...), and is asked `block` samples at a time. The logarithm of
    the mean weight is `elbo.importance_weighted_bound` of the result.
    """
    mu = torch.zeros(latent_dim, dtype=torch.float64, device=generator.device if generator else None)
    return _in_blocks(log_likelihood, mu, n_samples, generator, block)


def importance_sampling(
    log_joint: Callable[[Tensor], Tensor],
    mu: Tensor,
    cov: Tensor,
    n_samples: int,
    *,
    generator: torch.Generator | None = None,
    block: int = 256,
) -> Tensor:
    """log w_s = log p(x, z_s) - log q(z_s) for z_s ~ q = N(mu, cov), (..., J), (..., J, J) -> (S, ...). Eq. (2.20).

    `log_joint` maps z (s, ..., J) to (s, ...), and is asked `block` samples at a time, which bounds the memory. The
    estimate of log p(x) is `elbo.importance_weighted_bound` of the result; `effective_sample_size` tells its worth.
    """
    log_q_at_mean = gaussians.log_density_full(mu, mu, cov)  # refuses what is no covariance
    chol = torch.linalg.cholesky(torch.as_tensor(cov))
    mu = torch.as_tensor(mu).expand(*log_q_at_mean.shape, -1)

    def log_weight(eps: Tensor) -> Tensor:
        log_q = log_q_at_mean - 0.5 * (eps**2).sum(-1)
        return log_joint(gaussians.reparameterize_full(mu, chol, eps)) - log_q

    return _in_blocks(log_weight, mu, n_samples, generator, block)


def effective_sample_size(log_weights: Tensor, dim: int = 0) -> Tensor:
    """(sum_s w_s)^2 / sum_s w_s^2, from 1 to S, from log-weights with the samples along `dim`. Eq. (2.23).

    Weights of zero (-inf) are allowed; where all are zero, the size is 0. Raises ValueError for NaN and +inf.
    """
    if log_weights.shape[dim] == 0 or not bool((log_weights < math.inf).all()):
        shape = tuple(log_weights.shape)
        raise ValueError(f"log_weights, shape {shape}, must hold samples along dim={dim}, and neither NaN nor +inf")
    largest = log_weights.amax(dim, keepdim=True)
    weights = (log_weights - largest.where(largest.isfinite(), 0)).exp()  # the largest is 1
    return weights.sum(dim) ** 2 / (weights**2).sum(dim).clamp(min=torch.finfo(weights.dtype).tiny)


def jensen_gap(log_values: Tensor, dim: int = 0) -> Tensor:
    """log E[Y] - E[log Y] of values with equal chances, from log Y along `dim`, (S, ...) -> (...). Eq. (2.30).

    Never negative: by so much the average of logarithms is too low. All digits are right, also where the values are
    nearly equal. Raises ValueError where a logarithm is not finite; a value of zero beside others has no finite gap.
    """
    if log_values.shape[dim] == 0 or not bool(log_values.isfinite().all()):
        shape = tuple(log_values.shape)
        raise ValueError(f"log_values, shape {shape}, must hold finite logarithms, one at least along dim={dim}")
    away = log_values - log_values.mean(dim, keepdim=True)  # of mean zero, so E[exp] - 1 is E[exp - 1 - away]
    far = torch.logsumexp(away, dim) - math.log(away.shape[dim])
    return torch.where(far > 1, far, special.expm1_minus(away.clamp(max=50)).mean(dim).log1p())


def _in_blocks(log_weight: Callable, like: Tensor, n_samples: int, generator, block: int) -> Tensor:
    """log_weight(eps) for standard normal eps (n_samples, *like.shape), `block` rows at a time."""
    if n_samples < 1 or block < 1:
        raise ValueError(f"n_samples is {n_samples} and block {block}; both must be at least 1")
    sizes = [min(block, n_samples - start) for start in range(0, n_samples, block)]
    options = {"dtype": like.dtype, "device": like.device, "generator": generator}
    weights = [log_weight(torch.randn(size, *like.shape, **options)) for size in sizes]
    for weight, size in zip(weights, sizes, strict=True):
        if weight.shape[:1] != (size,):
            shape = tuple(weight.shape)
            raise ValueError(f"the function of z gave shape {shape}; it must map z (s, ..., J) to (s, ...)")
    return torch.cat(weights)
