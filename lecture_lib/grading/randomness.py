"""The student's side: random numbers that are the same whenever a submission is graded, and those that a test chose."""

import contextlib
import importlib
import random
import sys


def seed(number: int) -> None:
    """Seed all generators."""
    random.seed(number)
    for module, call in (("numpy", "numpy.random.seed"), ("torch", "torch.manual_seed")):
        with contextlib.suppress(ImportError):
            target = importlib.import_module(module)
            for part in call.split(".")[1:]:
                target = getattr(target, part)
            target(number % 2**32)


def restore(states: dict) -> None:
    """Set the random states that a test chose by seeding."""
    if "random" in states:
        version, numbers, gauss = states["random"]
        random.setstate((version, tuple(numbers), gauss))
    if "numpy" in states:
        sys.modules["numpy"].random.set_state(tuple(states["numpy"]))
    if "torch" in states:
        sys.modules["torch"].set_rng_state(states["torch"])
