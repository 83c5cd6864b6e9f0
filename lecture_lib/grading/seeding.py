"""Random numbers in tests: fresh inputs, and one seed for a test and the student's code where the test sets it."""

import hashlib
import random

import numpy
import torch

PLAIN = {}  # the libraries' own functions, while ours stand in their place


def watch(session) -> None:
    """From now on a test that seeds a generator seeds the student's as well, at the next call."""

    def seen(module, name: str, which: str):
        plain = PLAIN.setdefault(which, getattr(module, name))

        def seed(*args, **kwargs):
            if session.link is not None:
                session.link.seeded.add(which)
            return plain(*args, **kwargs)

        setattr(module, name, seed)

    seen(random, "seed", "random")
    seen(numpy.random, "seed", "numpy")
    seen(torch, "manual_seed", "torch")


def reseed(text: str) -> None:
    """Fresh inputs for a test: not known before the submission is, the same whenever it is graded."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    PLAIN["random"](number)
    PLAIN["numpy"](number % 2**32)
    PLAIN["torch"](number % 2**63)
