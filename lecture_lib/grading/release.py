"""From the instructor's notebook to the exercise that students get, written only where it gives no answer away."""

import copy
import hashlib
import urllib.parse
from pathlib import Path

from nbformat import NotebookNode

from lecture_lib import notebook_format
from lecture_lib.grading import leakage, source

# What stays of a cell's metadata: how it is shown. The rest is dropped, it may hold anything.
KEPT = ("collapsed", "deletable", "editable", "jupyter", "slideshow", "tags")
TRACE = "lecture_lib"  # the key in a notebook's metadata that tells a generated exercise


def release(src: source.Source) -> NotebookNode:
    """The exercise: text as released, no outputs, nbgrader's metadata as `nbgrader generate_assignment` writes it."""
    nb = copy.deepcopy(src.nb)
    for cell, node in zip(src.cells, nb.cells, strict=True):
        node.source = cell.released
        node.metadata = NotebookNode({key: node.metadata[key] for key in KEPT if key in node.metadata})
        if cell.role != "plain":
            node.metadata.update(_locks(cell), nbgrader=_nbgrader(cell))
        if cell.kind == "code":
            node.outputs, node.execution_count = [], None
        links = urllib.parse.unquote(cell.released)
        attached = {name: data for name, data in node.pop("attachments", {}).items() if f"attachment:{name}" in links}
        if attached:
            node.attachments = NotebookNode(attached)  # pictures of an answer go with the answer
    nb.metadata.pop("celltoolbar", None)
    nb = notebook_format.normalize(nb)
    nb.metadata[TRACE] = NotebookNode(generated_from=src.name, text_sha256=_digest(nb))
    return nb


def _locks(cell: source.Cell) -> dict:
    if cell.role in ("solution", "manual"):
        return {"deletable": False}
    locked = cell.role == "test" or cell.cell.metadata.nbgrader.get("locked")
    return {"deletable": False, "editable": False} if locked else {}


def _nbgrader(cell: source.Cell) -> NotebookNode:
    given = cell.cell.metadata.nbgrader
    meta = {key: bool(given.get(key)) for key in ("grade", "solution", "locked", "task")}
    meta |= {"schema_version": 3, "grade_id": cell.grade_id}
    if cell.role in ("test", "manual", "task"):
        meta["points"] = given.points
    if cell.role != "task" or meta["locked"]:
        meta |= {"cell_type": cell.kind, "checksum": _checksum(cell, meta)}
    return NotebookNode(meta)


def _checksum(cell: source.Cell, meta: dict) -> str:
    """By which nbgrader knows an untouched answer and a changed test: MD5 of the text and of the cell's properties."""
    read_only = not meta["solution"] and (meta["grade"] or meta["locked"])
    parts = [cell.released, cell.kind, meta["grade"], meta["solution"], read_only, cell.grade_id]
    parts += [cell.points] if meta["grade"] else []
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


def _digest(nb: NotebookNode) -> str:
    """SHA-256 of the cells' text: it tells an exercise that was edited from one that was merely run."""
    text = "\0".join(part for cell in nb.cells for part in (cell.cell_type, cell.source))
    return hashlib.sha256(text.encode()).hexdigest()


def leaks(src: source.Source, nb: NotebookNode) -> list[str]:
    """What of the solutions and hidden tests a notebook shows, one sentence each, with the cell and the line."""
    return leakage.leaks(src, nb)


def write(solutions: Path | str, exercises: Path | str, check: bool = False) -> list[str]:
    """Write the exercise of every notebook in a folder, or of one notebook: a message each.

    With check, nothing is written: one message for each exercise that is missing, stale or without a source.
    Raises SourceError, before anything is written, where answers leak or a file was not made by this function.
    """
    solutions, exercises = Path(solutions), Path(exercises)
    paths = [solutions] if solutions.is_file() else sorted(solutions.glob("*.ipynb"))
    if not paths:
        raise source.SourceError(f"{solutions} is neither a notebook nor a folder with notebooks (*.ipynb)")
    sources = [source.read(path) for path in paths]
    made = {exercises / f"{src.name}.ipynb": release(src) for src in sources}
    faults = [fault for src, nb in zip(sources, made.values(), strict=True) for fault in leaks(src, nb)]
    faults += [] if check else [fault for target in made for fault in _not_ours(target)]
    if faults:
        raise source.SourceError("\n".join(faults))
    orphans = sorted(set(exercises.glob("*.ipynb")) - set(made)) if solutions.is_dir() else []
    messages = [f"{path} has no source in {solutions}: delete it, or move it elsewhere" for path in orphans]
    return [message for target, nb in made.items() for message in _put(target, nb, check)] + messages


def _put(target: Path, nb: NotebookNode, check: bool) -> list[str]:
    text = notebook_format.dumps(nb).encode()
    if target.is_file() and target.read_bytes() == text:
        return [] if check else [f"{target} is up to date"]
    if check:
        return [f"{target} {'is stale' if target.exists() else 'is missing'}: release it again"]
    target.parent.mkdir(parents=True, exist_ok=True)
    notebook_format.write(target, nb)
    return [f"{target} written"]


def _not_ours(target: Path) -> list[str]:
    """Why a file must not be written over: nobody but its author may have the text."""
    if not target.exists():
        return []
    try:
        nb = notebook_format.read(target)
        trace = nb.metadata[TRACE]
        same = trace.generated_from == target.stem and trace.text_sha256 == _digest(nb)
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return [f"{target} was not generated from a source, so it is not written over: move it away"]
    return [] if same else [f"{target} was edited by hand, so it is not written over: move it away, or delete it"]
