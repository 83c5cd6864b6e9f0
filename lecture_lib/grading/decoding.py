"""Plain data from JSON and bytes that anybody may have written: the types of `encoding`, or a WireError.

No code of the sender's choosing runs. What is not plain goes to a hook: `resolve(dict) -> object`.
"""

import collections
import datetime
import decimal
import fractions
import keyword
import math
import pathlib
import re
import unicodedata
from dataclasses import dataclass, field

from lecture_lib.grading.encoding import ARRAY, DEEPEST, DTYPES, LARGEST_INT, MOST_NODES, NUMBER, TIMES
from lecture_lib.grading.wire import WireError

MOST_NAMED = 1000  # kinds of named tuples, and fields of each
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
    hold: object = lambda number, thing: thing  # is told of containers that both sides have, and gives the one that is meant


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


def _must(condition) -> None:
    if not condition:
        raise ValueError


def _items(node, come, depth, count: int | None = None) -> list:
    _must(type(node["v"]) is list and count in (None, len(node["v"])))
    return [decode(item, come, depth + 1) for item in node["v"]]


def _keys(keys: list) -> list:
    """The keys themselves, if a set or dictionary of them can be built in good time."""
    alike = collections.Counter(map(hash, keys)).most_common(1) if len(keys) > MOST_ALIKE else []
    _must(not alike or alike[0][1] <= MOST_ALIKE)
    return keys


def _pairs(node, come, depth) -> dict:
    _must(all(type(pair) is list for pair in node["v"]))
    pairs = [(decode(k, come, depth + 1), decode(v, come, depth + 1)) for k, v in node["v"]]
    _keys([key for key, _ in pairs])
    return dict(pairs)


def _shape(shape) -> list[int]:
    _must(type(shape) is list and len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**48 for n in shape))
    return shape


def _blob(node, come) -> bytes:
    """The bytes that belong to a node and to no other."""
    _must(type(node["b"]) is int and 0 <= node["b"] < len(come.blobs) and come.blobs[node["b"]] is not None)
    data, come.blobs[node["b"]] = come.blobs[node["b"]], None
    return data


def _fitting(node, come, itemsize: int) -> tuple[list[int], bytes]:
    """Shape and bytes, which agree."""
    shape, data = _shape(node["s"]), _blob(node, come)
    _must(math.prod(shape) * itemsize == len(data) and math.prod(n or 1 for n in shape) * itemsize < 2**62)
    return shape, data


def _array(node, come, depth):
    import numpy as np

    _must(ARRAY.fullmatch(node["d"]))
    dtype = np.dtype(node["d"])
    shape, data = _fitting(node, come, dtype.itemsize)
    _must(dtype.itemsize if node["t"] == "array" else not shape)  # an empty string is a scalar of no bytes
    _must(dtype.kind != "b" or not data.translate(None, b"\0\1"))
    _must(dtype.kind != "U" or not data or np.frombuffer(data, dtype.str[0] + "u4").max() <= 0x10FFFF)
    array = np.ndarray(shape, dtype, buffer=bytearray(data)) if data else np.zeros(shape, dtype)
    return array[()] if node["t"] == "scalar" else array


def _objects(node, come, depth):
    import numpy as np

    array = np.empty(len(node["v"]), object)
    for place, item in enumerate(_items(node, come, depth)):
        array[place] = item
    return array.reshape(_shape(node["s"]))


def _record(node, come, depth):
    import numpy as np

    fields = _items(node, come, depth, len(node["n"]))
    kinds = [(str(name), part.dtype) for name, part in zip(node["n"], fields, strict=True)]
    array = np.empty(_shape(node["s"]) if math.prod(_shape(node["s"])) == fields[0].size else [-1], kinds)
    for (name, _), part in zip(kinds, fields, strict=True):
        array[name] = part
    return array


def _masked(node, come, depth):
    import numpy as np

    data, mask = _items(node, come, depth, 2)
    _must(type(data) is np.ndarray and type(mask) is np.ndarray and mask.dtype == bool)
    return np.ma.MaskedArray(data, mask)


def _sparse(node, come, depth):
    import torch

    indices, values = _items(node, come, depth, 2)
    return torch.sparse_coo_tensor(indices, values, _shape(node["s"]), check_invariants=True).coalesce()


def _device(node, *_):
    import torch

    _must(node["v"] in ("cpu", "meta"))
    return torch.device(node["v"])


def _tensor(node, come, depth):
    import torch

    dtype = _dtype({"v": node["d"]})
    shape, data = _fitting(node, come, dtype.itemsize)
    _must(dtype is not torch.bool or not data.translate(None, b"\0\1"))
    flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype, device="cpu")
    return come.mark(flat.reshape(shape), node)


