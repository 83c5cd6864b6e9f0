"""The ledger of lecture 05, third part: reparameterization."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal

from lecture_lib import gaussians, ledger, quadrature
from lecture_lib.derivations import reparameterization_setting as setting


def vector(generator: torch.Generator) -> SimpleNamespace:
    """q = N(mu, diag(sigma^2)) with J = 2, the function a z_1^2 z_2 + b z_1^4, and noise."""
    mu, sigma = setting.rand(generator, 2, 2)
    a, b = setting.rand(generator, 2)
    return SimpleNamespace(mu=mu, sigma=sigma, a=a, b=b, eps=torch.randn(2, dtype=torch.float64, generator=generator))


def g(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """mu + sigma eps."""
    return v.mu + v.sigma * eps


def noise_mean(function, dim: int = 1, n_nodes: int = 40) -> Tensor:
    """E of function(eps), eps ~ N(0, I), (n, dim) -> (n, ...)."""
    identity = torch.eye(dim, dtype=torch.float64)
    return quadrature.gaussian_expectation(function, identity[0] * 0, identity, n_nodes=n_nodes)


def f_of_g(v: SimpleNamespace):
    """phi, eps -> f(g_phi(eps))."""
    return lambda mu, log_var, eps: setting.f(v, mu + (0.5 * log_var).exp() * eps)


def expected_f_of_g(v: SimpleNamespace) -> Tensor:
    """E[f(g(eps))]."""
    return noise_mean(lambda eps: setting.f(v, g(v, eps[:, 0])))


def change_of_variable(v: SimpleNamespace) -> Tensor:
    """The integral over eps of q(g(eps)) f(g(eps)) sigma."""

    def integrand(eps: Tensor) -> Tensor:
        z = g(v, eps)
        return setting.q(v.mu, v.log_var, z) * setting.f(v, z) * v.sigma

    return quadrature.integral(integrand, -12, 12)


def slope_of_expectation(v: SimpleNamespace) -> Tensor:
    """The gradient by phi of E[f(g(eps))]."""
    phi = [part.clone().requires_grad_() for part in (v.mu, v.log_var)]
    return torch.stack(torch.autograd.grad(noise_mean(lambda eps: f_of_g(v)(*phi, eps[:, 0])), phi))


def expectation_of_slope(v: SimpleNamespace) -> Tensor:
    """E[grad_phi f(g(eps))]."""
    return noise_mean(lambda eps: setting.by_phi(f_of_g(v), v, eps[:, 0]))


def f_slope(v: SimpleNamespace, z: Tensor) -> Tensor:
    """grad_z of a z_1^2 z_2 + b z_1^4, by automatic differentiation, (n, 2) -> (n, 2)."""
    z = z.clone().requires_grad_()
    return torch.autograd.grad((v.a * z[:, 0] ** 2 * z[:, 1] + v.b * z[:, 0] ** 4).sum(), z)[0]


LINES = [
    ledger.Line(
        "5.16",
        r"z = g_\phi(\epsilon) = \mu + \sigma \odot \epsilon, \qquad \epsilon \sim \hat q = \mathcal N(0, I)",
        vector,
        lambda v: gaussians.reparameterize(v.mu, 2 * v.sigma.log(), v.eps),
        lambda v: v.mu + v.sigma * v.eps,
    ),
    ledger.Line(
        "5.17",
        r"q_\phi(g_\phi(\epsilon))\, \Big|\det \frac{\partial g_\phi}{\partial \epsilon}\Big| = \hat q(\epsilon)",
        vector,
        lambda v: Normal(v.mu, v.sigma).log_prob(g(v, v.eps)).sum().exp() * v.sigma.prod(),
        lambda v: Normal(torch.zeros_like(v.mu), 1.0).log_prob(v.eps).sum().exp(),
    ),
    ledger.Line(
        "5.18",
        r"\mathbb E_{q_\phi}[f(z)] = \int q_\phi(g_\phi(\epsilon))\, f(g_\phi(\epsilon))\,"
        r"\Big|\det \frac{\partial g_\phi}{\partial \epsilon}\Big|\, d\epsilon",
        setting.gaussian,
        lambda v: v.a * (v.mu**4 + 6 * v.mu**2 * v.sigma**2 + 3 * v.sigma**4) + v.b * v.mu,
        change_of_variable,
    ),
    ledger.Line(
        "5.19",
        r"= \mathbb E_{\hat q(\epsilon)}\big[f(g_\phi(\epsilon))\big]",
        setting.gaussian,
        change_of_variable,
        expected_f_of_g,
    ),
    ledger.Line(
        "5.20",
        r"\nabla_\phi\, \mathbb E_{q_\phi}[f(z)] = \nabla_\phi\, \mathbb E_{\hat q(\epsilon)}"
        r"\big[f(g_\phi(\epsilon))\big]",
        setting.gaussian,
        setting.exact_gradient,
        slope_of_expectation,
    ),
    ledger.Line(
        "5.21",
        r"= \mathbb E_{\hat q(\epsilon)}\big[\nabla_\phi f(g_\phi(\epsilon))\big]",
        setting.gaussian,
        slope_of_expectation,
        expectation_of_slope,
    ),
    ledger.Line(
        "5.22",
        r"= \mathbb E_{\hat q(\epsilon)}\Big[\Big(\frac{\partial g_\phi(\epsilon)}{\partial \phi}\Big)^{\!\top}"
        r"\nabla_z f(z)\Big], \qquad z = g_\phi(\epsilon)",
        setting.gaussian,
        expectation_of_slope,
        lambda v: noise_mean(
            lambda eps: torch.cat([torch.ones_like(eps), v.sigma * eps / 2], -1) * (4 * v.a * g(v, eps) ** 3 + v.b)
        ),
    ),
    ledger.Line(
        "5.23",
        r"\nabla_\mu\, \mathbb E_{q_\phi}[f(z)] = \mathbb E_{\hat q(\epsilon)}"
        r"\big[\nabla_z f(\mu + \sigma \odot \epsilon)\big]",
        vector,
        lambda v: torch.stack(
            [
                2 * v.a * v.mu[0] * v.mu[1] + 4 * v.b * (v.mu[0] ** 3 + 3 * v.mu[0] * v.sigma[0] ** 2),
                v.a * (v.mu[0] ** 2 + v.sigma[0] ** 2),
            ]
        ),
        lambda v: noise_mean(lambda eps: f_slope(v, g(v, eps)), 2, 8),
    ),
    ledger.Line(
        "5.24",
        r"\nabla_{\log \sigma^2}\, \mathbb E_{q_\phi}[f(z)] = \mathbb E_{\hat q(\epsilon)}"
        r"\big[\tfrac12\, \sigma \odot \epsilon \odot \nabla_z f(\mu + \sigma \odot \epsilon)\big]",
        vector,
        lambda v: torch.stack(
            [(v.a * v.mu[1] + 6 * v.b * (v.mu[0] ** 2 + v.sigma[0] ** 2)) * v.sigma[0] ** 2, torch.zeros_like(v.b)]
        ),
        lambda v: noise_mean(lambda eps: 1 / 2 * v.sigma * eps * f_slope(v, g(v, eps)), 2, 8),
    ),
]
