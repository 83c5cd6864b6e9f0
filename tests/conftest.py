"""What all tests share: one thread, figures without a screen, tests marked `gpu` skipped where there is none."""

import os
import sys

import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch loads; small networks are slower, and less equal, on two threads
os.environ["MPLBACKEND"] = "Agg"


@pytest.fixture(autouse=True)
def one_thread():
    """Undo what a test before may have set; torch is not loaded for the tests that do without."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        import torch

        if not torch.accelerator.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="there is no accelerator here"))
