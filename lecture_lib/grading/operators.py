"""Special methods of a student's objects: which may be asked of the sandbox when, and how it carries them out.

Some give a value and are told nothing that a test expects; those may always be asked. The others decide a test, or are
told what it compares with: they may be asked only where the instructor's own solution was (see `asking`).
"""

import asyncio
import copy
import functools
import operator
import re


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


VALUES = {
    "__len__": len,
    "__iter__": iter,
    "__next__": next,
    "__reversed__": reversed,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__repr__": repr,
    "__str__": str,
    "__format__": format,
    "__dir__": dir,
    "__int__": int,
    "__float__": float,
    "__complex__": complex,
    "__index__": operator.index,
    "__round__": round,
    "__abs__": abs,
    "__neg__": operator.neg,
    "__pos__": operator.pos,
    "__invert__": operator.invert,
    "__copy__": copy.copy,
    "__deepcopy__": lambda thing, memo=None: copy.deepcopy(thing),
    "__enter__": lambda thing: type(thing).__enter__(thing),
    "__exit__": lambda thing, *error: type(thing).__exit__(thing, *error),
    "__await__": lambda thing: _loop().run_until_complete(thing),
    "__aiter__": aiter,
    "__anext__": lambda thing: _loop().run_until_complete(anext(thing)),
}


def _swapped(does):
    return lambda thing, other: does(other, thing)


ARITHMETIC = re.findall(r"\w+", "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift")
DECIDING = {f"__{name}__": getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge", "contains")}
DECIDING |= {"__hash__": hash, "__bool__": bool}
DECIDING |= {f"__{name}__": getattr(operator, f"__{name}__") for name in ARITHMETIC}
DECIDING |= {f"__i{name}__": getattr(operator, f"__i{name}__") for name in ARITHMETIC}
DECIDING |= {f"__r{name}__": _swapped(getattr(operator, f"__{name}__")) for name in ARITHMETIC}
ALL = VALUES | DECIDING
FAMILY = {f"__{side}{name}__": name for name in ARITHMETIC for side in ("", "r", "i")}
FAMILY |= {"__ne__": "eq", "__hash__": "eq"} | {f"__{name}__": "order" for name in ("lt", "le", "gt", "ge")}


def family(method: str) -> str:
    """What a deciding method is about: "add" for all three kinds of addition, "order" for all comparisons of size."""
    return FAMILY.get(method, method.strip("_"))


def defined(kind: type) -> list[str]:
    """The special methods that a class has, beyond those that every object or network has."""
    own = [vars(k) for k in kind.__mro__ if k is not object and k.__module__ != "torch.nn.modules.module"]
    found = [name for name in ALL if next((space[name] for space in own if name in space), None) is not None]
    return [*found, "__call__"] if any("__call__" in space for space in own) else found
