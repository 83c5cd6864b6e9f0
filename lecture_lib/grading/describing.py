"""The student's side: descriptions of functions, classes and exceptions, as plain data."""

import dataclasses
import functools
import types

import torch

from lecture_lib.grading import operators, signatures
from lecture_lib.grading.encoding import named_fields

DOC = 300  # characters of a docstring
SIMPLE = (type(None), bool, int, float, str)
HERE = "__main__"
FUNCTION = (
    types.FunctionType | types.BuiltinFunctionType | types.MethodType | types.MethodWrapperType | functools.partial
)
FUNCTION |= functools._lru_cache_wrapper | types.WrapperDescriptorType | types.MethodDescriptorType


def function(thing) -> dict:
    """Name, docstring and parameters of something that can be called."""
    names = {name: str(getattr(thing, f"__{name}__", "") or "")[:DOC] for name in ("name", "qualname", "doc")}
    python = isinstance(thing, types.FunctionType)
    return names | {"parameters": signatures.describe(thing), "python": python}


def kind(thing: type, number, given: dict[type, str]) -> dict:
    """A class: what it is called, what is above it, what it has. `number(class)` is the number of another one."""
    own, above = thing.__module__ == HERE, [base for base in thing.__mro__[1:-1]]
    node = function(thing) | {"own": own, "given": given.get(thing), "named": None, "fields": None}
    node["label"] = thing.__qualname__ if own else f"{thing.__module__}.{thing.__qualname__}"
    node["bases"] = [number(base) for base in thing.__bases__ if base.__module__ == HERE]
    node["libraries"] = [[k.__module__, k.__qualname__] for k in (thing, *above) if k.__module__ != HERE]
    node["net"] = issubclass(thing, torch.nn.Module)
    node["error"] = next((k.__name__ for k in thing.__mro__ if k.__module__ == "builtins"), None)
    node["error"] = node["error"] if issubclass(thing, BaseException) else None
    node["special"] = operators.defined(thing) + (["__repr__"] if node["net"] else [])
    node["abstract"] = sorted(getattr(thing, "__abstractmethods__", ()))
    if issubclass(thing, tuple) and (fields := named_fields(thing)):
        node["named"] = [thing.__name__, list(fields)]
    if dataclasses.is_dataclass(thing):
        node["fields"] = [[field.name, field.init] for field in dataclasses.fields(thing)]
    return node | {"members": members(thing, given) if own else []}


def members(thing: type, given: dict[type, str]) -> list[list]:
    """Functions and properties, [name, description or None]: its own, and those of given classes above it."""
    spaces = [vars(thing), *(vars(k) for k in thing.__mro__[1:] if k in given)]
    found = {name: value for space in reversed(spaces) for name, value in space.items()}
    shown = {n: v for n, v in found.items() if n == "__init__" or not n.startswith("__")}
    functions = [[n, function(v)] for n, v in shown.items() if isinstance(v, types.FunctionType)]
    return functions + [[n, None] for n, v in shown.items() if isinstance(v, property)]


def given_state(thing) -> dict | None:
    """The attributes of an instance of a given class, if it is nothing but these; else None."""
    kinds = type(thing).__mro__[:-1]
    if any(kind.__module__ not in (HERE, "abc", "typing") for kind in kinds):
        return None
    slots = [name for kind in kinds for name in _slots(kind) if hasattr(thing, name)]
    return {name: getattr(thing, name) for name in slots} | getattr(thing, "__dict__", {})


def _slots(kind: type) -> list[str]:
    slots = vars(kind).get("__slots__", ())
    return [name for name in ([slots] if isinstance(slots, str) else slots) if not name.startswith("__")]


def error(thing: BaseException) -> dict:
    """What is said of an exception that is an object of the student's own class."""
    arguments = [a if type(a) in SIMPLE and len(str(a)) < 1000 else repr(a)[:1000] for a in thing.args[:20]]
    return {"kind": "error", "text": str(thing)[:2000], "args": arguments}
