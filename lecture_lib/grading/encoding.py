"""Plain data as JSON and bytes: numbers, strings, containers, NumPy arrays and dense tensors, by their exact types.

What is not plain (functions, modules, objects, subclasses of the plain types) goes to a hook, `export`.
"""

import collections
import decimal
import fractions
import re
import sys
from dataclasses import dataclass, field

from lecture_lib.grading.wire import WireError

DEEPEST = 60
MOST_NODES = 2_000_000
LARGEST_INT = 200_000  # hexadecimal digits
ARRAY = re.compile(r"[<>|=][biufcSUMm]\d{1,6}(\[\d{0,4}[a-z]{1,2}\])?")
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
        self.spend(len(data))
        self.blobs.append(data)
        return len(self.blobs) - 1

    def spend(self, size: int) -> None:
        self.used += size
        if self.used > self.limit:
            raise WireError(f"more than {self.limit // 2**20} MiB of data")


def encode(value, out: Encoding, depth: int = 0):
    """The JSON form of a value; arrays' bytes go to `out.blobs`. Raises WireError for what is too large or too deep."""
    out.nodes += 1
    if depth > DEEPEST or out.nodes > MOST_NODES:
        raise WireError(f"data nested deeper than {DEEPEST} levels, or more than {MOST_NODES:,} values")
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return value
    if kind is str:
        out.spend(len(value))
        return value
    if kind is int:
        return value if -(2**62) < value < 2**62 else {"t": "int", "v": _hex(value)}
    if kind is list:
        return [encode(item, out, depth + 1) for item in list(value)]
    if kind in (tuple, set, frozenset):
        return {"t": kind.__name__, "v": [encode(item, out, depth + 1) for item in tuple(value)]}
    if kind in DICTS:
        pairs = [[encode(k, out, depth + 1), encode(v, out, depth + 1)] for k, v in list(value.items())]
        return {"t": "dict", "v": pairs}
    for known in (_encode_scalar, _encode_numpy, _encode_torch, _encode_named):
        if (node := known(value, kind, out, depth)) is not None:
            return node
    return out.export(value, out)


def _hex(value: int) -> str:
    if value.bit_length() > 4 * LARGEST_INT:
        raise WireError(f"an integer of {value.bit_length()} bits")
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
        return {"t": kind.__name__, "v": str(value)}
    return {"t": "ellipsis"} if value is ... else None


def _encode_numpy(value, kind, out, depth):
    np = sys.modules.get("numpy")
    if np is None or not (kind is np.ndarray or isinstance(value, np.generic | np.dtype)):
        return None
    if isinstance(value, np.dtype):
        return {"t": "ndtype", "v": value.str}
    if not ARRAY.fullmatch(value.dtype.str):
        raise WireError(f"an array of dtype {value.dtype}")
    out.spend(value.nbytes)  # before the copy: a broadcast array may stand for far more than it holds
    out.used -= value.nbytes
    tag = "array" if kind is np.ndarray else "scalar"
    return {"t": tag, "d": value.dtype.str, "s": list(value.shape), "b": out.add(value.tobytes())}


def _encode_torch(value, kind, out, depth):
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    if kind is torch.dtype:
        return {"t": "dtype", "v": str(value).removeprefix("torch.")}
    if kind is torch.Size:
        return {"t": "size", "v": list(value)}
    if kind not in (torch.Tensor, torch.nn.Parameter):
        return None
    return out.mark(value, tensor_node(value, out))


def tensor_node(value, out: Encoding) -> dict:
    """The JSON form of a dense tensor's numbers, without its gradient; a WireError for any other tensor."""
    torch = sys.modules["torch"]
    name = str(value.dtype).removeprefix("torch.")
    if value.layout is not torch.strided or value.is_meta or name not in DTYPES:
        raise WireError(f"a tensor of layout {value.layout}, dtype {value.dtype}, device {value.device}")
    size = value.numel() * value.element_size()
    out.spend(size)
    out.used -= size
    flat = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    data = bytes(flat.view(torch.uint8).numpy()) if size else b""
    return {"t": "tensor", "d": name, "s": list(value.shape), "b": out.add(data)}


def _encode_named(value, kind, out, depth):
    fields = getattr(kind, "_fields", None)
    if kind.__bases__ != (tuple,) or not isinstance(fields, tuple) or len(fields) != len(value):
        return None
    return {"t": "named", "n": kind.__name__, "f": list(fields), "v": [encode(item, out, depth + 1) for item in value]}
