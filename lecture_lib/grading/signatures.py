"""Signatures of a student's functions: described there as plain data, and made anew here."""

import builtins
import inspect
import re
import sys

SIMPLE = (type(None), bool, int, float, str)
NAMES = re.compile(r"[\w\s.,|\[\]]*")  # an annotation as a text: `typing.get_type_hints` evaluates it
MOST = 300  # parameters
LONGEST = 200  # characters of a default or an annotation


class Unknown:
    """An annotation that is no name, or a default that is not told."""

    def __init__(self, text: str):
        self.text = text

    def __repr__(self):
        return self.text


def describe(thing, defaults: bool = True) -> list | None:
    """[[name, kind, default, annotation], ...], and last [annotation of what is returned]; None where it has none.

    Without `defaults` only that there are some is told, not what they are.
    """
    try:
        made = inspect.signature(thing)
        told = [p.default if defaults or p.default is p.empty else Unknown("...") for p in made.parameters.values()]
        parameters = zip(made.parameters.values(), told, strict=True)
        return [[p.name, int(p.kind), *map(_plain, (default, p.annotation))] for p, default in parameters] + [
            [_plain(made.return_annotation)]
        ]
    except Exception:  # not ValueError and TypeError alone: the student's code may be asked
        return None


def _plain(value) -> list:
    """[] for nothing, [value] for a simple one, [module, name] for a class, [None, text] for all else."""
    if value is inspect.Parameter.empty:
        return []
    if type(value) in SIMPLE and len(str(value)) <= LONGEST:
        return [value]
    if isinstance(value, type):
        return [value.__module__, value.__qualname__]
    return [None, repr(value)[:LONGEST]]


def make(described) -> inspect.Signature:
    """The signature; what is no class or simple value in it is a text. Raises ValueError where there is none."""
    if not isinstance(described, list) or not 0 < len(described) <= MOST:
        raise ValueError("no signature found")
    kinds = list(inspect._ParameterKind)
    parameters = [
        inspect.Parameter(name, kinds[kind], default=_value(default), annotation=_annotation(annotation))
        for name, kind, default, annotation in described[:-1]
    ]
    return inspect.Signature(parameters, return_annotation=_annotation(described[-1][0]))


def _annotation(parts: list):
    value = _value(parts)
    harmless = not isinstance(value, str) or (NAMES.fullmatch(value) and "__" not in value)
    return value if harmless else Unknown(value)


def _value(parts: list):
    if not parts:
        return inspect.Parameter.empty
    if len(parts) == 1:
        return parts[0] if type(parts[0]) in SIMPLE else str(parts[0])
    space = vars(builtins) if parts[0] == "builtins" else vars(sys.modules.get(str(parts[0]), builtins))
    kind = space.get(parts[1]) if isinstance(parts[1], str) else None
    return kind if isinstance(kind, type) else str(parts[1])
