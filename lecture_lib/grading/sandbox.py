"""Runs the worker, and with it a student's code, apart from everything else, and ends it when it uses too much.

With "bwrap" the worker lives in a sandbox that holds even against hostile code. With "none" it is an ordinary process
that may do whatever the grader's user may: for systems without bubblewrap, and for code that one trusts.
"""

import concurrent.futures
import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from lecture_lib.grading import bubblewrap, capture, processes, view
from lecture_lib.grading import forbidden as filtering
from lecture_lib.grading import limits as limiting

Limits = limiting.Limits
SandboxError = bubblewrap.SandboxError
KINDS = ("bwrap", "none")
WORKER = Path(__file__).with_name("worker.py")
# Windows passes handles, not descriptors, to another process.
ON_WINDOWS = (
    "import msvcrt, os, runpy, sys; script, *handles = sys.argv[1:];"
    "ends = [msvcrt.open_osfhandle(int(h), mode) for h, mode in zip(handles, (os.O_RDONLY, 0))];"
    "sys.argv = [script, *map(str, ends)]; runpy.run_path(script, run_name='__main__')"
)


def unavailable() -> str | None:
    """None where bubblewrap works on this machine (it is tried), else a sentence: what is missing, what to do."""
    return bubblewrap.unavailable()


def choose(kind: str, consent: bool) -> str:
    """The kind of sandbox to use, "bwrap" or "none"; "auto" never means "none".

    Raises SandboxError where the sandbox does not work, or nobody has consented to go without.
    """
    if kind not in ("auto", *KINDS):
        raise ValueError(f"kind={kind!r} is not known; expected 'auto', 'bwrap' or 'none'")
    if kind == "none" and not consent:
        raise SandboxError(
            "Without a sandbox a submission can read and change all that you can: your files, other submissions, "
            "solutions, marks. Choose that only for code that you trust, and say so explicitly."
        )
    problem = unavailable() if kind != "none" else None
    if problem:
        raise SandboxError(f"{problem} Grade on another machine, or, for code that you trust, without a sandbox.")
    return "none" if kind == "none" else "bwrap"


