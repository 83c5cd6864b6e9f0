"""Lecture 09: how many numbers vary independently, from the distances of neighbors."""

from lecture_lib.derivations import intrinsic_dimension_counting as counting
from lecture_lib.derivations import intrinsic_dimension_ratio as ratio

LINES = [*counting.LINES, *ratio.LINES]
