"""A student's notebook as it comes, whatever it holds: only the text of cells is taken from it, and where it belongs.

Nothing else of a submission is believed: not its test cells, points, outputs, kernel or metadata. Cells find their
place by grade_id, and where ids were lost, copied, swapped or changed, by the names that they define.
"""

import contextlib
import json
import re
from dataclasses import dataclass

from lecture_lib.grading import bindings

LARGEST = 100 * 2**20  # bytes
MOST_PARTS = 10_000_000  # commas and opening brackets of JSON: what it takes up once it is read
MOST_CELLS = 10_000
LONGEST_CELL = 1_000_000  # characters
MOST_CODE = 200_000  # characters that are read as Python to see what they define; beyond, a rule of thumb must do
MOST_MAGIC = 100_000  # the same, times the number of IPython's magics in a cell, as the time to read it grows so
MAGIC = re.compile(r"(?m)^[ \t]*[%!?]|=[ \t]*[%!]|\?[ \t]*$")
START = -1  # the place before the first cell of the source


class SubmissionError(Exception):
    """Why nothing of a submission can be graded, in one sentence for the instructor."""


@dataclass(eq=False)
class Piece:
    """One cell of a submission."""

    kind: str
    text: str
    ids: list[str]  # its grade_id and its cell id, as far as it has them
    defines: frozenset[str]
    plain: str = ""  # the text as it is compared
    near: int = START  # the latest cell of the source that it is or that stands above it
    cell: int | None = None  # the cell of the source whose id it has
    sure: bool = False  # whether no other piece has that id


def read(data: bytes) -> tuple[list[Piece], list[str]]:
    """The cells of a notebook file of any version, and notes on what was odd. Raises SubmissionError."""
    if len(data) > LARGEST:
        raise SubmissionError(f"The file has {len(data) >> 20} MB, more than {LARGEST >> 20}; it was not read.")
    if not data.strip():
        raise SubmissionError("The file is empty, so nothing could be graded.")
    text, notes = _decoded(data)
    content = _parsed(text)
    cells = _cells(content, notes)
    pieces, left = [], MOST_CODE
    for cell in cells:
        if isinstance(cell, dict):
            pieces.append(_piece(cell, left))
            left -= size if (size := len(pieces[-1].text)) <= left else 0
    if any(len(piece.text) == LONGEST_CELL for piece in pieces):
        notes.append(f"A cell has more than {LONGEST_CELL:,} characters; the rest of it was not read.")
    return pieces, notes + _other_language(content)


def _parsed(text: str) -> dict:
    if sum(map(text.count, ",[{")) > MOST_PARTS:
        raise SubmissionError("The file holds millions of values, too many for a notebook; it was not read.")
    try:
        content = json.loads(text, parse_int=float)  # no number is used, and Python refuses to read very long ones
    except (ValueError, RecursionError):
        raise SubmissionError("The file is not valid JSON, so it is no notebook; nothing could be graded.") from None
    return content if isinstance(content, dict) else {}


def _cells(content: dict, notes: list[str]) -> list:
    cells = content.get("cells")
    if cells is None and isinstance(content.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
        notes.append("The notebook is of an old format (before nbformat 4); its cells were read all the same.")
    elif content.get("nbformat") not in (4, "4"):
        notes.append("The notebook does not say that it is of nbformat 4; its cells were read all the same.")
    if not isinstance(cells, list):
        raise SubmissionError("The file is no notebook: it has no list of cells; nothing could be graded.")
    if len(cells) > MOST_CELLS:
        raise SubmissionError(f"The notebook has {len(cells):,} cells, more than {MOST_CELLS:,}; it was not graded.")
    return cells


def _decoded(data: bytes) -> tuple[str, list[str]]:
    encoding = json.detect_encoding(data)
    text = data.decode(encoding, "replace")
    if not encoding.startswith("utf-8"):
        return text, [f"The file is in {encoding.upper()}, not in UTF-8; it was read all the same."]
    if text.count("\ufffd") > data.count("\ufffd".encode()):
        return text, ["The file is not pure UTF-8; what is not was replaced by a mark."]
    return text, []


def _other_language(content) -> list[str]:
    kernel, info = (
        _deep(content, "metadata", *path) for path in (("kernelspec", "language"), ("language_info", "name"))
    )
    language = kernel or info
    if not isinstance(language, str) or re.match(r"\s*(i?python|$)", language.lower()):
        return []
    return [f"The notebook names {language[:30]!r} as its language; its cells were run as Python."]


def _deep(content, *path: str):
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _piece(cell: dict, readable: int) -> Piece:
    kind = cell.get("cell_type")
    text = cell.get("source", cell.get("input", ""))
    if isinstance(text, list):
        text = "".join(part for part in text if isinstance(part, str))
    text = text.replace("\r\n", "\n").replace("\r", "\n")[:LONGEST_CELL] if isinstance(text, str) else ""
    ids = [_deep(cell, "metadata", "nbgrader", "grade_id"), cell.get("id")]
    defines = _defines(text, readable) if kind != "markdown" or "def " in text else frozenset()
    return Piece(kind if isinstance(kind, str) else "code", text, [i for i in ids if isinstance(i, str)], defines)


def _defines(text: str, readable: int) -> frozenset[str]:
    """The names that a cell binds, or seems to bind where it cannot be read as Python."""
    with contextlib.suppress(MemoryError, RuntimeError):  # a cell made to be hard to read
        if len(text) <= readable and len(text) * len(MAGIC.findall(text)) <= MOST_MAGIC and bindings.tree(text):
            return frozenset(bindings.bound(text))
    seeming = re.findall(r"^(?:async )?(?:def|class) +(\w+)|^(\w+) *=[^=]", text, re.MULTILINE)
    return frozenset(a or b for a, b in seeming)
