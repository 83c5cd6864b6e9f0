"""Lecture 09: how many numbers vary independently, from the distances of neighbors."""

from lecture_lib.derivations import (
    intrinsic_dimension_bias,
    intrinsic_dimension_counting,
    intrinsic_dimension_danco,
    intrinsic_dimension_likelihood,
    intrinsic_dimension_neighborhoods,
    intrinsic_dimension_ratio,
)

LINES = [
    *intrinsic_dimension_counting.LINES,
    *intrinsic_dimension_ratio.LINES,
    *intrinsic_dimension_likelihood.LINES,
    *intrinsic_dimension_neighborhoods.LINES,
    *intrinsic_dimension_bias.LINES,
    *intrinsic_dimension_danco.LINES,
]
