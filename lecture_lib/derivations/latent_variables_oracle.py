"""The ledger of lecture 02, fourth part: the linear-Gaussian model, in dense matrices."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from lecture_lib import latent_variables, ledger, quadrature
from lecture_lib.derivations.latent_variables_graphs import rand

LOG_2PI = math.log(2 * math.pi)


def eye(n: int) -> Tensor:
    """The identity in float64."""
    return torch.eye(n, dtype=torch.float64)


def oracle(generator: torch.Generator, latent_dim: int = 2) -> SimpleNamespace:
    """D = 3, J = 2: W, mean and variance, x and r = x - m, a code, and a Gaussian q; M and the posterior, densely."""
    v = SimpleNamespace(W=rand(generator, 3, latent_dim), m=rand(generator, 3), var=2 * rand(generator))
    v.x, v.z, v.mu_q = v.m + 2 * rand(generator, 3), rand(generator, latent_dim), rand(generator, latent_dim)
    v.r, root = v.x - v.m, rand(generator, latent_dim, latent_dim).tril()
    v.cov_q = root @ root.T
    v.M = v.W.T @ v.W + v.var * eye(latent_dim)
    v.mu, v.cov = torch.linalg.solve(v.M, v.W.T @ v.r), v.var * torch.linalg.inv(v.M)
    v.model = latent_variables.LinearGaussian(v.W, v.m, float(v.var))
    return v


def one_code(generator: torch.Generator) -> SimpleNamespace:
    """The same with J = 1, for an integral in one dimension."""
    return oracle(generator, 1)


def over_both(v: SimpleNamespace, f) -> Tensor:
    """E[f(z, noise)] over z (J) and noise (D), exact for polynomials."""
    zero = torch.zeros(2 + 3, dtype=torch.float64)
    return quadrature.gaussian_expectation(lambda t: f(t[:, :2], v.var.sqrt() * t[:, 2:]), zero, eye(5), n_nodes=4)


def outer(a: Tensor, b: Tensor) -> Tensor:
    """a b^T for each row, (n, D), (n, D) -> (n, D, D)."""
    return a.unsqueeze(-1) * b.unsqueeze(-2)


def observation(v: SimpleNamespace, z: Tensor, noise: Tensor) -> Tensor:
    """x = W z + m + noise."""
    return z @ v.W.T + v.m + noise


def covariance(v: SimpleNamespace) -> Tensor:
    """E[(W z + noise)(W z + noise)^T]."""
    return over_both(v, lambda z, noise: outer(z @ v.W.T + noise, z @ v.W.T + noise))


def in_two_parts(v: SimpleNamespace) -> Tensor:
    """W E[z z^T] W^T + E[noise noise^T]."""
    of_z, of_noise = over_both(v, lambda z, _: outer(z, z)), over_both(v, lambda _, noise: outer(noise, noise))
    return v.W @ of_z @ v.W.T + of_noise


def log_joint(v: SimpleNamespace, z: Tensor) -> Tensor:
    """log p(x, z) from two normal densities."""
    log_likelihood = Normal(z @ v.W.T + v.m, v.var.sqrt()).log_prob(v.x).sum(-1)
    return log_likelihood + Normal(torch.zeros_like(z), 1.0).log_prob(z).sum(-1)


def square(t: Tensor) -> Tensor:
    """||t||^2."""
    return (t**2).sum(-1)


LINES = [
    ledger.Line(
        "2.36",
        r"\mathbb E[x] = m",
        oracle,
        lambda v: over_both(v, lambda z, noise: observation(v, z, noise)),
        lambda v: v.m,
    ),
    ledger.Line(
        "2.37",
        r"\mathrm{Cov}[x] = \mathbb E\big[(W z + \varepsilon)(W z + \varepsilon)^\top\big]",
        oracle,
        lambda v: (
            over_both(v, lambda z, noise: outer(observation(v, z, noise), observation(v, z, noise)))
            - v.m.unsqueeze(1) * v.m
        ),
        covariance,
    ),
    ledger.Line(
        "2.38",
        r"= W\, \mathbb E[z z^\top]\, W^\top + \mathbb E[\varepsilon \varepsilon^\top]",
        oracle,
        covariance,
        in_two_parts,
    ),
    ledger.Line(
        "2.39",
        r"= W W^\top + \sigma^2 I",
        oracle,
        in_two_parts,
        lambda v: v.W @ v.W.T + v.var.repeat(3).diag(),
    ),
    ledger.Line(
        "2.40",
        r"\log p(x) = \log \mathcal N(x;\, m,\, W W^\top + \sigma^2 I)",
        one_code,
        lambda v: quadrature.integral(lambda z: log_joint(v, z.unsqueeze(1)).exp(), -12.0, 12.0).log(),
        lambda v: MultivariateNormal(v.m, v.W @ v.W.T + v.var * eye(3)).log_prob(v.x),
    ),
    ledger.Line(
        "2.41",
        r"-2 \log p(x, z) = \frac{\lVert r - W z \rVert^2}{\sigma^2} + \lVert z \rVert^2"
        r"+ D \log 2\pi\sigma^2 + J \log 2\pi",
        oracle,
        lambda v: -2 * log_joint(v, v.z),
        lambda v: square(v.r - v.W @ v.z) / v.var + square(v.z) + 3 * (2 * math.pi * v.var).log() + 2 * LOG_2PI,
    ),
    ledger.Line(
        "2.42",
        r"\frac{\lVert r - W z \rVert^2}{\sigma^2} + \lVert z \rVert^2"
        r"= (z - \mu)^\top \Sigma^{-1} (z - \mu) + \frac{\lVert r - W \mu \rVert^2}{\sigma^2} + \lVert \mu \rVert^2",
        oracle,
        lambda v: square(v.r - v.W @ v.z) / v.var + square(v.z),
        lambda v: (
            (v.z - v.mu) @ torch.linalg.solve(v.cov, v.z - v.mu) + square(v.r - v.W @ v.mu) / v.var + square(v.mu)
        ),
    ),
    ledger.Line(
        "2.43",
        r"\mathbb E[z \mid x] = M^{-1} W^\top r",
        oracle,
        lambda v: v.model.posterior(v.x)[0],
        lambda v: torch.linalg.inv(v.W.T @ v.W + v.var * eye(2)) @ v.W.T @ v.r,
    ),
    ledger.Line(
        "2.44",
        r"\mathrm{Cov}[z \mid x] = \sigma^2 M^{-1}",
        oracle,
        lambda v: v.model.posterior(v.x)[1],
        lambda v: v.var * torch.linalg.inv(v.W.T @ v.W + v.var * eye(2)),
    ),
    ledger.Line(
        "2.45",
        r"\log p(x) = \log p(x, z) - \log p(z \mid x)",
        oracle,
        lambda v: MultivariateNormal(v.m, v.W @ v.W.T + v.var * eye(3)).log_prob(v.x),
        lambda v: log_joint(v, v.z) - MultivariateNormal(v.mu, v.cov).log_prob(v.z),
    ),
    ledger.Line(
        "2.46",
        r"\lvert W W^\top + \sigma^2 I \rvert = (\sigma^2)^{D - J}\, \lvert M \rvert",
        oracle,
        lambda v: torch.linalg.det(v.W @ v.W.T + v.var * eye(3)),
        lambda v: v.var ** (3 - 2) * torch.linalg.det(v.M),
    ),
    ledger.Line(
        "2.47",
        r"r^\top (W W^\top + \sigma^2 I)^{-1} r = \frac{\lVert r - W \mu \rVert^2}{\sigma^2} + \lVert \mu \rVert^2",
        oracle,
        lambda v: v.r @ torch.linalg.solve(v.W @ v.W.T + v.var * eye(3), v.r),
        lambda v: square(v.r - v.W @ v.mu) / v.var + square(v.mu),
    ),
    ledger.Line(
        "2.48",
        r"\log p(x) = -\frac12 \Big[ D \log 2\pi + (D - J) \log \sigma^2 + \log \lvert M \rvert"
        r"+ \frac{\lVert r - W \mu \rVert^2}{\sigma^2} + \lVert \mu \rVert^2 \Big]",
        oracle,
        lambda v: v.model.log_evidence(v.x),
        lambda v: (
            -1
            / 2
            * (3 * LOG_2PI + (3 - 2) * v.var.log() + v.M.logdet() + square(v.r - v.W @ v.mu) / v.var + square(v.mu))
        ),
    ),
    ledger.Line(
        "2.49",
        r"(W W^\top + \sigma^2 I)^{-1} = \frac{1}{\sigma^2} \big( I - W M^{-1} W^\top \big)",
        oracle,
        lambda v: torch.linalg.inv(v.W @ v.W.T + v.var * eye(3)),
        lambda v: 1 / v.var * (eye(3) - v.W @ torch.linalg.inv(v.M) @ v.W.T),
    ),
    ledger.Line(
        "2.50",
        r"\mathbb E_{q(z)}\big[\log p(x, z) - \log q(z)\big] = \log p(x) - \mathrm{KL}\big(q(z)\,\|\,p(z \mid x)\big)",
        oracle,
        lambda v: quadrature.gaussian_expectation(
            lambda z: log_joint(v, z) - MultivariateNormal(v.mu_q, v.cov_q).log_prob(z), v.mu_q, v.cov_q
        ),
        lambda v: (
            v.model.log_evidence(v.x)
            - kl_divergence(MultivariateNormal(v.mu_q, v.cov_q), MultivariateNormal(v.mu, v.cov))
        ),
    ),
]
