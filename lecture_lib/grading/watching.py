"""Deadlines: for what is asked of a sandbox, and for code in this process."""

import signal
import threading
import time
from contextlib import contextmanager


class TimeUp(BaseException):
    """The time of a cell, a call or a test is over; no `except Exception` in it catches this."""


class Watch:
    """Kills the sandbox when one exchange takes longer than it may; one thread for the life of a link."""

    def __init__(self, sandbox):
        self.sandbox, self.deadline, self.fired = sandbox, None, False
        threading.Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def limited(self, seconds: float):
        """Kill the sandbox if what is done within takes longer; within another limit, the earlier one holds."""
        outer, until = self.deadline, time.monotonic() + seconds
        self.deadline = until if outer is None else min(outer, until)
        try:
            yield
        finally:
            self.deadline = outer

    def _watch(self) -> None:
        while self.sandbox.alive():
            time.sleep(0.05)
            deadline = self.deadline
            if deadline is not None and time.monotonic() > deadline:
                self.fired = True
                self.sandbox.kill()


@contextmanager
def limited(seconds: float):
    """Raise TimeUp in the main thread after so many seconds, where the platform has interval timers; not nested."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, _time_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _time_up(signum, frame):
    raise TimeUp
