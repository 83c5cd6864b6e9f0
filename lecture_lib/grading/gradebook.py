"""One table of a class: a row a student, a column an exercise, for people, Moodle or Canvas."""

import collections
import csv
import re
from pathlib import Path

from lecture_lib.grading import feedback, marks, printable, results

TOTALS = ["points", "max", "percent", "to_mark", "status"]
# The columns that name a student. Canvas finds students by their login, and takes every further column for an
# assignment, so that there are no totals; a number in parentheses at the end of a name would be an assignment's number.
STUDENT = {"plain": ["student"], "moodle": ["username"], "canvas": ["Student", "ID", "SIS Login ID", "Section"]}
LAST = {"plain": TOTALS, "moodle": ["total"], "canvas": []}
POSSIBLE = "Points Possible"  # Canvas reads a row that begins so as the highest points


def export(outs, csv_path, marks=None, *, layout="plain", force=False) -> list[str]:
    """Write the results in the folders `outs` to a CSV file, and marks into the feedback; messages on what was odd.

    UTF-8 without a mark at the beginning, decimal points, no times: the same results give the same bytes. `marks` is a
    CSV file with the columns student, exercise, points and comment; else marks.csv in each folder is used. Raises
    Refused for marks that do not fit, and for a csv_path that holds something else, unless `force`.
    """
    if layout not in STUDENT:
        raise results.Refused(f"layout={layout!r} is not one of {', '.join(STUDENT)}")
    return publish([Path(out) for out in outs], Path(csv_path), marks, layout=layout, force=force)


def publish(
    outs: list[Path], csv_path: Path, marks_path=None, *, layout="plain", force=False, unplaced=()
) -> list[str]:
    """As `export`; `unplaced` are results of students for whom there is no folder in out."""
    folders, records, messages = merged(outs, marks_path, unplaced)
    lines = table(records, layout)
    _check_target(csv_path, force)
    results.write(csv_path, "".join(map(printable.row, lines)).encode())
    for folder, record in zip(folders, records, strict=False):
        if aside := feedback.write(folder, record):
            messages.append(f"{printable.visible(folder.name)}: feedback.html had been edited; kept as {aside.name}")
    return messages + _renamed(records, layout)


def merged(outs: list[Path], marks_path=None, unplaced=()) -> tuple[list[Path], list[dict], list[str]]:
    """All results in `outs` with the marks, the unplaced ones last; the folders of the others; and messages."""
    placed, messages = collect(outs)
    placed = [(folder, r) for folder, r in placed if r["student"] not in [other["student"] for other in unplaced]]
    records = [record for _, record in placed] + list(unplaced)
    if not records:
        raise results.Refused(f"out={', '.join(map(str, outs))} holds no results; grade first")
    paths = [Path(marks_path)] if marks_path else [out / "marks.csv" for out in outs if (out / "marks.csv").exists()]
    records, more = marks.merge(records, [mark for path in paths for mark in marks.read(path)])
    return [folder for folder, _ in placed], records, messages + more


def collect(outs: list[Path]) -> tuple[list[tuple[Path, dict]], list[str]]:
    """(folder, record) of all results in the folders `outs`, and messages on those that are left out or odd."""
    found, messages, places = [], [], {}
    for out in outs:
        if not out.is_dir():
            raise results.Refused(f"out={str(out)!r} is not a folder")
        for folder in results.folders(out):
            name = printable.visible(folder.name)
            try:
                record = results.read(folder)
            except ValueError as error:
                messages.append(f"{name}: result.json is left out, for {error}; grade again")
                continue
            if record and record["student"] != folder.name:
                messages.append(f"{name}: result.json is left out, for it is another student's")
            elif record:
                key = record["notebook"], record["student"]
                if places.setdefault(key, out) != out:
                    raise results.Refused(f"out: {name} has results of {key[0]!r} in {places[key]} and in {out}")
                found.append((folder, record))
    return found, messages + _versions([record for _, record in found])


def _versions(records: list[dict]) -> list[str]:
    messages = []
    for notebook in dict.fromkeys(record["notebook"] for record in records):
        sources = collections.Counter(record["source"] for record in records if record["notebook"] == notebook)
        if len(sources) > 1:
            usual = sources.most_common(1)[0][0]
            others = [r["student"] for r in records if r["notebook"] == notebook and r["source"] != usual]
            shown = ", ".join(map(printable.visible, others[:10]))
            messages.append(f"{notebook}: {len(others)} results are of another version of the notebook: {shown}")
    return messages


def table(records: list[dict], layout: str = "plain") -> list[list[str]]:
    """The lines of the table, as texts; a spreadsheet calculates none of them."""
    columns = {
        (record["notebook"], exercise["id"]): exercise["max_points"]
        for record in records
        for exercise in record.get("exercises", [])
    }
    notebooks = list(dict.fromkeys(record["notebook"] for record in records))
    names = [printable.cell(f"{notebook}:{name}") for notebook, name in columns]
    lines = [STUDENT[layout] + names + LAST[layout]]
    if layout == "canvas":
        lines.append([POSSIBLE, "", "", "", *map(_number, columns.values())])
    for student in sorted({record["student"] for record in records}):
        own = {record["notebook"]: record for record in records if record["student"] == student}
        lines.append(_line(student, own, columns, notebooks, layout))
    return lines


def _line(student: str, own: dict[str, dict], columns: dict, notebooks: list[str], layout: str) -> list[str]:
    name, given = printable.cell(student), {}
    for notebook, record in own.items():
        given |= {(notebook, exercise["id"]): exercise["points"] for exercise in record.get("exercises", [])}
    cells = [_number(given.get(column)) for column in columns]
    complete = len(own) == len(notebooks) and not any("error" in record for record in own.values())
    points, highest, waiting = (
        sum(record[key] for record in own.values()) if complete else None for key in ("points", "max_points", "to_mark")
    )
    if layout == "canvas":
        return ["" if POSSIBLE in name else name, "", name, "", *cells]
    if layout == "moodle":
        return [name, *(cell or "-" for cell in [*cells, _number(points)])]
    percent = 100 * points / highest if complete and highest else None
    return [name, *cells, *map(_number, (points, highest, percent, waiting)), _status(own, complete, waiting)]


def _status(own: dict[str, dict], complete: bool, waiting: float | None) -> str:
    if not complete:
        return "not graded"
    if waiting:
        return "to mark"
    return "not handed in" if all(record["submission"] is None for record in own.values()) else "graded"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def _renamed(records: list[dict], layout: str) -> list[str]:
    """Moodle and Canvas will not find a student whose name had to be changed."""
    changed = {r["student"] for r in records if printable.cell(r["student"]) != r["student"] or r["student"] == "0"}
    if layout == "plain" or not changed:
        return []
    return [
        f"{layout} may not find these names, correct them by hand: {', '.join(map(printable.cell, sorted(changed)))}"
    ]


def _check_target(path: Path, force: bool) -> None:
    """Only a table that was written here is replaced."""
    try:
        old = results.read_regular(path)
        header = next(csv.reader([(old or b"").decode("utf-8-sig").partition("\n")[0]]), [])
    except (OSError, ValueError, csv.Error):
        old, header = b"", []
    if old is None or force:
        return
    for layout, first in STUDENT.items():
        between = header[len(first) : len(header) - len(LAST[layout])]
        if header == first + between + LAST[layout] and all(re.fullmatch(".+:.+", name) for name in between):
            return
    raise results.Refused(f"csv={str(path)!r} exists and was not written by export; name another file, or use --force")
