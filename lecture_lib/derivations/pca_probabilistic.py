"""The ledger of lecture 08, last part: the linear VAE at the maximum of the likelihood, where its bound is tight."""

import math
from types import SimpleNamespace

import torch
from torch.distributions import Normal, kl_divergence

from lecture_lib import latent_variables, ledger, quadrature
from lecture_lib.derivations import pca_axes
from lecture_lib.derivations.latent_variables_oracle import eye
from lecture_lib.derivations.pca_axes import DIM, J, N

LOG_2PI = math.log(2 * math.pi)


def optimum(generator: torch.Generator) -> SimpleNamespace:
    """The data, the fit of maximum likelihood, its noise variance c and its W along the axes, and one observation."""
    v = pca_axes.data(generator)
    fit = latent_variables.LinearGaussian.fit(v.x, J)
    v.eigenvalues = v.s[:J] ** 2 / N
    v.c = torch.tensor(fit.noise_variance, dtype=torch.float64)
    v.W = v.V_J * (v.eigenvalues - v.c).sqrt()
    v.model = latent_variables.LinearGaussian(v.W, v.m, fit.noise_variance)
    v.row = v.x[0]
    v.mu, v.sigma = v.model.posterior(v.row)[0], v.model.posterior(v.row)[1].diagonal().sqrt()
    return v


LINES = [
    ledger.Line(
        "8.34",
        r"W^\top W + c I = \Lambda_J",
        optimum,
        lambda v: v.W.T @ v.W + v.c * eye(J),
        lambda v: v.eigenvalues.diag(),
    ),
    ledger.Line(
        "8.35",
        r"\mathbb E[z_j \mid x] = \frac{\sqrt{\lambda_j - c}}{\lambda_j}\; v_j^\top (x - m)",
        optimum,
        lambda v: v.model.posterior(v.row)[0],
        lambda v: (v.eigenvalues - v.c).sqrt() / v.eigenvalues * (v.V_J.T @ (v.row - v.m)),
    ),
    ledger.Line(
        "8.36",
        r"\mathrm{Cov}[z \mid x] = c\, \Lambda_J^{-1}",
        optimum,
        lambda v: v.model.posterior(v.row)[1],
        lambda v: v.c * torch.linalg.inv(v.eigenvalues.diag()),
    ),
    ledger.Line(
        "8.37",
        r"\mathbb E_{q}\big[\log p(x \mid z)\big] - \mathrm{KL}\big(q(z \mid x) \,\|\, p(z)\big) = \log p(x)",
        optimum,
        lambda v: (
            quadrature.gaussian_expectation(
                lambda z: Normal(v.m + z @ v.W.T, v.c.sqrt()).log_prob(v.row).sum(-1), v.mu, (v.sigma**2).diag()
            )
            - kl_divergence(Normal(v.mu, v.sigma), Normal(torch.zeros_like(v.mu), 1.0)).sum()
        ),
        lambda v: v.model.log_evidence(v.row),
    ),
    ledger.Line(
        "8.38",
        r"\frac1N \sum_{n=1}^{N} \log p(x_n)"
        r"= -\frac12 \Big[ D \log 2\pi + D + \sum_{j \le J} \log \lambda_j + (D - J) \log c \Big]",
        optimum,
        lambda v: v.model.log_evidence(v.x).mean(),
        lambda v: -1 / 2 * (DIM * LOG_2PI + DIM + v.eigenvalues.log().sum() + (DIM - J) * v.c.log()),
    ),
]
