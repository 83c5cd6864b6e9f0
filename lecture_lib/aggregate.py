"""The aggregate posterior: where the codes of all data lie together, q(z) = 1/N sum_i q(z|x_i), each a Gaussian.

It is a mixture of as many Gaussians as there are data, so that all of `mixture` applies. What another prior r(z) in the
place of N(0, I) changes of bound and evidence is told by `vae.log_weights(..., prior=r)`.
"""

import math

import torch
from torch import Tensor

from lecture_lib import mixture_steps, observations, quadratic_features


def log_density(z: Tensor, mu: Tensor, log_var: Tensor, *, memory: int = 2**28) -> Tensor:
    """log q(z) = log 1/N sum_i N(z; mu_i, exp(log_var_i)), (M, J) -> (M,), of the type of z. Eq. (11.1).

    mu, log_var (N, J): what `VAE.encode` returns. M N (2 J + 1) multiplications, in at most `memory` bytes beside a few
    copies of mu. Raises ValueError for other shapes, NaN and infinity.
    """
    mu, log_var = _encoded(mu, log_var)
    z = observations.queries(z, mu)
    if not memory >= 1:
        raise ValueError(f"memory is {memory}; it must be a positive number of bytes")
    center = mu.mean(0)
    weights = torch.full_like(mu[:, 0], 1 / len(mu))
    posteriors = quadratic_features.Mixture(weights, mu - center, log_var.exp())
    parts = (z.double() - center).split(max(1, int(memory) // (24 * len(mu))))  # log joint, its exp, and a spare
    if quadratic_features.well_scaled(posteriors):
        by_feature = quadratic_features.coefficients(posteriors)
        sums = [(by_feature @ quadratic_features.features(part, full=False)).logsumexp(0) for part in parts]
    else:
        sums = [mixture_steps.log_joint(part, *posteriors).logsumexp(1) for part in parts]
    return torch.cat(sums).to(z.dtype)


def moments(mu: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (J,) and covariance (J, J) of q(z), float64: the total variance, within and between. Eqs. (11.6), (11.7).

    mu, log_var (N, J). The Gaussian with these is, of all Gaussians, the best prior for the data encoded.
    """
    mu, log_var = _encoded(mu, log_var)
    centered = mu - mu.mean(0)
    return mu.mean(0), centered.mT @ centered / len(mu) + log_var.exp().mean(0).diag()


def information(z: Tensor, mu: Tensor, log_var: Tensor, *, memory: int = 2**28) -> Tensor:
    """log q(z_i|x_i) - log q(z_i), (N, J) -> (N,) float64, for z_i ~ q(z|x_i): its mean is I(x; z). Eq. (11.2).

    The mean is at most log N, Eq. (11.3); near it the posteriors do not overlap, and it tells N rather than the code.
    """
    mu, log_var = _encoded(mu, log_var)
    z = observations.queries(z, mu).double()
    if z.shape != mu.shape:
        raise ValueError(f"z has shape {tuple(z.shape)}; it must be {tuple(mu.shape)}, one code for each posterior")
    squares = (z - mu) ** 2 / log_var.exp()
    own = -0.5 * (squares + log_var + math.log(2 * math.pi)).sum(1)
    return own - log_density(z, mu, log_var, memory=memory)


def _encoded(mu: Tensor, log_var: Tensor) -> tuple[Tensor, Tensor]:
    """Both as float64 of one shape (N, J), N at least 1."""
    mu = observations.fitted(mu).double()
    log_var = torch.as_tensor(log_var, device=mu.device).detach().double()
    if log_var.shape != mu.shape or not bool((log_var.abs() < 700).all()):  # exp is then neither 0 nor infinity
        got = f"log_var has shape {tuple(log_var.shape)}, from {log_var.amin():g} to {log_var.amax():g}"
        raise ValueError(f"{got}; it must be {tuple(mu.shape)}, as mu is, between -700 and 700")
    return mu, log_var
