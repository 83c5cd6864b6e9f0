"""What is kept of a graded submission: result.json and feedback.html in a folder a student."""

import contextlib
import hashlib
import itertools
import json
import math
import os
import re
import shutil
import stat
from pathlib import Path

FORMAT = 1
LARGEST = 256 << 20  # bytes of a result.json that is still read
STATES = ["passed", "partial", "failed", "to mark", "unanswered"]
KINDS = ["test", "manual", "task"]
OWN = {"grades.csv", "marks.csv", "report.html"}  # files that stand beside the students' folders
PART = re.compile(r"\.(result\.json|feedback\.html|grades\.csv|report\.html)\.[0-9a-f]{8}\.part")


class Refused(ValueError):
    """What was asked for is not possible, in plain words."""


def sha256(data: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def dumps(record: dict) -> bytes:
    """The bytes of a record's file, which end with a sum over the rest: the same record has the same bytes."""
    rest = {key: value for key, value in record.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, allow_nan=False)
    return (json.dumps({**rest, "digest": sha256(text.encode())}, indent=1, allow_nan=False) + "\n").encode()


def read_regular(path: Path, limit: int = LARGEST) -> bytes | None:
    """The bytes of a regular file; None where there is none. No link is followed, no pipe or device is opened."""
    with contextlib.suppress(FileNotFoundError):
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError("not a regular file")
            return file.read(limit)
    return None


def read(folder: Path) -> dict | None:
    """The record in a student's folder; None where there is none. Raises ValueError for a damaged or changed one."""
    try:
        data = read_regular(folder / "result.json")
        if data is None:
            return None
        record = json.loads(data)
        intact = isinstance(record, dict) and dumps(record) == data
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not intact:
        raise ValueError("it was changed after it was written")
    if fault := problem(record):
        raise ValueError(fault)
    return record


def problem(record: dict) -> str:
    """What is wrong with a record, in words; empty where nothing is."""
    names = {"student": str, "notebook": str, "source": str, "settings": dict, "found": str}
    for name, kind in names.items():
        if not isinstance(record.get(name), kind):
            return f"{name} is {record.get(name)!r:.60}, not a {kind.__name__}"
    if record.get("format") != FORMAT:
        return f"format is {record.get('format')!r:.60}, not {FORMAT}"
    if "error" in record:
        return "" if isinstance(record["error"], str) else "error is not a text"
    if not _texts(record.get("notes")) or not isinstance(record.get("exercises"), list):
        return "notes or exercises are missing"
    ids = [exercise.get("id") for exercise in record["exercises"] if isinstance(exercise, dict)]
    if len(set(map(str, ids))) != len(record["exercises"]):
        return "two exercises have one id"
    return next(filter(None, map(_exercise_problem, record["exercises"])), "")


def _texts(value) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _exercise_problem(exercise: dict) -> str:
    texts = all(isinstance(exercise.get(name), str) for name in ("id", "title", "message", "output"))
    maybe = all(isinstance(exercise.get(name), str | None) for name in ("mistake", "answer"))
    if not texts or not maybe or exercise.get("kind") not in KINDS or exercise.get("status") not in STATES:
        return f"exercise {exercise.get('id')!r:.60} is not complete"
    points, highest = exercise.get("points"), exercise.get("max_points")
    if not _number(highest) or (points is not None and not (_number(points) and points <= highest)):
        return f"exercise {exercise['id']!r:.60} has {points!r:.30} of {highest!r:.30} points"
    if points is None and exercise["status"] != "to mark":
        return f"exercise {exercise['id']!r:.60} has no points"
    return ""


def _number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e6


def with_totals(record: dict) -> dict:
    """The record with the sums over its exercises: points, max_points, and to_mark, which waits for a person."""
    if "error" in record:
        return record
    exercises = record["exercises"]
    return {
        **record,
        "points": math.fsum(exercise["points"] or 0 for exercise in exercises),
        "max_points": math.fsum(exercise["max_points"] for exercise in exercises),
        "to_mark": math.fsum(exercise["max_points"] for exercise in exercises if exercise["points"] is None),
    }


def write(path: Path, data: bytes) -> None:
    """Put data at path in one step: whoever reads sees the old file or the new one, never half of it."""
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def put_aside(path: Path) -> Path:
    """Rename a file that would be overwritten to path.bak, path.bak1, ...; the new name."""
    names = (path.with_name(f"{path.name}.bak{n or ''}") for n in itertools.count())
    target = next(name for name in names if not os.path.lexists(name))
    os.rename(path, target)
    return target


def folder(out: Path, student: str) -> Path:
    """The student's own folder in out, made if need be. Raises Refused where the name is taken by something else."""
    path = out / student
    if student.casefold() in OWN:
        raise Refused(f"{student!r} is the name of a file that the grader writes; rename the student's folder")
    try:
        path.mkdir(exist_ok=True)
        if path.is_symlink() or student not in os.listdir(out):
            raise Refused(f"{str(path)!r} is a link, or its name differs from another one only in case; remove it")
    except OSError as error:
        raise Refused(f"{str(path)!r} cannot be a student's folder: {error.strerror}") from None
    return path


def folders(out: Path) -> list[Path]:
    """The students' folders in out, sorted; links and hidden folders are none."""
    return sorted(path for path in out.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != ".")


def sweep(out: Path) -> None:
    """Remove what a killed grader left: unfinished files and its working folder."""
    for path in [entry for place in [out, *folders(out)] for entry in place.glob(".*.part")]:
        if PART.fullmatch(path.name):
            path.unlink()
    if os.path.lexists(out / ".work"):
        shutil.rmtree(out / ".work")
