"""The evidence lower bound: analytic, by Monte Carlo, with several samples. In nats, one value per observation."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_lib import gaussians, quadrature


def kl_categorical(q: Tensor, p: Tensor) -> Tensor:
    """KL(q || p) = sum_z q(z) log q(z)/p(z) of probabilities that sum to 1, (..., K), (..., K) -> (...). Eq. (3.1).

    Zero probabilities are allowed: 0 log 0 is 0, and the KL is infinite where p is 0 and q is not.
    """
    if q.shape[-1:] != p.shape[-1:]:
        raise ValueError(
            f"q has shape {tuple(q.shape)} and p {tuple(p.shape)}; the last axes must hold the same K values"
        )
    for name, values in (("q", q), ("p", p)):
        tolerance = torch.finfo(values.dtype).eps ** 0.5 if values.is_floating_point() else 0
        if not (values.min() >= 0 and (values.sum(-1) - 1).abs().max() <= tolerance):
            raise ValueError(f"{name} must hold probabilities: none negative, along the last axis their sum 1")
    return (torch.xlogy(q, q) - torch.xlogy(q, p)).sum(-1)


def elbo(log_likelihood: Tensor, kl: Tensor, beta: float = 1.0) -> Tensor:
    """L = E_q[log p(x|z)] - beta KL(q(z|x) || p(z)), shapes (...) -> (...). Eqs. (3.22), (6.4) and (6.9).

    `log_likelihood` is the expectation, or its estimate. Only beta = 1 is a lower bound on log p(x) for certain;
    beta > 1 stays below it (Higgins et al. 2017, beta-VAE), beta < 1 may exceed it.
    """
    if not beta >= 0:
        raise ValueError(f"beta is {beta}; it must be zero or positive")
    return log_likelihood - beta * kl


def entropy_form(log_joint: Tensor, entropy: Tensor) -> Tensor:
    """L = E_q[log p(x, z)] + H(q), shapes (...), (...) -> (...). Eq. (3.23).

    `log_joint` is the expectation, or its estimate; `entropy` comes from `gaussians.entropy`, for example.
    """
    _same_shape(log_joint=log_joint, entropy=entropy)
    return log_joint + entropy


def gap(log_evidence: Tensor, bound: Tensor) -> Tensor:
    """KL(q(z|x) || p(z|x)) = log p(x) - L, what the bound lacks, shapes (...), (...) -> (...). Eq. (3.15)."""
    _same_shape(log_evidence=log_evidence, bound=bound)
    return log_evidence - bound


def gaussian_beta(noise_variance: float) -> float:
    """beta = 2 c: ||x - f(z)||^2 + beta KL has the minimum of -L for p(x|z) = N(f(z), c I). Eq. (3.32)."""
    if not (noise_variance > 0 and math.isfinite(noise_variance)):
        raise ValueError(f"noise_variance is {noise_variance}; it must be positive and finite")
    return 2 * noise_variance


def mean_field_variances(cov: Tensor) -> Tensor:
    """1 / (cov^-1)_jj, the variances of the diagonal q that is nearest to N(m, cov). Eq. (3.26).

    Nearest in KL(q || N(m, cov)); shapes (..., J, J) -> (..., J). They are the variances of each z_j when the others
    are known, so never larger than cov_jj. Raises ValueError where cov is not positive definite.
    """
    factor, failed = torch.linalg.cholesky_ex(cov)
    if failed.any():
        raise ValueError(f"cov, of shape {tuple(cov.shape)}, is not positive definite")
    return 1 / torch.cholesky_inverse(factor).diagonal(dim1=-2, dim2=-1)


def mean_field_gap(cov: Tensor) -> Tensor:
    """min KL(q || N(m, cov)) over all diagonal Gaussians q, shapes (..., J, J) -> (...). Eq. (3.27).

    The gap that a diagonal q leaves below log p(x), however long it is trained. Raises ValueError where cov is not
    symmetric and positive definite.
    """
    center = torch.zeros_like(cov[..., 0])
    return gaussians.kl_full(center, torch.diag_embed(mean_field_variances(cov)), center, cov)


def sgvb_a(log_joint: Tensor, log_q: Tensor) -> Tensor:
    """L_A = 1/S sum_s [log p(x, z_s) - log q(z_s|x)], samples first: (S, ...) -> (...). Eq. (5.34).

    The estimator that needs no closed form (Kingma & Welling 2014, eq. 6).
    """
    _same_shape(log_joint=log_joint, log_q=log_q)
    return (log_joint - log_q).mean(0)


def sgvb_b(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    """L_B = 1/S sum_s log p(x|z_s) - KL(q(z|x) || p(z)), shapes (S, ...), (...) -> (...). Eq. (5.36).

    The estimator with the KL in closed form (Kingma & Welling 2014, eq. 7).
    """
    if log_likelihood.shape[1:] != kl.shape:
        raise ValueError(
            f"log_likelihood has shape {tuple(log_likelihood.shape)} and kl {tuple(kl.shape)}; "
            "the first must be (S, ...) with the samples in front, the second (...)"
        )
    return log_likelihood.mean(0) - kl


def importance_weighted_bound(log_weights: Tensor, dim: int = 0) -> Tensor:
    """L_k = log 1/k sum_i w_i with log w_i = log p(x, z_i) - log q(z_i|x); k along `dim`. Eqs. (3.36), (6.11).

    In expectation L_1 <= L_k <= log p(x), rising with k (Burda, Grosse & Salakhutdinov 2016). Weights of zero
    (log weight -inf) are allowed.
    """
    if log_weights.shape[dim] == 0:
        raise ValueError(f"log_weights has shape {tuple(log_weights.shape)}: no samples along dim={dim}")
    return torch.logsumexp(log_weights, dim) - math.log(log_weights.shape[dim])


def multi_sample_bound(log_weight: Callable[[Tensor], Tensor], mu: float, sigma: float, k: int) -> Tensor:
    """L_k = E[log 1/k sum_i w(z_i)] for z_i ~ N(mu, sigma^2), a number without Monte Carlo error. Eq. (3.43).

    log_weight maps z (n,) to log p(x, z) - log q(z), (n,), in float64, and must be smooth on the scale of sigma. Where
    it is a parabola, as in the oracle, the error is below 1e-10 for posteriors down to a fourth as wide as q.
    """
    if not (k >= 1 and sigma > 0):
        raise ValueError(f"k is {k} and sigma {sigma}; k must be at least 1, sigma positive")
    step, center = 0.3, torch.tensor([mu], dtype=torch.float64)
    unit, log_var = log_weight(center), torch.full_like(center, 2 * math.log(sigma))
    log_t = torch.arange(-60, 690, step, dtype=torch.float64)  # the trapezoidal rule converges exponentially here

    def shortfall(z: Tensor) -> Tensor:  # (n, len(log_t)): q(z) (1 - exp(-t w / k))
        density = gaussians.log_density(z[:, None], center, log_var)
        exponent = (log_weight(z) - unit - math.log(k))[:, None] + log_t
        return density.exp()[:, None] * -torch.expm1(-exponent.exp())

    log_phi = torch.log1p(-quadrature.integral(shortfall, mu - 12 * sigma, mu + 12 * sigma, n_panels=40).clamp(max=1))
    return unit.squeeze() + step * (torch.expm1(-log_t.exp()) - torch.expm1(k * log_phi)).sum()


def _same_shape(**tensors: Tensor) -> None:
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"the shapes must agree, but they are: {shapes}")
