"""The ledger of lecture 05, second part: the score function and its baselines."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import gradients, ledger, quadrature
from lecture_lib.derivations import reparameterization_setting as setting


def f_times_slope(v: SimpleNamespace) -> Tensor:
    """The integral of f grad_phi q."""
    return setting.area(v, lambda z: setting.f(v, z)[:, None] * setting.by_phi(setting.q, v, z))


def slope_area(v: SimpleNamespace) -> Tensor:
    """The integral of grad_phi q."""
    return setting.area(v, lambda z: setting.by_phi(setting.q, v, z))


def slope_of_area(v: SimpleNamespace) -> Tensor:
    """The gradient by phi of the integral of q."""
    phi = [part.clone().requires_grad_() for part in (v.mu, v.log_var)]
    return torch.stack(torch.autograd.grad(setting.area(v, lambda z: setting.q(*phi, z)), phi))


def three_draws(v: SimpleNamespace, estimator) -> Tensor:
    """E of an estimator that gets three draws (3, n) from q and gives (3, n, ...), averaged over the three."""
    grid = quadrature.gaussian_expectation
    cov = v.sigma**2 * torch.eye(3, dtype=torch.float64)
    return grid(lambda z: estimator(z.mT).mean(0), v.mu.expand(3), cov, n_nodes=8)


def with_baseline(v: SimpleNamespace, z: Tensor, baseline) -> Tensor:
    """(f - b) grad log q for draws z (S, n), by the library: (S, n, 2)."""
    scores = setting.score(v, z.flatten()).view(*z.shape, 2)
    return gradients.score_function(setting.f(v, z), (scores,), baseline)[0]


def slope_by_mu(v: SimpleNamespace, z: Tensor) -> Tensor:
    """The score by mu alone, (n,) -> (n,)."""
    return setting.score(v, z)[:, 0]


def at_the_best_baseline(generator: torch.Generator) -> SimpleNamespace:
    """The same inputs with the baseline b* of the right side."""
    v = setting.gaussian(generator)
    squares = setting.mean(v, lambda z: slope_by_mu(v, z) ** 2)
    v.baseline = setting.mean(v, lambda z: setting.f(v, z) * slope_by_mu(v, z) ** 2) / squares
    return v


LINES = [
    ledger.Line(
        "5.5",
        r"\nabla_\phi q_\phi(z) = q_\phi(z)\, \nabla_\phi \log q_\phi(z)",
        setting.gaussian,
        lambda v: setting.by_phi(setting.q, v, v.a[None]),
        lambda v: setting.q(v.mu, v.log_var, v.a[None])[:, None] * setting.score(v, v.a[None]),
    ),
    ledger.Line(
        "5.6",
        r"\nabla_\phi\, \mathbb E_{q_\phi}[f(z)] = \int f(z)\, \nabla_\phi q_\phi(z)\, dz",
        setting.gaussian,
        setting.exact_gradient,
        f_times_slope,
    ),
    ledger.Line(
        "5.7",
        r"= \mathbb E_{q_\phi}\big[f(z)\, \nabla_\phi \log q_\phi(z)\big]",
        setting.gaussian,
        f_times_slope,
        lambda v: setting.mean(v, lambda z: setting.f(v, z)[:, None] * setting.score(v, z)),
    ),
    ledger.Line(
        "5.8",
        r"\frac{\partial \log q_\phi(z)}{\partial \mu} = \frac{z - \mu}{\sigma^2}",
        setting.gaussian,
        lambda v: setting.score(v, v.a[None])[0, 0],
        lambda v: (v.a - v.mu) / v.sigma**2,
    ),
    ledger.Line(
        "5.9",
        r"\frac{\partial \log q_\phi(z)}{\partial \log \sigma^2}"
        r"= \frac12 \Big[\frac{(z - \mu)^2}{\sigma^2} - 1\Big]",
        setting.gaussian,
        lambda v: setting.score(v, v.a[None])[0, 1],
        lambda v: 1 / 2 * ((v.a - v.mu) ** 2 / v.sigma**2 - 1),
    ),
    ledger.Line(
        "5.10",
        r"\mathbb E_{q_\phi}\big[\nabla_\phi \log q_\phi(z)\big] = \int \nabla_\phi q_\phi(z)\, dz",
        setting.gaussian,
        lambda v: setting.mean(v, lambda z: setting.score(v, z)),
        slope_area,
    ),
    ledger.Line("5.11", r"= \nabla_\phi \int q_\phi(z)\, dz", setting.gaussian, slope_area, slope_of_area),
    ledger.Line(
        "5.12", r"= \nabla_\phi\, 1 = 0", setting.gaussian, slope_of_area, lambda v: torch.zeros(2, dtype=torch.float64)
    ),
    ledger.Line(
        "5.13",
        r"\mathbb E_{q_\phi}\big[(f(z) - b)\, \nabla_\phi \log q_\phi(z)\big] = \nabla_\phi\, \mathbb E_{q_\phi}[f(z)]",
        setting.gaussian,
        lambda v: setting.mean(v, lambda z: with_baseline(v, z[None], v.baseline)[0]),
        setting.exact_gradient,
    ),
    ledger.Line(
        "5.14",
        r"\mathbb E\Big[\frac1S \sum_{s=1}^S \Big(f(z_s) - \frac{1}{S - 1} \sum_{t \ne s} f(z_t)\Big)"
        r"\nabla_\phi \log q_\phi(z_s)\Big] = \nabla_\phi\, \mathbb E_{q_\phi}[f(z)]",
        setting.gaussian,
        lambda v: three_draws(v, lambda z: with_baseline(v, z, gradients.leave_one_out(setting.f(v, z)))),
        setting.exact_gradient,
    ),
    ledger.Line(
        "5.15",
        r"\operatorname{Var}\big[(f(z) - b)\, s(z)\big] \ge \operatorname{Var}\big[(f(z) - b^*)\, s(z)\big],"
        r"\qquad b^* = \frac{\mathbb E_{q_\phi}[f(z)\, s(z)^2]}{\mathbb E_{q_\phi}[s(z)^2]}",
        setting.gaussian,
        lambda v: setting.variance(v, lambda z: (setting.f(v, z) - v.baseline) * slope_by_mu(v, z)),
        lambda v: setting.variance(
            v,
            lambda z: (
                (
                    setting.f(v, z)
                    - setting.mean(v, lambda z: setting.f(v, z) * slope_by_mu(v, z) ** 2)
                    / setting.mean(v, lambda z: slope_by_mu(v, z) ** 2)
                )
                * slope_by_mu(v, z)
            ),
        ),
        ">=",
        tight=at_the_best_baseline,
    ),
]
