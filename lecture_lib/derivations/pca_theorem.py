"""The ledger of lecture 08, second part: no matrix of rank J comes nearer to X, and which linear pairs come as near."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import ledger
from lecture_lib.derivations import pca_axes
from lecture_lib.derivations.latent_variables_graphs import rand
from lecture_lib.derivations.pca_axes import DIM, J, squares


def competitor(generator: torch.Generator) -> SimpleNamespace:
    """The data of the first part, and B = A Q^T of rank J with Q^T Q = I, the weights w_i, and a unit vector."""
    v = pca_axes.data(generator)
    v.Q, _ = torch.linalg.qr(rand(generator, DIM, J))
    v.A = rand(generator, len(v.X), J)
    return complete(v)


def complete(v: SimpleNamespace) -> SimpleNamespace:
    """Add what depends on A and Q."""
    v.B, v.weights, unit = v.A @ v.Q.T, ((v.Q.T @ v.V) ** 2).sum(0), v.w / v.w.norm()
    v.unit = unit
    return v


def the_best(generator: torch.Generator) -> SimpleNamespace:
    """Q spans the principal subspace, A = X Q, and the unit vector lies in it."""
    v = competitor(generator)
    v.Q = v.V_J @ torch.linalg.qr(rand(generator, J, J)).Q
    v.A, v.w = v.X @ v.Q, v.Q @ rand(generator, J)
    return complete(v)


def through_scatter(v: SimpleNamespace) -> Tensor:
    """tr(Q^T X^T X Q)."""
    return (v.Q.T @ v.X.T @ v.X @ v.Q).trace()


def weighted(v: SimpleNamespace) -> Tensor:
    """sum_i sigma_i^2 w_i."""
    return (v.s**2 * v.weights).sum()


def two_sums(v: SimpleNamespace) -> Tensor:
    """sum_(i <= J) (sigma_i^2 - sigma_J^2)(1 - w_i) + sum_(i > J) (sigma_J^2 - sigma_i^2) w_i."""
    square, last = v.s**2, v.s[1] ** 2
    return ((square[:J] - last) * (1 - v.weights[:J])).sum() + ((last - square[J:]) * v.weights[J:]).sum()


def all_but_the_first(v: SimpleNamespace) -> Tensor:
    """||X||_F^2 - sum_(i <= J) sigma_i^2."""
    return squares(v.X) - (v.s[:J] ** 2).sum()


LINES = [
    ledger.Line(
        "8.14",
        r"\lVert X - B \rVert_F^2 \ge \sum_{j > J} \sigma_j^2",
        competitor,
        lambda v: squares(v.X - v.B),
        lambda v: (v.s[J:] ** 2).sum(),
        ">=",
        tight=the_best,
    ),
    ledger.Line(
        "8.15",
        r"\lVert X - A Q^\top \rVert_F^2 = \lVert X - X Q Q^\top \rVert_F^2 + \lVert X Q - A \rVert_F^2",
        competitor,
        lambda v: squares(v.X - v.A @ v.Q.T),
        lambda v: squares(v.X - v.X @ v.Q @ v.Q.T) + squares(v.X @ v.Q - v.A),
    ),
    ledger.Line(
        "8.16",
        r"\lVert X - X Q Q^\top \rVert_F^2 = \lVert X \rVert_F^2 - \lVert X Q \rVert_F^2",
        competitor,
        lambda v: squares(v.X - v.X @ v.Q @ v.Q.T),
        lambda v: squares(v.X) - squares(v.X @ v.Q),
    ),
    ledger.Line(
        "8.17",
        r"\lVert X Q \rVert_F^2 = \mathrm{tr}\big(Q^\top X^\top X\, Q\big)",
        competitor,
        lambda v: squares(v.X @ v.Q),
        through_scatter,
    ),
    ledger.Line(
        "8.18",
        r"= \sum_{i=1}^{D} \sigma_i^2\, w_i, \qquad w_i = \lVert Q^\top v_i \rVert^2",
        competitor,
        through_scatter,
        weighted,
    ),
    ledger.Line(
        "8.19",
        r"\lVert Q^\top v \rVert^2 \le 1 \quad \text{for every } v \text{ of length } 1",
        competitor,
        lambda v: squares(v.Q.T @ v.unit),
        lambda v: torch.ones((), dtype=torch.float64),
        "<=",
        tight=the_best,
    ),
    ledger.Line(
        "8.20",
        r"\sum_{i=1}^{D} w_i = J",
        competitor,
        lambda v: v.weights.sum(),
        lambda v: torch.tensor(J, dtype=torch.float64),
    ),
    ledger.Line(
        "8.21",
        r"\sum_{i \le J} \sigma_i^2 - \sum_{i=1}^{D} \sigma_i^2\, w_i"
        r"= \sum_{i \le J} (\sigma_i^2 - \sigma_J^2)(1 - w_i) + \sum_{i > J} (\sigma_J^2 - \sigma_i^2)\, w_i",
        competitor,
        lambda v: (v.s[:J] ** 2).sum() - (v.s**2 * v.weights).sum(),
        two_sums,
    ),
    ledger.Line(
        "8.22",
        r"\ge 0",
        competitor,
        two_sums,
        lambda v: torch.zeros((), dtype=torch.float64),
        ">=",
        tight=the_best,
    ),
    ledger.Line(
        "8.23",
        r"\lVert X - A Q^\top \rVert_F^2 \ge \lVert X \rVert_F^2 - \sum_{i \le J} \sigma_i^2",
        competitor,
        lambda v: squares(v.X - v.A @ v.Q.T),
        all_but_the_first,
        ">=",
        tight=the_best,
    ),
    ledger.Line(
        "8.24",
        r"= \sum_{i > J} \sigma_i^2",
        competitor,
        all_but_the_first,
        lambda v: (v.s[J:] ** 2).sum(),
    ),
]
