"""The parts of DANCo: how the nearest distance and the angles between neighbors concentrate as the dimension grows.

The nearest of k + 1 distances, divided by the last, has the density k d r^(d-1) (1 - r^d)^(k-1), Eq. (9.52). The angles
at which a point sees its k neighbors are described by a von Mises distribution, Eq. (9.55), with mean direction nu and
concentration tau.
"""

import math

import torch
from torch import Tensor

from lecture_lib import quadrature

BLOCK = 2**22  # float64 numbers in a block of neighbors: 32 MB


def fit_nearest_ratio(ratios: Tensor, k: int) -> float:
    """The d of maximum likelihood for ratios r_1 / r_(k+1), (N,), all from the density k d r^(d-1) (1 - r^d)^(k-1).

    The log-likelihood is concave; its derivative N/d + sum_i log r_i - (k-1) sum_i r_i^d log r_i / (1 - r_i^d) falls
    through zero once, and is halved in. (MIND_ML of Rozza et al. 2012.) Eq. (9.53).
    """
    logs = torch.as_tensor(ratios, dtype=torch.float64).log()
    if not bool((logs.isfinite() & (logs < 0)).all()):
        raise ValueError("ratios must lie between 0 and 1, both excluded: a nearest distance divided by a larger one")

    def derivative(log_d: float) -> Tensor:
        scaled = math.exp(log_d) * logs
        return (1 + scaled + (k - 1) * scaled / torch.expm1(-scaled).neg()).sum()  # times d

    return math.exp(_falls_through_zero(derivative, -20.0, 30.0))


def kl_nearest_ratio(d_q: Tensor, d_p: Tensor, k: int) -> Tensor:
    """KL(p_q || p_p) of two of these densities, dimensions (...) -> (...), with c = d_p / d_q and H_k = 1 + ... + 1/k:

    (c - 1) H_k - log c + (k - 1) E[log(1 - u) - log(1 - u^c)], where u = r^d_q has the density k (1 - u)^(k-1). The sum
    of binomial coefficients that the expectation is equal to loses all digits for large k; the integral does not.
    Eq. (9.57).
    """
    ratio = torch.as_tensor(d_p, dtype=torch.float64) / torch.as_tensor(d_q, dtype=torch.float64)

    def integrand(log_s: Tensor) -> Tensor:  # s = -log(1 - u), exponential with rate k
        s = log_s.exp().reshape(-1, *[1] * ratio.ndim)
        log_u = torch.where(s < 0.5, (-(-s).expm1()).log(), (-(-s).exp()).log1p())
        return k * s * (-k * s).exp() * (-s - (-(ratio * log_u).expm1()).log())

    harmonic = sum(1 / j for j in range(1, k + 1))
    expected = (k - 1) * quadrature.integral(integrand, -38.0, math.log(45.0 / k), n_panels=30)
    return (ratio - 1) * harmonic - ratio.log() + expected


def neighbor_angles(x: Tensor, indices: Tensor, *, rows: Tensor | None = None) -> Tensor:
    """The angles at x_i between each two of its k neighbors, x (N, D), indices (N, k) -> (N, k (k - 1) / 2).

    See Eq. (9.54). `rows` are the points x_i, all of x unless given. Differences are taken in float64, in blocks.
    """
    k = indices.shape[1]
    first, second = torch.triu_indices(k, k, 1, device=x.device)
    rows = torch.arange(len(x), device=x.device) if rows is None else rows
    step, found = max(1, BLOCK // (k * x.shape[1])), []
    for block, neighbors in zip(rows.split(step), indices.split(step), strict=True):
        vectors = x[neighbors].double() - x[block, None].double()  # (n, k, D)
        vectors = vectors / vectors.norm(dim=-1, keepdim=True)
        cosines = (vectors @ vectors.mT)[:, first, second]
        found.append(cosines.clamp(-1, 1).acos())
    return torch.cat(found)


def fit_von_mises(angles: Tensor) -> tuple[Tensor, Tensor]:
    """Mean direction nu and mean resultant length, from 0 to 1, of angles (..., n) -> (...), (...).

    Maximum likelihood of a von Mises distribution, Eq. (9.55); `concentration` of the resultant length is its tau.
    """
    cosine, sine = angles.cos().mean(-1), angles.sin().mean(-1)
    return torch.atan2(sine, cosine), (cosine**2 + sine**2).sqrt()


def concentration(resultant: float) -> float:
    """tau with I_1(tau) / I_0(tau) = resultant, which lies at least at 0 and below 1. Eq. (9.56)."""
    if not 0 <= resultant < 1:
        raise ValueError(
            f"resultant is {resultant}; at least 0 and below 1 is allowed, as 1 has no finite concentration"
        )

    def missing(log_tau: float) -> Tensor:
        return resultant - _resultant(torch.tensor(math.exp(log_tau), dtype=torch.float64))

    return math.exp(_falls_through_zero(missing, -40.0, 40.0))


def kl_von_mises(nu_q: Tensor, tau_q: Tensor, nu_p: Tensor, tau_p: Tensor) -> Tensor:
    """KL of von Mises distributions, log I_0(tau_p) / I_0(tau_q) + A(tau_q) (tau_q - tau_p cos(nu_q - nu_p)).

    Eq. (9.58), shapes (...) -> (...); A = I_1 / I_0. By exponentially scaled Bessel functions, which do not overflow.
    """
    nu_q, tau_q, nu_p, tau_p = (torch.as_tensor(value, dtype=torch.float64) for value in (nu_q, tau_q, nu_p, tau_p))
    log_ratio = torch.special.i0e(tau_p).log() - torch.special.i0e(tau_q).log()
    turn = 2 * ((nu_q - nu_p) / 2).sin() ** 2  # 1 - cos
    resultant = _resultant(tau_q)
    return log_ratio + (tau_p - tau_q) * (1 - resultant) + resultant * tau_p * turn


def _resultant(tau: Tensor) -> Tensor:
    return torch.special.i1e(tau) / torch.special.i0e(tau)


def _falls_through_zero(function, low: float, high: float) -> float:
    """Where a falling function of one number is zero, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2
