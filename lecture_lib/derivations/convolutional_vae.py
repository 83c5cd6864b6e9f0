"""The ledger of lecture 07: layers and their numbers, then the conditional bound and what its KL pays for."""

from lecture_lib.derivations import convolutional_vae_conditional, convolutional_vae_layers

LINES = [*convolutional_vae_layers.LINES, *convolutional_vae_conditional.LINES]
