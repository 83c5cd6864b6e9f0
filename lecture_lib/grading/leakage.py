"""What of the answers a notebook gives away: the lines of solutions and hidden tests, looked for in all that it stores.

Lines are compared by their words and signs: neither indentation nor spaces nor line breaks hide one. A line counts by
its weight, the number of its names, numbers and operators. Imports, headers of functions and classes and lines of
little weight (`else:`, `return x`, `total = 0`) never leak, unless the answer has nothing heavier. A long line leaks
wherever it occurs, also in the midst of other text, and so does the formula on the right of a `=` or `return`.
A short line (`x_hat = model(x)`) leaks where it stands by itself; in a code cell, where such lines are common, it must
also compute (`variance = sigma**2`) or stand beside a second line of the same answer.

Given, so not secret: what the cell itself shows around its regions, for hidden tests also the visible tests, and cells
of the source with the tag `given`, by which an author says that they show a line on purpose.
"""

import base64
import bisect
import html
import itertools
import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple

from nbformat import NotebookNode

from lecture_lib.grading import source

SHORT, COMPUTES, LONG = 3, 4, 6  # weights from which a line counts, counts if it computes, counts anywhere
LIGHT = set(keyword.kwlist) - {"None", "True", "False"} | {"self", "="}
WORD = re.compile(r"[^\W\d]\w*|\d+(?:\.\d+)?(?:e[-+]?\d+)?|[-+*/%@<>=!&|^~]+")
NEVER = re.compile(r"\s*(?:(?:import|from)\b[^;]*|(?:async\s+)?(?:def|class)\b.*[:(,]|@.*)$")
FORMULA = re.compile(r"(?:^\s*return\b|(?<![=!<>])=(?!=))\s*(.*[-+*/@%].*[-+*/@%].*)$")
EDGE = r"[`\"'<>|\[\]*:;#-]"  # what may stand beside a short line that stands by itself
MARKER = re.compile(r"(?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS|MARK SCHEME)")
BASE64 = re.compile(r"[A-Za-z0-9+/]{6,}(?:\n[A-Za-z0-9+/]+)*")
COLOR = re.compile(r"\x1b\[[0-9;]*m")


class Secret(NamedTuple):
    """A line that must not be seen: as it stands in the answer, as words and signs to look for, how it counts."""

    number: int
    line: str
    piece: str
    long: bool
    computes: bool


def leaks(src: source.Source, nb: NotebookNode) -> list[str]:
    """A sentence for each secret line that a notebook shows, naming cells and lines; empty where it shows none."""
    answers, found = list(_answers(src)), []
    for place, is_code, text in _texts(nb):
        found += [f"{place} has the marker {marker}" for marker in MARKER.findall(text)]
        lines = [_normal(line) for line in text.split("\n")]
        flat, starts = f" {' '.join(lines)} ", list(itertools.accumulate((len(line) + 1 for line in lines), initial=1))
        for name, secrets in answers:
            hits = [(secret, at) for secret in secrets if (at := _find(secret, lines, flat, starts))]
            company = min(2, len({secret.number for secret in secrets})) if is_code else 1
            enough = len({secret.number for secret, _ in hits}) >= company
            shown = {secret.number: (secret, at) for secret, at in hits if secret.computes or enough}
            found += [f"{place} line {at}, shows line {n} of {name}: {s.line}" for n, (s, at) in shown.items()]
    return [f"{src.name}: {sentence}" for sentence in dict.fromkeys(found)]


def _answers(src: source.Source) -> Iterator[tuple[str, list[Secret]]]:
    """The secrets of every solution, hidden test and marking scheme, with what a message calls it."""
    tests = [cell for cell in src.cells if cell.role in ("test", "task")]
    marked = [cell for cell in src.cells if "given" in cell.cell.metadata.get("tags", [])]
    for cell in src.cells:
        is_code = cell.kind == "code"
        shown = _flat([cell, *marked])
        yield f"the solution in cell {cell.grade_id!r}", _secrets(list(cell.solution), is_code, shown)
        shown = _flat([cell, *marked, *tests])
        yield f"what is hidden in cell {cell.grade_id!r}", _secrets(list(cell.hidden), is_code, shown)


