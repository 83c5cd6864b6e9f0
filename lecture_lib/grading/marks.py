"""Points that a person gave: a CSV file with the columns student, exercise, points and, if wanted, comment."""

import csv
import dataclasses
import io
import math
from pathlib import Path

from lecture_lib.grading import printable, results

COLUMNS = ["student", "exercise", "points"]


@dataclasses.dataclass(frozen=True)
class Mark:
    """One line of the file; `where` names it in messages."""

    where: str
    student: str
    exercise: str
    points: float
    comment: str


def read(path: Path) -> list[Mark]:
    """The marks in a file; rows without points wait. Raises Refused, naming the row, for anything unclear."""
    name = f"marks={str(path)!r}"
    try:
        text = path.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0]
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > 1 else ","))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise results.Refused(f"{name} cannot be read as a CSV file in UTF-8: {error}") from None
    header = [column.strip().casefold() for column in lines[0]] if lines else []
    if not set(COLUMNS) <= set(header) <= {*COLUMNS, "comment"} or len(set(header)) < len(header):
        raise results.Refused(
            f"{name}: the first line is {header}, not student,exercise,points or with ,comment as well"
        )
    found = []
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            raise results.Refused(f"{name}, row {number}: {len(cells)} cells, but the first line has {len(header)}")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        if row["points"]:
            found.append(_mark(f"{name}, row {number}", row))
        elif row.get("comment"):
            raise results.Refused(f"{name}, row {number}: there is a comment but no points")
    return found


def _mark(where: str, row: dict) -> Mark:
    try:
        points = float(row["points"].replace(",", "."))
    except ValueError:
        points = math.nan
    if not math.isfinite(points):
        raise results.Refused(f"{where}: points is {row['points']!r}, not a number")
    return Mark(where, row["student"], row["exercise"], points, row.get("comment", ""))


def merge(records: list[dict], marks: list[Mark]) -> tuple[list[dict], list[str]]:
    """The records with the marks in them, and messages. Raises Refused for a mark that fits no exercise, or two."""
    given: dict[tuple, Mark] = {}
    messages = []
    for mark in marks:
        own = [r for r in records if mark.student in (r["student"], printable.cell(r["student"]))]
        if not own:
            raise results.Refused(f"{mark.where}: there is no result of a student {mark.student!r}")
        if all("error" in record for record in own):
            messages.append(f"{mark.where}: {mark.student!r} was not graded, so this mark waits")
            continue
        record, exercise = _find(own, mark)
        key = record["notebook"], record["student"], exercise["id"]
        if key in given:
            raise results.Refused(
                f"{mark.where}: {mark.exercise!r} of {mark.student!r} was marked in {given[key].where}"
            )
        given[key] = mark
    return [_marked(record, given) for record in records], messages


def _find(records: list[dict], mark: Mark) -> tuple[dict, dict]:
    """The exercise that a mark names, as "id" or as "notebook:id"."""
    found = [
        (record, exercise)
        for record in records
        for exercise in record.get("exercises", [])
        if mark.exercise in (exercise["id"], f"{record['notebook']}:{exercise['id']}")
    ]
    if len(found) != 1:
        known = [f"{r['notebook']}:{e['id']}" for r in records for e in r.get("exercises", []) if _by_hand(e)]
        many = f"there are {len(found)} exercises" if found else "there is no exercise"
        raise results.Refused(
            f"{mark.where}: {many} {mark.exercise!r}; marked by hand are: {', '.join(known) or 'none'}"
        )
    _, exercise = found[0]
    if not _by_hand(exercise):
        raise results.Refused(f"{mark.where}: {mark.exercise!r} is graded by the machine, not by hand")
    if not 0 <= mark.points <= exercise["max_points"]:
        highest = printable.number(exercise["max_points"])
        raise results.Refused(f"{mark.where}: points is {printable.number(mark.points)}, not between 0 and {highest}")
    return found[0]


def _by_hand(exercise: dict) -> bool:
    """Whether a person gives the points: for answers, and where a test could not be carried out."""
    return exercise["kind"] != "test" or exercise["status"] == "to mark"


def _marked(record: dict, given: dict[tuple, Mark]) -> dict:
    if "error" in record:
        return record
    exercises = []
    for exercise in record["exercises"]:
        mark = given.get((record["notebook"], record["student"], exercise["id"]))
        exercises.append(exercise | {"points": mark.points, "comment": mark.comment} if mark else exercise)
    return results.with_totals({**record, "exercises": exercises})
