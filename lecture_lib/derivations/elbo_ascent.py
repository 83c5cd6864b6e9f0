"""Lecture 03, sections 7 and 8: climbing the bound in q and in the model, on the oracle."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib.derivations.elbo_divergence import rand
from lecture_lib.latent_variables import LinearGaussian
from lecture_lib.ledger import Line


def correlated(generator: torch.Generator, latent_dim: int = 3) -> SimpleNamespace:
    """The oracle with a correlated posterior N(m, S), its precision, and a diagonal q."""
    model = LinearGaussian(rand(generator, 4, latent_dim), rand(generator, 4), 0.6)
    v = SimpleNamespace(model=model, x=2 * rand(generator, 4))
    v.m, v.cov = model.posterior(v.x)
    v.precision = v.model.W.mT @ v.model.W / 0.6 + torch.eye(latent_dim, dtype=torch.float64)
    v.mu, v.sigma = rand(generator, latent_dim), rand(generator, latent_dim)
    return v


def best_diagonal(generator: torch.Generator) -> SimpleNamespace:
    """The same with the best of all diagonal q."""
    v = correlated(generator)
    v.mu, v.sigma = v.m, v.precision.diagonal() ** -0.5
    return v


def pair(generator: torch.Generator) -> SimpleNamespace:
    """The same with J = 2."""
    return correlated(generator, 2)


def bound(v, mu: Tensor, sigma: Tensor) -> Tensor:
    """L for a diagonal q, in closed form."""
    return v.model.elbo(v.x, mu, torch.diag(sigma**2))


def gradient(f, at: Tensor) -> Tensor:
    """The gradient of f there, by automatic differentiation."""
    leaf = at.clone().requires_grad_()
    return torch.autograd.grad(f(leaf), leaf)[0]


def with_weights(v, W: Tensor) -> LinearGaussian:
    """The oracle with another W."""
    return LinearGaussian(W, v.model.mean, v.model.noise_variance)


LINES = [
    Line(
        "3.25",
        r"\nabla_\mu \mathcal L = \Lambda\, (m - \mu)",
        correlated,
        left=lambda v: gradient(lambda mu: bound(v, mu, v.sigma), v.mu),
        right=lambda v: v.precision @ (v.m - v.mu),
    ),
    Line(
        "3.26",
        r"\frac{\partial \mathcal L}{\partial \sigma_j} = \frac{1}{\sigma_j} - \Lambda_{jj}\, \sigma_j",
        correlated,
        left=lambda v: gradient(lambda sigma: bound(v, v.mu, sigma), v.sigma),
        right=lambda v: 1 / v.sigma - v.precision.diagonal() * v.sigma,
    ),
    Line(
        "3.27",
        r"\mathrm{KL}\big(q(z) \,\|\, p(z \mid x)\big) \ \ge\ \tfrac12 \Big[\sum_{j=1}^{J} \log \Lambda_{jj}"
        r" - \log |\Lambda|\Big]",
        correlated,
        left=lambda v: v.model.gap(v.x, v.mu, torch.diag(v.sigma**2)),
        right=lambda v: 1 / 2 * (v.precision.diagonal().log().sum() - torch.logdet(v.precision)),
        relation=">=",
        tight=best_diagonal,
    ),
    Line(
        "3.28",
        r"\tfrac12 \big[\log \Lambda_{11} + \log \Lambda_{22} - \log |\Lambda|\big] = -\tfrac12 \log (1 - \rho^2)",
        pair,
        left=lambda v: 1 / 2 * (v.precision[0, 0].log() + v.precision[1, 1].log() - torch.logdet(v.precision)),
        right=lambda v: -1 / 2 * (1 - v.cov[0, 1] ** 2 / (v.cov[0, 0] * v.cov[1, 1])).log(),
    ),
    Line(
        "3.29",
        r"\nabla_\theta\, \mathcal L(\theta, q;\, x) \Big|_{q(z)\, =\, p_\theta(z \mid x)}"
        r" = \nabla_\theta \log p_\theta(x)",
        correlated,
        left=lambda v: gradient(lambda W: with_weights(v, W).elbo(v.x, v.m, v.cov), v.model.W),
        right=lambda v: gradient(lambda W: with_weights(v, W).log_evidence(v.x), v.model.W),
    ),
]
