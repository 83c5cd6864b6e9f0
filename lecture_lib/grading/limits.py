"""What a submission may use, and those limits that the system itself holds a process to.

The worker imports this, so it stays light. Limits on a whole submission are watched from outside: see `processes`.
"""

import contextlib
import dataclasses
import math
import os
import platform

try:
    import resource
except ImportError:  # Windows
    resource = None

OPEN_FILES = 256  # what lies in the buffers of sockets is in no process's memory: this bounds it, by 54 MB a process
SLACK = 2**30  # bytes that may be reserved above what may be used: libraries reserve more than they touch


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one submission may use; all its processes count together unless it says otherwise."""

    memory: int = 3 * 2**30  # bytes: pages in use (shared ones once), page tables, files in the private /tmp
    processes: int = 64  # processes and threads: this many are too many
    file_size: int = 64 * 2**20  # bytes of a file
    scratch: int = 256 * 2**20  # bytes of all files in the private /tmp
    cell_seconds: float = 60  # wall time of a cell
    call_seconds: float = 30  # wall time of a call by a test
    total_seconds: float = 900  # wall time of everything
    cpu_seconds: float = 900  # processor time of everything
    message: int = 64 * 2**20  # bytes of a message over the pipe
    output: int = 20_000  # characters kept of what it prints between two marks
    test_seconds: float = 60  # wall time of a test cell


def rlimits(limits: Limits) -> dict[str, int]:
    """Limits of one process, under their names in `resource`.

    Address space is not limited, as libraries for accelerators reserve tens of GB: RLIMIT_DATA counts what a process
    may write to.
    """
    return {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": math.ceil(limits.cpu_seconds) + 1,
        "RLIMIT_DATA": limits.memory + SLACK,
        "RLIMIT_FSIZE": limits.file_size,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_NOFILE": OPEN_FILES,
    }


def rlimit_processes(limits: Limits) -> dict[str, int]:
    """The limit on processes, for a sandbox: none where it would count all of the user's, as before Linux 5.14."""
    version = tuple(int(part) for part in platform.release().split(".")[:2])
    return {"RLIMIT_NPROC": limits.processes} if version >= (5, 14) or os.geteuid() == 0 else {}


def apply(limits: dict) -> None:
    """Hold this process and those it starts to `limits` (fields of `Limits`, others are ignored), for good."""
    names = {field.name for field in dataclasses.fields(Limits)}
    known = Limits(**{name: value for name, value in limits.items() if name in names})
    for name, value in rlimits(known).items():
        if hasattr(resource, name):
            kind = getattr(resource, name)
            with contextlib.suppress(ValueError, OSError):  # macOS knows some names and refuses to set them
                resource.setrlimit(kind, _tightened(value, resource.getrlimit(kind)[1]))


def hold(pid: int, values: dict[str, int]) -> None:
    """Hold another process, and those it will start, to `values` (as `rlimits` gives them). Linux only."""
    for name, value in values.items():
        kind = getattr(resource, name)
        resource.prlimit(pid, kind, _tightened(value, resource.prlimit(pid, kind)[1]))


def _tightened(value: int, hard: int) -> tuple[int, int]:
    """Soft and hard limit: the value, or the present hard limit where that is tighter."""
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    return value, value
