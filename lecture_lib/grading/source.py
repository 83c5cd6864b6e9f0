"""The instructor's notebook: cells in nbgrader's format, what each is for, and what of it a student sees."""

import dataclasses
import functools
import math
import re
from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

from lecture_lib import notebook_format
from lecture_lib.grading import bindings

SOLUTION, HIDDEN, SCHEME = "SOLUTION", "HIDDEN TESTS", "MARK SCHEME"
ROLES = {SOLUTION: ("solution", "manual"), HIDDEN: ("test", "manual"), SCHEME: ("task",)}  # cells that may have them
BLOCK = re.compile(r"(?ms)^ *(```|~~~).*?^ *\1")  # of code, in Markdown
Fault = Callable[[str], "SourceError"]


class SourceError(ValueError):
    """What is wrong with an instructor's notebook, and in which cell."""


@dataclasses.dataclass(frozen=True, eq=False)
class Cell:
    """One cell: `text` as the instructor wrote it, `released` as the student gets it, and the lines that went."""

    index: int
    kind: str
    role: str
    grade_id: str | None
    points: float
    text: str
    released: str
    cell: NotebookNode
    solution: tuple[str, ...] = ()  # what a stub replaces: the solution regions, or all of a solution without markers
    hidden: tuple[str, ...] = ()  # hidden tests and marking schemes


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A checked notebook in nbgrader's format; `read` makes it."""

    path: Path
    nb: NotebookNode
    cells: list[Cell]

    @property
    def name(self) -> str:
        return self.path.stem

    def title(self, cell: Cell) -> str:
        """The heading above a cell in what the student sees; its grade_id where there is none."""
        seen = [NotebookNode(cell_type=c.kind, source=BLOCK.sub("", c.released)) for c in self.cells]
        return notebook_format.heading(NotebookNode(cells=seen), cell.index) or cell.grade_id or ""

    def names(self, cell: Cell) -> tuple[str, ...]:
        """What the instructor's code of a cell binds or modifies at its top level, in order; not what it imports."""
        return bindings.bound(cell.text, self._imported) if cell.kind == "code" else ()

    @functools.cached_property
    def _imported(self) -> frozenset[str]:
        return frozenset().union(*(bindings.imported(cell.text) for cell in self.cells if cell.kind == "code"))

    def all_names(self) -> set[str]:
        return set().union(*(self.names(cell) for cell in self.cells if cell.role in ("solution", "manual")))

    def imports(self, cell: Cell) -> tuple[str, ...]:
        """The import statements that the instructor's code of a cell runs at its top level."""
        return bindings.imports(cell.text) if cell.kind == "code" else ()

    def forbidden(self) -> tuple[str, ...]:
        """All names that `checks.forbid("…")` forbids, in the order of the notebook."""
        names = []
        for cell in (cell for cell in self.cells if cell.kind == "code"):
            try:
                names += bindings.forbidden(cell.released)
            except ValueError as error:
                raise _fault(self.path, cell.index, cell.grade_id)(str(error)) from None
        return tuple(dict.fromkeys(names))


def read(path: Path | str) -> Source:
    """The source in a file; raises SourceError for what neither nbgrader nor this grader could use."""
    path = Path(path)
    nb = _read_notebook(path)
    source = Source(path, nb, [_cell(path, index, node) for index, node in enumerate(nb.cells)])
    ids = [cell.grade_id for cell in source.cells if cell.grade_id]
    if repeated := [grade_id for position, grade_id in enumerate(ids) if grade_id in ids[:position]]:
        raise SourceError(f"{path.name}: several cells have the grade_id {repeated[0]!r}, each needs its own")
    source.forbidden()  # raises
    return source


def _read_notebook(path: Path) -> NotebookNode:
    try:
        nb = notebook_format.read(path)
        language = nb.metadata.get("kernelspec", {}).get("language", "python")
        shapes = {(node.cell_type, type(node.source), type(node.metadata)) for node in nb.cells}
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}") from None
    except (ValueError, AttributeError, KeyError, TypeError):
        raise SourceError(f"{path.name} is not a notebook: it must be JSON, of nbformat 4, with cells") from None
    if nb.get("nbformat") != 4 or shapes - {(kind, str, NotebookNode) for kind in ("code", "markdown", "raw")}:
        raise SourceError(f"{path.name} is not of nbformat 4, or has cells of other kinds: save it again in JupyterLab")
    if language != "python":
        raise SourceError(f"{path.name} is for the language {language!r}, must be 'python'")
    return nb


def _fault(path: Path, index: int, grade_id: object) -> Fault:
    cell = f"cell {grade_id!r}" if grade_id else f"cell {index + 1}, counted from the top,"
    return lambda reason: SourceError(f"{path.name}: {cell} {reason}")


