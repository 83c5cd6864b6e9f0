"""Plain data as JSON and bytes: numbers, strings, containers, NumPy arrays and dense tensors, by their exact types.

What is not plain (functions, modules, objects, subclasses of the plain types) goes to a hook, `export`.
"""

import collections
import json
import re
from dataclasses import dataclass, field

from lecture_lib.grading import arrays, scalars
from lecture_lib.grading.wire import MOST_BLOBS, WireError

DEEPEST = 60
MOST_NODES = 1_000_000
NODE = 32  # bytes that a value is counted as, besides its text or array
LONG = 1_000  # characters of a string above which it goes as bytes
SURROGATE = re.compile("[\ud800-\udfff]")  # two of them would be read from JSON as one character
VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
DICTS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)


@dataclass
class Encoding:
    """One message on its way out: the arrays' bytes so far, how much is still allowed, and the hooks.

    `export(value, out) -> dict` is asked for what is not plain, `mark(tensor, node, out) -> dict` about every tensor.
    """

    limit: int
    export: object
    mark: object = lambda tensor, node, out: node
    blobs: list = field(default_factory=list)
    used: int = 0
    hold: object = None  # notes a list, dictionary or set, and gives the number under which both sides know it
    known: object = None  # the number of a container that the other side has already
    plain: object = lambda value: None  # the data alone of an object whose class adds nothing to it, else None
    nodes: int = 0
    depth: int = 0  # of what is being written
    given: object = ()  # classes whose objects go to `export`, although they are plain
    objects: list = field(default_factory=list)  # (class, object, attributes) of what is written beside the value

    def beside(self, kind: str, thing, state: dict) -> int:
        """The place of an object among those that are written beside the value that refers to them."""
        known = next((place for place, (_, other, _) in enumerate(self.objects) if other is thing), None)
        if known is None:
            self.objects.append((kind, thing, state))
        return len(self.objects) - 1 if known is None else known

    def form(self, value, depth: int):
        return form(value, self, depth)

    def add(self, data: bytes) -> int:
        if len(self.blobs) >= MOST_BLOBS:
            raise WireError(f"more than {MOST_BLOBS:,} arrays or long strings")
        self.spend(len(data))
        self.blobs.append(data)
        return len(self.blobs) - 1

    def spend(self, size: int) -> None:
        if self.used + size > self.limit:
            raise WireError(f"more than {self.limit // 2**20} MiB of data")
        self.used += size


def encode(value, out: Encoding):
    """The JSON form of a value; arrays' bytes go to `out.blobs`. Raises WireError for what is too large or too deep."""
    return _with_objects(lambda: form(value, out, 0), out)


def contents(value, out: Encoding):
    """The JSON form of a list, a dictionary or a set itself, even where the other side knows it by a number."""
    return _with_objects(lambda: _container(value, type(value), out, 0), out)


def _with_objects(write, out: Encoding):
    out.objects.clear()
    node = write()
    written = []
    for kind, _, state in out.objects:  # grows on the way: an object may refer to others, and to itself
        written.append([kind, form(state, out, 1)])
    return {"t": "graph", "v": node, "o": written} if written else node


def form(value, out: Encoding, depth: int):
    """The JSON form of a value within another."""
    out.nodes += 1
    out.spend(NODE)
    if depth > DEEPEST or out.nodes > MOST_NODES:
        raise WireError(f"data nested deeper than {DEEPEST} levels, or more than {MOST_NODES:,} values")
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is str:
        return _encode_text(value, out)
    if kind is int:
        return value if -(2**62) < value < 2**62 else {"t": "int", "v": scalars.hexadecimal(value, out)}
    if kind in (list, dict, set) and out.known is not None and (number := out.known(value)) is not None:
        return {"t": "holding", "n": number}
    if kind in (list, dict, set) and out.hold is not None and (number := out.hold(value)) is not None:
        return {"t": "held", "n": number, "v": _container(value, kind, out, depth)}
    return _container(value, kind, out, depth)


def _container(value, kind, out: Encoding, depth: int):
    if kind is list:
        return [form(item, out, depth + 1) for item in list(value)]
    if kind in (tuple, set, frozenset):
        return {"t": kind.__name__, "v": [form(item, out, depth + 1) for item in tuple(value)]}
    if kind in DICTS:
        pairs = [_pair(pair, out, depth) for pair in list(value.items())]
        return {"t": "dict" if kind is collections.defaultdict else kind.__name__, "v": pairs}
    if kind in VIEWS:
        write = _pair if VIEWS[kind] == "items" else lambda item, out, depth: form(item, out, depth + 1)
        return {"t": VIEWS[kind], "v": [write(item, out, depth) for item in list(value)]}
    for known in (scalars.encode_scalar, arrays.encode_numpy, arrays.encode_torch, _encode_named):
        if (node := known(value, kind, out, depth)) is not None:
            return node
    out.depth = depth
    if (plain := out.plain(value)) is not None:
        return form(plain, out, depth)
    node = out.export(value, out)
    out.spend(len(json.dumps(node)))
    return node


def _pair(pair, out: Encoding, depth: int) -> list:
    return [form(part, out, depth + 1) for part in pair]


def _encode_text(value: str, out: Encoding):
    if len(value) > LONG or SURROGATE.search(value):
        return {"t": "str", "b": out.add(value.encode("utf-8", "surrogatepass"))}
    out.spend(len(json.dumps(value)))
    return value


def named_fields(kind: type) -> tuple | None:
    """The names of a plain named tuple's fields; None for a class with more to it, and for any other."""
    by_torch = kind.__module__ == "torch.return_types"  # what torch.linalg.eigh and others give
    fields = getattr(kind, "__match_args__" if by_torch else "_fields", None)
    if kind.__bases__ != (tuple,) or not isinstance(fields, tuple):
        return None
    more = {name for name in vars(kind) if not name.startswith("_")} - set(fields)
    return None if more and not by_torch else fields


def _encode_named(value, kind, out, depth):
    fields = named_fields(kind)
    if fields is None or len(fields) != len(value) or kind in out.given:
        return None
    return {"t": "named", "n": kind.__name__, "f": list(fields), "v": [form(item, out, depth + 1) for item in value]}
