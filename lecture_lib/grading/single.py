"""Grades one student's submission: an earlier result that still holds, a judge's, or a record of why there is none."""

import dataclasses
import hashlib
import importlib.metadata
import sys
import tempfile
import threading
from pathlib import Path

from lecture_lib.grading import feedback, handed_in, jury, printable, reference, results

FIELDS = ["id", "title", "kind", "points", "max_points", "status", "message", "mistake", "answer", "output", "hidden"]
# Modules of this folder that decide no marks; a change of any other module of the library means grading again.
SHOWING = {
    "__main__",
    "answers",
    "check",
    "escapes",
    "twin",
    "feedback",
    "gradebook",
    "leakage",
    "marks",
    "needs",
    "pages",
    "release",
}
SHOWING |= {"report", "selfcheck"}


@dataclasses.dataclass(frozen=True)
class Job:
    """What is the same for all submissions of one run."""

    solution: Path
    source: str  # its SHA-256
    submitted: Path
    out: Path
    judge: list[str]
    sandbox: str
    limits: dict
    force: bool
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)
    messages: list[str] = dataclasses.field(default_factory=list)
    lesson: reference.Lesson = dataclasses.field(default_factory=reference.Lesson)


def software() -> str:
    """A sum over all that decides marks: the library's modules, and the versions of Python and torch."""
    total, library = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(library.rglob("*.py")):
        if path.parent != Path(__file__).parent or path.stem not in SHOWING:
            total.update(f"{path.relative_to(library).as_posix()} {results.sha256(path.read_bytes())}\n".encode())
    total.update(f"{sys.version_info[:3]} {importlib.metadata.version('torch')}".encode())
    return total.hexdigest()


def grade(job: Job, settings: dict, student: str) -> tuple[dict, str]:
    """(record, "graded" or "reused"); (record, "unplaced") where the student's folder in out cannot be used."""
    submission = handed_in.read(job.submitted, student, job.solution.stem)
    head = {
        "format": results.FORMAT,
        "student": student,
        "notebook": job.solution.stem,
        "submission": submission.sha256,
        "source": job.source,
        "settings": settings,
        "found": submission.note,
    }
    try:
        folder = results.folder(job.out, student)
        old = earlier(job, folder, aside=True)
        if old and not job.force and "error" not in old and all(old.get(key) == head[key] for key in head):
            return old, "reused"
        record = head | _judged(job, head, submission)
        if not job.stop.is_set():
            results.write(folder / "result.json", results.dumps(record))
            feedback.write(folder, record)
    except (results.Refused, OSError) as error:
        return head | {"error": str(error)}, "unplaced"
    return record, "graded"


def earlier(job: Job, folder: Path, *, aside: bool) -> dict | None:
    """The record of an earlier run; with `aside`, one that is damaged, changed or another notebook's is put aside."""
    try:
        record = results.read(folder)
        if record and aside and record["notebook"] != job.solution.stem:
            raise ValueError(f"it is of {record['notebook']!r}")
        return record
    except ValueError as error:
        if aside:
            kept = results.put_aside(folder / "result.json")
            job.messages.append(f"{printable.visible(folder.name)}: result.json was kept as {kept.name}, for {error}")
    return None


def _judged(job: Job, head: dict, submission: handed_in.Submission) -> dict:
    """What a judge says; a judge that fails is asked once more, then the answer is an error."""
    if submission.problem:
        return {"error": submission.problem}
    known, fault = job.lesson.learned(job) if submission.data is not None else ({}, "")
    if fault:
        return {"error": fault}
    with tempfile.TemporaryDirectory(dir=job.out / ".work") as place:
        path = None
        if submission.data is not None:
            path = Path(place, f"{job.solution.stem}.ipynb")
            path.write_bytes(submission.data)
        for _ in range(2):
            answer, fault = _ask(job, path, known)
            if not fault:
                answer["notes"] = [note for note in (submission.note, *(answer["notes"] if path else ())) if note]
                fault = results.problem(head | answer)
            if not fault or job.stop.is_set():
                break
    return {"error": fault} if fault else results.with_totals(answer)


def _ask(job: Job, path: Path | None, known: dict) -> tuple[dict, str]:
    """(exercises and notes as a judge gives them, what is wrong with them)."""
    answer, fault = jury.ask(job.judge, reference.request(job, path) | {"reference": known}, *reference.patience(job))
    if fault:
        return {}, fault
    exercises, notes = answer.get("exercises"), answer.get("notes")
    if not isinstance(exercises, list) or not all(isinstance(exercise, dict) for exercise in exercises):
        return {}, "the judge's answer has no exercises"
    exercises = [{name: exercise.get(name) for name in FIELDS} for exercise in exercises]
    for exercise in exercises:
        exercise["hidden"] = bool(exercise["hidden"])
    return {"exercises": exercises, "notes": notes}, "" if isinstance(notes, list) else "the judge gave no notes"
