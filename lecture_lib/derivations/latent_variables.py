"""The ledger of lecture 02: graphs, the evidence by random draws, Jensen's inequality, the linear-Gaussian oracle."""

from lecture_lib.derivations import latent_variables_evidence as evidence
from lecture_lib.derivations import latent_variables_fit as fit
from lecture_lib.derivations import latent_variables_graphs as graphs
from lecture_lib.derivations import latent_variables_jensen as jensen
from lecture_lib.derivations import latent_variables_oracle as oracle

LINES = [*graphs.LINES, *evidence.LINES, *jensen.LINES, *oracle.LINES, *fit.LINES]
