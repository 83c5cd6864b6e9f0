"""Tests exercises before they are handed out: solution, untouched exercise, listed answers, leaks, and the sandbox."""

import concurrent.futures
import os
from pathlib import Path

from lecture_lib.grading import answers, escapes, release, results, sandbox, source
from lecture_lib.grading.source import Source


def run(solutions: Path | str, folder: Path | str | None = None, jobs: int | None = None) -> int:
    """Check a notebook with solutions, or a folder of them; 0 if all is well, else 1. Prints what was found.

    `folder` holds the answers to try, `<name>.txt` for each notebook; without it tests/answers beside the solutions.
    """
    solutions = Path(solutions)
    paths = sorted(solutions.glob("*.ipynb")) if solutions.is_dir() else [solutions]
    if not paths or not all(path.is_file() for path in paths):
        raise results.Refused(f"solutions={str(solutions)!r} is no notebook, and no folder that holds any")
    beside = (solutions if solutions.is_dir() else solutions.parent).resolve().parent / "tests" / "answers"
    folder, kind, faults = Path(folder) if folder else beside, _kind(), []
    with concurrent.futures.ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        for path in paths:
            teacher = source.read(path)
            found = list(pool.map(lambda check, t=teacher: check(t, kind), [solution, untouched]))
            faults += [fault for part in [leaking(teacher), *found] for fault in part]
            faults += _answers(teacher, folder / f"{path.stem}.txt")
    if kind == "bwrap":
        out = escapes.escaped()
        print(f"sandbox: {len(escapes.ATTEMPTS) - len(out)} of {len(escapes.ATTEMPTS)} escapes held")
        faults += [f"sandbox: code inside could {name}" for name in out]
    print("\n".join(faults) or "All is well.")
    return 1 if faults else 0


def _kind() -> str:
    if (missing := sandbox.unavailable()) is None:
        return "bwrap"
    print(f"The sandbox was not checked: {missing}")
    return "none"


def leaking(teacher: Source) -> list[str]:
    """Lines of solutions and hidden tests that the exercise would show."""
    return [f"{teacher.name}: {leak}" for leak in release.leaks(teacher, release.release(teacher))]


def solution(teacher: Source, kind: str) -> list[str]:
    """Exercises in which the instructor's own solution loses points."""
    graded = answers.judged(teacher, answers.notebook(teacher, {}), kind)
    lost = [e for e in graded if e["status"] not in ("passed", "to mark")]
    print(f"{teacher.name}: the solution earns {sum(e['points'] or 0 for e in graded):g} points")
    return [f"{teacher.name}, {e['id']}: the solution loses points: {e['message']}" for e in lost]


def untouched(teacher: Source, kind: str) -> list[str]:
    """Exercises that give points, or no word of help, for the notebook as it is handed out."""
    released = {c.grade_id: c.released for c in teacher.cells if c.grade_id}
    graded = answers.judged(teacher, answers.notebook(teacher, released), kind)
    paid = [
        f"{teacher.name}, {e['id']}: {e['points']:g} points for the untouched exercise" for e in graded if e["points"]
    ]
    return paid + [f"{teacher.name}, {e['id']}: no word of help" for e in graded if not e["message"]]


def _answers(teacher: Source, path: Path) -> list[str]:
    """What is wrong with how listed answers are graded; prints how many are listed, caught and rightly named."""
    if not path.is_file():
        return []
    listed = answers.read(path)
    faults = answers.faults(teacher.path, listed)
    wrong = [fault for answer, fault in zip(listed, faults, strict=True) if answer.kind == "wrong"]
    right = [fault for answer, fault in zip(listed, faults, strict=True) if answer.kind == "right"]
    caught = sum("is not caught" not in fault for fault in wrong)
    print(f"{teacher.name}: {len(wrong)} mistakes listed, {caught} caught, {wrong.count('')} rightly named;")
    print(f"{teacher.name}: {right.count('')} of {len(right)} right answers written differently earn full marks")
    return [fault for fault in faults if fault]
