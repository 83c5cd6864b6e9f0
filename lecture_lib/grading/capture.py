"""What a submission prints, kept up to a limit however much it is."""

import codecs
import contextlib
import os
import select
import threading

PIPE = 65_536  # bytes: all that a pipe holds, so that one read takes whatever was written before


class Capture:
    """Reads a pipe to its end in a thread. Keeps the first `keep` characters after each mark, and counts the others."""

    def __init__(self, descriptor: int, keep: int):
        self._descriptor, self._keep, self._lock = descriptor, keep, threading.Lock()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept, self._dropped, self._open = [""], [0], True
        self._posix = hasattr(select, "poll")
        if self._posix:
            os.set_blocking(descriptor, False)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def mark(self) -> int:
        """A position in the output: all that was written so far comes before it (on Windows: roughly all)."""
        self._take()
        with self._lock:
            self._kept.append("")
            self._dropped.append(0)
            return len(self._kept) - 1

    def since(self, mark: int = 0) -> str:
        """What was written after the mark; where that was too much, its beginning and a note on the rest."""
        self._take()
        with self._lock:
            text, dropped = "".join(self._kept[mark:]), sum(self._dropped[mark:])
        dropped += max(0, len(text) - self._keep)
        return text[: self._keep] + (f"\n[... {dropped:,} more characters]" if dropped else "")

    def finish(self) -> None:
        """Wait until all that was written has been read; there must be no writer left."""
        self._thread.join(5)

    def _run(self) -> None:
        waiting = select.poll() if self._posix else None
        if waiting:
            waiting.register(self._descriptor, select.POLLIN)
        while self._open:
            if waiting:
                waiting.poll()
                self._take()
            else:  # no lock while it waits
                self._add(os.read(self._descriptor, PIPE))

    def _take(self) -> None:
        """Read what is there now, without waiting."""
        if not self._posix:
            return
        with self._lock, contextlib.suppress(BlockingIOError):
            if self._open:
                self._add(os.read(self._descriptor, PIPE))

    def _add(self, data: bytes) -> None:
        self._open = bool(data)
        text = self._decoder.decode(data, final=not data)
        room = self._keep - len(self._kept[-1])
        self._kept[-1] += text[:room]
        self._dropped[-1] += max(0, len(text) - room)