def _dtype(node, *_):
    import torch

    _must(node["v"] in DTYPES)
    return getattr(torch, node["v"])


def _numpy_dtype(node, *_):
    import numpy as np

    _must(ARRAY.fullmatch(node["v"]))
    return np.dtype(node["v"])


def _size(node, *_):
    import torch

    return torch.Size(_shape(node["v"]))


def _named(node, come, depth):
    return named(node["n"], node["f"], come.named)(*_items(node, come, depth))


def named(name: str, fields: list, known: dict) -> type:
    """The class of named tuples of these names: the one that is known, or a new one."""
    names = (name, *fields)
    if names not in known:
        _must(type(fields) is list and all(map(_is_name, names)))
        _must(len(names) <= MOST_NAMED and len(known) < MOST_NAMED)
        known[names] = collections.namedtuple(name, fields)
    return known[names]


def _graph(node, come, depth):
    """A value with objects of given classes, which are made empty and then filled, as they may refer to each other."""
    _must(type(node["o"]) is list and not depth)
    come.objects = [object.__new__(come.given[kind]) for kind, _ in node["o"]]
    for thing, (_, state) in zip(come.objects, node["o"], strict=True):
        for name, value in decode(state, come, 1).items():
            _must(_is_name(name) and not name.startswith("__"))
            object.__setattr__(thing, name, value)
    return decode(node["v"], come, 1)


def _held(node, come, depth):
    thing = decode(node["v"], come, depth)
    _must(type(node["n"]) is int)
    return come.hold(node["n"], thing)


def _given(node, come, depth):
    """An object that is written beside, or a tuple or a member of an enumeration of a given class."""
    if "k" in node:
        return come.objects[node["k"]]
    return come.given[node["c"]][node["n"]] if "n" in node else come.given[node["c"]]._make(_items(node, come, depth))


def _is_name(name) -> bool:
    """Whether it is a name, which Python reads as it is written."""
    plain = unicodedata.normalize("NFKC", name[:100]) == name
    return plain and name.isidentifier() and not keyword.iskeyword(name)


def _integer(node, *_):
    _must(re.fullmatch(rf"-?0x[0-9a-f]{{1,{LARGEST_INT}}}", node["v"]))
    return int(node["v"], 16)


def _number(kind):
    def read(node, *_):
        _must(NUMBER.fullmatch(node["v"]))
        return kind(node["v"])

    return read


def _moment(kind):
    def read(node, come, depth):
        *parts, last = _items(node, come, depth)
        if kind not in (datetime.time, datetime.datetime):
            return kind(*parts, last)
        _must(all(type(part) is int for part in parts[:-1]))  # not the form that pickle uses
        return kind(*parts, fold=last)

    return read


def _deque(node, come, depth):
    _must(node["n"] is None or type(node["n"]) is int)
    return collections.deque(_items(node, come, depth), node["n"])


def _path(node, *_):
    _must(type(node["v"]) is str)
    return (pathlib.PurePath if node["pure"] is True else pathlib.Path)(node["v"])


def _complex(node, *_):
    real, imaginary = node["v"]
    _must(type(real) is float and type(imaginary) is float)
    return complex(real, imaginary)


READERS = {
    "tuple": lambda *a: tuple(_items(*a)),
    "set": lambda *a: set(_keys(_items(*a))),
    "frozenset": lambda *a: frozenset(_keys(_items(*a))),
    "range": lambda *a: range(*_items(*a, 3)),
    "slice": lambda *a: slice(*_items(*a, 3)),
    "dict": _pairs,
    "OrderedDict": lambda *a: collections.OrderedDict(_pairs(*a)),
    "Counter": lambda *a: collections.Counter(_pairs(*a)),
    "str": lambda node, come, _: _blob(node, come).decode("utf-8", "surrogatepass"),
    "bytes": lambda node, come, _: _blob(node, come),
    "bytearray": lambda node, come, _: bytearray(_blob(node, come)),
    "ellipsis": lambda *_: ...,
    "int": _integer,
    "Fraction": _number(fractions.Fraction),
    "Decimal": _number(decimal.Decimal),
    "complex": _complex,
    "array": _array,
    "scalar": _array,
    "tensor": _tensor,
    "dtype": _dtype,
    "ndtype": _numpy_dtype,
    "size": _size,
    "named": _named,
    "graph": _graph,
    "given": _given,
    "held": _held,
    "deque": _deque,
    "path": _path,
    "keys": lambda *a: dict.fromkeys(_keys(_items(*a))).keys(),
    "values": lambda *a: dict(enumerate(_items(*a))).values(),
    "items": lambda *a: dict(_items(*a)).items(),
    "objects": _objects,
    "record": _record,
    "masked": _masked,
    "sparse": _sparse,
    "device": _device,
    **{kind.__name__: _moment(kind) for kind in TIMES},
}
