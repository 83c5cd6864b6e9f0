"""Plain data from JSON and bytes that anybody may have written: the types of `encoding`, or a WireError.

No code of the sender's choosing runs. What is not plain goes to a hook: `resolve(dict) -> object`.
"""

import collections
import decimal
import fractions
import keyword
import math
import re
from dataclasses import dataclass

from lecture_lib.grading.encoding import ARRAY, DEEPEST, DTYPES, LARGEST_INT, MOST_NODES
from lecture_lib.grading.wire import WireError


@dataclass
class Decoding:
    """One message that arrived: its arrays' bytes, the hooks, and how many values it held.

    `resolve(node) -> object` is asked for what is not plain, `mark(tensor, node) -> tensor` about every tensor.
    """

    blobs: list
    resolve: object
    mark: object = lambda tensor, node: tensor
    nodes: int = 0


def decode(node, come: Decoding, depth: int = 0):
    """The value that a JSON form stands for. Raises WireError for everything that `encode` would not have made."""
    come.nodes += 1
    if depth > DEEPEST or come.nodes > MOST_NODES:
        raise WireError("data that is too deep or too much")
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if isinstance(node, list):
        return [decode(item, come, depth + 1) for item in node]
    if not isinstance(node, dict) or not isinstance(node.get("t"), str):
        raise WireError("a value without a type")
    try:
        reader = READERS.get(node["t"])
        return reader(node, come, depth) if reader else come.resolve(node)
    except (KeyError, TypeError, ValueError, OverflowError, ArithmeticError, RuntimeError) as error:
        raise WireError(f"a {node['t']} that is none ({type(error).__name__})") from None


def _items(node, come, depth):
    if not isinstance(node["v"], list):
        raise ValueError
    return [decode(item, come, depth + 1) for item in node["v"]]


def _shape(node) -> list[int]:
    shape = node["s"]
    if not isinstance(shape, list) or len(shape) > 32 or any(type(n) is not int or not 0 <= n < 2**48 for n in shape):
        raise ValueError
    return shape


def _blob(node, come) -> bytes:
    if type(node["b"]) is not int or not 0 <= node["b"] < len(come.blobs):
        raise ValueError
    return come.blobs[node["b"]]


def _array(node, come, depth):
    import numpy as np

    if not ARRAY.fullmatch(node["d"]):
        raise ValueError
    dtype, shape, data = np.dtype(node["d"]), _shape(node), _blob(node, come)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError
    array = np.ndarray(shape, dtype, buffer=bytearray(data)) if data else np.empty(shape, dtype)
    return array[()] if node["t"] == "scalar" and not shape else array


def _tensor(node, come, depth):
    import torch

    if node["d"] not in DTYPES:
        raise ValueError
    dtype, shape, data = getattr(torch, node["d"]), _shape(node), _blob(node, come)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError
    if dtype is torch.bool and set(data) - {0, 1}:
        raise ValueError
    flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
    return come.mark(flat.reshape(shape), node)


def _named(node, come, depth):
    names = [node["n"], *node["f"]]
    if not all(isinstance(n, str) and n.isidentifier() and not keyword.iskeyword(n) and len(n) < 100 for n in names):
        raise ValueError
    values = _items(node, come, depth)
    return collections.namedtuple(node["n"], node["f"])(*values)


def _dtype(node, come, depth):
    import torch

    if node["v"] not in DTYPES:
        raise ValueError
    return getattr(torch, node["v"])


def _numpy_dtype(node, come, depth):
    import numpy as np

    if not ARRAY.fullmatch(node["v"]):
        raise ValueError
    return np.dtype(node["v"])


def _size(node, come, depth):
    import torch

    return torch.Size(_shape({"s": node["v"]}))


def _integer(node, come, depth):
    if not re.fullmatch(rf"-?0x[0-9a-f]{{1,{LARGEST_INT}}}", node["v"]):
        raise ValueError
    return int(node["v"], 16)


def _number(kind):
    def read(node, come, depth):
        if not re.fullmatch(r"[-+0-9./EeInfityNasQ]{1,1000}", node["v"]) or re.search(r"[Ee][-+]?\d{5}", node["v"]):
            raise ValueError
        return kind(node["v"])

    return read


def _pairs(node, come, depth):
    return {decode(k, come, depth + 1): decode(v, come, depth + 1) for k, v in node["v"]}


READERS = {
    "tuple": lambda *a: tuple(_items(*a)),
    "set": lambda *a: set(_items(*a)),
    "frozenset": lambda *a: frozenset(_items(*a)),
    "range": lambda *a: range(*_items(*a)),
    "slice": lambda *a: slice(*_items(*a)),
    "dict": _pairs,
    "complex": lambda node, *_: complex(*map(float, node["v"])),
    "bytes": lambda node, come, _: _blob(node, come),
    "bytearray": lambda node, come, _: bytearray(_blob(node, come)),
    "ellipsis": lambda *_: ...,
    "int": _integer,
    "Fraction": _number(fractions.Fraction),
    "Decimal": _number(decimal.Decimal),
    "array": _array,
    "scalar": _array,
    "tensor": _tensor,
    "dtype": _dtype,
    "ndtype": _numpy_dtype,
    "size": _size,
    "named": _named,
}
