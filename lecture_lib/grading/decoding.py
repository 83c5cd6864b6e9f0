"""Plain data from JSON and bytes that anybody may have written: the types of `encoding`, or a WireError.

No code of the sender's choosing runs. What is not plain goes to a hook: `resolve(dict) -> object`.
"""

import collections
import keyword
import pathlib
import unicodedata
from dataclasses import dataclass, field

from lecture_lib.grading import arrays, scalars
from lecture_lib.grading.arrays import must
from lecture_lib.grading.encoding import DEEPEST, MOST_NODES
from lecture_lib.grading.wire import WireError

MOST_NAMED = 500  # kinds of named tuples, and fields of each
MOST_ALIKE = 100  # keys of a set or dictionary that share a hash: with more it is slow to build


@dataclass
class Decoding:
    """One message that arrived: its arrays' bytes (each used once), the hooks, and how many values it held.

    `resolve(node) -> object` is asked for what is not plain, `mark(tensor, node) -> tensor` about every tensor.
    """

    blobs: list
    resolve: object
    mark: object = lambda tensor, node: tensor
    nodes: int = 0
    named: dict = field(default_factory=dict)  # classes of named tuples, which may be those of earlier messages
    given: dict = field(default_factory=dict)  # classes of which objects may be made, by name
    objects: list = field(default_factory=list)  # what is written beside the value
    # Is told of containers that both sides have, and gives the one that is meant.
    hold: object = lambda number, thing: thing
    paths: type = pathlib.PurePath  # of a path: on the trusted side one that cannot touch a file
    unusual: object = lambda what: False  # whether data may come that compares in an unusual way

    def items(self, node, depth: int, count: int | None = None) -> list:
        """The values within a node, as many as there must be."""
        must(type(node["v"]) is list and count in (None, len(node["v"])))
        return [decode(item, self, depth + 1) for item in node["v"]]

    def blob(self, node) -> bytes:
        """The bytes that belong to a node and to no other."""
        must(type(node["b"]) is int and 0 <= node["b"] < len(self.blobs) and self.blobs[node["b"]] is not None)
        data, self.blobs[node["b"]] = self.blobs[node["b"]], None
        return data


def decode(node, come: Decoding, depth: int = 0):
    """The value that a JSON form stands for. Raises WireError for everything that `encode` would not have made."""
    come.nodes += 1
    if depth > DEEPEST or come.nodes > MOST_NODES:
        raise WireError("data that is too deep or too much")
    if node is None or isinstance(node, bool | float | str) or (isinstance(node, int) and -(2**62) < node < 2**62):
        return node
    if isinstance(node, list):
        return [decode(item, come, depth + 1) for item in node]
    if not isinstance(node, dict) or not isinstance(node.get("t"), str):
        raise WireError("a value without a type")
    try:
        reader = READERS.get(node["t"])
        return reader(node, come, depth) if reader else come.resolve(node)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError, RuntimeError) as error:
        raise WireError(f"a {node['t'][:50]} that is none ({type(error).__name__})") from None


def _items(node, come, depth, count: int | None = None) -> list:
    return come.items(node, depth, count)


def _keys(keys: list) -> list:
    """The keys themselves, if a set or dictionary of them can be built in good time."""
    alike = collections.Counter(map(hash, keys)).most_common(1) if len(keys) > MOST_ALIKE else []
    must(not alike or alike[0][1] <= MOST_ALIKE)
    return keys


def _pairs(node, come, depth) -> dict:
    must(all(type(pair) is list for pair in node["v"]))
    pairs = [(decode(k, come, depth + 1), decode(v, come, depth + 1)) for k, v in node["v"]]
    _keys([key for key, _ in pairs])
    return dict(pairs)


def _named(node, come, depth):
    return named(node["n"], node["f"], come.named)(*come.items(node, depth))


def named(name: str, fields: list, known: dict) -> type:
    """The class of named tuples of these names: the one that is known, or a new one."""
    names = (name, *fields)
    if names not in known:
        must(type(fields) is list and all(map(_is_name, names)))
        must(len(names) <= MOST_NAMED and len(known) < MOST_NAMED)
        known[names] = collections.namedtuple(name, fields)
    return known[names]


def _graph(node, come, depth):
    """A value with objects of given classes, which are made empty and then filled, as they may refer to each other."""
    must(type(node["o"]) is list and not depth)
    kinds = [come.given[kind] for kind, _ in node["o"]]
    must(not any(hasattr(kind, "__del__") for kind in kinds))  # which would run at some time, with any attributes
    come.objects = [object.__new__(kind) for kind in kinds]
    for thing, (_, state) in zip(come.objects, node["o"], strict=True):
        for name, value in decode(state, come, 1).items():
            must(_is_name(name) and not name.startswith("__"))
            if not _computed(type(thing), name):
                object.__setattr__(thing, name, value)
    return decode(node["v"], come, 1)


def _computed(kind: type, name: str) -> bool:
    """Whether a class has a method of this name, or something like it, which no attribute may take the place of."""
    shared = next((vars(above)[name] for above in kind.__mro__ if name in vars(above)), None)
    field = name in getattr(kind, "__dataclass_fields__", ())
    return hasattr(type(shared), "__get__") and not hasattr(type(shared), "__set__") and not field


def _held(node, come, depth):
    thing = decode(node["v"], come, depth)
    must(type(node["n"]) is int)
    return come.hold(node["n"], thing)


def _given(node, come, depth):
    """An object that is written beside, or a tuple or a member of an enumeration of a given class."""
    if "k" in node:
        return come.objects[node["k"]]
    return come.given[node["c"]][node["n"]] if "n" in node else come.given[node["c"]]._make(come.items(node, depth))


def _is_name(name) -> bool:
    """Whether it is a name, which Python reads as it is written."""
    plain = unicodedata.normalize("NFKC", name[:100]) == name
    return plain and name.isidentifier() and not keyword.iskeyword(name)


READERS = (
    arrays.READERS
    | scalars.READERS
    | {
        "tuple": lambda *a: tuple(_items(*a)),
        "set": lambda *a: set(_keys(_items(*a))),
        "frozenset": lambda *a: frozenset(_keys(_items(*a))),
        "dict": _pairs,
        "OrderedDict": lambda *a: collections.OrderedDict(_pairs(*a)),
        "Counter": lambda *a: collections.Counter(_pairs(*a)),
        "str": lambda node, come, _: come.blob(node).decode("utf-8", "surrogatepass"),
        "bytes": lambda node, come, _: come.blob(node),
        "bytearray": lambda node, come, _: bytearray(come.blob(node)),
        "named": _named,
        "graph": _graph,
        "given": _given,
        "held": _held,
        "keys": lambda *a: dict.fromkeys(_keys(_items(*a))).keys(),
        "values": lambda *a: dict(enumerate(_items(*a))).values(),
        "items": lambda node, come, depth: _pairs(node, come, depth).items(),
    }
)
