"""Lecture 10, section 5: the bound of a mixture, and what the E-step does to it."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal, kl_divergence

from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.ledger import Line


def bumps(generator: torch.Generator) -> SimpleNamespace:
    """A mixture of 4 Gaussians on the line, a point x, and any q over the components."""
    v = SimpleNamespace(mu=uniform(generator, -2, 2, 4), sigma=uniform(generator, 0.5, 1.5, 4))
    v.pi, v.q = (shares / shares.sum() for shares in uniform(generator, 0.1, 1.0, 2, 4))
    v.x = uniform(generator, -2, 2, 1)
    return v


def answered(generator: torch.Generator) -> SimpleNamespace:
    """The same with the responsibilities as q."""
    v = bumps(generator)
    v.q = Categorical(logits=v.pi.log() + Normal(v.mu, v.sigma).log_prob(v.x)).probs
    return v


def joint(v) -> Tensor:
    """pi_k N(x; mu_k, sigma_k^2), (4,)."""
    return v.pi * Normal(v.mu, v.sigma).log_prob(v.x).exp()


def log_evidence(v) -> Tensor:
    return joint(v).sum(0, keepdim=True).log()


LINES = [
    Line(
        "10.39",
        r"\log p(x) \ge \sum_{k=1}^{K} q_k \log \frac{\pi_k\, \mathcal N(x; \mu_k, \Sigma_k)}{q_k} = \mathcal L(q)",
        bumps,
        left=log_evidence,
        right=lambda v: (v.q * (joint(v) / v.q).log()).sum(0, keepdim=True),
        relation=">=",
        tight=answered,
    ),
    Line(
        "10.40",
        r"\log p(x) - \mathcal L(q) = \mathrm{KL}(q\, \|\, r)",
        bumps,
        left=lambda v: log_evidence(v) - (v.q * (joint(v) / v.q).log()).sum(0, keepdim=True),
        right=lambda v: kl_divergence(Categorical(v.q), Categorical(joint(v))).reshape(1),
    ),
    Line(
        "10.41",
        r"r_k = p(k \mid x)"
        r" = \frac{\pi_k\, \mathcal N(x; \mu_k, \Sigma_k)}{\sum_l \pi_l\, \mathcal N(x; \mu_l, \Sigma_l)}",
        bumps,
        left=lambda v: Categorical(logits=v.pi.log() + Normal(v.mu, v.sigma).log_prob(v.x)).probs,
        right=lambda v: joint(v) / joint(v).sum(0, keepdim=True),
    ),
]
