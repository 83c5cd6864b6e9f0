"""The ledger of lecture 05, seventh part: other families that can be reparameterized, and those that cannot."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import gaussians, gradients, ledger, quadrature
from lecture_lib.derivations import reparameterization_setting as setting


def correlated(generator: torch.Generator) -> SimpleNamespace:
    """A mean and a covariance with J = 3, its Cholesky factor, and noise."""
    root, eps = setting.rand(generator, 3, 5), torch.randn(3, dtype=torch.float64, generator=generator)
    cov = root @ root.mT
    return SimpleNamespace(mu=setting.rand(generator, 3), cov=cov, chol=torch.linalg.cholesky(cov), eps=eps)


def uniforms(generator: torch.Generator) -> SimpleNamespace:
    """Location, scale and rate, a point t, five uniform numbers, and a fine even grid of them."""
    mu, s, rate, t = setting.rand(generator, 4)
    u = torch.rand(5, dtype=torch.float64, generator=generator)
    grid = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    return SimpleNamespace(mu=mu, s=s, rate=rate, t=t, u=u, grid=grid)


def categorical(generator: torch.Generator) -> SimpleNamespace:
    """Three logits, values of f, noise for one draw and uniforms for many, and a temperature."""
    logits, f, noise = setting.rand(generator, 3, 3)
    u = torch.rand(4000, 3, dtype=torch.float64, generator=generator)
    return SimpleNamespace(logits=3 * logits, f=f, noise=noise, u=u, temperature=setting.rand(generator))


def deviation(v: SimpleNamespace, eps: Tensor) -> Tensor:
    """z - mu for noise (n, 3)."""
    return gaussians.reparameterize_full(v.mu, v.chol, eps) - v.mu


def share_below(v: SimpleNamespace) -> Tensor:
    """The share of evenly spread u below F(t), F that of the exponential."""
    return (v.grid <= 1 - (-v.rate * v.t).exp()).double().mean()


def gumbel_area(function) -> Tensor:
    """The integral over g of a function from (n, 1) to (n, 3)."""
    return quadrature.integral(lambda g: function(g[:, None]), -6, 45)


def race_to_the_top(v: SimpleNamespace) -> Tensor:
    """The integral over g of the density at g times the chance that all others stay below, for each class."""

    def integrand(g: Tensor) -> Tensor:
        lead = g[..., None] + v.logits[:, None] - v.logits  # (n, i, j), g + l_i - l_j
        others = (-(-lead).exp()).exp() ** (1 - torch.eye(3, dtype=torch.float64))
        return (-g - (-g).exp()).exp() * others.prod(-1)

    return gumbel_area(integrand)


def with_the_softmax(v: SimpleNamespace) -> Tensor:
    """The same integral after the product is taken."""
    return gumbel_area(lambda g: (-g).exp() * (-(-g).exp() / v.logits.softmax(-1)).exp())


def enumerated(v: SimpleNamespace) -> Tensor:
    """The sum over classes of pi f grad log pi."""
    pi = v.logits.softmax(-1)
    return (pi[:, None] * v.f[:, None] * (torch.eye(3, dtype=torch.float64) - pi)).sum(0)


def slope_by_logits(v: SimpleNamespace) -> Tensor:
    """The gradient of E[f] by the logits, by automatic differentiation."""
    logits = v.logits.clone().requires_grad_()
    return torch.autograd.grad((logits.softmax(-1) * v.f).sum(), logits)[0]


LINES = [
    ledger.Line(
        "5.46",
        r"z = \mu + L \epsilon, \qquad L L^\top = \Sigma",
        correlated,
        lambda v: gaussians.reparameterize_full(v.mu, v.chol, v.eps),
        lambda v: v.mu + v.chol @ v.eps,
    ),
    ledger.Line(
        "5.47",
        r"\mathbb E\big[(z - \mu)(z - \mu)^\top\big] = \Sigma",
        correlated,
        lambda v: quadrature.gaussian_expectation(
            lambda eps: deviation(v, eps)[:, :, None] * deviation(v, eps)[:, None],
            torch.zeros_like(v.mu),
            torch.eye(3, dtype=torch.float64),
            n_nodes=4,
        ),
        lambda v: v.cov,
    ),
    ledger.Line(
        "5.48",
        r"P\big(F^{-1}(u) \le t\big) = P\big(u \le F(t)\big)",
        uniforms,
        lambda v: ((-(1 - v.grid).log() / v.rate) <= v.t).double().mean(),
        share_below,
        atol=1e-5,
    ),
    ledger.Line("5.49", r"= F(t)", uniforms, share_below, lambda v: 1 - (-v.rate * v.t).exp(), atol=1e-5),
    ledger.Line(
        "5.50",
        r"\frac{1}{1 + e^{-(z - \mu)/s}} = u, \qquad z = \mu + s \log \frac{u}{1 - u}",
        uniforms,
        lambda v: 1 / (1 + (-(v.mu + v.s * (v.u / (1 - v.u)).log() - v.mu) / v.s).exp()),
        lambda v: v.u,
    ),
    ledger.Line(
        "5.51",
        r"1 - e^{-\lambda z} = u, \qquad z = -\frac{1}{\lambda} \log(1 - u)",
        uniforms,
        lambda v: 1 - (-v.rate * (-1 / v.rate * (1 - v.u).log())).exp(),
        lambda v: v.u,
    ),
    ledger.Line(
        "5.52",
        r"e^{-e^{-g}} = u, \qquad g = -\log(-\log u)",
        uniforms,
        lambda v: (-(-gradients.gumbel(v.u)).exp()).exp(),
        lambda v: v.u,
    ),
    ledger.Line(
        "5.53",
        r"P\Big(\operatorname*{arg\,max}_k\,(\ell_k + g_k) = i\Big) = \int e^{-g - e^{-g}}"
        r"\prod_{j \ne i} \exp\big(-e^{-(g + \ell_i - \ell_j)}\big)\, dg",
        categorical,
        lambda v: torch.nn.functional.one_hot(gradients.gumbel_max(v.logits, gradients.gumbel(v.u)), 3).double(),
        race_to_the_top,
        "~",
    ),
    ledger.Line(
        "5.54",
        r"= \int e^{-g} \exp\big(-e^{-g} / \pi_i\big)\, dg, \qquad \pi_i = \frac{e^{\ell_i}}{\sum_k e^{\ell_k}}",
        categorical,
        race_to_the_top,
        with_the_softmax,
    ),
    ledger.Line("5.55", r"= \pi_i", categorical, with_the_softmax, lambda v: v.logits.exp() / v.logits.exp().sum()),
    ledger.Line(
        "5.56",
        r"\frac{\partial}{\partial \ell_i}\, \mathbb E_q[f(z)] = \sum_k \pi_k\, f_k\,"
        r"\frac{\partial \log \pi_k}{\partial \ell_i}",
        categorical,
        slope_by_logits,
        enumerated,
    ),
    ledger.Line(
        "5.57",
        r"= \pi_i \Big(f_i - \sum_k \pi_k f_k\Big)",
        categorical,
        enumerated,
        lambda v: v.logits.softmax(-1) * (v.f - (v.logits.softmax(-1) * v.f).sum()),
    ),
    ledger.Line(
        "5.58",
        r"y_i = \frac{\exp\big((\ell_i + g_i) / T\big)}{\sum_k \exp\big((\ell_k + g_k) / T\big)}",
        categorical,
        lambda v: gradients.gumbel_softmax(v.logits, float(v.temperature), v.noise),
        lambda v: ((v.logits + v.noise) / v.temperature).exp() / ((v.logits + v.noise) / v.temperature).exp().sum(),
    ),
]
