"""The ledger of lecture 05, fifth part: the gradient of the bound, and the estimators SGVB A and B."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import elbo, gaussians, gradients, ledger
from lecture_lib.derivations import reparameterization_path as path
from lecture_lib.derivations import reparameterization_setting as setting


def oracle(generator: torch.Generator) -> SimpleNamespace:
    """The linear-Gaussian model with J = 1: its posterior N(m, tau^2), q = N(mu, sigma^2), and noise for many draws."""
    v = setting.oracle(generator)
    mean, cov = v.model.posterior(v.x)
    v.m, v.tau, v.w = mean[0], cov[0, 0].sqrt(), v.W[:, 0]
    v.eps = torch.randn(4000, dtype=torch.float64, generator=generator)
    return v


def log_joint(v: SimpleNamespace, z: Tensor) -> Tensor:
    """log p(x, z) for z (...)."""
    return v.model.log_joint(v.x, z.unsqueeze(-1))


def log_likelihood(v: SimpleNamespace, z: Tensor) -> Tensor:
    """log p(x|z) for z (...)."""
    return v.model.log_likelihood(v.x, z.unsqueeze(-1))


def log_q(v: SimpleNamespace, z: Tensor) -> Tensor:
    """log q(z) for z (...)."""
    return setting.log_q(v.mu, v.log_var, z)


def bound(v: SimpleNamespace) -> Tensor:
    """In closed form."""
    return v.model.elbo(v.x, v.mu[None], v.sigma[None, None] ** 2)


def kl(v: SimpleNamespace) -> Tensor:
    """KL(q || p(z)) in closed form."""
    return gaussians.kl_to_standard_normal(v.mu[None], v.log_var[None])


def bound_slope(v: SimpleNamespace) -> Tensor:
    """The gradient of the closed form by (mu, log sigma^2)."""
    mu, log_var = (part.clone().requires_grad_() for part in (v.mu, v.log_var))
    value = v.model.elbo(v.x, mu[None], log_var.exp()[None, None])
    return torch.stack(torch.autograd.grad(value, (mu, log_var)))


def by_library(v: SimpleNamespace, estimator, eps: Tensor) -> Tensor:
    """`bound_gradient` or `path_derivative` for noise (n,): (n, 2), by (mu, log sigma^2)."""
    functions = lambda z: v.model.log_joint(v.x, z), gaussians.log_density, gaussians.reparameterize
    return torch.cat(estimator(*functions, (v.mu[None], v.log_var[None]), eps[:, None]), -1)


def G(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """G(eps) for noise (n,), by the library: (n, 2)."""
    return by_library(v, gradients.bound_gradient, eps)


def noise_mean(function) -> Tensor:
    """E of a function of noise, from (n,) to (n, ...)."""
    return path.noise_mean(lambda eps: function(eps[:, 0]))


def pairs(v: SimpleNamespace, function) -> Tensor:
    """E of an estimate from two draws z, a function from (2, n) to (n,)."""
    return path.noise_mean(lambda eps: function(path.g(v, eps.mT)), 2, 20)


def pair_variance(v: SimpleNamespace, function) -> Tensor:
    """The variance of an estimate from two draws."""
    return pairs(v, lambda z: (function(z) - pairs(v, function)) ** 2)


def sgvb_a(v: SimpleNamespace, z: Tensor) -> Tensor:
    """L_A from draws (S, n): (n,)."""
    return elbo.sgvb_a(log_joint(v, z), log_q(v, z))


def sgvb_b(v: SimpleNamespace, z: Tensor) -> Tensor:
    """L_B from draws (S, n): (n,)."""
    return elbo.sgvb_b(log_likelihood(v, z), kl(v).expand(z.shape[1:]))


LINES = [
    ledger.Line(
        "5.30",
        r"\mathcal L = \mathbb E_{\hat q(\epsilon)}"
        r"\big[\log p(x, g_\phi(\epsilon)) - \log q_\phi(g_\phi(\epsilon))\big]",
        oracle,
        bound,
        lambda v: noise_mean(lambda eps: log_joint(v, path.g(v, eps)) - log_q(v, path.g(v, eps))),
    ),
    ledger.Line(
        "5.31",
        r"G(\epsilon) = \nabla_\phi \big[\log p(x, g_\phi(\epsilon)) - \log q_\phi(g_\phi(\epsilon))\big]",
        oracle,
        lambda v: G(v, v.eps[:4]),
        lambda v: setting.by_phi(
            lambda mu, t, eps: (
                log_joint(v, gaussians.reparameterize(mu, t, eps))
                - setting.log_q(mu, t, gaussians.reparameterize(mu, t, eps))
            ),
            v,
            v.eps[:4],
        ),
    ),
    ledger.Line(
        "5.32",
        r"\nabla_\phi \mathcal L = \mathbb E_{\hat q(\epsilon)}\big[G(\epsilon)\big]",
        oracle,
        bound_slope,
        lambda v: noise_mean(lambda eps: G(v, eps)),
    ),
    ledger.Line(
        "5.33",
        r"\nabla_\phi \mathcal L \approx \frac1S \sum_{s=1}^S G(\epsilon_s), \qquad \epsilon_s \sim \hat q",
        oracle,
        lambda v: G(v, v.eps),
        bound_slope,
        "~",
    ),
    ledger.Line(
        "5.34",
        r"\mathcal L_A = \frac1S \sum_{s=1}^S \big[\log p(x, z_s) - \log q_\phi(z_s \mid x)\big]",
        oracle,
        lambda v: elbo.sgvb_a(log_joint(v, v.eps[:5]), log_q(v, v.eps[:5])),
        lambda v: 1 / 5 * (log_joint(v, v.eps[:5]) - log_q(v, v.eps[:5])).sum(),
    ),
    ledger.Line(
        "5.35",
        r"\mathbb E[\mathcal L_A] = \mathcal L",
        oracle,
        lambda v: pairs(v, lambda z: sgvb_a(v, z)),
        bound,
    ),
    ledger.Line(
        "5.36",
        r"\mathcal L_B = \frac1S \sum_{s=1}^S \log p(x \mid z_s)"
        r"- \mathrm{KL}\big(q_\phi(z \mid x) \,\|\, p(z)\big)",
        oracle,
        lambda v: elbo.sgvb_b(log_likelihood(v, v.eps[:5]), kl(v)),
        lambda v: 1 / 5 * log_likelihood(v, v.eps[:5]).sum() - 1 / 2 * (v.mu**2 + v.sigma**2 - (v.sigma**2).log() - 1),
    ),
    ledger.Line(
        "5.37",
        r"\mathbb E[\mathcal L_B] = \mathcal L",
        oracle,
        lambda v: pairs(v, lambda z: sgvb_b(v, z)),
        bound,
    ),
    ledger.Line(
        "5.38",
        r"S \operatorname{Var}[\mathcal L_A] = \frac{\sigma^2 (m - \mu)^2}{\tau^4}"
        r"+ \frac12 \Big(\frac{\sigma^2}{\tau^2} - 1\Big)^2",
        oracle,
        lambda v: 2 * pair_variance(v, lambda z: sgvb_a(v, z)),
        lambda v: v.sigma**2 * (v.m - v.mu) ** 2 / v.tau**4 + 1 / 2 * (v.sigma**2 / v.tau**2 - 1) ** 2,
    ),
    ledger.Line(
        "5.39",
        r"S \operatorname{Var}[\mathcal L_B] = \sigma^2 \Big(\frac{m - \mu}{\tau^2} + \mu\Big)^2"
        r"+ \frac12 \sigma^4 \Big(\frac{1}{\tau^2} - 1\Big)^2",
        oracle,
        lambda v: 2 * pair_variance(v, lambda z: sgvb_b(v, z)),
        lambda v: v.sigma**2 * ((v.m - v.mu) / v.tau**2 + v.mu) ** 2 + 1 / 2 * v.sigma**4 * (1 / v.tau**2 - 1) ** 2,
    ),
]
