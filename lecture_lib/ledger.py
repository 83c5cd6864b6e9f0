"""The derivation ledger: numbered lines of the lectures, each with both its sides as functions that can be tried.

`lecture_lib.derivations` has a module for each lecture, and LINES in it. Under a formula, a lecture shows what
`ledger.check(LINES, "4.3", "4.7")` says; the tests try every line, and compare `formula` with what the lecture prints.
"""

import itertools
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from types import SimpleNamespace

import torch
from torch import Tensor

N_POINTS = 20
STANDARD_ERRORS = 5.0  # for a line that only random draws can check; exceeded by chance once in a million


class FalseLine(AssertionError):
    """A line of a derivation whose two sides are not what it says of them."""


@dataclass(frozen=True)
class Line:
    r"""One numbered line of a derivation.

    tag: "4.3". formula: the LaTeX that the lecture shows, without `\tag`; it starts with its relation where the line
    goes on from the one above. inputs: torch.Generator -> namespace of random float64 inputs. left, right: inputs ->
    value. relation: "=", "<=", ">=", or "~": then `left` gives random draws (S, ...), whose mean is `right` up to
    STANDARD_ERRORS standard errors. rtol, atol: |left - right| <= atol + rtol |right| counts as equal. tight: inputs
    at which an inequality is an equality, which is then checked as well.
    """

    tag: str
    formula: str
    inputs: Callable[[torch.Generator], SimpleNamespace]
    left: Callable[[SimpleNamespace], Tensor]
    right: Callable[[SimpleNamespace], Tensor]
    relation: str = "="
    rtol: float = 1e-10
    atol: float = 1e-12
    tight: Callable[[torch.Generator], SimpleNamespace] | None = None


class Checked:
    """Lines that were found to hold; shows itself as one quiet line."""

    def __init__(self, lines: list[Line], n_points: int):
        self.lines, self.n_points = lines, n_points

    def __repr__(self) -> str:
        groups = [list(group) for _, group in itertools.groupby(self.lines, _claim)]
        return "✓ " + "; ".join(f"{_range(group)}: {_claim(group[0])}" for group in groups) + self._where()

    def _repr_html_(self) -> str:
        return f'<div style="color: #6b6b6b; font-size: 0.85em">{escape(repr(self))}</div>'

    def _where(self) -> str:
        return f" ({self.n_points} random inputs)"


def check(lines: list[Line], first: str, last: str | None = None, *, n_points: int = N_POINTS) -> Checked:
    """The lines numbered `first` to `last`, tried at `n_points` random inputs; raises FalseLine where one fails.

    Raises ValueError where `lines` has no line of that number.
    """
    tags = [line.tag for line in lines]
    for name, tag in (("first", first), ("last", last)):
        if tag is not None and tag not in tags:
            raise ValueError(f"{name} is {tag!r}, which is not in this ledger; it has {', '.join(tags)}")
    chosen = lines[tags.index(first) : tags.index(last or first) + 1]
    if not chosen:
        raise ValueError(f"last is {last!r}, which stands before first, {first!r}")
    for line in chosen:
        verify(line, n_points=n_points)
    return Checked(chosen, n_points)


def verify(line: Line, *, n_points: int = N_POINTS) -> None:
    """Try one line at `n_points` random inputs, the same ones every time; raises FalseLine where it fails."""
    generator = torch.Generator().manual_seed(zlib.crc32(line.tag.encode()))
    for _ in range(n_points):
        _compare(line, line.inputs(generator), line.relation)
        if line.tight is not None:
            _compare(line, line.tight(generator), "=")


def _compare(line: Line, inputs: SimpleNamespace, relation: str) -> None:
    left, right = (torch.as_tensor(side(inputs)) for side in (line.left, line.right))
    tolerance = line.atol + line.rtol * right.abs()
    if relation == "~":
        tolerance = STANDARD_ERRORS * left.std(0) / math.sqrt(len(left)) + line.atol
        left = left.mean(0)
    if left.shape != right.shape or left.dtype != torch.float64 or right.dtype != torch.float64:
        sides = [f"{tuple(side.shape)} {side.dtype}" for side in (left, right)]
        raise FalseLine(f"({line.tag}): left is {sides[0]}, right {sides[1]}; both must be float64 and of one shape")
    excess = {"<=": left - right, ">=": right - left}.get(relation, (left - right).abs())
    if not bool((excess <= tolerance).all() and left.isfinite().all() and right.isfinite().all()):  # NaN fails as well
        worst = int((excess - tolerance).nan_to_num(nan=math.inf).argmax())
        values = f"left {left.flatten()[worst]:.12g}, right {right.flatten()[worst]:.12g}"
        raise FalseLine(f"({line.tag}) does not hold, {values}: {line.formula}")


def _claim(line: Line) -> str:
    if line.relation == "~":
        return f"the mean of many draws is the right side, within {STANDARD_ERRORS:g} standard errors"
    if line.relation in ("<=", ">="):
        word = {"<=": "at most", ">=": "at least"}[line.relation]
        return f"the left side is {word} the right one" + (", and equal where it should be" if line.tight else "")
    return f"both sides agree to {max(line.rtol, line.atol):.0e}".replace("e-0", "e-")


def _range(group: list[Line]) -> str:
    first, last = group[0].tag, group[-1].tag
    return f"({first})" if first == last else f"({first}) {'and' if len(group) == 2 else 'to'} ({last})"
