"""One grader at a time in an output folder: a lock that goes with its process, however that ends."""

import contextlib
import os
from pathlib import Path

from lecture_lib.grading import results

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None


@contextlib.contextmanager
def hold(out: Path):
    """Hold out/.lock inside the block. Raises Refused where another grader holds it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        file = os.open(out / ".lock", flags, 0o600)
    except OSError as error:
        raise results.Refused(f"out={str(out)!r} cannot be written to: {error.strerror}") from None
    try:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            else:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise results.Refused(f"out={str(out)!r}: another grader is at work there; wait until it ends") from None
        yield
    finally:
        os.close(file)
