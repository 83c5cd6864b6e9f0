"""What the processes of a submission use together, and their end: by namespace on Linux, as a family tree elsewhere."""

import contextlib
import dataclasses
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import psutil

from lecture_lib.grading.limits import Limits

INODE = 2048  # bytes that the kernel needs for a file, however small
MEMORY_BESIDES = ("VmPTE:", "HugetlbPages:")
MEMORY_IN_STATUS = ("VmRSS:", "VmSwap:", *MEMORY_BESIDES)
MEMORY_IN_ROLLUP = ("Pss:", "SwapPss:")


@dataclasses.dataclass(frozen=True)
class Usage:
    """Processes and threads, bytes, and seconds of processor time."""

    tasks: int
    memory: int
    cpu: float


def excess(usage: Usage, limits: Limits) -> str | None:
    """The first limit that is exceeded: "processes", "memory" or "time" (of processors), or None."""
    if usage.tasks >= limits.processes:
        return "processes"
    if usage.memory > limits.memory:
        return "memory"
    return "time" if usage.cpu > limits.cpu_seconds else None


class Namespace:
    """All processes of a pid namespace, given its first one, with which all others die. Linux only."""

    interval = 0.05  # seconds between two looks

    def __init__(self, first: int):
        self.first = first
        self._first = os.pidfd_open(first)
        self._scratch = None  # the private /tmp

    def open_scratch(self) -> bool:
        """Whether the worker has been started, so that its /tmp could be found."""
        for worker in _children(self.first):
            with contextlib.suppress(OSError):  # it is about to start, or has ended
                self._scratch = os.open(Path("/proc", str(worker), "root", "tmp"), os.O_RDONLY | os.O_DIRECTORY)
                return True
        return False

    def usage(self, limits: Limits) -> Usage:
        """What is used now; shared memory is told apart only where the sum of all sizes exceeds the limit."""
        pids, tasks = [self.first], 0
        for pid in pids:  # grows on the way
            tasks += _tasks(pid)
            pids += _children(pid)
            if tasks >= limits.processes:
                return Usage(tasks, 0, 0.0)
        files = os.fstatvfs(self._scratch)
        scratch = (files.f_blocks - files.f_bfree) * files.f_frsize + (files.f_files - files.f_ffree) * INODE
        memory = sum(_resident(pid) for pid in pids) * 1024
        if memory + scratch > limits.memory:
            memory = sum(_proportional(pid) for pid in pids) * 1024
        return Usage(tasks, memory + scratch, sum(_processor_time(pid) for pid in pids))

    def kill(self) -> None:
        """End all processes; when this returns, none is left."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._first, signal.SIGKILL)
        ended = select.poll()
        ended.register(self._first, select.POLLIN)  # readable once the last process of the namespace is gone
        ended.poll(10_000)

    def close(self) -> None:
        """Forget them."""
        for descriptor in filter(None, (self._first, self._scratch)):
            os.close(descriptor)
        self._first = self._scratch = None


class Tree:
    """A process and its descendants, as far as they can be seen: one whose parents ended between two looks is lost."""

    interval = 0.2  # seconds between two looks, each of which goes through all processes of the machine

    def __init__(self, process: subprocess.Popen):
        self._root, self._seen = psutil.Process(process.pid), set()

    def usage(self, limits: Limits) -> Usage:
        """What is used now. Shared memory counts for each process that has it."""
        tasks, memory, cpu = 0, 0, 0.0
        for process in self._living():
            with contextlib.suppress(psutil.Error):
                tasks += process.num_threads()
                memory += process.memory_info().rss
                cpu += sum(process.cpu_times()[:4])
        return Usage(tasks, memory, cpu)

    def kill(self) -> None:
        """End all that can be seen, until nothing is; first stop them, so that no new ones are started meanwhile."""
        end, stopped = time.monotonic() + 10, set()
        while (going := set(self._living()) - stopped) and time.monotonic() < end:
            for process in going:
                with contextlib.suppress(psutil.Error):
                    process.suspend()
            stopped |= going
        for process in stopped:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def close(self) -> None:
        """Nothing is held."""

    def _living(self) -> list:
        for process in [self._root, *self._seen]:
            with contextlib.suppress(psutil.Error):
                self._seen |= set(process.children(recursive=True))
        return [process for process in [self._root, *self._seen] if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _read(pid: int, name: str) -> str:
    """A file of /proc/<pid>; empty once the process is gone, or where it may not be read."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    return ""


def _threads(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(f"/proc/{pid}/task")
    return []


def _tasks(pid: int) -> int:
    return len(_threads(pid))


def _children(pid: int) -> list[int]:
    return [int(child) for thread in _threads(pid) for child in _read(pid, f"task/{thread}/children").split()]


def _kilobytes(pid: int, name: str, entries: tuple[str, ...]) -> int:
    lines = (line.split() for line in _read(pid, name).splitlines())
    return sum(int(words[1]) for words in lines if words and words[0] in entries)


def _resident(pid: int) -> int:
    """Kilobytes of all pages. Any thread knows them but one that has ended, as the first one may have."""
    counts = (_kilobytes(pid, f"task/{thread}/status", MEMORY_IN_STATUS) for thread in _threads(pid))
    return next(filter(None, counts), 0)


def _proportional(pid: int) -> int:
    """Kilobytes, each page divided among those that have it; all pages of a process that does not show which."""
    shared = _kilobytes(pid, "smaps_rollup", MEMORY_IN_ROLLUP)
    return shared + _kilobytes(pid, "status", MEMORY_BESIDES) if shared else _resident(pid)


def _processor_time(pid: int) -> float:
    """Seconds of the process and of its children that it has waited for."""
    words = _read(pid, "stat").rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
