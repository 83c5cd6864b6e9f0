"""Wrong answers that must be caught with their hint, and right ones written differently that must earn full marks.

They stand in a text file beside the tests, one block an answer:

    # %% wrong kl: the factor 1/2 is missing -> is a factor 1/2 missing?
    # %% right kl: with a loop over the rows

A block's head names the grade_id of a solution cell; the lines below are the whole cell as a student would leave it.
After `->` stands what the message must contain; where two mistakes cannot be told apart, both, with ` | ` between them.
"""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lecture_lib.grading import judge, results
from lecture_lib.grading.source import Cell, Source

HEAD = re.compile(r"# %% (wrong|right) ([\w-]+): (.+?)(?: -> (.+))?")


@dataclass(frozen=True)
class Answer:
    """One answer to one exercise."""

    kind: str
    grade_id: str
    about: str
    hints: tuple[str, ...]
    text: str


def read(path: Path) -> list[Answer]:
    """The answers in a file. Raises Refused for a block that says nothing, or a wrong one without a hint."""
    found, head, lines = [], None, []
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), "# %%"], 1):
        if not line.startswith("# %%"):
            lines.append(line)
            continue
        if head:
            found.append(_answer(*head, "\n".join(lines).strip() + "\n"))
        match, lines = HEAD.fullmatch(line.strip()), []
        if line != "# %%" and (not match or (match[1] == "wrong") != bool(match[4])):
            raise results.Refused(f"{path.name}, line {number}: {line!r} is no head of an answer")
        head = match and match.groups()
    return found


def _answer(kind: str, grade_id: str, about: str, hints: str | None, text: str) -> Answer:
    return Answer(kind, grade_id, about, tuple(hints.split(" | ")) if hints else (), text)


def tests_of(source: Source, grade_id: str) -> list[Cell]:
    """The test cells between a solution cell and the next one. Raises Refused where there is no such cell."""
    cells = [cell for cell in source.cells if cell.role in ("solution", "test")]
    places = [place for place, cell in enumerate(cells) if cell.grade_id == grade_id and cell.role == "solution"]
    if not places:
        raise results.Refused(f"{source.path.name} has no solution cell {grade_id!r}")
    found = []
    for cell in cells[places[0] + 1 :]:
        if cell.role == "solution":
            break
        found.append(cell)
    return found


def notebook(source: Source, replaced: dict[str, str]) -> dict:
    """A submission with the instructor's solutions, but for the cells whose texts are given by grade_id."""
    cells = []
    for cell in source.cells:
        text = replaced.get(cell.grade_id, cell.text if cell.role in ("solution", "manual") else cell.released)
        meta = {"nbgrader": {"grade_id": cell.grade_id}} if cell.grade_id else {}
        cells.append({"cell_type": cell.kind, "metadata": meta, "source": text})
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def judged(source: Source, content: dict, sandbox: str, until: str | None = None) -> list[dict]:
    """The results of a submission, up to one test where that is given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{source.name}.ipynb")
        path.write_text(json.dumps(content), encoding="utf-8")
        request = {"source": str(source.path.resolve()), "submission": str(path), "sandbox": sandbox, "limits": {}}
        return judge.supervise(request | {"until": until})["exercises"]


def fault(source: Source, answer: Answer, sandbox: str) -> str:
    """What is wrong with how an answer was graded, in words; empty where nothing is."""
    tests = tests_of(source, answer.grade_id)
    graded = judged(source, notebook(source, {answer.grade_id: answer.text}), sandbox, tests[-1].grade_id)
    ours = [exercise for exercise in graded if exercise["id"] in {test.grade_id for test in tests}]
    failing = [exercise for exercise in ours if exercise["status"] != "passed"]
    said = "\n".join(exercise["message"] for exercise in failing)
    name = f"{source.name}, {answer.grade_id}, {answer.kind}: {answer.about}"
    if answer.kind == "right":
        return f"{name}: loses points: {said}" if failing else ""
    if not failing:
        return f"{name}: is not caught"
    missing = [hint for hint in answer.hints if hint not in said]
    return f"{name}: caught, but the message lacks {missing[0]!r}: {said}" if missing else ""
