"""Expectations and integrals without random numbers: Gauss-Hermite and Gauss-Legendre rules, in float64."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def normal_nodes(n_nodes: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights (n_nodes,) with sum_i w_i f(t_i) = E[f(t)], t ~ N(0, 1), for polynomials below 2 n_nodes."""
    if not 1 <= n_nodes <= 300:
        raise ValueError(f"n_nodes is {n_nodes}; it must be from 1 to 300 (above, weights underflow)")
    nodes, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())


def normal_expectation(f: Callable[[Tensor], Tensor], mu, sigma, *, n_nodes: int = 64) -> Tensor:
    """E[f(z)] with z ~ N(mu, sigma^2), numbers or tensors (...) -> (...).

    `f` gets all nodes at once, (n_nodes, ...), and works elementwise. Exact for polynomials of degree below
    2 n_nodes; quickly converging for smooth f; slow where f has a kink or a peak much narrower than sigma.
    """
    mu, sigma = (torch.as_tensor(value, dtype=torch.float64) for value in (mu, sigma))
    if not bool((sigma >= 0).all()):
        raise ValueError(f"sigma holds {float(sigma.min()):g}; a standard deviation is zero or positive")
    nodes, weights = normal_nodes(n_nodes)
    shape = (n_nodes, *[1] * max(mu.ndim, sigma.ndim))
    return (weights.view(shape) * f(mu + sigma * nodes.view(shape))).sum(0)


def gaussian_expectation(f: Callable[[Tensor], Tensor], mu: Tensor, cov: Tensor, *, n_nodes: int = 20) -> Tensor:
    """E[f(z)] with z ~ N(mu, cov), shapes (J,), (J, J); f maps (n_nodes^J, J) -> (n_nodes^J, ...), result (...).

    A grid in all dimensions, so for small J: more than 10 million nodes raise ValueError.
    """
    dim = mu.shape[-1]
    if n_nodes**dim > 10_000_000:
        raise ValueError(f"n_nodes^J is {n_nodes}^{dim}, more than 10 million: take fewer nodes, or draw at random")
    nodes, weights = normal_nodes(n_nodes)
    grid = torch.cartesian_prod(*[nodes] * dim).reshape(-1, dim)  # (n_nodes^J, J)
    product = torch.cartesian_prod(*[weights] * dim).reshape(-1, dim).prod(-1)
    values = f(mu + grid @ torch.linalg.cholesky(cov).mT)
    return torch.tensordot(product, values, dims=1)


def integral(f: Callable[[Tensor], Tensor], low: float, high: float, *, n_panels: int = 200) -> Tensor:
    """The integral of f over [low, high], by 16 Gauss-Legendre nodes in each of `n_panels` panels of equal width.

    `f` maps (n,) -> (n, ...); the result is (...). Error around 1e-14 where f is smooth on the scale of a panel.
    """
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"low is {low} and high {high}; both must be finite, low below high")
    nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(16))
    half = (high - low) / (2 * n_panels)
    centers = low + half * (2 * torch.arange(n_panels, dtype=torch.float64) + 1)
    points = (centers[:, None] + half * nodes).flatten()
    return torch.tensordot(half * weights.repeat(n_panels), f(points), dims=1)
