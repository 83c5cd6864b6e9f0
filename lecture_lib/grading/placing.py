"""Which cell of a submission belongs where in the instructor's notebook: by grade_id, else by what it defines."""

import re
from collections import Counter
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
    found, pieces = Plan(), _place(source, pieces)
    handed_out = {_plain(cell.released) for cell in source.cells}
    own = [piece for piece in pieces if piece.plain not in handed_out]
    ours = [cell for cell in source.cells if cell.kind == "code" and cell.role in ("solution", "manual")]
    chosen = _choose(source, ours, pieces, own)
    first = {}
    for cell in ours:
        if not chosen[cell.index]:
            found.untouched.add(cell.index)
            found.code[cell.index] = [cell.released]
        for piece in chosen[cell.index]:
            first.setdefault(id(piece), cell.index)
    tests = _changed_tests(source, pieces)
    for piece in own:  # in the order of the student's notebook
        if id(piece) in first or (piece.kind == "code" and piece.cell not in tests):
            found.code.setdefault(first.get(id(piece), piece.near), []).append(piece.text)
    _answers(source, pieces, own, chosen, found)
    found.notes += _notes(ours, pieces, chosen)
    return found


def _place(source: Source, pieces: list[Piece]) -> list[Piece]:
    """The pieces that are not empty; `plain`, `cell`, `sure` and `near` of each are set."""
    texts = Counter(_plain(cell.released) for cell in source.cells)
    by_text = {text: c.index for c in source.cells if (text := _plain(c.released)) and texts[text] == 1}
    by_id = {cell.cell.get("id"): cell.index for cell in source.cells}
    by_id |= {cell.grade_id: cell.index for cell in source.cells if cell.grade_id}
    uses, near = Counter(i for piece in pieces for i in set(piece.ids)), START
    for piece in pieces:
        piece.plain = _plain(piece.text)
        known = sorted((uses[i] > 1, position, by_id[i]) for position, i in enumerate(piece.ids) if i in by_id)
        if known:
            piece.sure, piece.cell = not known[0][0], known[0][2]
            near = piece.cell if piece.sure else max(near, piece.cell)
        piece.near = near = by_text.get(piece.plain, near)
    return [piece for piece in pieces if piece.plain]


def _choose(source: Source, ours: list[Cell], pieces: list[Piece], own: list[Piece]) -> dict[int, list[Piece]]:
    """What was written for each of our cells: the pieces with its id, else those that define its names, else by place.

    A piece with its id that defines another cell's names and none of its own is not meant for it.
    """
    names = {cell.index: set(source.names(cell)) for cell in ours}
    chosen = {}
    for cell in ours:
        mine, others = names[cell.index], set().union(*names.values()) - names[cell.index]
        by_id = [piece for piece in own if piece.cell == cell.index]
        fitting = [p for p in by_id if p.defines & mine or not p.defines & others or (p.sure and not mine)]
        chosen[cell.index] = _code_first(fitting) or _code_first([piece for piece in own if piece.defines & mine])
    taken = {id(piece) for some in chosen.values() for piece in some}
    spare = [piece for piece in own if piece.kind == "code" and id(piece) not in taken]
    for cell in ours:
        if not chosen[cell.index] and (not names[cell.index] or cell.role == "manual"):
            chosen[cell.index] = _by_place(cell, pieces, spare)
    return chosen


def _code_first(pieces: list[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.kind == "code"] or pieces


def _by_place(cell: Cell, pieces: list[Piece], spare: list[Piece]) -> list[Piece]:
    """The pieces without an id that stand where a cell was, or right below it."""
    above = max((piece.near for piece in pieces if START < piece.near < cell.index), default=cell.index)
    return [piece for piece in spare if piece.near in (above, cell.index) and not piece.sure]


def _changed_tests(source: Source, pieces: list[Piece]) -> set[int]:
    """Tests of which a changed copy is left alone: ours runs. It is not if the test is still there as it was."""
    present = {piece.plain for piece in pieces}
    return {cell.index for cell in source.cells if cell.role == "test" and _plain(cell.released) not in present}


def _answers(source: Source, pieces: list[Piece], own: list[Piece], chosen: dict, found: Plan) -> None:
    """Written answers by id, else by place; for a task all that was written below it."""
    texts = [piece for piece in own if piece.kind != "code"]
    for cell in source.cells:
        if cell.role == "manual" and cell.kind == "code":
            some = chosen[cell.index]
        elif cell.role == "manual":
            by_id = [piece for piece in own if piece.cell == cell.index]
            some = by_id or _by_place(cell, pieces, texts)
        elif cell.role == "task":
            some = [piece for piece in own if piece.near == cell.index]
        else:
            continue
        if some:
            found.answers[cell.index] = "\n\n".join(piece.text for piece in some)
        else:
            found.untouched.add(cell.index)


def _notes(ours: list[Cell], pieces: list[Piece], chosen: dict[int, list[Piece]]) -> list[str]:
    """Sentences on ids that were lost or moved, and on cells that are missing."""
    cells, texts = {piece.cell for piece in pieces}, {piece.plain for piece in pieces}
    moved = [c.grade_id for c in ours if any(c.grade_id not in piece.ids for piece in chosen[c.index])]
    gone = [c for c in ours if c.index not in cells and _plain(c.released) not in texts and not chosen[c.index]]
    text = [c.grade_id for c in ours if any(piece.kind != "code" for piece in chosen[c.index])]
    notes = [f"Answers stand in cells that do not have their grade_id: {', '.join(moved)}."] if moved else []
    notes += [f"Answer cells are missing or empty: {', '.join(c.grade_id for c in gone)}."] if gone else []
    notes += [f"Answers stand in cells that are no code cells; they were run: {', '.join(text)}."] if text else []
    many = [cell for cell in ours if len(chosen[cell.index]) > 1]
    return notes + [f"There are {len(chosen[c.index])} cells for {c.grade_id}; all were run, in order." for c in many]


def _plain(text: str) -> str:
    """Text as it is compared: without space at the ends of lines, and without a stub's words, which tools differ in."""
    text = re.sub(r"raise NotImplementedError\(.*\)", "raise NotImplementedError()", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
