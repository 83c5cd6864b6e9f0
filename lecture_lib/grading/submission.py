"""A student's notebook as it comes, whatever it holds: only the text of cells is taken from it, and where it belongs.

Nothing else of a submission is believed: not its test cells, points, outputs, kernel or metadata. Cells find their
place by grade_id, and where ids were lost, copied, swapped or changed, by the names that they define.
"""

import codecs
import json
import re
from dataclasses import dataclass

from lecture_lib.grading import bindings

LARGEST = 50 * 2**20  # bytes
MOST_CELLS = 5_000
LONGEST_CELL = 1_000_000  # characters
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
    near: int = START  # the latest cell of the source that stands above it


def read(data: bytes) -> tuple[list[Piece], list[str]]:
    """The cells of a notebook file of any version, and notes on what was odd. Raises SubmissionError."""
    if len(data) > LARGEST:
        raise SubmissionError(f"The file has {len(data) >> 20} MB, more than {LARGEST >> 20}; it was not read.")
    if not data.strip():
        raise SubmissionError("The file is empty, so nothing could be graded.")
    text, notes = _decoded(data)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise SubmissionError("The file is not valid JSON, so it is no notebook; nothing could be graded.") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if cells is None and isinstance(content, dict) and isinstance(content.get("worksheets"), list):
        sheets = [sheet.get("cells") for sheet in content["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
        notes.append("The notebook is of an old format (before nbformat 4); its cells were read all the same.")
    if not isinstance(cells, list):
        raise SubmissionError("The file is no notebook: it has no list of cells; nothing could be graded.")
    if len(cells) > MOST_CELLS:
        raise SubmissionError(f"The notebook has {len(cells):,} cells, more than {MOST_CELLS:,}; it was not graded.")
    notes += _other_language(content)
    return [_piece(cell) for cell in cells if isinstance(cell, dict)], notes


def _decoded(data: bytes) -> tuple[str, list[str]]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), ["The file is in UTF-16, not in UTF-8; it was read all the same."]
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        return data.decode("utf-8-sig", "replace"), ["The file is not pure UTF-8; what is not was replaced by a mark."]


def _other_language(content) -> list[str]:
    kernel, info = (
        _deep(content, "metadata", *path) for path in (("kernelspec", "language"), ("language_info", "name"))
    )
    language = kernel or info
    if not isinstance(language, str) or language.lower() in ("python", "ipython"):
        return []
    return [f"The notebook names {language[:30]!r} as its language; its cells were run as Python."]


def _deep(content, *path: str):
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _piece(cell: dict) -> Piece:
    kind = cell.get("cell_type")
    text = cell.get("source", cell.get("input", ""))
    if isinstance(text, list):
        text = "".join(part for part in text if isinstance(part, str))
    text = text.replace("\r\n", "\n").replace("\r", "\n")[:LONGEST_CELL] if isinstance(text, str) else ""
    ids = [_deep(cell, "metadata", "nbgrader", "grade_id"), cell.get("id")]
    defines = _defines(text) if kind != "markdown" or "def " in text else frozenset()
    return Piece(kind if isinstance(kind, str) else "code", text, [i for i in ids if isinstance(i, str)], defines)


def _defines(text: str) -> frozenset[str]:
    if bindings.tree(text) is not None:
        return frozenset(bindings.bound(text))
    seeming = re.findall(r"^(?:async )?(?:def|class) +(\w+)|^(\w+) *=[^=]", text, re.MULTILINE)
    return frozenset(a or b for a, b in seeming)
