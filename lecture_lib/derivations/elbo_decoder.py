"""Lecture 03, section 9: a Gaussian decoder N(f(z), c I), f no straight line, and the oracle where it is one."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lecture_lib import quadrature
from lecture_lib.derivations.elbo_divergence import rand
from lecture_lib.latent_variables import LinearGaussian
from lecture_lib.ledger import Line


def curved(generator: torch.Generator) -> SimpleNamespace:
    """A small network f from one latent number to D = 5, an observation, c, some z, and a Gaussian q."""
    v = SimpleNamespace(inner=rand(generator, 4), outer=rand(generator, 4, 5), x=2 * rand(generator, 5))
    v.c, v.z = rand(generator), rand(generator, 3)
    v.q, v.prior = Normal(rand(generator), rand(generator)), Normal(torch.zeros(()).double(), torch.ones(()).double())
    return v


def straight(generator: torch.Generator) -> SimpleNamespace:
    """The oracle with J = 1: f(z) = w z + b, and an observation."""
    v = SimpleNamespace(w=rand(generator, 4), b=rand(generator, 4), c=rand(generator), x=3 * rand(generator, 4))
    v.model = LinearGaussian(v.w[:, None], v.b, float(v.c))
    return v


def f(v, z: Tensor) -> Tensor:
    """The network, z (...) -> (..., 5)."""
    return (z.unsqueeze(-1) * v.inner).tanh() @ v.outer


def expect(v, g) -> Tensor:
    """E_q[g(z)], by quadrature."""
    return quadrature.normal_expectation(g, v.q.mean, v.q.stddev)


def squares(v, z: Tensor) -> Tensor:
    """||x - f(z)||^2, z (...) -> (...)."""
    return ((v.x - f(v, z)) ** 2).sum(-1)


def bound(v, c: Tensor) -> Tensor:
    """L as the first form has it, from torch.distributions."""
    likelihood = lambda z: Normal(f(v, z), c.sqrt()).log_prob(v.x).sum(-1)  # noqa: E731
    return expect(v, lambda z: likelihood(z) + v.prior.log_prob(z) - v.q.log_prob(z))


def slope(v) -> Tensor:
    """dL/dc, by automatic differentiation."""
    c = v.c.clone().requires_grad_()
    return torch.autograd.grad(bound(v, c), c)[0]


LINES = [
    Line(
        "3.30",
        r"\log p(x \mid z) = -\frac{\|x - f(z)\|^2}{2c} - \frac D2 \log 2\pi c",
        curved,
        left=lambda v: Normal(f(v, v.z), v.c.sqrt()).log_prob(v.x).sum(-1),
        right=lambda v: -squares(v, v.z) / (2 * v.c) - 5 / 2 * (2 * math.pi * v.c).log(),
    ),
    Line(
        "3.31",
        r"\mathcal L(q;\, x) = -\frac D2 \log 2\pi c - \frac{1}{2c}\, \mathbb E_q\big[\|x - f(z)\|^2\big]"
        r" - \mathrm{KL}\big(q(z) \,\|\, p(z)\big)",
        curved,
        left=lambda v: bound(v, v.c),
        right=lambda v: (
            -5 / 2 * (2 * math.pi * v.c).log()
            - 1 / (2 * v.c) * expect(v, lambda z: squares(v, z))
            - kl_divergence(v.q, v.prior)
        ),
    ),
    Line(
        "3.32",
        r"-2c\, \mathcal L(q;\, x) = \mathbb E_q\big[\|x - f(z)\|^2\big] + 2c\, \mathrm{KL}\big(q(z) \,\|\, p(z)\big)"
        r" + c D \log 2\pi c",
        curved,
        left=lambda v: -2 * v.c * bound(v, v.c),
        right=lambda v: (
            expect(v, lambda z: squares(v, z))
            + 2 * v.c * kl_divergence(v.q, v.prior)
            + v.c * 5 * (2 * math.pi * v.c).log()
        ),
    ),
    Line(
        "3.33",
        r"m = \frac{w^\top (x - b)}{\|w\|^2 + c}",
        straight,
        left=lambda v: v.model.posterior(v.x)[0][0],
        right=lambda v: (v.w * (v.x - v.b)).sum() / ((v.w**2).sum() + v.c),
    ),
    Line(
        "3.34",
        r"s^2 = \frac{c}{\|w\|^2 + c}",
        straight,
        left=lambda v: v.model.posterior(v.x)[1][0, 0],
        right=lambda v: v.c / ((v.w**2).sum() + v.c),
    ),
    Line(
        "3.35",
        r"\frac{\partial \mathcal L}{\partial c} = \frac{1}{2c^2}\, \mathbb E_q\big[\|x - f(z)\|^2\big] - \frac{D}{2c}",
        curved,
        left=slope,
        right=lambda v: 1 / (2 * v.c**2) * expect(v, lambda z: squares(v, z)) - 5 / (2 * v.c),
    ),
]