def _cell(path: Path, index: int, node: NotebookNode) -> Cell:
    meta = node.metadata.get("nbgrader") or NotebookNode()
    version, grade_id, points = (getattr(meta, key, None) for key in ("schema_version", "grade_id", "points"))
    fault = _fault(path, index, grade_id)
    if meta and version not in (1, 2, 3):
        raise fault(f"has nbgrader's schema_version {version!r}, must be 1, 2 or 3")
    role = _role(meta, node.cell_type, fault)
    if role == "plain":
        grade_id = None
    elif not re.fullmatch(r"[A-Za-z0-9_-]+", grade_id if isinstance(grade_id, str) else ""):
        raise fault(f"has the grade_id {grade_id!r}, must be letters, digits, _ and -")
    if role in ("plain", "solution", "locked"):
        points = 0
    elif isinstance(points, bool) or not isinstance(points, int | float) or not 0 <= points < math.inf:
        raise fault(f"is worth {points!r} points, must be a number, zero or more")
    cell = Cell(index, node.cell_type, role, grade_id, float(points), node.source, node.source, node)
    released, solution, hidden = _release(cell, fault)
    return dataclasses.replace(cell, released=released, solution=solution, hidden=hidden)


def _role(meta: dict, kind: str, fault: Fault) -> str:
    grade, solution, task, locked = (bool(meta.get(key)) for key in ("grade", "solution", "task", "locked"))
    if task and (grade or solution or kind != "markdown"):
        raise fault("is a task, so it must be a Markdown cell and neither grade nor solution")
    if grade != solution and kind != "code":
        raise fault("is not code, so grade and solution must be both true (a written answer) or both false")
    if task:
        return "task"
    if grade:
        return "manual" if solution else "test"
    return "solution" if solution else "locked" if locked else "plain"


def _release(cell: Cell, fault: Fault) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The student's text, with stubs for solutions; the lines of solutions; those of hidden tests and schemes."""
    must_parse, text, lines = cell.kind == "code" and cell.role in ("solution", "test"), cell.text, {}
    if must_parse and not bindings.tree(text):
        raise fault("is not valid Python")
    if cell.role == "test" and re.search(r"(?m)^\s*#+ *(HASHED )?AUTOTEST\b", text):
        raise fault("has an AUTOTEST line, which would test nothing here: write the test out")
    for what, roles in ROLES.items():
        if cell.kind == "code" and bindings.in_string(text, f"(BEGIN|END) {what}"):
            raise fault(f"has a marker {what} in a string, where it would cut the string in two")
        text, lines[what] = _cut(text, what, fault, functools.partial(_stub, cell) if what == SOLUTION else None)
        if lines[what] is not None and cell.role not in roles:
            raise fault(f"has a region {what} but is {cell.role}; only {' and '.join(roles)} cells may")
        if lines[what] is None and what == SOLUTION and cell.role in roles:
            text, lines[what] = "\n".join(_stub(cell, 0, len(text), "")), text.split("\n")
    if must_parse and not bindings.tree(text):
        raise fault("is not valid Python when its regions are cut out: indent the markers like the code around them")
    return text, tuple(lines[SOLUTION] or ()), tuple((lines[HIDDEN] or []) + (lines[SCHEME] or []))


def _stub(cell: Cell, first: int, last: int, indent: str) -> list[str]:
    if cell.kind != "code":
        return [f"{indent}YOUR ANSWER HERE"]
    message = f"write {bindings.place(cell.text, first, last)}: replace this line by your code"
    return [f"{indent}# YOUR CODE HERE", f'{indent}raise NotImplementedError("{message}")']


def _cut(text: str, what: str, fault: Fault, stub: Callable | None = None) -> tuple[str, list[str] | None]:
    """Text without its regions, and the lines inside (None: no region); stub(first, last, indent) takes their place."""
    kept, removed, begin = [], None, 0
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        begins, ends = f"BEGIN {what}" in line, f"END {what}" in line
        if begins and (begin or ends):
            raise fault(f"has BEGIN {what} in line {number} before END {what} of the region that is open")
        if ends and not begin:
            raise fault(f"has END {what} in line {number} without BEGIN {what}")
        if begins:
            begin, removed = number, removed or []
        elif ends:
            kept += stub(begin, number, re.match(r"\s*", lines[begin - 1])[0]) if stub else []
            begin = 0
        else:
            (removed if begin else kept).append(line)
    if begin:
        raise fault(f"has BEGIN {what} in line {begin} and no END {what} after it")
    return "\n".join(kept), removed