def _flat(cells: list[source.Cell]) -> str:
    return f" {' '.join(_normal(cell.released) for cell in cells)} "


def _secrets(lines: list[str], is_code: bool, given: str) -> list[Secret]:
    pieces = []
    for number, line in enumerate(lines, 1):
        code = re.sub(r"(?<=\S)\s+#.*", "", line) if is_code else line
        if is_code and NEVER.match(code):
            continue
        formula = FORMULA.search(code) if is_code else None
        pieces.append((number, line.strip(), code, _weight(code)))
        if formula and _weight(formula[1]) >= LONG:
            pieces.append((number, line.strip(), formula[1], _weight(formula[1])))
    least = min(SHORT, max((weight for *_, weight in pieces), default=0))
    return [
        Secret(number, line, _normal(piece), weight >= LONG, weight >= LONG or _computes(piece, weight))
        for number, line, piece, weight in pieces
        if weight >= max(least, SHORT - 1) and f" {_normal(piece)} " not in given
    ]


def _weight(line: str) -> int:
    """Names, numbers and operators of a line; no keywords, numbers other than 0, 1 and 2 count twice."""
    return sum(2 if word[0].isdigit() and word not in "012" else word not in LIGHT for word in WORD.findall(line))


def _computes(line: str, weight: int) -> bool:
    """Whether a line has an operator between two things; not that of -1, 1e-3 or *args."""
    return weight >= COMPUTES and bool(re.search(r"[\w)\]]\s*[-+*/@%]", re.sub(r"\d[eE][-+]\d", "0", line)))


def _normal(text: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", text))


def _find(secret: Secret, lines: list[str], flat: str, starts: list[int]) -> int:
    """The line in which a secret begins, from 1; 0 where it is not."""
    at = flat.find(f" {secret.piece} ")
    if at < 0 or secret.long:
        return bisect.bisect(starts, at + 1) if at >= 0 else 0
    alone = re.compile(rf"(?:^|{EDGE} )(?:\d+ (?:\. )?)?{re.escape(secret.piece)}(?: (?:{EDGE}|\.)|$)")
    return next((number for number, line in enumerate(lines, 1) if alone.search(line)), 0)


def _texts(nb: NotebookNode) -> Iterator[tuple[str, bool, str]]:
    """All text that a notebook stores, in all its readings: where it stands, whether it is code, the text."""
    for index, cell in enumerate(nb.cells, 1):
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        name = f"cell {grade_id!r}" if grade_id else f"cell {index}, counted from the top"
        for key, value in cell.items():
            is_code = key == "source" and cell.cell_type == "code"
            for text in _strings(value):
                yield from ((f"{name}, {key},", is_code, reading) for reading in _readings(text))
    for text in _strings({key: value for key, value in nb.items() if key != "cells"}):
        yield from (("the notebook's metadata,", False, reading) for reading in _readings(text))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from itertools.chain(value, *map(_strings, value.values()))
    elif isinstance(value, list):
        yield from itertools.chain(*map(_strings, value))


def _readings(text: str) -> dict[str, None]:
    """A text as it is, without the escapes of HTML, terminals and JSON, and what it holds as base64."""
    bare = COLOR.sub("", html.unescape(text))
    coded = "\n".join(_decoded(run.replace("\n", "")) for run in BASE64.findall(text))
    return dict.fromkeys([text, bare, bare.replace("\\n", "\n").replace('\\"', '"'), coded])


def _decoded(run: str) -> str:
    run = run[:-1] if len(run) % 4 == 1 else run
    return base64.b64decode(run + "=" * (-len(run) % 4)).decode("utf-8", "ignore")
