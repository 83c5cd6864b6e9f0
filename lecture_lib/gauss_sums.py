r"""Sums of Gaussian bumps on a line, many at a time: a series in place of each pair, exact to float64's digits.

The line is cut into boxes of width W. For a query c + s and a source c' + t in two boxes whose centers lie D = c - c'
apart, with |s| and |t| at most W / 2,

    exp(-(D + s - t)^2 / 2) = exp(-s^2 / 2) sum_p s^p [exp(-D^2 / 2) (-1)^p (D - t)^p / p! exp(D t)] exp(-t^2 / 2),

and the bracket is a series in t. So each box of sources is summed up in ORDER moments sum_i t_i^k exp(-t_i^2 / 2), one
matrix product gives the coefficients of each box of queries, and a query is a polynomial. All terms of the true sum are
positive and each box is off by a share of its own sum, so the error is one of the result: below 1e-13 of it.
"""

import functools
import math

import numpy as np
import torch
from torch import Tensor

WIDTH, ORDER = 0.5, 24
LEAST = 1e-12  # smaller sums come from far away, where the series is not good enough: their queries are left to others
FAR = 2**40  # boxes: beyond, the place within a box has too few digits
AT_ONCE = 2**11  # boxes of queries


class Moments:
    """Sources u (N,) on a line, float64, by box and moment; `sums(queries)` adds up their bumps exp(-(q - u)^2 / 2)."""

    def __init__(self, u: Tensor):
        self.low = float(u.min())
        self.usable = float(u.max()) - self.low < FAR * WIDTH
        if not self.usable:
            return
        box, t = _place(u, self.low)
        span = int(box.max()) + 1
        self.boxes = torch.arange(span, device=u.device) if span <= 4 * len(u) + 1000 else box.unique()
        box = box if len(self.boxes) == span else torch.searchsorted(self.boxes, box)
        term, rows = (-0.5 * t**2).exp_(), []
        for k in range(ORDER):
            rows.append(torch.bincount(box, term, len(self.boxes)))
            term = term.mul_(t) if k < ORDER - 1 else term
        self.table = torch.stack([*rows], 1)  # (boxes, ORDER)
        reach = math.sqrt(2 * (math.log(len(u)) + 32 - math.log(LEAST)))  # all beyond adds up to less than 1e-14
        self.reach = math.ceil(reach / WIDTH) + 1

    def sums(self, queries: Tensor) -> Tensor:
        """sum_i exp(-(q - u_i)^2 / 2) for queries (M,); NaN where the series does not tell: far from all sources."""
        if not self.usable or len(queries) == 0:
            return torch.full_like(queries, math.nan)
        box, s = _place(queries.clamp(self.low - FAR * WIDTH, self.low + FAR * WIDTH), self.low)
        asked, which = box.unique(return_inverse=True)
        coefficients = torch.cat([self._local(part) for part in asked.split(AT_ONCE)])[which]  # (M, ORDER)
        total = coefficients[:, -1].clone()
        for p in range(ORDER - 2, -1, -1):
            total.mul_(s).add_(coefficients[:, p])
        total.mul_((-0.5 * s**2).exp_())
        return total.where(total > LEAST, math.nan)

    def _local(self, asked: Tensor) -> Tensor:
        """The coefficients of s^p of all sources in reach, for the boxes `asked`, (n, ORDER)."""
        near = asked.unsqueeze(1) + torch.arange(-self.reach, self.reach + 1, device=asked.device)
        place = torch.searchsorted(self.boxes, near).clamp(max=len(self.boxes) - 1)
        rows = self.table[place] * (self.boxes[place] == near).unsqueeze(2)
        transfer = torch.from_numpy(_transfer(self.reach)).to(rows.device)
        return rows.flatten(1) @ transfer


def _place(u: Tensor, low: float) -> tuple[Tensor, Tensor]:
    """The box of each number and how far from its center it lies."""
    box = ((u - low) / WIDTH).floor_()
    return box.long(), (u - low) - (box + 0.5) * WIDTH


@functools.lru_cache(maxsize=8)
def _transfer(reach: int) -> np.ndarray:
    """From moments k of the boxes at -reach ... reach to coefficients p, ((2 reach + 1) ORDER, ORDER)."""
    factorial = np.array([math.factorial(k) for k in range(ORDER)], dtype=float)
    k, blocks = np.arange(ORDER), []
    for distance in -WIDTH * np.arange(-reach, reach + 1):  # of the query's box from that of the sources
        growth = np.exp(-(distance**2) / 2) * distance**k / factorial  # of exp(distance t)
        power, block = np.zeros(ORDER), np.empty((ORDER, ORDER))
        power[0] = 1.0
        for p in range(ORDER):  # power: the coefficients of (t - distance)^p / p!
            block[:, p] = np.convolve(power, growth)[:ORDER]
            power = (np.append(0.0, power[:-1]) - distance * power) / (p + 1)
        blocks.append(block)
    return np.concatenate(blocks)
