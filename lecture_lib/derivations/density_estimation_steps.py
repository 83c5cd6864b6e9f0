"""Lecture 10, section 5, continued: gradients, the M-step, what it gains, its two matrix products and its floor."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal, Normal

from lecture_lib.derivations.density_estimation_histogram import minimum
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.ledger import Line


def plane(generator: torch.Generator) -> SimpleNamespace:
    """Seven points in the plane, the share r_i that a component has in each, and its mean and covariance."""
    root = uniform(generator, -1, 1, 2, 4)
    v = SimpleNamespace(
        x=uniform(generator, -2, 2, 7, 2), r=uniform(generator, 0.1, 0.9, 7), mu=uniform(generator, -1, 1, 2)
    )
    v.cov, v.pi = root @ root.mT + 0.1 * torch.eye(2).double(), uniform(generator, 0.2, 0.8, 1)
    return v


def line(generator: torch.Generator) -> SimpleNamespace:
    """Nine positive points on the line, shares of two components, and the variance of the first."""
    r = uniform(generator, 0.1, 0.9, 9)
    v = SimpleNamespace(x=uniform(generator, 0.5, 4.0, 9), r=r, n=r.sum(0, keepdim=True), N=torch.tensor(9.0).double())
    v.variance, v.other = uniform(generator, 0.5, 1.5, 1), (1 - r).sum(0, keepdim=True)
    return v


def fit(generator: torch.Generator) -> SimpleNamespace:
    """Twelve points on the line, weights, means and deviations of 3 components."""
    shares = uniform(generator, 0.2, 1.0, 3)
    v = SimpleNamespace(
        x=uniform(generator, -3, 3, 12), mu=uniform(generator, -2, 2, 3), sigma=uniform(generator, 0.7, 1.5, 3)
    )
    v.pi = shares / shares.sum()
    return v


def fixed(generator: torch.Generator) -> SimpleNamespace:
    """The same where nothing moves any more: all components equal to the one best Gaussian."""
    v = fit(generator)
    v.mu, v.sigma = v.x.mean().expand(3).clone(), v.x.std(correction=0).expand(3).clone()
    return v


def raised(generator: torch.Generator) -> SimpleNamespace:
    """Variances c, some below the floor f."""
    return SimpleNamespace(c=uniform(generator, 0.1, 2.0), f=uniform(generator, 0.5, 1.0))


def q_function(v, mu: Tensor, precision: Tensor) -> Tensor:
    """What Q has of this component: sum_i r_i log [pi N(x_i; mu, Sigma)]."""
    return (v.r * (v.pi.log() + MultivariateNormal(mu, precision_matrix=precision).log_prob(v.x))).sum()


def by_mean(v) -> Tensor:
    mu = v.mu.clone().requires_grad_()
    return torch.autograd.grad(q_function(v, mu, torch.linalg.inv(v.cov)), mu)[0]


def by_precision(v) -> Tensor:
    precision = torch.linalg.inv(v.cov).requires_grad_()
    symmetric = (precision + precision.mT) / 2
    return torch.autograd.grad(q_function(v, v.mu, symmetric), precision)[0]


def by_share(v) -> Tensor:
    u = SimpleNamespace(**vars(v) | {"pi": v.pi.clone().requires_grad_()})
    return torch.autograd.grad(q_function(u, v.mu, torch.linalg.inv(v.cov)), u.pi)[0]


def on_line(v, mu: Tensor, variance: Tensor) -> Tensor:
    """-Q of a component on the line, to be made small."""
    return -(v.r * Normal(mu, variance.sqrt()).log_prob(v.x)).sum()


def best_mean(v) -> Tensor:
    return (v.r * v.x).sum(0, keepdim=True) / v.n


def by_weight(v, pi: Tensor) -> Tensor:
    """-Q of two weights whose sum is 1, as a function of the odds of the first."""
    return -(v.n * (pi / (1 + pi)).log() + v.other * (1 / (1 + pi)).log())


def log_likelihood(v, pi, mu, sigma) -> Tensor:
    return MixtureSameFamily(Categorical(pi), Normal(mu, sigma)).log_prob(v.x).sum(0, keepdim=True)


def step(v) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and deviations after one E-step and one M-step."""
    r = Categorical(logits=v.pi.log() + Normal(v.mu, v.sigma).log_prob(v.x[:, None])).probs  # (12, 3)
    n = r.sum(0)
    mu = (r * v.x[:, None]).sum(0) / n
    variance = (r * (v.x[:, None] - mu) ** 2).sum(0) / n
    return n / n.sum(), mu, variance.sqrt()


