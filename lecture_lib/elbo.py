"""The evidence lower bound: analytic, by Monte Carlo, with several samples. In nats, one value per observation."""

import math

import torch
from torch import Tensor


def elbo(log_likelihood: Tensor, kl: Tensor, beta: float = 1.0) -> Tensor:
    """L = E_q[log p(x|z)] - beta KL(q(z|x) || p(z)), shapes (...) -> (...). Eqs. (3.5), (6.4) and (6.9).

    `log_likelihood` is the expectation, or its estimate. Only beta = 1 is a lower bound on log p(x) for certain;
    beta > 1 stays below it (Higgins et al. 2017, beta-VAE), beta < 1 may exceed it.
    """
    if not beta >= 0:
        raise ValueError(f"beta is {beta}; it must be zero or positive")
    return log_likelihood - beta * kl


def sgvb_a(log_joint: Tensor, log_q: Tensor) -> Tensor:
    """L_A = 1/S sum_s [log p(x, z_s) - log q(z_s|x)], samples first: (S, ...) -> (...). Eq. (5.6).

    The estimator that needs no closed form (Kingma & Welling 2014, eq. 6).
    """
    _same_shape(log_joint=log_joint, log_q=log_q)
    return (log_joint - log_q).mean(0)


def sgvb_b(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    """L_B = 1/S sum_s log p(x|z_s) - KL(q(z|x) || p(z)), shapes (S, ...), (...) -> (...). Eq. (5.7).

    The estimator with the KL in closed form (Kingma & Welling 2014, eq. 7).
    """
    if log_likelihood.shape[1:] != kl.shape:
        raise ValueError(
            f"log_likelihood has shape {tuple(log_likelihood.shape)} and kl {tuple(kl.shape)}; "
            "the first must be (S, ...) with the samples in front, the second (...)"
        )
    return log_likelihood.mean(0) - kl


def importance_weighted_bound(log_weights: Tensor, dim: int = 0) -> Tensor:
    """L_k = log 1/k sum_i w_i with log w_i = log p(x, z_i) - log q(z_i|x); k along `dim`. Eqs. (3.8), (6.11).

    In expectation L_1 <= L_k <= log p(x), rising with k (Burda, Grosse & Salakhutdinov 2016). Weights of zero
    (log weight -inf) are allowed.
    """
    if log_weights.shape[dim] == 0:
        raise ValueError(f"log_weights has shape {tuple(log_weights.shape)}: no samples along dim={dim}")
    return torch.logsumexp(log_weights, dim) - math.log(log_weights.shape[dim])


def _same_shape(**tensors: Tensor) -> None:
    if len({tensor.shape for tensor in tensors.values()}) > 1:
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"the shapes must agree, but they are: {shapes}")
