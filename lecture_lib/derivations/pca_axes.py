"""The ledger of lecture 08, first part: centering, singular values, scatter matrix and scores."""

from types import SimpleNamespace

import torch
from torch import Tensor

from lecture_lib import ledger
from lecture_lib.derivations.latent_variables_graphs import rand
from lecture_lib.derivations.latent_variables_oracle import eye

N, DIM, J = 7, 4, 2


def data(generator: torch.Generator) -> SimpleNamespace:
    """x (N, D) off center, X its rows less their mean m, its SVD and scatter matrix, and any linear pair."""
    x = torch.randn(N, DIM, dtype=torch.float64, generator=generator) * (1 + rand(generator, DIM)) + 2
    v = SimpleNamespace(x=x, m=x.mean(0), X=x - x.mean(0), c=rand(generator, DIM))
    v.U, v.s, rows = torch.linalg.svd(v.X, full_matrices=False)
    v.V, v.C = rows.T, v.X.T @ v.X
    v.V_J = v.V[:, :J]
    v.eigenvalues, v.eigenvectors = torch.linalg.eigh(v.C)
    v.D, v.E = rand(generator, DIM, J), rand(generator, J, DIM)
    v.P, v.w = v.D @ v.E, rand(generator, DIM)
    return v


def first_axis(generator: torch.Generator) -> SimpleNamespace:
    """The same, with the direction w along the first axis."""
    v = data(generator)
    v.w = 3 * v.V[:, 0]
    return v


def squares(t: Tensor) -> Tensor:
    """||t||^2 of a vector, ||t||_F^2 of a matrix: the sum of all squared entries."""
    return (t**2).sum()


def by_two_decompositions(v: SimpleNamespace) -> Tensor:
    """V Sigma U^T U Sigma V^T."""
    return (v.V * v.s) @ v.U.T @ v.U @ (v.s * v.V).T


def by_singular_values(v: SimpleNamespace) -> Tensor:
    """V Sigma^2 V^T."""
    return (v.V * v.s**2) @ v.V.T


def by_sums(v: SimpleNamespace) -> Tensor:
    """sum_n x_n x_n^T - N m m^T."""
    return torch.stack([row.outer(row) for row in v.x]).sum(0) - N * v.m.outer(v.m)


LINES = [
    ledger.Line(
        "8.1",
        r"\sum_{n=1}^{N} \lVert x_n - (P x_n + c) \rVert^2 = \sum_{n=1}^{N} \lVert (I - P)(x_n - m) \rVert^2"
        r"+ N \lVert (I - P)\, m - c \rVert^2",
        data,
        lambda v: squares(v.x - (v.x @ v.P.T + v.c)),
        lambda v: squares((v.x - v.m) @ (eye(DIM) - v.P).T) + N * squares((eye(DIM) - v.P) @ v.m - v.c),
    ),
    ledger.Line(
        "8.2",
        r"\sum_{n=1}^{N} \lVert (x_n - m) - D E (x_n - m) \rVert^2 = \lVert X - X E^\top D^\top \rVert_F^2",
        data,
        lambda v: torch.stack([squares((row - v.m) - v.D @ v.E @ (row - v.m)) for row in v.x]).sum(),
        lambda v: torch.linalg.matrix_norm(v.X - v.X @ v.E.T @ v.D.T) ** 2,
    ),
    ledger.Line(
        "8.3",
        r"X = U \Sigma V^\top",
        data,
        lambda v: v.X,
        lambda v: (v.U * v.s) @ v.V.T,
    ),
    ledger.Line(
        "8.4",
        r"X^\top X = V \Sigma U^\top U \Sigma V^\top",
        data,
        lambda v: v.X.T @ v.X,
        by_two_decompositions,
    ),
    ledger.Line("8.5", r"= V \Sigma^2 V^\top", data, by_two_decompositions, by_singular_values),
    ledger.Line(
        "8.6",
        r"= V \Lambda V^\top",
        data,
        by_singular_values,
        lambda v: (v.eigenvectors * v.eigenvalues) @ v.eigenvectors.T,
    ),
    ledger.Line("8.7", r"X V = U \Sigma", data, lambda v: v.X @ v.V, lambda v: v.U * v.s),
    ledger.Line(
        "8.8",
        r"\frac1N \sum_{n=1}^{N} \big(v_j^\top (x_n - m)\big)^2 = \frac{\sigma_j^2}{N}",
        data,
        lambda v: 1 / N * (((v.x - v.m) @ v.V) ** 2).sum(0),
        lambda v: v.s**2 / N,
    ),
    ledger.Line(
        "8.9",
        r"\mathrm{tr}\big(X^\top X\big) = \sum_{j=1}^{D} \sigma_j^2",
        data,
        lambda v: (v.X.T @ v.X).trace(),
        lambda v: (v.s**2).sum(),
    ),
    ledger.Line(
        "8.10",
        r"X^\top X = \sum_{n=1}^{N} x_n x_n^\top - N\, m m^\top",
        data,
        lambda v: v.X.T @ v.X,
        by_sums,
    ),
    ledger.Line(
        "8.11",
        r"= N\, \mathrm{Cov}[x]",
        data,
        by_sums,
        lambda v: N * torch.cov(v.x.T, correction=0),
    ),
    ledger.Line(
        "8.12",
        r"w^\top X^\top X\, w \le \sigma_1^2\, \lVert w \rVert^2",
        data,
        lambda v: squares(v.X @ v.w),
        lambda v: v.s[0] ** 2 * squares(v.w),
        "<=",
        tight=first_axis,
    ),
    ledger.Line(
        "8.13",
        r"\lVert X - X V_J V_J^\top \rVert_F^2 = \sum_{j > J} \sigma_j^2",
        data,
        lambda v: squares(v.X - v.X @ v.V_J @ v.V_J.T),
        lambda v: (v.s[J:] ** 2).sum(),
    ),
]
