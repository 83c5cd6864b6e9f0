"""Wrong answers that must be caught with their hint, and right ones written differently that must earn full marks.

They stand in a text file beside the tests, one block an answer:

    # %% wrong kl: the factor 1/2 is missing -> is a factor 1/2 missing?
    # %% right kl: with a loop over the rows

A block's head names the grade_id of a solution cell; the lines below are the whole cell as a student would leave it.
After `->` stands what the message must contain; where two mistakes cannot be told apart, both, with ` | ` between them.
"""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import os
import re
import tempfile
from pathlib import Path

from lecture_lib.grading import inner, judge, needs, results, source, twin
from lecture_lib.grading.source import Cell, Source

PRELOADED = ["matplotlib.pyplot", "torch._dynamo", *(f"lecture_lib.{name}" for name in ("plots", "vae", "training"))]
HEAD = re.compile(r"# %% (wrong|right) ([\w-]+): (.+?)(?: -> (.+))?")


@dataclasses.dataclass(frozen=True)
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


def faults(path: Path, listed: list[Answer], jobs: int | None = None) -> list[str]:
    """For each answer what is wrong with how it is graded, in words; empty where nothing is.

    They are graded as in `judge`, without a sandbox, in processes forked from one that has loaded the libraries, and
    answers to exercises that do not need one another together; what then has a fault is graded again by itself.
    """
    context = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
    if hasattr(os, "fork"):
        context.set_forkserver_preload([__name__, *PRELOADED])
    groups = together(source.read(path), listed)
    with concurrent.futures.ProcessPoolExecutor(jobs or os.cpu_count(), context, max_tasks_per_child=1) as pool:
        found = dict(
            zip(
                itertools.chain(*groups), itertools.chain(*pool.map(_faults, [path] * len(groups), groups)), strict=True
            )
        )
        again = [answer for answer, fault in found.items() if fault and len(listed) > 1]
        for answer, (fault,) in zip(
            again, pool.map(_faults, [path] * len(again), [[one] for one in again]), strict=True
        ):
            found[answer] = fault
    return [found[answer] for answer in listed]


def together(teacher: Source, listed: list[Answer]) -> list[list[Answer]]:
    """The answers in groups: within one, each is to another exercise, and no exercise needs another one's answer."""
    groups: list[tuple[list[Answer], set[str], set[str]]] = []  # with the ids of its exercises, and what they need
    for answer in listed:
        cells = needs.needed(teacher, tests_of(teacher, answer.grade_id), answer.text).cells
        others = {cell.grade_id for cell in cells if cell.role == "solution"} - {answer.grade_id}
        fitting = [g for g in groups if answer.grade_id not in g[1] | g[2] and not others & g[1]]
        if not fitting:
            fitting = [([], set(), set())]
            groups += fitting
        fitting[0][0].append(answer)
        fitting[0][1].add(answer.grade_id)
        fitting[0][2].update(others)
    return [group for group, _, _ in groups]


def _faults(path: Path, group: list[Answer]) -> list[str]:
    """As `faults`, for one group, in this process."""
    teacher = source.read(path)
    tests = {answer: tests_of(teacher, answer.grade_id) for answer in group}
    part = needs.needed(teacher, list(itertools.chain(*tests.values())), "\n".join(answer.text for answer in group))
    replaced = {answer.grade_id: answer.text for answer in group}
    graded, shown = _graded(part, replaced, None)
    if any(test["asked"] or test["follow"] for test in shown.values()):  # then the solution decides what may be asked
        graded, _ = _graded(part, replaced, _graded(part, {}, None)[1])
    results_of = {exercise["id"]: exercise for exercise in graded}
    return [_fault(answer, teacher.name, [results_of[test.grade_id] for test in tests[answer]]) for answer in group]


def _graded(part: Source, replaced: dict[str, str], reference: dict | None) -> tuple[list[dict], dict]:
    """(results, what the tests ask), beside a process without a sandbox."""
    content, request = json.dumps(notebook(part, replaced)).encode(), {"limits": {}, "reference": reference}
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        graded, _, shown = inner.graded(request, part, content, "answers", lambda event: None, twin.start)
    return graded, shown


def _fault(answer: Answer, notebook: str, ours: list[dict]) -> str:
    name = f"{notebook}, {answer.grade_id}, {answer.kind}: {answer.about}"
    failing = [exercise for exercise in ours if exercise["status"] != "passed"]
    said = "\n".join(exercise["message"] for exercise in failing)
    if answer.kind == "right":
        return f"{name}: loses points: {said}" if failing else ""
    if not failing:
        return f"{name}: is not caught"
    missing = [hint for hint in answer.hints if hint not in said]
    return f"{name}: caught, but the message lacks {missing[0]!r}: {said}" if missing else ""
