"""The ledger of lecture 02, last part: the maximum likelihood of the linear-Gaussian model."""

import math
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from lecture_lib import latent_variables, ledger
from lecture_lib.derivations.latent_variables_graphs import rand
from lecture_lib.derivations.latent_variables_oracle import eye

LOG_2PI = math.log(2 * math.pi)


def data(generator: torch.Generator) -> SimpleNamespace:
    """N = 9 observations in D = 4, their scatter S, its eigenvalues, any W along its axes, and the fit for J = 2."""
    x = torch.randn(9, 4, dtype=torch.float64, generator=generator) * rand(generator, 4)
    centered = x - x.mean(0)
    S = centered.T @ centered / 9
    ascending, axes = torch.linalg.eigh(S)
    c, var = 1 + rand(generator, 2), rand(generator)
    U = axes.flip(1)[:, :2]
    C = U * (c - var) @ U.T + var * eye(4)
    model = latent_variables.LinearGaussian.fit(x, 2)
    return SimpleNamespace(x=x, S=S, C=C, U=U, c=c, var=var, eigenvalues=ascending.flip(0), model=model)


def from_covariance(v: SimpleNamespace) -> Tensor:
    """-N/2 (D log 2 pi + log |C| + tr(C^-1 S)) with N = 9, D = 4."""
    return -9 / 2 * (4 * LOG_2PI + v.C.logdet() + torch.linalg.solve(v.C, v.S).trace())


def two_numbers(generator: torch.Generator) -> SimpleNamespace:
    """An eigenvalue and a variance."""
    return SimpleNamespace(eigenvalue=rand(generator), c=rand(generator))


def one_number(generator: torch.Generator) -> SimpleNamespace:
    """A variance that is the eigenvalue."""
    v = two_numbers(generator)
    return SimpleNamespace(eigenvalue=v.c, c=v.c)


LINES = [
    ledger.Line(
        "2.51",
        r"\sum_{n=1}^{N} \log p(x_n) = -\frac N2 \Big[ D \log 2\pi + \log \lvert C \rvert"
        r"+ \mathrm{tr}\big(C^{-1} S\big) \Big]",
        data,
        lambda v: MultivariateNormal(v.x.mean(0), v.C).log_prob(v.x).sum(),
        from_covariance,
    ),
    ledger.Line(
        "2.52",
        r"= -\frac N2 \Big[ D \log 2\pi + \sum_{j \le J} \Big( \log c_j + \frac{\lambda_j}{c_j} \Big)"
        r"+ (D - J) \log \sigma^2 + \frac{1}{\sigma^2} \sum_{j > J} \lambda_j \Big]",
        data,
        from_covariance,
        lambda v: (
            -9
            / 2
            * (
                4 * LOG_2PI
                + (v.c.log() + v.eigenvalues[:2] / v.c).sum()
                + (4 - 2) * v.var.log()
                + 1 / v.var * v.eigenvalues[2:].sum()
            )
        ),
    ),
    ledger.Line(
        "2.53",
        r"\log c + \frac{\lambda}{c} \ge \log \lambda + 1",
        two_numbers,
        lambda v: v.c.log() + v.eigenvalue / v.c,
        lambda v: v.eigenvalue.log() + 1,
        ">=",
        tight=one_number,
    ),
    ledger.Line(
        "2.54",
        r"\sigma^2 = \frac{1}{D - J} \sum_{j > J} \lambda_j",
        data,
        lambda v: torch.tensor(v.model.noise_variance, dtype=torch.float64),
        lambda v: 1 / (4 - 2) * v.eigenvalues[2:].sum(),
    ),
    ledger.Line(
        "2.55",
        r"W W^\top = U_J \big( \Lambda_J - \sigma^2 I \big) U_J^\top",
        data,
        lambda v: v.model.W @ v.model.W.T,
        lambda v: v.U @ (v.eigenvalues[:2].diag() - v.model.noise_variance * eye(2)) @ v.U.T,
    ),
    ledger.Line(
        "2.56",
        r"\mathrm{tr}\big(W W^\top + \sigma^2 I\big) = \mathrm{tr}\, S",
        data,
        lambda v: (v.model.W @ v.model.W.T + v.S.new_full((4,), v.model.noise_variance).diag()).trace(),
        lambda v: v.S.trace(),
    ),
]
