"""The student's code over one grading: a sandbox, and when that is lost another, with the same cells run again."""

import time

from lecture_lib.grading import bridge, errors

MOST_SANDBOXES = 15


class Session:
    """Runs cells and keeps their results for tests; `start()` opens a link to a fresh sandbox."""

    def __init__(self, start, limits):
        self.start, self.limits = start, limits
        self.link: bridge.Link | None = None
        self.done: list[tuple[int, str, list]] = []  # cells to run again in a new sandbox: (place, text, given classes)
        self.started = 0
        self.begin = time.monotonic()
        self.losses: list[str] = []
        self.opened = lambda link: None  # is told of every new link

    def open(self) -> bridge.Link:
        """The link to a sandbox in which all cells so far have run."""
        if self.link is not None and self.link.sandbox.alive():
            return self.link
        self.close()
        if self.started >= MOST_SANDBOXES:
            raise bridge.SandboxLost(f"it was stopped {MOST_SANDBOXES} times before")
        if time.monotonic() - self.begin > self.limits.total_seconds:
            raise bridge.SandboxLost(f"the whole notebook took more than {self.limits.total_seconds:g} s")
        self.started += 1
        self.link = self.start()
        self.link.end = self.begin + self.limits.total_seconds
        self.opened(self.link)
        for _, text, given in self.done:
            self.link.run(text, self.limits.cell_seconds, given)
        return self.link

    def run(self, text: str, index: int, given: list[str] = ()) -> dict:
        """Run a cell: {"output": str, "error": {...} or None}; a cell that costs the sandbox is not run again."""
        try:
            link = self.open()
            left = self.begin + self.limits.total_seconds - time.monotonic()
            answer = link.run(text, max(min(self.limits.cell_seconds, left), 0.1), given)
        except bridge.SandboxLost as lost:
            return {"output": "", "error": {"name": "stopped", "text": self.lost(lost), "lines": []}}
        self.done.append((index, text, given))
        error = answer.get("error")
        described = errors.student_error(error).student if isinstance(error, dict) else None
        if described and described["name"] == "TimeUp":
            described["text"] = f"it took longer than {self.limits.cell_seconds:g} s; is there a loop without an end?"
        return {"output": str(answer.get("output", ""))[: self.limits.output + 100], "error": described}

    def look(self, names: list[str], begin=lambda link: None) -> dict:
        """The values of the student's names; once more in a new sandbox if this one is lost over it."""
        if not names:
            self._begin(begin)
            return {}
        for again in (False, True):
            try:
                link = self.open()
                begin(link)
                return link.look(names)
            except bridge.SandboxLost as lost:
                if again:
                    raise
                self.lost(lost)

    def _begin(self, begin) -> None:
        """Tell the link, if there is one, of a test that uses at most what earlier ones have made."""
        try:
            if self.link is not None and self.link.sandbox.alive():
                begin(self.link)
        except bridge.SandboxLost as lost:
            self.lost(lost)

    def lost(self, why: Exception) -> str:
        self.losses.append(str(why))
        self.close()
        return str(why)

    def close(self) -> None:
        if self.link is not None:
            self.link.sandbox.close()
        self.link = None
