"""One submission against the instructor's notebook: cell by cell, the student's code in the sandbox, the tests here."""

import re
from dataclasses import dataclass, field

from lecture_lib.grading import bindings, bridge, placing, seeding, submission, trusted, verdicts, watching
from lecture_lib.grading.session import Session
from lecture_lib.grading.source import Cell, Source

COPY = re.compile(r"\b(clone|copy|deepcopy)\b")
STARVED = re.compile(r"Too many open files|can't start new thread|Resource temporarily unavailable|No space left")
METHOD = re.compile(r"\bdef (__\w+__)\(")
OPERATORS = re.findall(r"\w+", "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift")
FORWARDED = {f"__{side}{name}__" for side in ("", "r", "i") for name in OPERATORS}
FORWARDED |= {f"__{name}__" for name in re.findall(r"\w+", "eq ne lt le gt ge neg pos abs invert bool int float index")}
FORWARDED |= {
    f"__{name}__" for name in re.findall(r"\w+", "len iter next getitem setitem contains repr str enter exit")
}


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
    skip: frozenset[str] = frozenset()  # tests that are known to hang the grader
    space: trusted.Namespace = field(default_factory=trusted.Namespace)
    ran: dict[int, Ran] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)  # where the student's code was stopped for its time
    mutating: bool = False  # whether the student's code changed arguments of a test

    def __post_init__(self):
        self.session = Session(self.start, self.limits)

    def run(self, until: str | None = None) -> list[dict]:
        """All exercises' results, in order; those up to the one whose grade_id is `until` where that is given."""
        seeding.watch(self.session)
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
        self.session.run(cell.released, cell.index)
        if (error := self.space.setup(cell.text)) is not None:
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
        value, error, mutated = self._attempt(cell, follow=False)
        if mutated:
            value, error = self._with_changes(cell, value, error)
        if STARVED.search(str(getattr(error, "student", ""))):
            value, error = self._alone(cell)
        if isinstance(error, watching.TimeUp) or getattr(error, "student", {}).get("name") == "TimeUp":
            self.slow.append(cell.grade_id)
        self.tell({"done": cell.grade_id})
        return verdicts.passed(self, cell, value) if error is None else verdicts.failed(self, cell, error)

    def _with_changes(self, cell: Cell, value, error):
        """The verdict on code that changes a test's arguments in place, which the test did not see at first.

        What holds so counts, unless the test keeps a copy, so as to see whether its arguments stay as they are. What
        holds only where the test sees the changes counts if the instructor's own solution is like that.
        """
        self.mutating = True
        if error is None and not COPY.search(cell.text):
            return value, None
        again, other, _ = self._attempt(cell, follow=True)
        if other is not None:  # perhaps only because the first attempt left something changed
            self.session.close()
            again, other, _ = self._attempt(cell, follow=True)
        if error is None:
            return again, other
        return (again, None) if other is None and self._reference_needs(cell) else (value, error)

    def _alone(self, cell: Cell):
        """The verdict in a fresh sandbox without the answers to other exercises, which used up what this one needs."""
        kept, about = self.session.done, verdicts.answer_cells(self, cell)
        ours = [c.index for c in self.source.cells if c.role in ("plain", "locked") or c.index in about]
        self.session.close()
        self.session.done = [(index, text) for index, text in kept if index in ours]
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
            link = self.session.open() if needed else None
            values = self.session.look(needed)
            link = self.session.link
            if link:
                link.mutated = False
                link.late = False
                link.follow_mutations = self.session.follow = follow
            self.space.bind(needed, values)
            seeding.reseed(f"{self.seed} {cell.grade_id}")
            with watching.limited(self.limits.test_seconds):
                value = self.space.execute(tree, f"<{cell.grade_id}>")
            error = None
            if link and (link.late or not link.sandbox.alive()):  # and the test caught even that
                raise bridge.SandboxLost("it ran longer than it may, or ended, in the middle of a check")
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
        return value, error, bool(link and link.mutated)

    def _reference_needs(self, cell: Cell) -> bool:
        """Whether the instructor's own solution passes a test only because it changes its arguments in place."""
        plan = placing.Plan({c.index: [c.text] for c in self.source.cells if c.role in ("solution", "manual")})
        trial = Trial(self.source, plan, self.start, self.limits, self.seed)
        trial._reference_needs = lambda cell: False
        try:
            return trial.run(until=cell.grade_id)[-1]["status"] != "passed"
        finally:
            trial.close()
            seeding.watch(self.session)


def special_methods(source: Source) -> frozenset[str]:
    """The special methods that the instructor's solutions define for their classes: those may be asked of objects."""
    texts = [cell.text for cell in source.cells if cell.role in ("solution", "manual") and cell.kind == "code"]
    found = {name for text in texts for name in METHOD.findall(text)} & FORWARDED
    return frozenset(found | {"__eq__"} if any("@dataclass" in text for text in texts) else found)
