"""The ledger of lecture 05, sixth part: the path derivative, and the variances of three gradients of the bound."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import gradients, ledger
from lecture_lib.derivations import reparameterization_bound as bound
from lecture_lib.derivations import reparameterization_path as path
from lecture_lib.derivations import reparameterization_setting as setting


def at_the_posterior(generator: torch.Generator) -> SimpleNamespace:
    """The same with q equal to the posterior."""
    v = bound.oracle(generator)
    v.mu, v.sigma, v.log_var = v.m, v.tau, 2 * v.tau.log()
    return v


def noise_variance(function) -> Tensor:
    """The variance of a function of noise."""
    return bound.noise_mean(lambda eps: (function(eps) - bound.noise_mean(function)) ** 2)


def b_slope(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """d / d mu of log p(x|g(eps)) - KL, for noise (n,): (n,)."""
    (slope,) = gradients.pathwise(
        lambda z: v.model.log_likelihood(v.x, z), lambda mu, e: path.g(v, e) - v.mu + mu, (v.mu[None],), eps[:, None]
    )
    return slope[:, 0] - v.mu


LINES = [
    ledger.Line(
        "5.40",
        r"G(\epsilon) = \underbrace{\Big(\frac{\partial g_\phi(\epsilon)}{\partial \phi}\Big)^{\!\top}"
        r"\nabla_z \big[\log p(x, z) - \log q_\phi(z)\big]}_{G_{\text{path}}(\epsilon)}"
        r"- \nabla_\phi \log q_\phi(z), \qquad z = g_\phi(\epsilon)",
        bound.oracle,
        lambda v: bound.G(v, v.eps[:4]),
        lambda v: (
            torch.stack([torch.ones(4, dtype=torch.float64), v.sigma * v.eps[:4] / 2], -1)
            * ((v.m - path.g(v, v.eps[:4])) / v.tau**2 + (path.g(v, v.eps[:4]) - v.mu) / v.sigma**2)[:, None]
            - setting.score(v, path.g(v, v.eps[:4]))
        ),
    ),
    ledger.Line(
        "5.41",
        r"\nabla_\phi \mathcal L = \mathbb E_{\hat q(\epsilon)}\big[G_{\text{path}}(\epsilon)\big]",
        bound.oracle,
        bound.bound_slope,
        lambda v: bound.noise_mean(lambda eps: bound.by_library(v, gradients.path_derivative, eps)),
    ),
    ledger.Line(
        "5.42",
        r"G_{\text{path}}(\epsilon) = 0 \quad \text{for every } \epsilon, \text{ where } q_\phi(z) = p(z \mid x)",
        at_the_posterior,
        lambda v: bound.by_library(v, gradients.path_derivative, v.eps[:4]),
        lambda v: torch.zeros(4, 2, dtype=torch.float64),
    ),
    ledger.Line(
        "5.43",
        r"\operatorname{Var}\Big[\frac{\partial \mathcal L_A}{\partial \mu}\Big] = \frac{\sigma^2}{\tau^4}",
        bound.oracle,
        lambda v: noise_variance(lambda eps: bound.G(v, eps)[:, 0]),
        lambda v: v.sigma**2 / v.tau**4,
    ),
    ledger.Line(
        "5.44",
        r"\operatorname{Var}\Big[\frac{\partial \mathcal L_B}{\partial \mu}\Big]"
        r"= \sigma^2 \Big(\frac{1}{\tau^2} - 1\Big)^2",
        bound.oracle,
        lambda v: noise_variance(lambda eps: b_slope(v, eps)),
        lambda v: v.sigma**2 * (1 / v.tau**2 - 1) ** 2,
    ),
    ledger.Line(
        "5.45",
        r"\operatorname{Var}\big[G_{\text{path}, \mu}\big] = \Big(\frac{\sigma}{\tau^2} - \frac{1}{\sigma}\Big)^2",
        bound.oracle,
        lambda v: noise_variance(lambda eps: bound.by_library(v, gradients.path_derivative, eps)[:, 0]),
        lambda v: (v.sigma / v.tau**2 - 1 / v.sigma) ** 2,
    ),
]
