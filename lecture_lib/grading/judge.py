"""Grades one submission, as a process of its own: a request on stdin, the result on stdout.

Two processes: the outer one watches, the inner one runs the instructor's notebook. When what a student's code gave
makes a test hang beyond any signal, the inner one is killed and all but that test is graded anew.
"""

import contextlib
import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

SILENCE = 30.0  # seconds without a sign of life after which the inner process is taken to hang
MOST_RESTARTS = 20
UNUSED = ["rfc3987_syntax"]  # takes a second to import, for a kind of address that no notebook's format has


def main() -> None:
    """`python -m lecture_lib.grading.judge` judges; with `--inner` it is the process that does the work."""
    _die_with_parent()
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    if sys.argv[1:] == ["--inner"]:
        sys.modules.update(dict.fromkeys(UNUSED))  # to import one of them is an error that its users expect
        from lecture_lib.grading import inner

        inner.work(request)
    else:
        print(json.dumps(supervise(request)))


def supervise(request: dict) -> dict:
    """The result; raises RuntimeError when the inner process fails other than by a test that hangs."""
    skip: list[str] = []
    for _ in range(MOST_RESTARTS):
        result, hung = _attempt(request | {"skip": skip})
        if result is not None:
            return result
        skip.append(hung)
    raise RuntimeError(f"{MOST_RESTARTS} tests hang")


def _attempt(request: dict) -> tuple[dict | None, str]:
    """(result, "") or (None, the test that hung)."""
    command = [sys.executable, "-m", "lecture_lib.grading.judge", "--inner"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    events: queue.Queue = queue.Queue()
    listener = threading.Thread(target=_listen, args=(process.stdout, events), daemon=True)
    listener.start()
    test = ""
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        while True:
            event = events.get(timeout=SILENCE if test else 10 * SILENCE)
            if event is None:
                raise RuntimeError(f"the inner process ended with code {process.wait()}")
            if "result" in event:
                return event["result"], ""
            test = event.get("test", "" if "done" in event or "cell" in event else test)
    except queue.Empty:
        if not test:
            raise RuntimeError("the inner process gave no sign of life") from None
        return None, test
    finally:
        process.kill()
        process.wait()
        listener.join(SILENCE)
        with contextlib.suppress(OSError):
            process.stdin.close()


def _listen(pipe, events: queue.Queue) -> None:
    with pipe:
        for line in pipe:
            events.put(json.loads(line))
    events.put(None)


def _die_with_parent() -> None:
    """Linux: be killed when the process that started us ends, however it does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _end_with_input() -> None:
    """Elsewhere: the end of our input says that whoever started us is gone."""
    with contextlib.suppress(OSError, ValueError):
        while sys.stdin.readline():
            pass
    os._exit(1)


def sign_of_life(tell) -> None:
    """Say something every few seconds, from a thread: as long as that works, nothing holds the interpreter."""

    def run() -> None:
        while True:
            time.sleep(SILENCE / 10)
            tell({})

    threading.Thread(target=run, daemon=True).start()


def mnist_folder() -> Path | None:
    """The folder above MNIST's files on this machine, if there is one."""
    import platformdirs

    own = os.environ.get("LECTURE_LIB_DATA")
    places = [Path(own)] if own else []
    places.append(Path(platformdirs.user_cache_dir("lecture_lib")))
    return next((place for place in places if (place / "mnist").is_dir()), None)


if __name__ == "__main__":
    main()
