"""One submission against the instructor's notebook: cell by cell, the student's code in the sandbox, the tests here."""

import re
from dataclasses import dataclass, field

from lecture_lib.grading import (
    asking,
    bindings,
    bridge,
    patches,
    placing,
    seeding,
    submission,
    texts,
    trusted,
    verdicts,
    watching,
)
from lecture_lib.grading.session import Session
from lecture_lib.grading.source import Cell, Source

COPY = re.compile(r"\b(clone|copy|deepcopy)\b")
STARVED = re.compile(r"Too many open files|can't start new thread|Resource temporarily unavailable|No space left")


@dataclass
class Ran:
    """What became of a student's cell."""

    output: str = ""
    error: dict | None = None


@dataclass
class Trial:
    """The state of one grading. `start` opens a link to a fresh sandbox; `tell` hears of the test that is being run."""

    source: Source
    plan: placing.Plan
    start: object
    limits: object
    seed: str
    tell: object = lambda event: None
    reference: dict[str, dict] | None = None  # what the solution's own run showed of each test; None in that run itself
    skip: frozenset[str] = frozenset()  # tests that are known to hang the grader
    space: trusted.Namespace = field(default_factory=trusted.Namespace)
    ran: dict[int, Ran] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)  # where the student's code was stopped for its time
    mutating: bool = False  # whether the student's code changed arguments of a test
    learned: dict[str, dict] = field(default_factory=dict)  # what this run shows, where it is that of the solution

    def __post_init__(self):
        self.session = Session(self.start, self.limits)
        self.session.opened = self._opened
        self.names = self.source.all_names()
        code = [cell.text for cell in self.source.cells if cell.kind == "code" and cell.role in ("solution", "manual")]
        self.patches = patches.Patches(code, self.names)

    def _opened(self, link) -> None:
        link.asking.names, link.given = frozenset(self.names), self.space.classes
        self.patches.attach(link, self.space)

    def run(self, until: str | None = None) -> list[dict]:
        """All exercises' results, in order; those up to the one whose grade_id is `until` where that is given."""
        seeding.watch(self.session)
        texts.watch()
        self.space.guard.watch()
        results = []
        self._run_texts(submission.START)
        for cell in self.source.cells:
            if cell.role == "test":
                results.append(self.test(cell))
                if cell.grade_id == until:
                    break
            elif cell.kind == "code":
                self._run(cell)
            if cell.role in ("manual", "task"):
                results.append(verdicts.written(self, cell))
            if cell.role == "test" or cell.kind != "code" or cell.role in ("plain", "locked"):
                self._run_texts(cell.index)
        self.notes += [f"Its code was stopped: {why}." for why in dict.fromkeys(self.session.losses)]
        self.notes += [f"Its code took longer than it may, in {where}." for where in dict.fromkeys(self.slow)]
        return results

    def close(self) -> None:
        self.session.close()

    def _run(self, cell: Cell) -> None:
        if cell.role in ("solution", "manual"):
            self.tell({"cell": cell.grade_id})
            self._run_texts(cell.index)
            self.space.imports(self.source.imports(cell))
            self.space.students |= set(self.source.names(cell))
            return
        self.tell({"cell": cell.grade_id or cell.index})
        error = self.space.setup(cell.text)
        self.session.run(cell.released, cell.index, self.space.given(cell.text))
        if error is not None:
            self.notes.append(f"Set-up code of the instructor stopped with {type(error).__name__}: {str(error)[:200]}")

    def _name(self, index: int) -> str:
        ids = {cell.index: cell.grade_id for cell in self.source.cells if cell.grade_id}
        return ids.get(index, "a cell of its own")

    def _run_texts(self, index: int) -> None:
        for text in self.plan.code.get(index, ()):
            answer = self.session.run(text, index)
            ran = self.ran.setdefault(index, Ran())
            ran.output = (ran.output + answer["output"])[: self.limits.output + 100]
            ran.error = answer["error"] or ran.error
            if answer["error"] and answer["error"]["name"] == "TimeUp":
                self.slow.append(self._name(index))

    def test(self, cell: Cell) -> dict:
        """The result of a test cell."""
        if cell.grade_id in self.skip:
            return verdicts.failed(self, cell, watching.TimeUp())
        self.tell({"test": cell.grade_id})
        known = None if self.reference is None else self.reference.get(cell.grade_id, asking.UNKNOWN)
        value, error, mutated = self._attempt(cell, follow=bool(known and known["follow"]))
        if mutated:
            self.mutating = True
            value, error = self._with_changes(cell, known, value, error)
        if STARVED.search(str(getattr(error, "student", ""))):
            value, error = self._alone(cell)
        if isinstance(error, watching.TimeUp) or getattr(error, "student", {}).get("name") == "TimeUp":
            self.slow.append(cell.grade_id)
        self.tell({"done": cell.grade_id})
        if error is None:
            return verdicts.passed(self, cell, value)
        sure = known is None or known["passes"]
        return verdicts.failed(self, cell, error) if sure else verdicts.unsure(self, cell, known["message"])

    def _with_changes(self, cell: Cell, known: dict | None, value, error):
        """The verdict on code that changes a test's arguments in place, which the test did not see at first.

        What holds so counts, unless the test keeps a copy, so as to see whether its arguments stay as they are. Of the
        solution it also counts what holds only where the test sees the changes: then it will see those of the students.
        """
        if known["follow"] if known else error is None:
            return value, error
        if known and (error is not None or not COPY.search(cell.text)):
            return value, error
        again, other, _ = self._attempt(cell, follow=True)
        if other is not None:  # perhaps only because the first attempt left something changed
            self.session.close()
            again, other, _ = self._attempt(cell, follow=True)
        return (value, error) if error is not None and other is not None else (again, other)

    def _alone(self, cell: Cell):
        """The verdict in a fresh sandbox without the answers to other exercises, which used up what this one needs."""
        kept, about = self.session.done, verdicts.answer_cells(self, cell)
        ours = [c.index for c in self.source.cells if c.role in ("plain", "locked") or c.index in about]
        self.session.close()
        self.session.done = [cell for cell in kept if cell[0] in ours]
        value, error, _ = self._attempt(cell, follow=False)
        self.session.close()
        self.session.done = kept
        return value, error

    def _attempt(self, cell: Cell, follow: bool):
        """Execute a test; (value of its last line, exception or None, whether arguments were changed in place)."""
        tree, before = bindings.tree(cell.text), dict(self.space.names)
        link = None
        try:
            needed = self.space.needed(tree)
            permitted = asking.permitted(self.reference, cell.grade_id)
            values = self.session.look(needed, lambda link: link.begin(permitted, follow))
            link = self.session.link
            self.space.bind(needed, values)
            self.patches.begin(self.space.names)
            seeding.reseed(f"{self.seed} {cell.grade_id}")
            with watching.limited(self.limits.test_seconds):
                value = self.space.execute(tree, f"<{cell.grade_id}>")
            if needed and (link.late or not link.sandbox.alive()):  # and the test caught even that
                raise bridge.SandboxLost("it ran longer than it may, or ended, in the middle of a check")
            error = link.handing.caught() if link else None
        except bridge.SandboxLost as lost:
            self.session.lost(lost)
            value, error = None, lost
        except bridge.NoSandbox:
            raise
        except BaseException as raised:
            value, error = None, raised
        if error is not None:
            self.space.names.clear()
            self.space.names.update(before)
        self.learned[cell.grade_id] = asking.lesson(link.asking if link else None, follow, error)
        if link:
            link.handing.forget()
        return value, error, bool(link and link.mutated)
