"""Stand-ins for what cannot leave the sandbox: a student's functions, classes and objects (networks: see `nets`).

A stand-in forwards calls and public attributes. Comparisons, arithmetic and truth are never asked of the sandbox unless
the instructor's own solution defines them for a class: else an object could claim to equal what it is compared with.
"""

import builtins
import inspect

from torch import nn

LONGEST = 2_000  # characters of an error's text


class StudentError(BaseException):
    """Something of the submission cannot be used; the text says what. No `except Exception` of a test catches it."""


def is_late(record) -> bool:
    """Whether an error is the end of the time of a call."""
    return isinstance(record, dict) and record.get("name") == "TimeUp"


def student_error(record) -> BaseException:
    """An exception of the student's code as one of the same built-in class; `.student` holds its description.

    What is no Exception there (an exit, the end of its time) is a StudentError: a test that expects an exception must
    not take it for one.
    """
    record = record if isinstance(record, dict) else {}
    text, lines = str(record.get("text"))[:LONGEST], record.get("lines")
    kind = getattr(builtins, str(record.get("builtin")), Exception)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = StudentError
    try:
        error = kind(text)
    except TypeError:
        error = StudentError(text)
    lines = [str(line)[:300] for line in lines[:10]] if isinstance(lines, list) else []
    error.student = {"name": str(record.get("name"))[:100], "text": text, "lines": lines}
    return error


def forward(method: str):
    """A special method that asks the sandbox for the same one of the student's object."""
    return lambda self, *args: self._link.call(self._node["i"], args, {}, method)


class Thing:
    """An object of the student's. Its public attributes can be read, called and set."""

    __contains__ = None  # `x in thing` would let the sandbox decide

    def __init__(self, link, node: dict):
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_node", node)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.get(self._node["i"], name)

    def __setattr__(self, name: str, value) -> None:
        self._link.set(self._node["i"], name, value)

    def __bool__(self):
        raise TypeError(f"expected True or False, got {self!r}")

    def __repr__(self):
        return f"<{str(self._node.get('type'))[:60]} of the submission>"


class Function(Thing):
    """A function of the student's, or an object that can be called."""

    def __call__(self, *args, **kwargs):
        return self._link.call(self._node["i"], args, kwargs)

    __bool__ = lambda self: True  # noqa: E731 (as for every function)

    @property
    def __name__(self) -> str:
        return str(self._node.get("name"))

    @property
    def __doc__(self) -> str:
        return str(self._node.get("doc") or "")

    @property
    def __signature__(self) -> inspect.Signature:
        empty, kinds = inspect.Parameter.empty, list(inspect._ParameterKind)
        parameters = self._node["parameters"] or []
        return inspect.Signature(
            [inspect.Parameter(name, kinds[kind], default=None if given else empty) for name, kind, given in parameters]
        )


class StudentClass(Function):
    """A class of the student's: calling it makes an instance over there; isinstance and issubclass work."""

    def __instancecheck__(self, thing) -> bool:
        try:
            return self._node["i"] in object.__getattribute__(thing, "_node").get("class", [])
        except AttributeError:
            return False

    @property
    def __bases__(self) -> tuple:
        return (nn.Module,) if self._node.get("net") is True else (object,)


class Iterator(Thing):
    """An iterator of the student's: a generator, a zip, ..."""

    def __iter__(self):
        return self

    def __next__(self):
        return self._link.call(self._node["i"], (), {}, "__next__")


class Broken:
    """A name whose value did not arrive; whoever uses it is told why."""

    def __init__(self, name: str, why: str):
        self.__dict__.update(name=name, why=why)

    def __call__(self, *args, **kwargs):
        raise StudentError(f"`{self.name}` {self.why}")

    def __getattr__(self, attribute: str):
        raise StudentError(f"`{self.name}` {self.why}")