def start(kind: str, limits: Limits, *, forbidden=(), protect=(), data=None, script=None) -> "Sandbox":
    """A running worker, whose library lacks the functions `forbidden`, and which does not see the paths `protect`.

    With "none" the names are left to the worker and nothing is hidden. `data` is a folder that holds mnist/, or None.
    Any thread may start it, and may end before it. Raises SandboxError where there is no sandbox, ValueError for an
    argument that cannot be.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not known; expected 'bwrap' or 'none'")
    library = filtering.filtered(tuple(forbidden))
    script, data = Path(script or WORKER), data and Path(data).resolve()
    if kind == "bwrap":
        shown = view.options(limits.scratch, script, data, [Path(path) for path in protect])
        files, runtime = view.covers(library.files, data), library.runtime
        launch = functools.partial(_in_bubblewrap, shown, files, limits, data)
    else:
        launch, runtime = functools.partial(_in_the_open, script, data), tuple(forbidden)
    ready = concurrent.futures.Future()
    threading.Thread(target=_keep, args=(ready, launch, limits, runtime), daemon=True).start()
    return ready.result()


def _keep(ready: concurrent.futures.Future, launch, limits: Limits, runtime: tuple[str, ...]) -> None:
    """Start the worker and watch it, in one thread: the kernel ends bubblewrap with the thread that started it."""
    try:
        sandbox = Sandbox(launch, limits, runtime)
    except BaseException as error:
        ready.set_exception(error)
        return
    ready.set_result(sandbox)
    sandbox.watch()


class Sandbox:
    """A worker: the pipe to it (`reader` unbuffered, `writer` buffered), what it printed, and its end.

    `reason` says which limit ended it ("memory", "processes", "time"), None where none did. `runtime_forbidden` are the
    names that its library still has, so that the worker must patch them.
    """

    def __init__(self, launch, limits: Limits, runtime: tuple[str, ...]):
        (theirs, writer), (reader, answers) = os.pipe(), os.pipe()
        self.reader, self.writer = os.fdopen(reader, "rb", buffering=0), os.fdopen(writer, "wb")
        self.runtime_forbidden, self.reason = runtime, None
        self._limits, self._end, self._ended = limits, time.monotonic() + limits.total_seconds, threading.Event()
        self._lock, self._watched = threading.Lock(), threading.Event()
        try:
            self._process, self._processes, self._home = launch((theirs, answers))
        except BaseException:
            self._close_pipe()
            raise
        finally:
            os.close(theirs)
            os.close(answers)
        self._capture = capture.Capture(self._process.stdout.fileno(), limits.output)

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def alive(self) -> bool:
        """Whether the worker runs."""
        return self._process.poll() is None

    def output(self) -> str:
        """What it has printed so far, at most `limits.output` characters and a note on the rest."""
        return self._capture.since()

    def mark(self) -> int:
        """The present position in its output, for `since`."""
        return self._capture.mark()

    def since(self, mark: int) -> str:
        """What it has printed since the mark, cut like `output`."""
        return self._capture.since(mark)

    def kill(self, reason: str | None = None) -> None:
        """End all its processes; none is left when this returns. `reason` is kept unless it had been ended before."""
        with self._lock:
            if self.reason is None and self.alive():
                self.reason = reason
            if not self._ended.is_set():
                self._processes.kill()
                self._process.wait()
                self._ended.set()

    def watch(self) -> None:
        """Return when it has ended; end it when it exceeds a limit. `start` runs this in a thread."""
        try:
            while self.alive() and not self._ended.wait(self._processes.interval):
                reason = processes.excess(self._processes.usage(self._limits), self._limits)
                reason = reason or ("time" if time.monotonic() > self._end else None)
                if reason:
                    self.kill(reason)
        finally:
            self.kill()  # what the worker may have left behind; nothing goes on unwatched
            self._watched.set()

    def close(self) -> None:
        """End it and remove all traces of it; its output can still be read."""
        self.kill()
        self._watched.wait()
        self._capture.finish()
        self._close_pipe()
        self._process.stdout.close()
        self._processes.close()
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)

    def _close_pipe(self) -> None:
        self.reader.close()
        with contextlib.suppress(OSError):  # what was not yet sent has no reader any more
            self.writer.close()


def _in_bubblewrap(shown: list[str], files: dict, limits: Limits, data: Path | None, descriptors: tuple[int, int]):
    """(process, its namespace, no folder): the worker in a sandbox."""
    rlimits = limiting.rlimits(limits) | limiting.rlimit_processes(limits)
    environment = view.environment("/tmp", view.COURSE, view.DATA if data else None)
    command = [*bubblewrap.PYTHON, view.SCRIPT, *map(str, descriptors)]
    return *bubblewrap.launch(command, environment, shown, files, rlimits, descriptors), None


def _in_the_open(script: Path, data: Path | None, descriptors: tuple[int, int]):
    """(process, its family, its folder): the worker as an ordinary process in a folder of its own."""
    home = tempfile.mkdtemp(prefix="lecture-lib-")
    environment = view.environment(home, str(view.LIBRARY.parent), str(data) if data else None)
    settings = {"start_new_session": True, "pass_fds": descriptors}
    command, ends = [*bubblewrap.PYTHON, str(script)], descriptors
    if sys.platform == "win32":
        import msvcrt

        ends = [msvcrt.get_osfhandle(descriptor) for descriptor in descriptors]
        for handle in ends:
            os.set_handle_inheritable(handle, True)
        settings = {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": ends})}
        command = [*bubblewrap.PYTHON, "-c", ON_WINDOWS, str(script)]
        environment |= {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen([*command, *map(str, ends)], cwd=home, env=environment, **pipes, **settings)
    return process, processes.Tree(process), home
