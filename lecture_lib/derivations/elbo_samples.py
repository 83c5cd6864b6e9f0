"""Lecture 03, section 10: bounds from several samples, in order, on the oracle with J = 1."""

import itertools
from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import elbo, quadrature
from lecture_lib.derivations import elbo_routes
from lecture_lib.derivations.elbo_divergence import rand
from lecture_lib.ledger import Line

K, M, MANY = 3, 2, 1_000_000
SUBSETS = list(itertools.combinations(range(K), M))  # the values that I can take, each as likely


def wide(generator: torch.Generator) -> SimpleNamespace:
    """The oracle and a q that is somewhat wider than the posterior, so that the weights have a variance."""
    v = elbo_routes.oracle(generator)
    m, s = v.posterior.mean, v.posterior.stddev
    v.m, v.s, v.mu, v.sigma = m, s, m + s * rand(generator), s * (1 + rand(generator) / 5)
    v.q = torch.distributions.Normal(v.mu, v.sigma)
    return v


def some_weights(generator: torch.Generator) -> SimpleNamespace:
    """K positive weights."""
    return SimpleNamespace(w=rand(generator, K))


def log_weight(v, z: Tensor) -> Tensor:
    """log w = log p(x, z) - log q(z), z (...) -> (...)."""
    return elbo_routes.joint(v, z) - v.q.log_prob(z)


def over_draws(v, f, k: int) -> Tensor:
    """E[f(w)] over k independent draws from q, by quadrature on a grid in all of them; f: (n, k) -> (n,)."""
    nodes, weights = quadrature.normal_nodes(32)
    w = log_weight(v, v.mu + v.sigma * nodes).exp()
    grid, product = (torch.cartesian_prod(*[values] * k).reshape(-1, k) for values in (w, weights))
    return (product.prod(-1) * f(grid)).sum()


def laplace(v, t: Tensor) -> Tensor:
    """phi(t) = E_q[exp(-t w)], t (n,) -> (n,), by quadrature."""
    inner = lambda z: (v.q.log_prob(z)).exp()[:, None] * (-t * log_weight(v, z).exp()[:, None]).exp()  # noqa: E731
    return quadrature.integral(inner, -10, 12, n_panels=60)


def over_subsets(f) -> Tensor:
    """The mean of f(I) over all subsets I."""
    return torch.stack([f(list(subset)) for subset in SUBSETS]).mean(0)


def library(v, k: int) -> Tensor:
    """L_k from the library."""
    return elbo.multi_sample_bound(lambda z: log_weight(v, z), float(v.mu), float(v.sigma), k)


def squared_weights(v) -> Tensor:
    """E_q[w^2], by quadrature."""
    return quadrature.integral(lambda z: (v.q.log_prob(z) + 2 * log_weight(v, z)).exp(), -10, 12)


def several(v) -> Tensor:
    """The left side of Eq. (3.37)."""
    return over_draws(v, lambda w: w.mean(-1).log(), K)


def log_of_expected(v) -> Tensor:
    """The right side of Eq. (3.37)."""
    return over_draws(v, lambda w: w.mean(-1), K).log()


def log_of_subsets(v) -> Tensor:
    """The right side of Eq. (3.40)."""
    return over_draws(v, lambda w: over_subsets(lambda i: w[:, i].mean(-1)).log(), K)


def subsets_of_logs(v) -> Tensor:
    """The right side of Eq. (3.41)."""
    return over_draws(v, lambda w: over_subsets(lambda i: w[:, i].mean(-1).log()), K)


LINES = [
    Line(
        "3.37",
        r"\mathcal L_k \ \le\ \log \mathbb E\Big[\frac1k \sum_{i=1}^{k} w_i\Big]",
        wide,
        left=several,
        right=log_of_expected,
        relation="<=",
        tight=elbo_routes.at_the_posterior,
    ),
    Line(
        "3.38",
        r"= \log p(x)",
        wide,
        left=log_of_expected,
        right=lambda v: v.model.log_evidence(v.x),
    ),
    Line(
        "3.39",
        r"\frac1k \sum_{i=1}^{k} w_i = \mathbb E_I\Big[\frac1m \sum_{i \in I} w_i\Big]",
        some_weights,
        left=lambda v: 1 / K * v.w.sum(),
        right=lambda v: over_subsets(lambda i: 1 / M * v.w[i].sum()),
    ),
    Line(
        "3.40",
        r"\mathcal L_k = \mathbb E\bigg[\log \mathbb E_I\Big[\frac1m \sum_{i \in I} w_i\Big]\bigg]",
        wide,
        left=several,
        right=log_of_subsets,
    ),
    Line(
        "3.41",
        r"\ge \mathbb E\bigg[\mathbb E_I\Big[\log \frac1m \sum_{i \in I} w_i\Big]\bigg]",
        wide,
        left=log_of_subsets,
        right=subsets_of_logs,
        relation=">=",
        tight=elbo_routes.at_the_posterior,
    ),
    Line(
        "3.42",
        r"= \mathcal L_m",
        wide,
        left=subsets_of_logs,
        right=lambda v: over_draws(v, lambda w: w.mean(-1).log(), M),
    ),
    Line(
        "3.43",
        r"\mathcal L_k = \int_0^\infty \frac{e^{-t} - \varphi(t / k)^k}{t}\, dt",
        wide,
        left=lambda v: quadrature.integral(  # the right side of the formula; infinite if it is wrong, so it stands left
            lambda log_t: (-log_t.exp()).exp() - laplace(v, log_t.exp() / M) ** M, -40, 100, n_panels=60
        ),
        right=lambda v: over_draws(v, lambda w: w.mean(-1).log(), M),
        rtol=1e-7,
    ),
    Line(
        "3.44",
        r"\frac{\operatorname{Var}_q[w]}{p(x)^2} = \frac{\sigma^2}{s \sqrt{2\sigma^2 - s^2}}\,"
        r" \exp \frac{(m - \mu)^2}{2\sigma^2 - s^2} - 1",
        wide,
        left=lambda v: squared_weights(v) / (2 * v.model.log_evidence(v.x)).exp() - 1,
        right=lambda v: (
            v.sigma**2
            / (v.s * (2 * v.sigma**2 - v.s**2).sqrt())
            * ((v.m - v.mu) ** 2 / (2 * v.sigma**2 - v.s**2)).exp()
            - 1
        ),
    ),
    Line(
        "3.45",
        r"\log p(x) - \mathcal L_k \approx \frac{1}{2k}\, \frac{\operatorname{Var}_q[w]}{p(x)^2}",
        wide,
        left=lambda v: v.model.log_evidence(v.x) - library(v, MANY),
        right=lambda v: 1 / (2 * MANY) * (squared_weights(v) / (2 * v.model.log_evidence(v.x)).exp() - 1),
        rtol=1e-3,
    ),
]
