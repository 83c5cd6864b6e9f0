"""The ledger of lecture 08, third part: all linear autoencoders of least error, and where the digits go."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import ledger
from lecture_lib.derivations import pca_axes
from lecture_lib.derivations.latent_variables_graphs import rand
from lecture_lib.derivations.latent_variables_oracle import eye
from lecture_lib.derivations.pca_axes import DIM, J, squares


def family(generator: torch.Generator) -> SimpleNamespace:
    """The data, any invertible Q, an orthogonal R, and the gradients of the loss at D and E by backpropagation."""
    v = pca_axes.data(generator)
    v.Q = rand(generator, J, J) + 2 * eye(J)
    v.R = torch.linalg.qr(rand(generator, J, J)).Q
    D, E = v.D.clone().requires_grad_(), v.E.clone().requires_grad_()
    ((v.X - v.X @ E.T @ D.T) ** 2).sum().backward()
    v.grad_D, v.grad_E = D.grad, E.grad
    v.W = v.R.T @ v.V_J.T
    return v


def projection(v: SimpleNamespace) -> Tensor:
    """V_J V_J^T."""
    return v.V_J @ v.V_J.T


def nearly_dependent(generator: torch.Generator) -> SimpleNamespace:
    """Six rows of mean zero: (1, 1, 1), eps times the unit vectors, and the same with the opposite sign."""
    eps = rand(generator)
    half = torch.cat([torch.ones(1, 3, dtype=torch.float64), eps * eye(3)])
    X = torch.cat([half, -half])
    return SimpleNamespace(eps=eps, X=X, s=torch.linalg.svdvals(X), ones=torch.ones(3, 3, dtype=torch.float64))


LINES = [
    ledger.Line(
        "8.25",
        r"(V_J Q)(Q^{-1} V_J^\top) = V_J V_J^\top",
        family,
        lambda v: (v.V_J @ v.Q) @ (torch.linalg.inv(v.Q) @ v.V_J.T),
        projection,
    ),
    ledger.Line(
        "8.26",
        r"\frac{\partial L}{\partial D} = -2\, (X - X E^\top D^\top)^\top X E^\top",
        family,
        lambda v: v.grad_D,
        lambda v: -2 * (v.X - v.X @ v.E.T @ v.D.T).T @ v.X @ v.E.T,
    ),
    ledger.Line(
        "8.27",
        r"\frac{\partial L}{\partial E} = -2\, D^\top (X - X E^\top D^\top)^\top X",
        family,
        lambda v: v.grad_E,
        lambda v: -2 * v.D.T @ (v.X - v.X @ v.E.T @ v.D.T).T @ v.X,
    ),
    ledger.Line(
        "8.28",
        r"(X - X V_J V_J^\top)^\top X V_J = 0",
        family,
        lambda v: (v.X - v.X @ v.V_J @ v.V_J.T).T @ v.X @ v.V_J,
        lambda v: torch.zeros(DIM, J, dtype=torch.float64),
    ),
    ledger.Line(
        "8.29",
        r"V_J^\top (X - X V_J V_J^\top)^\top = 0",
        family,
        lambda v: v.V_J.T @ (v.X - v.X @ v.V_J @ v.V_J.T).T,
        lambda v: torch.zeros(J, len(v.X), dtype=torch.float64),
    ),
    ledger.Line(
        "8.30",
        r"\lVert X - X V_S V_S^\top \rVert_F^2 = \sum_{i \notin S} \sigma_i^2",
        family,
        lambda v: squares(v.X - v.X @ v.V[:, [0, 2]] @ v.V[:, [0, 2]].T),
        lambda v: (v.s[[1, 3]] ** 2).sum(),
    ),
    ledger.Line(
        "8.31",
        r"W^\top W = V_J V_J^\top, \qquad W = R^\top V_J^\top",
        family,
        lambda v: v.W.T @ v.W,
        projection,
    ),
    ledger.Line(
        "8.32",
        r"X^\top X = 2\, \big(\mathbf 1 \mathbf 1^\top + \epsilon^2 I\big)",
        nearly_dependent,
        lambda v: v.X.T @ v.X,
        lambda v: 2 * (v.ones + v.eps**2 * eye(3)),
    ),
    ledger.Line(
        "8.33",
        r"\frac{\sigma_1^2}{\sigma_3^2} = \frac{3 + \epsilon^2}{\epsilon^2}",
        nearly_dependent,
        lambda v: v.s[0] ** 2 / v.s[2] ** 2,
        lambda v: (3 + v.eps**2) / v.eps**2,
    ),
]
