"""Lecture 09, section 9: the parts of DANCo, nearest distances and angles, and how two of each are compared."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import VonMises

from lecture_lib import quadrature
from lecture_lib.derivations.gaussian_kl_univariate import uniform
from lecture_lib.derivations.intrinsic_dimension_likelihood import by_dimension, maximum
from lecture_lib.derivations.intrinsic_dimension_ratio import FEW, around
from lecture_lib.ledger import Line

N_DRAWS = 20_000


def nearest(generator: torch.Generator) -> SimpleNamespace:
    """Dimensions d and d', the number k of nearer neighbors, ratios t_i of the nearest distance, and a level t."""
    v = SimpleNamespace(
        d=uniform(generator, 2.0, 4.0, 1), k=torch.tensor(5.0).double(), t=uniform(generator, 0.3, 0.8, 1)
    )
    v.d_q, v.d_p, v.N = uniform(generator, 2.0, 3.0, 1), uniform(generator, 3.5, 6.0, 1), torch.tensor(7.0).double()
    v.ratios, v.c = uniform(generator, 0.3, 0.9, 7), v.d_p / v.d_q
    return v


def directions(generator: torch.Generator) -> SimpleNamespace:
    """Pairs of random directions in dimension 2 to 9, N_DRAWS times: the cosines of their angles."""
    d = int(torch.randint(2, 10, (1,), generator=generator))
    pairs = torch.randn(2, N_DRAWS, d, dtype=torch.float64, generator=generator)
    cosine = torch.nn.functional.cosine_similarity(*pairs, dim=1)
    return SimpleNamespace(d=torch.tensor([float(d)]).double(), theta=cosine[:, None].acos())


def angles(generator: torch.Generator) -> SimpleNamespace:
    """Ten angles theta, a mean direction nu and a concentration tau; two pairs of these."""
    v = SimpleNamespace(theta=uniform(generator, 0.8, 2.4, 10), nu=uniform(generator, 1.0, 2.0, 1))
    v.d = uniform(generator, 1.0, 3.0, 1)  # of this shape the bisection gives the concentration
    v.tau, v.tau_q, v.tau_p = (uniform(generator, low, low + 1, 1) for low in (1.0, 3.0, 1.0))
    v.nu_q, v.nu_p = uniform(generator, 1.6, 2.0, 1), uniform(generator, 0.8, 1.2, 1)
    return v


def log_nearest(t: Tensor, d: Tensor, k: Tensor) -> Tensor:
    """The logarithm of the density (9.52)."""
    return (k * d).log() + (d - 1) * t.log() + (k - 1) * (1 - t**d).log()


def of_two_nearest(v) -> Tensor:
    """KL of two densities (9.52) by quadrature; near 1 the logarithms need small panels."""
    difference = lambda t: log_nearest(t, v.d_q, v.k) - log_nearest(t, v.d_p, v.k)  # noqa: E731
    inside = lambda t: log_nearest(t, v.d_q, v.k).exp() * difference(t)  # noqa: E731
    return quadrature.integral(lambda t: inside(t[:, None]), 0, 1, n_panels=2000)


def expected_logs(v) -> Tensor:
    """E[log(1 - u) - log(1 - u^c)] for u with the density k (1 - u)^(k - 1)."""
    inside = lambda u: v.k * (1 - u) ** (v.k - 1) * ((1 - u).log() - (1 - u**v.c).log())  # noqa: E731
    return quadrature.integral(lambda u: inside(u[:, None]), 0, 1, n_panels=2000)


def log_von_mises(v, tau: Tensor) -> Tensor:
    """The log-likelihood of the ten angles for concentrations tau, at the mean direction that maximizes it."""
    nu = torch.atan2(v.theta.sin().sum(), v.theta.cos().sum())
    return (tau * (v.theta[:, None] - nu).cos() - (2 * math.pi * torch.special.i0(tau)).log()).sum(0)


