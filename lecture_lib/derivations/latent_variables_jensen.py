"""The ledger of lecture 02, third part: Jensen's inequality and what it does to a log-evidence, by quadrature."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import ledger, quadrature
from lecture_lib.derivations import latent_variables_evidence as evidence
from lecture_lib.derivations.latent_variables_graphs import rand


def nearly_flat(generator: torch.Generator) -> SimpleNamespace:
    """The same with a likelihood that depends little on z."""
    return evidence.oracle(generator, 0.01)


def flat(generator: torch.Generator) -> SimpleNamespace:
    """The same with a likelihood that does not depend on z."""
    return evidence.oracle(generator, 0.0)


def relative_variance(v: SimpleNamespace) -> Tensor:
    """Var[p(x|z)] / p(x)^2 under the prior."""
    return evidence.over_prior(lambda z: evidence.likelihood(v, z) ** 2) / evidence.evidence(v) ** 2 - 1


def normal(generator: torch.Generator) -> SimpleNamespace:
    """Thirty normal variables X, and points m below and above their means."""
    return SimpleNamespace(mu=rand(generator, 30), sigma=rand(generator, 30), m=2 * rand(generator, 30) - 0.7)


def point(generator: torch.Generator) -> SimpleNamespace:
    """X is certain, and m is its value."""
    v = normal(generator)
    return SimpleNamespace(mu=v.mu, sigma=0 * v.mu, m=v.mu)


def pairs(generator: torch.Generator) -> SimpleNamespace:
    """Thirty pairs of points m and y, on both sides of each other."""
    return SimpleNamespace(m=rand(generator, 30) - 0.9, y=2 * rand(generator, 30) - 1.6)


def equal_pairs(generator: torch.Generator) -> SimpleNamespace:
    """Thirty pairs of equal points."""
    v = pairs(generator)
    return SimpleNamespace(m=v.m, y=v.m)


def about_its_mean(generator: torch.Generator) -> SimpleNamespace:
    """m is the mean of X."""
    v = normal(generator)
    v.m = v.mu
    return v


def narrow(generator: torch.Generator) -> SimpleNamespace:
    """X varies by a thousandth."""
    v = normal(generator)
    v.sigma = v.sigma / 1000
    return v


def mean(v: SimpleNamespace, f) -> Tensor:
    """E[f(X)]."""
    return quadrature.normal_expectation(f, v.mu, v.sigma, n_nodes=150)


def convex(y: Tensor) -> Tensor:
    """f(y) = exp(y) + y^2, convex."""
    return y.exp() + y**2


def slope(y: Tensor) -> Tensor:
    """f'(y)."""
    return y.exp() + 2 * y


def supporting_line(v: SimpleNamespace) -> Tensor:
    """f(m) + f'(m) (E[Y] - m)."""
    return convex(v.m) + slope(v.m) * (mean(v, lambda y: y) - v.m)


LINES = [
    ledger.Line(
        "2.26",
        r"f(y) \ge f(m) + f'(m)\,(y - m)",
        pairs,
        lambda v: convex(v.y),
        lambda v: convex(v.m) + slope(v.m) * (v.y - v.m),
        ">=",
        tight=equal_pairs,
    ),
    ledger.Line(
        "2.27",
        r"\mathbb E[f(Y)] \ge f(m) + f'(m)\,\big(\mathbb E[Y] - m\big)",
        normal,
        lambda v: mean(v, convex),
        supporting_line,
        ">=",
        tight=point,
    ),
    ledger.Line(
        "2.28",
        r"= f\big(\mathbb E[Y]\big) \qquad \text{for } m = \mathbb E[Y]",
        about_its_mean,
        supporting_line,
        lambda v: convex(mean(v, lambda y: y)),
    ),
    ledger.Line(
        "2.29",
        r"\mathbb E\big[f(g(X))\big] \ge f\big(\mathbb E[g(X)]\big)",
        normal,
        lambda v: mean(v, lambda x: convex(x.cos())),
        lambda v: convex(mean(v, lambda x: x.cos())),
        ">=",
        tight=point,
    ),
    ledger.Line(
        "2.30",
        r"\mathbb E[\log Y] \le \log \mathbb E[Y]",
        normal,
        lambda v: mean(v, lambda x: (1 + x**2).log()),
        lambda v: mean(v, lambda x: 1 + x**2).log(),
        "<=",
        tight=point,
    ),
    ledger.Line(
        "2.31",
        r"\mathbb E\big[\log \hat p(x)\big] \le \log p(x)",
        evidence.oracle,
        lambda v: evidence.over_two(v, torch.log),
        lambda v: evidence.evidence(v).log(),
        "<=",
        tight=flat,
    ),
    ledger.Line(
        "2.32",
        r"\log \mathbb E[Y] - \mathbb E[\log Y] \approx \frac{\mathrm{Var}[Y]}{2\, \mathbb E[Y]^2}",
        narrow,
        lambda v: mean(v, lambda y: y).log() - mean(v, torch.log),
        lambda v: v.sigma**2 / (2 * v.mu**2),
        rtol=1e-3,
    ),
    ledger.Line(
        "2.33",
        r"\log p(x) - \mathbb E\big[\log \hat p(x)\big] \approx \frac{\rho}{2 S}",
        nearly_flat,
        lambda v: evidence.evidence(v).log() - evidence.over_two(v, torch.log),
        lambda v: relative_variance(v) / (2 * 2),
        rtol=1e-2,
    ),
    ledger.Line(
        "2.34",
        r"\log \mathbb E\big[e^{t}\big] - \mathbb E[t] = \frac{s^2}{2} \qquad \text{for } t \sim \mathcal N(\mu, s^2)",
        normal,
        lambda v: mean(v, torch.exp).log() - mean(v, lambda t: t),
        lambda v: v.sigma**2 / 2,
    ),
]
