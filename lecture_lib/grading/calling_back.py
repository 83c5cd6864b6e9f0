"""What the sandbox may do with a thing that a test handed over, and what it is told when that fails.

It may call functions and methods, and use special methods. Attributes, other than methods of a class, it may read and
write where the instructor's own solution does so (see `asking`): they may hold what is expected, or count calls.
"""

import unittest.mock

from lecture_lib.grading import operators
from lecture_lib.grading.decoding import decode
from lecture_lib.grading.encoding import encode
from lecture_lib.grading.wire import WireError

MOCK = frozenset(dir(unittest.mock.Mock()))  # what would tell a mock, or be told by it, how it is used
VERBS = {"get": "read", "set": "write"}


def serve(link, message: dict, blobs: list) -> tuple[dict, list]:
    """The answer to a call back, and its bytes."""
    out = link.encoding()
    try:
        come, what = link.decoding(blobs), message.get("what")
        with link.mirrors.tracing():
            args, kwargs = decode(message["args"], come), decode(message["kwargs"], come)
            if what == "backward":
                value = link.mirrors.own_backward(*args)
            else:
                value = _do(link, link.handing.asked[message["callback"]], what, args, kwargs)
            answer = {"op": "return", "value": encode(value, out)}
    except (Exception, WireError) as error:
        answer, out = {"op": "return", "error": _described(link.handing, error)}, link.encoding()
    return link.keeping.told(answer, out), out.blobs


def _do(link, thing, what: str | None, args: list, kwargs: dict):
    if what is None:
        return thing(*args, **kwargs)
    if what in operators.ALL:
        return operators.ALL[what](thing, *args)
    name, verb = str(args[0]), VERBS.get(what)
    if verb is None or name.startswith("_") or not _may(link, thing, name, verb):
        raise AttributeError(f"{name!r} of what the test handed over cannot be used")
    return getattr(thing, name) if verb == "read" else setattr(thing, name, args[1])


def _may(link, thing, name: str, verb: str) -> bool:
    if isinstance(thing, unittest.mock.NonCallableMock):
        if name in MOCK or verb == "write":
            return False
        return callable(getattr(thing, name)) or link.asking.may_reach(verb, thing, name)
    return (verb == "read" and _is_method(thing, name)) or link.asking.may_reach(verb, thing, name)


def _is_method(thing, name: str) -> bool:
    """Whether a class defines it as something to call: no attribute that an object was given."""
    kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    found = next((vars(kind)[name] for kind in kinds if name in vars(kind)), None)
    own = {} if isinstance(thing, type) else getattr(thing, "__dict__", {})
    return name not in own and (callable(found) or isinstance(found, classmethod | staticmethod))


def _described(handing, error: BaseException) -> dict:
    kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
    described = {"name": type(error).__name__, "builtin": kinds[0] if kinds else "Exception"}
    described["yours"] = handing.number(handing.raised_here, error)
    if isinstance(error, AssertionError):  # what it says may be what is expected
        handing.failed = handing.failed or error
        return described | {"text": "a check of the test failed"}
    return described | {"text": str(error)[:500]}
