"""A deadline for everything that is asked of a sandbox."""

import threading
import time
from contextlib import contextmanager


class Watch:
    """Kills the sandbox when one exchange takes longer than it may; one thread for the life of a link."""

    def __init__(self, sandbox):
        self.sandbox, self.deadline, self.fired = sandbox, None, False
        threading.Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def limited(self, seconds: float):
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
