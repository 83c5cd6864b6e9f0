"""Numbers, times and other small things, to JSON and back: the part of `encoding` and `decoding` that is about them."""

import collections
import datetime
import decimal
import fractions
import pathlib
import re

from lecture_lib.grading.arrays import must
from lecture_lib.grading.wire import WireError

LARGEST_INT = 200_000  # hexadecimal digits
NUMBER = re.compile(r"(?!.*[Ee][-+]?\d{5})[-+0-9./EeInfityNasQ]{1,1000}", re.ASCII)  # fractions and decimals
TIMES = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone)


def hexadecimal(value: int, out) -> str:
    """An integer of any size in hexadecimal digits."""
    if value.bit_length() > 4 * LARGEST_INT:
        raise WireError(f"an integer of {value.bit_length()} bits")
    out.spend(value.bit_length() // 4)
    return hex(value)


def encode_scalar(value, kind, out, depth):
    """The JSON form of one of the kinds of `READERS`; None for anything else."""
    if kind in (bytes, bytearray):
        return {"t": kind.__name__, "b": out.add(bytes(value))}
    if kind is complex:
        return {"t": "complex", "v": [value.real, value.imag]}
    if kind is range or kind is slice:
        parts = (value.start, value.stop, value.step)
        return {"t": kind.__name__, "v": [out.form(part, depth + 1) for part in parts]}
    if kind in (fractions.Fraction, decimal.Decimal):
        out.spend(len(text := _digits(value)))
        return {"t": kind.__name__, "v": text}
    if kind in TIMES:
        return {"t": kind.__name__, "v": [out.form(part, depth + 1) for part in _moment(value, kind)]}
    if issubclass(kind, pathlib.PurePath):
        return {"t": "path", "v": out.form(str(value), depth + 1), "pure": not issubclass(kind, pathlib.Path)}
    if kind is collections.deque:
        return {"t": "deque", "v": [out.form(item, depth + 1) for item in list(value)], "n": value.maxlen}
    return {"t": "ellipsis"} if value is ... else None


def _moment(value, kind) -> list:
    """What a time is made of, in the order of its class's arguments."""
    if kind is datetime.timezone:
        return list(value.__getinitargs__())
    names = {datetime.date: "year month day", datetime.timedelta: "days seconds microseconds"}
    clock = "hour minute second microsecond tzinfo fold"
    names |= {datetime.time: clock, datetime.datetime: f"year month day {clock}"}
    return [getattr(value, name) for name in names[kind].split()]


def _digits(value) -> str:
    try:
        text = str(value)
    except ValueError:  # Python writes no integers of more than 4300 digits
        text = ""
    if not NUMBER.fullmatch(text):
        raise WireError(f"a {type(value).__name__} of too many digits")
    return text


def _integer(node, *_):
    must(re.fullmatch(rf"-?0x[0-9a-f]{{1,{LARGEST_INT}}}", node["v"]))
    return int(node["v"], 16)


def _number(kind):
    def read(node, *_):
        must(NUMBER.fullmatch(node["v"]))
        return kind(node["v"])

    return read


def _read_moment(kind):
    def read(node, come, depth):
        *parts, last = come.items(node, depth)
        if kind not in (datetime.time, datetime.datetime):
            return kind(*parts, last)
        must(all(type(part) is int for part in parts[:-1]))  # not the form that pickle uses
        return kind(*parts, fold=last)

    return read


def _deque(node, come, depth):
    must(node["n"] is None or type(node["n"]) is int)
    return collections.deque(come.items(node, depth), node["n"])


def _path(node, come, depth):
    must(type(node["v"]) is str)
    return (pathlib.PurePath if node["pure"] is True else come.paths)(node["v"])


def _complex(node, *_):
    real, imaginary = node["v"]
    must(type(real) is float and type(imaginary) is float)
    return complex(real, imaginary)


READERS = {
    "ellipsis": lambda *_: ...,
    "int": _integer,
    "Fraction": _number(fractions.Fraction),
    "Decimal": _number(decimal.Decimal),
    "complex": _complex,
    "range": lambda node, come, depth: range(*come.items(node, depth, 3)),
    "slice": lambda node, come, depth: slice(*come.items(node, depth, 3)),
    "deque": _deque,
    "path": _path,
    **{kind.__name__: _read_moment(kind) for kind in TIMES},
}
