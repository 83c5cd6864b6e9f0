"""Exceptions of a student's code, as exceptions of the same class here."""

import builtins
import sys
import warnings

from lecture_lib.grading import proxies
from lecture_lib.grading.wire import WireError

LONGEST = 2_000  # characters of an error's text
# Whose exceptions are themselves here. Not those of test runners, which take some for "skip this test".
LIBRARIES = (
    "torch numpy scipy sklearn sympy json decimal re fractions statistics struct csv queue copy dataclasses enum"
)
LIBRARIES = {*LIBRARIES.split(), "zipfile", "zlib", "binascii", "subprocess", "shutil", "configparser", "pickle"}
ARGUMENTS, CAUSE = vars(BaseException)["args"], vars(BaseException)["__cause__"]  # a stand-in hides them


class StudentError(BaseException):
    """Something of the submission cannot be used; the text says what. No `except Exception` of a test catches it."""


class Error(proxies.Thing):
    """A stand-in for an exception of a class of the student's; among its bases, a class of exceptions follows."""

    def __str__(self):
        return proxies.at(self)[1]["text"]

    def __reduce__(self):
        raise TypeError("an exception of the submission cannot be copied")


def is_late(record) -> bool:
    """Whether an error is the end of the time of a call."""
    return isinstance(record, dict) and record.get("name") == "TimeUp"


def fill(error, arguments) -> None:
    """Set what `error.args` gives."""
    ARGUMENTS.__set__(error, tuple(arguments))


def student_error(record, link=None, blobs=(), depth: int = 3) -> BaseException:
    """An exception of the student's code as one of the same class; `.student` holds its description.

    What is no Exception there (the end of its time, say) is a StudentError: a test that expects an exception must not
    take it for one.
    """
    record = record if isinstance(record, dict) else {}
    text, lines = str(record.get("text"))[:LONGEST], record.get("lines")
    try:
        error = link.value(record["value"], blobs) if link and "value" in record and _expectable(record) else None
        error = error if isinstance(error, Exception) else _of_library(record, text, link, blobs)
    except (WireError, StudentError, TypeError, ValueError, KeyError):
        error = StudentError(text)
    if record.get("cause") and depth:
        CAUSE.__set__(error, student_error(record["cause"], None, (), depth - 1))
    lines = [str(line)[:300] for line in lines[:10]] if isinstance(lines, list) else []
    described = {"name": str(record.get("name"))[:100], "text": text, "lines": lines}
    object.__setattr__(error, "student", described)
    return error


def _expectable(record: dict) -> bool:
    """Whether a test may expect it."""
    kind = getattr(builtins, str(record.get("builtin")), None)
    return isinstance(kind, type) and issubclass(kind, Exception | SystemExit)


def _of_library(record: dict, text: str, link, blobs) -> BaseException:
    """One of a built-in class, or of a library's: of a class of its own where it would not read as it did there."""
    module, name = map(str, record.get("library") or ("builtins", ""))
    kind = getattr(sys.modules.get(module), name, None) if module.split(".")[0] in LIBRARIES else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = getattr(builtins, str(record.get("builtin")), None) if _expectable(record) else StudentError
    arguments = link.value(record["args"], blobs) if link and "args" in record else [text]
    try:
        error = kind(*arguments)
    except Exception:  # made in another way
        error = kind.__new__(kind, *arguments)
        fill(error, arguments)
        state = link.value(record["state"], blobs) if link and "state" in record else {}
        vars(error).update({name: value for name, value in state.items() if name.isidentifier() and name[0] != "_"})
    if kind is not StudentError and str(error) != text:
        error = kind.__new__(type(kind.__name__, (kind,), {"__str__": lambda self: text}), *arguments)
        fill(error, arguments)
    return error


def stopped(error: StopIteration | StopAsyncIteration) -> RuntimeError:
    """What an end of a loop is where it ends none, as within a generator."""
    made = RuntimeError(f"the code raised {type(error).__name__}")
    made.student = getattr(error, "student", {"name": type(error).__name__, "text": str(error), "lines": []})
    return made


def warn(waiting: list) -> None:
    """Warn of what the student's code has warned of; afterwards nothing waits."""
    found, waiting[:] = list(waiting), []
    for name, text in found:
        kind = getattr(builtins, name, UserWarning)
        warnings.warn(text, kind if isinstance(kind, type) and issubclass(kind, Warning) else UserWarning, 6)


class Broken:
    """A name whose value did not arrive; whoever uses it is told why."""

    def __init__(self, name: str, why: str):
        self.__dict__.update(name=name, why=why)

    def __call__(self, *args, **kwargs):
        raise StudentError(f"`{self.name}` {self.why}")

    def __getattr__(self, attribute: str):
        raise StudentError(f"`{self.name}` {self.why}")
