"""Which cell of a submission belongs where in the instructor's notebook: by grade_id, else by what it defines."""

from dataclasses import dataclass, field

from lecture_lib.grading.source import Cell, Source
from lecture_lib.grading.submission import START, Piece


@dataclass
class Plan:
    """Which text goes where: by the index of a cell of the source."""

    code: dict[int, list[str]] = field(default_factory=dict)  # runs in the place of a solution cell, or after another
    answers: dict[int, str] = field(default_factory=dict)  # to be read by a person
    untouched: set[int] = field(default_factory=set)  # solution cells left as they were handed out
    notes: list[str] = field(default_factory=list)


def plan(source: Source, pieces: list[Piece]) -> Plan:
    """Find the place of every piece."""
    found, left = Plan(), _place(source, pieces)
    handed_out = {_plain(cell.released) for cell in source.cells}
    ours = {cell.index: cell for cell in source.cells if cell.kind == "code" and cell.role in ("solution", "manual")}
    chosen = {index: _candidates(source, cell, ours, left) for index, cell in ours.items()}
    for index, cell in ours.items():
        changed = [piece for piece in chosen[index] if _plain(piece.text) != _plain(cell.released)]
        names = set(source.names(cell))
        if not changed:
            changed = [p for p in left if p.defines & names and _plain(p.text) not in handed_out]
        chosen[index] = changed
        if not changed:
            found.untouched.add(index)
            found.code[index] = [cell.released]
    _describe(source, ours, chosen, left, found)
    first = {}
    for index in sorted(ours):
        for piece in chosen[index]:
            first.setdefault(id(piece), index)
    for piece in left:  # in the order of the student's notebook
        if id(piece) in first:
            found.code.setdefault(first[id(piece)], []).append(piece.text)
        elif piece.kind == "code" and not _is_ours(source, piece, handed_out):
            found.code.setdefault(piece.near, []).append(piece.text)
    _answers(source, left, chosen, handed_out, found)
    return found


def _place(source: Source, pieces: list[Piece]) -> list[Piece]:
    """Sets `near`, and drops empty pieces."""
    by_id = {cell.grade_id: cell.index for cell in source.cells if cell.grade_id}
    by_id |= {cell.cell.get("id"): cell.index for cell in source.cells if cell.cell.get("id") not in by_id}
    by_text = {_plain(cell.released): cell.index for cell in source.cells if cell.kind == "code"}
    near = START
    for piece in pieces:
        known = [by_id[i] for i in piece.ids if i in by_id]
        near = known[0] if known else by_text.get(_plain(piece.text), near)
        piece.near = near
    return [piece for piece in pieces if piece.text.strip()]


def _candidates(source: Source, cell: Cell, ours: dict[int, Cell], pieces: list[Piece]) -> list[Piece]:
    """The pieces with the cell's id, without those that define what another solution cell should."""
    names = set(source.names(cell))
    others = set().union(*(source.names(other) for other in ours.values() if other is not cell)) - names
    mine = [p for p in pieces if cell.grade_id in p.ids[:1] or (_same_id(cell, p) and not _graded(source, p))]
    return [piece for piece in mine if not names or piece.defines & names or not piece.defines & others]


def _same_id(cell: Cell, piece: Piece) -> bool:
    return cell.cell.get("id") in piece.ids


def _graded(source: Source, piece: Piece) -> bool:
    return any(cell.grade_id in piece.ids[:1] for cell in source.cells if cell.grade_id)


def _is_ours(source: Source, piece: Piece, handed_out: set[str]) -> bool:
    """Whether a piece is a cell as it was handed out, or a test cell, changed or not: ours runs instead."""
    tests = {cell.grade_id for cell in source.cells if cell.role == "test"}
    tests |= {cell.cell.get("id") for cell in source.cells if cell.role == "test"}
    return _plain(piece.text) in handed_out or bool(tests & set(piece.ids))


def _answers(source: Source, pieces: list[Piece], chosen: dict, handed_out: set[str], found: Plan) -> None:
    """Written answers by id, else by place; for a task all that was written below it."""
    spare = [p for p in pieces if p.kind != "code" and _plain(p.text) not in handed_out and not _graded(source, p)]
    present = sorted({piece.near for piece in pieces})
    for cell in source.cells:
        if cell.role == "manual" and cell.kind == "code":
            texts = [piece.text for piece in chosen[cell.index]]
        elif cell.role == "manual":
            texts = [piece.text for piece in pieces if cell.grade_id in piece.ids[:1] or _same_id(cell, piece)]
            above = max((index for index in present if index < cell.index), default=START)
            texts = texts or [piece.text for piece in spare if piece.near == above]
            texts = [text for text in texts if _plain(text) != _plain(cell.released)]
        elif cell.role == "task":
            texts = [p.text for p in pieces if p.near == cell.index and _plain(p.text) not in handed_out]
        else:
            continue
        if texts:
            found.answers[cell.index] = "\n\n".join(texts)
        else:
            found.untouched.add(cell.index)


def _describe(source: Source, ours: dict[int, Cell], chosen: dict, pieces: list[Piece], found: Plan) -> None:
    """Notes on ids that were lost or moved, and on cells that are missing."""
    ids = {i for piece in pieces for i in piece.ids}
    lost = [cell.grade_id for cell in ours.values() if not {cell.grade_id, cell.cell.get("id")} & ids]
    missing = [cell.grade_id for cell in ours.values() if cell.grade_id in lost and not chosen[cell.index]]
    moved = [grade_id for grade_id in lost if grade_id not in missing]
    if moved:
        found.notes.append(f"Cells without their grade_id were recognized by what they define: {', '.join(moved)}.")
    if missing:
        found.notes.append(f"Answer cells are missing: {', '.join(missing)}.")
    for index, cell in ours.items():
        if len(chosen[index]) > 1:
            found.notes.append(f"There are {len(chosen[index])} cells for {cell.grade_id}; all were run, in order.")
        if any(cell.grade_id not in piece.ids and _graded(source, piece) for piece in chosen[index]):
            found.notes.append(f"The answer to {cell.grade_id} was found in a cell with another grade_id.")


def _plain(text: str) -> str:
    """Text as it is compared: without space at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
