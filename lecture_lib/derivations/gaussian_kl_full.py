"""Lecture 04, section 5: full covariances."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from lecture_lib import quadrature
from lecture_lib.derivations import gaussian_kl_univariate as univariate
from lecture_lib.ledger import Line

DIM = 2


def factor(generator: torch.Generator, low: float, high: float) -> Tensor:
    """A lower triangular (D, D) with a diagonal between low and high."""
    return torch.diag(univariate.uniform(generator, low, high, DIM)) + univariate.uniform(
        generator, 0.3, 0.8, DIM, DIM
    ).tril(-1)


def full(generator: torch.Generator) -> SimpleNamespace:
    """Two Gaussians by mean (D,), covariance (D, D) and its Cholesky factor, and a point x (D,)."""
    v = SimpleNamespace(
        mu_q=univariate.uniform(generator, 0.4, 1.4, DIM), mu_p=univariate.uniform(generator, -1.2, -0.3, DIM)
    )
    v.d = v.mu_q - v.mu_p
    v.chol_q, v.chol_p = factor(generator, 1.2, 1.8), factor(generator, 0.5, 0.9)
    v.cov_q, v.cov_p = v.chol_q @ v.chol_q.mT, v.chol_p @ v.chol_p.mT
    v.inverse_q, v.inverse_p = torch.linalg.inv(v.cov_q), torch.linalg.inv(v.cov_p)
    v.q, v.p = MultivariateNormal(v.mu_q, v.cov_q), MultivariateNormal(v.mu_p, v.cov_p)
    v.x, v.A = univariate.uniform(generator, 2, 3, DIM), univariate.uniform(generator, 0.5, 1.5, DIM, DIM)
    return v


def expect(v, f) -> Tensor:
    """E_q[f(x)] by quadrature, f (n, D) -> (n, ...)."""
    return quadrature.gaussian_expectation(f, v.mu_q, v.cov_q)


def quadratic(vector: Tensor, matrix: Tensor) -> Tensor:
    """vector^T matrix vector, (..., D), (D, D) -> (...)."""
    return torch.einsum("...i,ij,...j->...", vector, matrix, vector)


def outer(vector: Tensor) -> Tensor:
    """vector vector^T, (..., D) -> (..., D, D)."""
    return torch.einsum("...i,...j->...ij", vector, vector)


def trace_of_scatter(v):
    """The right side of Eq. (4.28)."""
    return torch.trace(v.inverse_q @ expect(v, lambda x: outer(x - v.mu_q)))


def trace_of_covariance(v):
    """The right side of Eq. (4.29)."""
    return torch.trace(v.inverse_q @ v.cov_q)


LINES = [
    Line(
        "4.24",
        r"\log \mathcal{N}(x;\, \mu, \Sigma) = -\tfrac12 \big[D \log 2\pi + \log |\Sigma| + (x"
        r" - \mu)^T \Sigma^{-1} (x - \mu)\big]",
        full,
        left=lambda v: v.q.log_prob(v.x),
        right=lambda v: -(DIM * univariate.LOG_2PI + v.cov_q.logdet() + quadratic(v.x - v.mu_q, v.inverse_q)) / 2,
    ),
    Line(
        "4.25",
        r"\mathrm{KL}(q \,\|\, p) = \tfrac12 \log \frac{|\Sigma_p|}{|\Sigma_q|}"
        r" - \tfrac12 \mathbb{E}_q\big[(x - \mu_q)^T \Sigma_q^{-1} (x - \mu_q)\big]"
        r" + \tfrac12 \mathbb{E}_q\big[(x - \mu_p)^T \Sigma_p^{-1} (x - \mu_p)\big]",
        full,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: (
            (v.cov_p.det() / v.cov_q.det()).log() / 2
            - expect(v, lambda x: quadratic(x - v.mu_q, v.inverse_q)) / 2
            + expect(v, lambda x: quadratic(x - v.mu_p, v.inverse_p)) / 2
        ),
    ),
    Line(
        "4.26",
        r"y^T A y = \operatorname{tr}(A\, y y^T)",
        full,
        left=lambda v: quadratic(v.x, v.A),
        right=lambda v: torch.trace(v.A @ outer(v.x)),
    ),
    Line(
        "4.27",
        r"\mathbb{E}[y^T A y] = \operatorname{tr}\big(A\, \mathbb{E}[y y^T]\big)",
        full,
        left=lambda v: expect(v, lambda y: quadratic(y, v.A)),
        right=lambda v: torch.trace(v.A @ expect(v, outer)),
    ),
    Line(
        "4.28",
        r"\mathbb{E}_q\big[(x - \mu_q)^T \Sigma_q^{-1} (x - \mu_q)\big]"
        r" = \operatorname{tr}\big(\Sigma_q^{-1}\, \mathbb{E}_q\big[(x - \mu_q)(x - \mu_q)^T\big]\big)",
        full,
        left=lambda v: expect(v, lambda x: quadratic(x - v.mu_q, v.inverse_q)),
        right=trace_of_scatter,
    ),
    Line(
        "4.29",
        r"= \operatorname{tr}\big(\Sigma_q^{-1} \Sigma_q\big)",
        full,
        left=trace_of_scatter,
        right=trace_of_covariance,
    ),
    Line(
        "4.30",
        r"= D",
        full,
        left=trace_of_covariance,
        right=lambda v: torch.tensor(DIM, dtype=torch.float64),
    ),
    Line(
        "4.31",
        r"(x - \mu_p)^T A (x - \mu_p) = (x - \mu_q)^T A (x - \mu_q) + 2 d^T A (x - \mu_q) + d^T A d",
        full,
        left=lambda v: quadratic(v.x - v.mu_p, v.inverse_p),
        right=lambda v: (
            quadratic(v.x - v.mu_q, v.inverse_p) + 2 * v.d @ v.inverse_p @ (v.x - v.mu_q) + quadratic(v.d, v.inverse_p)
        ),
    ),
    Line(
        "4.32",
        r"\mathbb{E}_q\big[d^T A (x - \mu_q)\big] = 0",
        full,
        left=lambda v: expect(v, lambda x: (x - v.mu_q) @ v.inverse_p @ v.d),
        right=lambda v: torch.zeros((), dtype=torch.float64),
    ),
    Line(
        "4.33",
        r"\mathbb{E}_q\big[(x - \mu_p)^T \Sigma_p^{-1} (x - \mu_p)\big]"
        r" = \operatorname{tr}\big(\Sigma_p^{-1} \Sigma_q\big)"
        r" + d^T \Sigma_p^{-1} d",
        full,
        left=lambda v: expect(v, lambda x: quadratic(x - v.mu_p, v.inverse_p)),
        right=lambda v: torch.trace(v.inverse_p @ v.cov_q) + quadratic(v.d, v.inverse_p),
    ),
    Line(
        "4.34",
        r"\mathrm{KL}(q \,\|\, p) = \tfrac12 \Big[\log \frac{|\Sigma_p|}{|\Sigma_q|} - D"
        r" + \operatorname{tr}\big(\Sigma_p^{-1} \Sigma_q\big) + (\mu_p - \mu_q)^T \Sigma_p^{-1} (\mu_p - \mu_q)\Big]",
        full,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: (
            (
                (v.cov_p.det() / v.cov_q.det()).log()
                - DIM
                + torch.trace(v.inverse_p @ v.cov_q)
                + quadratic(v.mu_p - v.mu_q, v.inverse_p)
            )
            / 2
        ),
    ),
]
