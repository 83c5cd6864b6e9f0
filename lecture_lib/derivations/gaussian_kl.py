"""Lecture 04: the divergence between two Gaussians, from one dimension to full covariances, and what it is good for."""

from lecture_lib.derivations import gaussian_kl_diagonal as diagonal
from lecture_lib.derivations import gaussian_kl_fits as fits
from lecture_lib.derivations import gaussian_kl_full as full
from lecture_lib.derivations import gaussian_kl_stable as stable
from lecture_lib.derivations import gaussian_kl_univariate as univariate

LINES = [*univariate.LINES, *diagonal.LINES, *full.LINES, *stable.LINES, *fits.LINES]
