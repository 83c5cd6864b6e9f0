"""The ledger of lecture 05, fourth part: the variance of both estimators for a quadratic f."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import gaussians, gradients, ledger
from lecture_lib.derivations import reparameterization_path as path
from lecture_lib.derivations import reparameterization_setting as setting


def quadratic(generator: torch.Generator) -> SimpleNamespace:
    """q = N(mu, sigma^2 I) with J = 2, the function ||z - a||^2 / 2, and a baseline."""
    mu, a = setting.rand(generator, 2, 2)
    sigma, baseline = setting.rand(generator, 2)
    return SimpleNamespace(mu=mu + 0.5, a=a - 0.5, sigma=sigma, baseline=baseline)


def distance(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """f(g(eps)) = ||mu + sigma eps - a||^2 / 2, (..., J) -> (...)."""
    return 0.5 * ((v.mu + v.sigma * eps - v.a) ** 2).sum(-1)


def noise_variance(function, dim: int, n_nodes: int = 8) -> Tensor:
    """The variance of a function of noise."""
    center = path.noise_mean(function, dim, n_nodes)
    return path.noise_mean(lambda eps: (function(eps) - center) ** 2, dim, n_nodes)


def pathwise(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """d f(g(eps)) / d mu_1 for noise (n, 2), by the library: (n,)."""
    phi = v.mu, (2 * v.sigma.log()).expand(2)
    slopes = gradients.pathwise(lambda z: ((z - v.a) ** 2).sum(-1) / 2, gaussians.reparameterize, phi, eps)
    return slopes[0][:, 0]


def scored(v: SimpleNamespace, eps: Tensor, baseline) -> Tensor:
    """(f - b) d log q / d mu_1 for noise (S, n, 2), by the library: (S, n)."""
    phi = v.mu.expand(eps.shape[1:]), (2 * v.sigma.log()).expand(eps.shape[1:])
    scores = gradients.score(gaussians.log_density, phi, v.mu + v.sigma * eps)
    return gradients.score_function(distance(v, eps), scores, baseline)[0][..., 0]


def left_out(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """The leave-one-out estimate from three draws, (n, 6) -> (n,)."""
    draws = eps.view(-1, 3, 2).transpose(0, 1)
    return scored(v, draws, gradients.leave_one_out(distance(v, draws))).mean(0)


LINES = [
    ledger.Line(
        "5.25",
        r"F = \mathbb E_{q_\phi}[f(z)] = \tfrac12 \lVert \mu - a \rVert^2 + \tfrac12 J \sigma^2",
        quadratic,
        lambda v: path.noise_mean(lambda eps: distance(v, eps), 2, 8),
        lambda v: 1 / 2 * ((v.mu - v.a) ** 2).sum() + 1 / 2 * 2 * v.sigma**2,
    ),
    ledger.Line(
        "5.26",
        r"V = \operatorname{Var}[f(z)] = \sigma^2 \lVert \mu - a \rVert^2 + \tfrac12 J \sigma^4",
        quadratic,
        lambda v: noise_variance(lambda eps: distance(v, eps), 2),
        lambda v: v.sigma**2 * ((v.mu - v.a) ** 2).sum() + 1 / 2 * 2 * v.sigma**4,
    ),
    ledger.Line(
        "5.27",
        r"\operatorname{Var}\Big[\frac{\partial f(g_\phi(\epsilon))}{\partial \mu_1}\Big] = \sigma^2",
        quadratic,
        lambda v: noise_variance(lambda eps: pathwise(v, eps), 2),
        lambda v: v.sigma**2,
    ),
    ledger.Line(
        "5.28",
        r"\operatorname{Var}\Big[(f(z) - b)\, \frac{\partial \log q_\phi(z)}{\partial \mu_1}\Big]"
        r"= \frac{V + (F - b)^2}{\sigma^2} + 2 (F - b) + (\mu_1 - a_1)^2 + 2 \sigma^2",
        quadratic,
        lambda v: noise_variance(lambda eps: scored(v, eps[:, None], v.baseline)[:, 0], 2),
        lambda v: (
            (
                noise_variance(lambda eps: distance(v, eps), 2)
                + (path.noise_mean(lambda eps: distance(v, eps), 2, 8) - v.baseline) ** 2
            )
            / v.sigma**2
            + 2 * (path.noise_mean(lambda eps: distance(v, eps), 2, 8) - v.baseline)
            + (v.mu[0] - v.a[0]) ** 2
            + 2 * v.sigma**2
        ),
    ),
    ledger.Line(
        "5.29",
        r"S \operatorname{Var}\big[\hat g_{\text{leave one out}}\big] = \frac{V}{\sigma^2} + (\mu_1 - a_1)^2"
        r"+ 2 \sigma^2 + \frac{1}{S - 1} \Big[(\mu_1 - a_1)^2 + \frac{V}{\sigma^2}\Big]",
        quadratic,
        lambda v: 3 * noise_variance(lambda eps: left_out(v, eps), 6, 4),
        lambda v: (
            noise_variance(lambda eps: distance(v, eps), 2) / v.sigma**2
            + (v.mu[0] - v.a[0]) ** 2
            + 2 * v.sigma**2
            + 1 / (3 - 1) * ((v.mu[0] - v.a[0]) ** 2 + noise_variance(lambda eps: distance(v, eps), 2) / v.sigma**2)
        ),
    ),
]
