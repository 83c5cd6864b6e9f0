"""Lecture 03, section 1: the KL divergence is never negative, and zero only between equals."""

from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal, kl_divergence

from lecture_lib import quadrature
from lecture_lib.ledger import Line


def rand(generator: torch.Generator, *shape: int) -> Tensor:
    """Numbers between 0.3 and 1.3, none of them special."""
    return 0.3 + torch.rand(shape, dtype=torch.float64, generator=generator)


def two_dice(generator: torch.Generator) -> SimpleNamespace:
    """Two distributions over six values."""
    q, p = rand(generator, 2, 6)
    return SimpleNamespace(q=q / q.sum(), p=p / p.sum())


def equal_dice(generator: torch.Generator) -> SimpleNamespace:
    """The same distribution twice."""
    v = two_dice(generator)
    v.p = v.q
    return v


def two_bells(generator: torch.Generator) -> SimpleNamespace:
    """Two Gaussians."""
    q, p = (Normal(3 * rand(generator), rand(generator)) for _ in range(2))
    return SimpleNamespace(q=q, p=p)


def two_centers(generator: torch.Generator) -> SimpleNamespace:
    """The means a and b of two Gaussians of variance 1."""
    return SimpleNamespace(a=rand(generator), b=-rand(generator))


def positive(generator: torch.Generator) -> SimpleNamespace:
    """Positive numbers t."""
    return SimpleNamespace(t=5 * torch.rand(20, dtype=torch.float64, generator=generator))


def one(generator: torch.Generator) -> SimpleNamespace:
    """t = 1."""
    return SimpleNamespace(t=torch.ones(20, dtype=torch.float64))


def log_of_root(v) -> Tensor:
    """The right side of Eq. (3.4)."""
    return 2 * (v.q * (v.p / v.q).sqrt().log()).sum()


def root_minus_one(v) -> Tensor:
    """The right side of Eq. (3.5)."""
    return 2 * (v.q * ((v.p / v.q).sqrt() - 1)).sum()


LINES = [
    Line(
        "3.1",
        r"\mathrm{KL}(q \,\|\, p) = \sum_z q(z) \log \frac{q(z)}{p(z)}",
        two_dice,
        left=lambda v: kl_divergence(Categorical(probs=v.q), Categorical(probs=v.p)),
        right=lambda v: (v.q * (v.q / v.p).log()).sum(),
    ),
    Line(
        "3.2",
        r"\mathrm{KL}(q \,\|\, p) = \mathbb E_q\big[\log q(z) - \log p(z)\big]",
        two_bells,
        left=lambda v: kl_divergence(v.q, v.p),
        right=lambda v: quadrature.normal_expectation(
            lambda z: v.q.log_prob(z) - v.p.log_prob(z), v.q.mean, v.q.stddev
        ),
    ),
    Line(
        "3.3",
        r"\log t \ \le\ t - 1",
        positive,
        left=lambda v: v.t.log(),
        right=lambda v: v.t - 1,
        relation="<=",
        tight=one,
    ),
    Line(
        "3.4",
        r"-\mathrm{KL}(q \,\|\, p) = 2 \sum_z q(z) \log \sqrt{\frac{p(z)}{q(z)}}",
        two_dice,
        left=lambda v: -kl_divergence(Categorical(probs=v.q), Categorical(probs=v.p)),
        right=log_of_root,
    ),
    Line(
        "3.5",
        r"\le 2 \sum_z q(z) \bigg(\sqrt{\frac{p(z)}{q(z)}} - 1\bigg)",
        two_dice,
        left=log_of_root,
        right=root_minus_one,
        relation="<=",
        tight=equal_dice,
    ),
    Line(
        "3.6",
        r"= -\sum_z \Big(\sqrt{q(z)} - \sqrt{p(z)}\Big)^2",
        two_dice,
        left=root_minus_one,
        right=lambda v: -((v.q.sqrt() - v.p.sqrt()) ** 2).sum(),
    ),
    Line(
        "3.7",
        r"\mathrm{KL}\big(\mathcal N(a, 1) \,\|\, \mathcal N(b, 1)\big) = \tfrac12 (a - b)^2",
        two_centers,
        left=lambda v: kl_divergence(Normal(v.a, torch.ones_like(v.a)), Normal(v.b, torch.ones_like(v.b))),
        right=lambda v: 1 / 2 * (v.a - v.b) ** 2,
    ),
]
