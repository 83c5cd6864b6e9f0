"""Stand-ins for what cannot leave the sandbox: a student's functions and objects (of which classes: see `classes`).

A stand-in forwards calls and attributes, and those special methods that only give a value. What decides a comparison
is not asked of the sandbox unless the same test asks it of the instructor's own solution (see `asking`): else an
object could claim to equal what it is compared with.
"""

import inspect
import types

from lecture_lib.grading import operators, signatures

READABLE = {
    f"__{name}__" for name in ("name", "qualname", "wrapped", "cause", "notes", "slots", "dict", "self", "func")
}


def at(thing) -> tuple:
    """(link, description) of a stand-in."""
    return object.__getattribute__(thing, "_over_there")


def ask(thing, method: str, *args):
    """Call a special method of the student's object."""
    link, node = at(thing)
    return link.call(node["i"], args, {}, method)


async def _later(thing, method: str):
    return ask(thing, method)


def may_ask(thing, method: str, *args) -> bool:
    """Whether a test may ask an object for something that decides."""
    return at(thing)[0].asking.may(thing, method, args)


def _leave(self, kind, error, traceback):
    """`__exit__`: the traceback stays here, and so does what an assertion says, which cannot be put an end to."""
    told = AssertionError() if isinstance(error, AssertionError) else error
    suppressed = bool(ask(self, "__exit__", kind, told, None))
    return suppressed and kind is not None and at(self)[0].asking.may_suppress(kind)


def value(method: str):
    """A special method that gives a value."""
    if method == "__anext__":
        return lambda self: _later(self, method)
    if method == "__exit__":
        return _leave
    return lambda self, *args: ask(self, method, *args)


def deciding(method: str):
    """A special method that decides, or is told what is expected."""

    def special(self, *args):
        if method in type(self)._special and may_ask(self, method, *args):
            return ask(self, method, *args)
        return NotImplemented

    return special


class Asked:
    """The special methods that decide: here, so that those of no other class among the bases do."""

    _special = frozenset()  # what the student's class defines
    _kind = None  # a library's class that the object is of, where it is one

    for _method in operators.DECIDING:
        locals()[_method] = deciding(_method)

    def __ne__(self, other):
        if "__ne__" in type(self)._special:
            return deciding("__ne__")(self, other)
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

    def __hash__(self):
        found = deciding("__hash__")(self)
        return object.__hash__(self) if found is NotImplemented else found

    def __bool__(self):
        if not may_ask(self, "__bool__"):
            raise TypeError(f"expected True or False, got {self!r}")
        return not {"__bool__", "__len__"} & type(self)._special or ask(self, "__bool__")

    def __contains__(self, thing):
        if not may_ask(self, "__contains__", thing):
            raise TypeError(f"{self!r} is not asked what it contains")
        return ask(self, "__contains__", thing)

    def __copy__(self):
        return ask(self, "__copy__")

    def __deepcopy__(self, memo):
        return ask(self, "__deepcopy__")

    def __repr__(self):
        return f"<{str(at(self)[1].get('type'))[:60]} of the submission>"

    @property
    def __class__(self):
        return type(self)._kind or type(self)


class Thing(Asked):
    """An object of the student's. Its attributes can be read, called and set."""

    def __init__(self, link, node: dict):
        object.__setattr__(self, "_over_there", (link, node))

    def __getattr__(self, name: str):
        if name.startswith("__") and name not in READABLE:
            raise AttributeError(name)
        link, node = at(self)
        return link.get(node["i"], name)

    def __setattr__(self, name: str, value) -> None:
        link, node = at(self)
        link.set(node["i"], name, value)

    def __delattr__(self, name: str) -> None:
        link, node = at(self)
        link.set(node["i"], name)


class Function(Thing):
    """A function of the student's, or something else of no class of theirs that can be called."""

    def __call__(self, *args, **kwargs):
        link, node = at(self)
        return link.call(node["i"], args, kwargs)

    __bool__ = lambda self: True  # noqa: E731 (as for every function)

    @property
    def __class__(self):
        return types.FunctionType if at(self)[1].get("python") is True else type(self)

    @property
    def __module__(self) -> str:
        return "__main__"

    @property
    def __name__(self) -> str:
        return str(at(self)[1].get("name"))

    @property
    def __doc__(self) -> str:
        link, node = at(self)
        return link.handing.restored(str(node.get("doc") or "")) or None

    @property
    def __signature__(self) -> inspect.Signature:
        return signatures.make(at(self)[1].get("parameters"))

    @property
    def __annotations__(self) -> dict:
        made = self.__signature__
        found = {p.name: p.annotation for p in made.parameters.values()} | {"return": made.return_annotation}
        return {name: kind for name, kind in found.items() if kind is not made.empty}

    @property
    def __defaults__(self) -> tuple | None:
        return (
            tuple(self._given(inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD).values())
            or None
        )

    @property
    def __kwdefaults__(self) -> dict | None:
        return self._given(inspect.Parameter.KEYWORD_ONLY) or None

    def _given(self, *kinds) -> dict:
        parameters = self.__signature__.parameters.values()
        return {p.name: p.default for p in parameters if p.kind in kinds and p.default is not p.empty}

    @property
    def __code__(self) -> types.CodeType:
        link, node = at(self)
        if (code := link.texts.code(node)) is None:
            raise AttributeError("__code__")
        return code
