"""The ledger of lecture 11: what another prior gains, then how samples and data are compared."""

from lecture_lib.derivations import capstone_prior, capstone_two_sample

LINES = [*capstone_prior.LINES, *capstone_two_sample.LINES]
