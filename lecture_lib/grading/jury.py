"""Asks a judge, a process of its own, about one submission; one that crashes, hangs or babbles harms nobody else."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

LONGEST_ANSWER = 32 << 20  # bytes
LONGEST_COMPLAINT = 4000  # bytes of stderr, the last ones
LOOK_EVERY = 0.1  # seconds


class _Drain(threading.Thread):
    """Reads a pipe to its end and keeps its first or its last bytes, so that no flood fills the memory."""

    def __init__(self, pipe, limit: int, *, last: bool):
        super().__init__(daemon=True)
        self.pipe, self.limit, self.last, self.data, self.total = pipe, limit, last, b"", 0
        self.start()

    def run(self) -> None:
        """Until the last writer has closed the pipe."""
        with contextlib.suppress(OSError, ValueError), self.pipe:
            while chunk := self.pipe.read1(1 << 16):
                self.total += len(chunk)
                if self.last:
                    self.data = (self.data + chunk)[-self.limit :]
                elif self.total <= self.limit:
                    self.data += chunk


def ask(judge: list[str], request: dict, seconds: float, stop: threading.Event) -> tuple[dict | None, str]:
    """(answer, "") of a judge to a request, or (None, why there is none); it is killed after so many seconds.

    The judge's input stays open until the end: a judge whose grader dies reads the end of it, and dies as well.
    """
    try:
        process = subprocess.Popen(
            judge, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        return None, f"the judge could not be started: {error}"
    out = _Drain(process.stdout, LONGEST_ANSWER, last=False)
    err = _Drain(process.stderr, LONGEST_COMPLAINT, last=True)
    try:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        in_time = _wait(process, seconds, stop)
    finally:
        _end(process)
        for drain in (out, err):
            drain.join(5)
    if stop.is_set():
        return None, "grading was stopped"
    if not in_time:
        return None, f"the judge was stopped after {seconds:g} seconds{_said(err.data)}"
    if process.returncode:
        return None, f"the judge ended with code {process.returncode}{_said(err.data)}"
    return _answer(out, err)


def _wait(process: subprocess.Popen, seconds: float, stop: threading.Event) -> bool:
    """Whether the process ended by itself, in time."""
    end = time.monotonic() + seconds
    while not stop.is_set() and time.monotonic() < end:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_EVERY)
            return True
    return False


def _answer(out: _Drain, err: _Drain) -> tuple[dict | None, str]:
    if out.total > LONGEST_ANSWER:
        return None, f"the judge wrote more than {LONGEST_ANSWER >> 20} MB"
    try:
        answer = json.loads(out.data)
    except (ValueError, RecursionError):
        return None, f"the judge gave no answer{_said(err.data)}"
    return (answer, "") if isinstance(answer, dict) else (None, "the judge gave no answer that can be understood")


def _said(data: bytes) -> str:
    text = data.decode("utf-8", "replace").strip()
    return f"; it said: {text}" if text else ""


def _end(process: subprocess.Popen) -> None:
    """Kill what is left of the judge: its process group, and what its children moved out of it."""
    family = _descendants(process.pid)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    for pid in family:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    process.wait()
    with contextlib.suppress(OSError):
        process.stdin.close()


def _descendants(pid: int) -> list[int]:
    """The process's children and theirs, as Linux lists them; elsewhere none."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # it ended while we looked
            parents[int(path.parent.name)] = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, above in parents.items() if above == parent]
    return found[1:]
