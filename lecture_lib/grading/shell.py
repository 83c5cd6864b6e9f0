"""Runs a student's cells as a notebook would, inside the sandbox: IPython's shell, its output kept up to a limit."""

import io
import sys
import traceback
import warnings

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lecture_lib.grading import watching

SHOWN = 2_000  # characters of an error's text
FRAMES = 8


class Captured(io.TextIOBase):
    """A text stream that keeps the first `limit` characters and counts the others."""

    def __init__(self, limit: int):
        self.limit, self.parts, self.kept, self.dropped = limit, [], 0, 0

    def writable(self) -> bool:
        return True

    def write(self, text) -> int:
        text = text if isinstance(text, str) else str(text)
        room = self.limit - self.kept
        if room > 0:
            self.parts.append(text[:room])
            self.kept += len(self.parts[-1])
        self.dropped += max(len(text) - max(room, 0), 0)
        return len(text)

    def take(self) -> str:
        """What was written since the last time."""
        note = f"\n[... {self.dropped:,} more characters]" if self.dropped else ""
        text = "".join(self.parts) + note
        self.parts, self.kept, self.dropped = [], 0, 0
        return text


def start(output: Captured, warned: list) -> InteractiveShell:
    """A fresh shell whose printing goes to `output` and whose warnings are also noted in `warned`.

    It keeps no history and reads no configuration of anybody.
    """
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.cache_size = 0
    sys.stdout = sys.stderr = output
    show = warnings.showwarning

    def note(message, category, *more, **options):
        warned.append((category.__name__, str(message)[:SHOWN]))
        show(message, category, *more, **options)

    warnings.showwarning = note
    shell = InteractiveShell.instance(config=config)
    shell.enable_gui = lambda gui=None: None  # for %matplotlib: there is no screen
    return shell


def run(shell: InteractiveShell, text: str, seconds: float) -> BaseException | None:
    """Run a cell for at most `seconds`; gives the exception that stopped it, if any."""
    try:
        with watching.limited(seconds):
            result = shell.run_cell(text, store_history=False)
            return result.error_before_exec or result.error_in_exec
    except BaseException as error:
        return error


def describe(error: BaseException) -> dict:
    """An exception as plain strings: its class, the nearest built-in class, its text, and the student's lines."""
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    try:
        with watching.limited(1.0):
            text = str(error)[:SHOWN]
    except BaseException:
        text = "(its text cannot be shown)"
    return {
        "yours": vars(error).get("yours"),
        "library": [type(error).__module__, type(error).__qualname__],
        "name": type(error).__name__[:100],
        "builtin": kinds[0].__name__ if kinds else "Exception",
        "text": text,
        "lines": _lines(error),
    }


def _lines(error: BaseException) -> list[str]:
    """Where in the student's cells it happened, outermost first."""
    try:
        if isinstance(error, SyntaxError):
            return [f"line {error.lineno}: {(error.text or '').strip()[:200]}"]
        frames = traceback.extract_tb(error.__traceback__)
        mine = [f for f in frames if f.filename.startswith("<ipython-input")]
        return [f"line {f.lineno}: {(f.line or '').strip()[:200]}" for f in mine[-FRAMES:]]
    except BaseException:
        return []
