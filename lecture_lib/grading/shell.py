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
    """A text stream that keeps the first `limit` characters and counts the others; `errors` is another one into it."""

    def __init__(self, limit: int, onto: "Captured | None" = None):
        self.limit, self.onto = limit, onto or self
        self.parts, self.kept, self.dropped = [], 0, 0
        self.errors_stream = None if onto else Captured(limit, self)

    def writable(self) -> bool:
        return True

    def write(self, text) -> int:
        text, to = text if isinstance(text, str) else str(text), self.onto
        room = max(to.limit - to.kept, 0)
        if room:
            to.parts.append(["out" if to is self else "err", text[:room]])
            to.kept += len(to.parts[-1][1])
        to.dropped += max(len(text) - room, 0)
        return len(text)

    def take(self) -> list[list[str]]:
        """What was written since the last time, [stream, text]."""
        note = [["err", f"\n[... {self.dropped:,} more characters]"]] if self.dropped else []
        parts, self.parts, self.kept, self.dropped = self.parts + note, [], 0, 0
        return parts


def start(output: Captured, warned: list) -> InteractiveShell:
    """A fresh shell whose printing goes to `output` and whose warnings are also noted in `warned`.

    It keeps no history and reads no configuration of anybody.
    """
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.cache_size = 0
    sys.stdout, sys.stderr = output, output.errors_stream
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


def describe(error: BaseException, depth: int = 3) -> dict:
    """An exception as plain strings: its class, the nearest built-in class, its text, and the student's lines."""
    kinds = [kind for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    try:
        with watching.limited(1.0):
            plain = isinstance(error, SyntaxError) and type(error).__module__ == "builtins"
            text = str(error.msg if plain else error)[:SHOWN]  # without the cell's file name
    except BaseException:
        text = "(its text cannot be shown)"
    cause = error.__cause__ if depth else None
    return {
        "cause": None if cause is None else describe(cause, depth - 1),
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