def resultant(tau: Tensor) -> Tensor:
    """I_1 / I_0."""
    return torch.special.i1(tau) / torch.special.i0(tau)


def of_two_von_mises(v) -> Tensor:
    """KL of two von Mises distributions, by quadrature over the circle."""
    q, p = VonMises(v.nu_q, v.tau_q), VonMises(v.nu_p, v.tau_p)
    return quadrature.integral(
        lambda t: q.log_prob(t[:, None]).exp() * (q.log_prob(t[:, None]) - p.log_prob(t[:, None])), -math.pi, math.pi
    )


LINES = [
    Line(
        "9.51",
        r"\Pr\Big(\frac{r_1}{r_{k+1}} > t\Big) = (1 - t^d)^k",
        around,
        left=lambda v: (v.r[:, :1] / v.r[:, -1:] > 1 / v.mu).double(),
        right=lambda v: (1 - (1 / v.mu) ** v.d) ** (FEW - 1),
        relation="~",
    ),
    Line(
        "9.52",
        r"p(t) = k\, d\, t^{d-1}\, (1 - t^d)^{k-1}",
        nearest,
        left=lambda v: -by_dimension(v, lambda t: (1 - t**v.d) ** v.k, v.t),
        right=lambda v: v.k * v.d * v.t ** (v.d - 1) * (1 - v.t**v.d) ** (v.k - 1),
    ),
    Line(
        "9.53",
        r"\frac{\partial}{\partial d} \log L(d) = \frac{N}{d} + \sum_{i=1}^{N} \log t_i"
        r" - (k - 1) \sum_{i=1}^{N} \frac{t_i^d \log t_i}{1 - t_i^d}",
        nearest,
        left=lambda v: by_dimension(v, lambda d: log_nearest(v.ratios, d, v.k)),
        right=lambda v: (
            v.N / v.d + v.ratios.log().sum() - (v.k - 1) * (v.ratios**v.d * v.ratios.log() / (1 - v.ratios**v.d)).sum()
        ),
    ),
    Line(
        "9.54",
        r"\mathbb E[\cos^2 \theta] = \frac1d",
        directions,
        left=lambda v: v.theta.cos() ** 2,
        right=lambda v: 1 / v.d,
        relation="~",
    ),
    Line(
        "9.56",
        r"\frac{I_1(\hat\tau)}{I_0(\hat\tau)} = \frac1n\, \Big|\sum_{j=1}^{n} e^{i \theta_j}\Big|",
        angles,
        left=lambda v: resultant(maximum(v, lambda tau: log_von_mises(v, tau))),
        right=lambda v: 1 / 10 * torch.polar(torch.ones_like(v.theta), v.theta).sum().abs().reshape(1),
        rtol=1e-9,
    ),
    Line(
        "9.57",
        r"\mathrm{KL}(q \,\|\, p) = (c - 1)\, H_k - \log c + (k - 1)\, \mathbb E\big[\log(1 - u) - \log(1 - u^c)\big]",
        nearest,
        left=of_two_nearest,
        right=lambda v: (v.c - 1) * sum(1 / j for j in range(1, 6)) - v.c.log() + (v.k - 1) * expected_logs(v),
        rtol=1e-7,
    ),
    Line(
        "9.58",
        r"\mathrm{KL}(q \,\|\, p) = \log \frac{I_0(\tau_p)}{I_0(\tau_q)}"
        r" + \frac{I_1(\tau_q)}{I_0(\tau_q)}\, \big[\tau_q - \tau_p \cos(\nu_q - \nu_p)\big]",
        angles,
        left=of_two_von_mises,
        right=lambda v: (
            (torch.special.i0(v.tau_p) / torch.special.i0(v.tau_q)).log()
            + torch.special.i1(v.tau_q) / torch.special.i0(v.tau_q) * (v.tau_q - v.tau_p * (v.nu_q - v.nu_p).cos())
        ),
        rtol=1e-6,
    ),
]
