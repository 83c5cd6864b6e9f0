"""Plain data as JSON and bytes: numbers, strings, containers, NumPy arrays and dense tensors, by their exact types.

What is not plain (functions, modules, objects, subclasses of the plain types) goes to a hook, `export`.
"""

import collections
import decimal
import fractions
import json
import re
import sys
from dataclasses import dataclass, field

from lecture_lib.grading.wire import MOST_BLOBS, WireError

DEEPEST = 60
MOST_NODES = 1_000_000
NODE = 32  # bytes that a value is counted as, besides its text or array
LONG = 1_000  # characters of a string above which it goes as bytes
LARGEST_INT = 200_000  # hexadecimal digits
SURROGATE = re.compile("[\ud800-\udfff]")  # two of them would be read from JSON as one character
NUMBER = re.compile(r"(?!.*[Ee][-+]?\d{5})[-+0-9./EeInfityNasQ]{1,1000}", re.ASCII)  # fractions and decimals
ARRAY = re.compile(r"[<>|=][biufcSUMm]\d{1,6}(\[\d{0,4}[A-Za-z]{1,2}\])?", re.ASCII)
DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
DTYPES += ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
DICTS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)


@dataclass
class Encoding:
    """One message on its way out: the arrays' bytes so far, how much is still allowed, and the hooks.

    `export(value, out) -> dict` is asked for what is not plain; `mark(tensor, node) -> dict` adds to a tensor's form.
    """

    limit: int
    export: object
    mark: object = lambda tensor, node: node
    blobs: list = field(default_factory=list)
    used: int = 0
    nodes: int = 0

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


def encode(value, out: Encoding, depth: int = 0):
    """The JSON form of a value; arrays' bytes go to `out.blobs`. Raises WireError for what is too large or too deep."""
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
        return value if -(2**62) < value < 2**62 else {"t": "int", "v": _hex(value, out)}
    if kind is list:
        return [encode(item, out, depth + 1) for item in list(value)]
    if kind in (tuple, set, frozenset):
        return {"t": kind.__name__, "v": [encode(item, out, depth + 1) for item in tuple(value)]}
    if kind in DICTS:
        pairs = [[encode(k, out, depth + 1), encode(v, out, depth + 1)] for k, v in list(value.items())]
        return {"t": "dict" if kind is collections.defaultdict else kind.__name__, "v": pairs}
    for known in (_encode_scalar, _encode_numpy, _encode_torch, _encode_named):
        if (node := known(value, kind, out, depth)) is not None:
            return node
    node = out.export(value, out)
    out.spend(len(json.dumps(node)))
    return node


def _encode_text(value: str, out: Encoding):
    if len(value) > LONG or SURROGATE.search(value):
        return {"t": "str", "b": out.add(value.encode("utf-8", "surrogatepass"))}
    out.spend(len(json.dumps(value)))
    return value


def _hex(value: int, out: Encoding) -> str:
    if value.bit_length() > 4 * LARGEST_INT:
        raise WireError(f"an integer of {value.bit_length()} bits")
    out.spend(value.bit_length() // 4)
    return hex(value)


def _encode_scalar(value, kind, out, depth):
    if kind in (bytes, bytearray):
        return {"t": kind.__name__, "b": out.add(bytes(value))}
    if kind is complex:
        return {"t": "complex", "v": [value.real, value.imag]}
    if kind is range or kind is slice:
        parts = (value.start, value.stop, value.step)
        return {"t": kind.__name__, "v": [encode(part, out, depth + 1) for part in parts]}
    if kind in (fractions.Fraction, decimal.Decimal):
        out.spend(len(text := _digits(value)))
        return {"t": kind.__name__, "v": text}
    return {"t": "ellipsis"} if value is ... else None


def _digits(value) -> str:
    try:
        text = str(value)
    except ValueError:  # Python writes no integers of more than 4300 digits
        text = ""
    if not NUMBER.fullmatch(text):
        raise WireError(f"a {type(value).__name__} of too many digits")
    return text


def _encode_numpy(value, kind, out, depth):
    np = sys.modules.get("numpy")
    if np is None or not issubclass(kind, np.ndarray | np.generic | np.dtype):
        return None
    dtype = value if issubclass(kind, np.dtype) else value.dtype
    if kind not in (np.ndarray, dtype.type, type(dtype)):
        return None  # a subclass
    if not ARRAY.fullmatch(dtype.str) or (kind is np.ndarray and dtype.itemsize == 0):
        raise WireError(f"an array of dtype {dtype}")
    if dtype is value:
        return {"t": "ndtype", "v": dtype.str}
    out.spend(value.nbytes)  # before the copy: a broadcast array may stand for far more than it holds
    out.used -= value.nbytes
    tag = "array" if kind is np.ndarray else "scalar"
    return {"t": tag, "d": dtype.str, "s": list(value.shape), "b": out.add(value.tobytes()[: value.nbytes])}


def _encode_torch(value, kind, out, depth):
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if kind is torch.dtype and (name := str(value).removeprefix("torch.")) in DTYPES:
        return {"t": "dtype", "v": name}
    if kind is torch.Size:
        return {"t": "size", "v": list(value)}
    if kind not in (torch.Tensor, torch.nn.Parameter):
        return None
    return out.mark(value, tensor_node(value, out))


def tensor_node(value, out: Encoding) -> dict:
    """The JSON form of a dense tensor's numbers, without its gradient; a WireError for any other tensor."""
    torch = sys.modules["torch"]
    name = str(value.dtype).removeprefix("torch.")
    if value.layout is not torch.strided or value.is_meta or value.is_nested or name not in DTYPES:
        raise WireError(f"a tensor of layout {value.layout}, dtype {value.dtype}, device {value.device}")
    size = value.numel() * value.element_size()
    out.spend(size)
    out.used -= size
    flat = torch.empty(value.numel(), dtype=value.dtype, device="cpu").copy_(value.detach().reshape(-1))
    data = bytes(flat.view(torch.uint8).numpy()) if size else b""
    return {"t": "tensor", "d": name, "s": list(value.shape), "b": out.add(data)}


def _encode_named(value, kind, out, depth):
    by_torch = kind.__module__ == "torch.return_types"  # what torch.linalg.eigh and others give
    fields = getattr(kind, "__match_args__" if by_torch else "_fields", None)
    if kind.__bases__ != (tuple,) or not isinstance(fields, tuple) or len(fields) != len(value):
        return None
    return {"t": "named", "n": kind.__name__, "f": list(fields), "v": [encode(item, out, depth + 1) for item in value]}