def constant(v) -> Tensor:
    """c: what does not depend on x."""
    return (v.pi.log() + MultivariateNormal(v.mu, v.cov).log_prob(torch.zeros(2).double())).reshape(1)


LINES = [
    Line(
        "10.43",
        r"\frac{\partial Q}{\partial \mu_k} = \Sigma_k^{-1} \sum_{i=1}^{N} r_{ik}\, (x_i - \mu_k)",
        plane,
        left=by_mean,
        right=lambda v: torch.linalg.inv(v.cov) @ (v.r[:, None] * (v.x - v.mu)).sum(0),
    ),
    Line(
        "10.44",
        r"\frac{\partial Q}{\partial \Sigma_k^{-1}}"
        r" = \frac12 \sum_{i=1}^{N} r_{ik} \big[\Sigma_k - (x_i - \mu_k)(x_i - \mu_k)^\top\big]",
        plane,
        left=by_precision,
        right=lambda v: (
            1 / 2 * (v.r[:, None, None] * (v.cov - (v.x - v.mu)[:, :, None] * (v.x - v.mu)[:, None, :])).sum(0)
        ),
    ),
    Line(
        "10.45",
        r"\frac{\partial Q}{\partial \pi_k} = \frac{n_k}{\pi_k}",
        plane,
        left=by_share,
        right=lambda v: v.r.sum(0, keepdim=True) / v.pi,
    ),
    Line(
        "10.46",
        r"\mu_k = \frac{1}{n_k} \sum_{i=1}^{N} r_{ik}\, x_i, \qquad n_k = \sum_{i=1}^{N} r_{ik}",
        line,
        left=lambda v: minimum(lambda mu: on_line(v, mu, v.variance), v.variance),
        right=lambda v: 1 / v.n * (v.r * v.x).sum(0),
    ),
    Line(
        "10.47",
        r"\Sigma_k = \frac{1}{n_k} \sum_{i=1}^{N} r_{ik}\, (x_i - \mu_k)(x_i - \mu_k)^\top",
        line,
        left=lambda v: minimum(lambda variance: on_line(v, best_mean(v), variance), v.variance),
        right=lambda v: 1 / v.n * (v.r * (v.x - best_mean(v)) ** 2).sum(0),
    ),
    Line(
        "10.48",
        r"\pi_k = \frac{n_k}{N}",
        line,
        left=lambda v: 1 - 1 / (1 + minimum(lambda odds: by_weight(v, odds), v.n)),
        right=lambda v: v.n / v.N,
    ),
    Line(
        "10.49",
        r"\log L(\theta^{\text{new}}) \ge \log L(\theta)",
        fit,
        left=lambda v: log_likelihood(v, *step(v)),
        right=lambda v: log_likelihood(v, v.pi, v.mu, v.sigma),
        relation=">=",
        tight=fixed,
    ),
    Line(
        "10.50",
        r"\log\big[\pi_k\, \mathcal N(x; \mu_k, \Sigma_k)\big] = c_k + (\Sigma_k^{-1} \mu_k)^\top x"
        r" - \frac12 \sum_{i=1}^{D} \sum_{j=1}^{D} (\Sigma_k^{-1})_{ij}\, x_i x_j",
        plane,
        left=lambda v: v.pi.log() + MultivariateNormal(v.mu, v.cov).log_prob(v.x),
        right=lambda v: (
            constant(v)
            + v.x @ (torch.linalg.inv(v.cov) @ v.mu)
            - 1 / 2 * (torch.linalg.inv(v.cov) * v.x[:, :, None] * v.x[:, None, :]).sum((1, 2))
        ),
    ),
    Line(
        "10.51",
        r"\arg\max_{\sigma^2 \ge f} \Big(-\frac12 \log \sigma^2 - \frac{c}{2 \sigma^2}\Big) = \max(c, f)",
        raised,
        left=lambda v: v.f + minimum(lambda t: (v.f + t).log() / 2 + v.c / (2 * (v.f + t)), v.c),
        right=lambda v: torch.maximum(v.c, v.f),
        atol=2e-4,
    ),
]
