"""Plain data from JSON and bytes that anybody may have written: the types of `encoding`, or a WireError.

No code of the sender's choosing runs. What is not plain goes to a hook: `resolve(dict) -> object`.
"""

import collections
import decimal
import fractions
import keyword
import math
import re
import unicodedata
from dataclasses import dataclass, field

from lecture_lib.grading.encoding import ARRAY, DEEPEST, DTYPES, LARGEST_INT, MOST_NODES, NUMBER
from lecture_lib.grading.wire import WireError

MOST_NAMED = 100  # kinds of named tuples in a message, and fields of each
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
    named: dict = field(default_factory=dict)


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
    except (KeyError, TypeError, ValueError, OverflowError, ArithmeticError, RuntimeError) as error:
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
    names = (node["n"], *node["f"])
    if names not in come.named:
        _must(type(node["f"]) is list and all(map(_is_name, names)))
        _must(len(names) <= MOST_NAMED and len(come.named) < MOST_NAMED)
        come.named[names] = collections.namedtuple(node["n"], node["f"])
    return come.named[names](*_items(node, come, depth))


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
}
