"""Lecture 04, section 6: the same divergences computed so that no digits are lost."""

from types import SimpleNamespace

import torch
from torch.distributions import kl_divergence

from lecture_lib.derivations import gaussian_kl_full as full
from lecture_lib.derivations import gaussian_kl_univariate as univariate
from lecture_lib.ledger import Line


def small(generator: torch.Generator) -> SimpleNamespace:
    """Numbers t of either sign, a quarter at most in size."""
    t = univariate.uniform(generator, 0.15, 0.25)
    return SimpleNamespace(t=torch.cat([t, -t]))


def factors(generator: torch.Generator) -> SimpleNamespace:
    """Two full Gaussians with M = L_p^-1 L_q, E = L_p^-1 (L_q - L_p) and s = L_p^-1 (mu_q - mu_p)."""
    v = full.full(generator)
    inverse = torch.linalg.inv(v.chol_p)
    v.M, v.E = inverse @ v.chol_q, inverse @ (v.chol_q - v.chol_p)
    v.s = inverse @ (v.mu_q - v.mu_p)
    return v


LINES = [
    Line(
        "4.35",
        r"e^t - 1 - t = (e^t - 1) \Big(\frac{t}{2} - \frac{t^2}{12} + \frac{t^4}{720} - \frac{t^6}{30240}"
        r" + \frac{t^8}{1209600} - \cdots\Big)",
        small,
        left=lambda v: v.t.exp() - 1 - v.t,
        right=lambda v: (v.t.exp() - 1) * (v.t / 2 - v.t**2 / 12 + v.t**4 / 720 - v.t**6 / 30240 + v.t**8 / 1209600),
        rtol=1e-12,
        atol=0,
    ),
    Line(
        "4.36",
        r"\log |\Sigma| = 2 \sum_i \log L_{ii}",
        factors,
        left=lambda v: v.cov_q.logdet(),
        right=lambda v: 2 * v.chol_q.diagonal().log().sum(),
    ),
    Line(
        "4.37",
        r"(x - \mu)^T \Sigma^{-1} (x - \mu) = \big\|L^{-1} (x - \mu)\big\|^2",
        factors,
        left=lambda v: full.quadratic(v.x - v.mu_q, v.inverse_q),
        right=lambda v: ((torch.linalg.inv(v.chol_q) @ (v.x - v.mu_q)) ** 2).sum(),
    ),
    Line(
        "4.38",
        r"\operatorname{tr}\big(\Sigma_p^{-1} \Sigma_q\big) = \sum_{i,j} M_{ij}^2",
        factors,
        left=lambda v: torch.trace(v.inverse_p @ v.cov_q),
        right=lambda v: (v.M**2).sum(),
    ),
    Line(
        "4.39",
        r"\mathrm{KL}(q \,\|\, p) = \tfrac12 \Big[\|s\|^2 + \sum_{i > j} M_{ij}^2"
        r" + \sum_i \varphi\big(2 \log M_{ii}\big)\Big]",
        factors,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: (
            ((v.s**2).sum() + (v.M.tril(-1) ** 2).sum() + univariate.phi(2 * v.M.diagonal().log()).sum()) / 2
        ),
    ),
    Line(
        "4.40",
        r"M - I = L_p^{-1} (L_q - L_p)",
        factors,
        left=lambda v: v.M - torch.eye(full.DIM, dtype=torch.float64),
        right=lambda v: torch.linalg.inv(v.chol_p) @ (v.chol_q - v.chol_p),
    ),
    Line(
        "4.41",
        r"\mathrm{KL}(q \,\|\, p) = \tfrac12 \Big[\|s\|^2 + \sum_{i,j} E_{ij}^2\Big]"
        r" + \sum_i \varphi\big(\log (1 + E_{ii})\big)",
        factors,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: ((v.s**2).sum() + (v.E**2).sum()) / 2 + univariate.phi((1 + v.E.diagonal()).log()).sum(),
    ),
]
