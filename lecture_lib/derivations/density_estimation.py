"""Lecture 10: how dense points lie, by histogram, kernel, nearest neighbors and mixtures of Gaussians."""

from lecture_lib.derivations import (
    density_estimation_histogram,
    density_estimation_kernels,
    density_estimation_mixture,
    density_estimation_neighbors,
    density_estimation_steps,
)

LINES = [
    *density_estimation_histogram.LINES,
    *density_estimation_kernels.LINES,
    *density_estimation_neighbors.LINES,
    *density_estimation_mixture.LINES,
    *density_estimation_steps.LINES,
]
