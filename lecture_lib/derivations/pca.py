"""The ledger of lecture 08: axes and singular values, the theorem, the family of minimizers, the linear VAE."""

from lecture_lib.derivations import pca_axes, pca_family, pca_probabilistic, pca_theorem

LINES = [*pca_axes.LINES, *pca_theorem.LINES, *pca_family.LINES, *pca_probabilistic.LINES]
