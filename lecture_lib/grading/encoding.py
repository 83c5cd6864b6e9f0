"""Plain data as JSON and bytes: numbers, strings, containers, NumPy arrays and dense tensors, by their exact types.

What is not plain (functions, modules, objects, subclasses of the plain types) goes to a hook, `export`.
"""

import collections
import datetime
import decimal
import fractions
import json
import pathlib
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
TIMES = (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone)
VIEWS = {type({}.keys()): "keys", type({}.values()): "values", type({}.items()): "items"}
DICTS = (dict, collections.OrderedDict, collections.defaultdict, collections.Counter)


@dataclass
class Encoding:
    """One message on its way out: the arrays' bytes so far, how much is still allowed, and the hooks.

    `export(value, out) -> dict` is asked for what is not plain; `mark(tensor, node, out) -> dict` adds to a tensor's form.
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
        return value if -(2**62) < value < 2**62 else {"t": "int", "v": _hex(value, out)}
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
        pairs = [[form(k, out, depth + 1), form(v, out, depth + 1)] for k, v in list(value.items())]
        return {"t": "dict" if kind is collections.defaultdict else kind.__name__, "v": pairs}
    for known in (_encode_scalar, _encode_numpy, _encode_torch, _encode_named):
        if (node := known(value, kind, out, depth)) is not None:
            return node
    out.depth = depth
    if (plain := out.plain(value)) is not None:
        return form(plain, out, depth)
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
        return {"t": kind.__name__, "v": [form(part, out, depth + 1) for part in parts]}
    if kind in (fractions.Fraction, decimal.Decimal):
        out.spend(len(text := _digits(value)))
        return {"t": kind.__name__, "v": text}
    if kind in TIMES:
        return {"t": kind.__name__, "v": [form(part, out, depth + 1) for part in _moment(value, kind)]}
    if issubclass(kind, pathlib.PurePath):
        return {"t": "path", "v": form(str(value), out, depth + 1), "pure": not issubclass(kind, pathlib.Path)}
    if kind in VIEWS or kind is collections.deque:
        parts = [form(item, out, depth + 1) for item in list(value)]
        return {"t": "deque", "v": parts, "n": value.maxlen} if kind is collections.deque else {"t": VIEWS[kind], "v": parts}
    return {"t": "ellipsis"} if value is ... else None


def _moment(value, kind) -> list:
    """What a time is made of, in the order of its class's arguments."""
    if kind is datetime.timezone:
        return list(value.__getinitargs__())
    names = {datetime.date: "year month day", datetime.timedelta: "days seconds microseconds"}
    clock = "hour minute second microsecond tzinfo fold"
    names |= {datetime.time: clock, datetime.datetime: f"year month day {clock}"}
    return [getattr(value, name) for name in names[kind].split()]


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
    if kind is np.ma.MaskedArray:
        return {"t": "masked", "v": [form(part, out, depth + 1) for part in (value.data, np.ma.getmaskarray(value))]}
    if kind not in (np.ndarray, dtype.type, type(dtype)):
        return None  # a subclass
    if kind is np.ndarray and dtype == object:
        return {"t": "objects", "s": list(value.shape), "v": [form(item, out, depth + 1) for item in value.flat]}
    if kind is np.ndarray and dtype.names and not any(dtype[name].names or dtype[name].shape for name in dtype.names):
        fields = [form(np.ascontiguousarray(value[name]), out, depth + 1) for name in dtype.names]
        return {"t": "record", "n": list(dtype.names), "s": list(value.shape), "v": fields}
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
    if kind is torch.device:
        return {"t": "device", "v": str(value)}
    if kind is torch.Tensor and value.layout is torch.sparse_coo and not value.requires_grad:
        value = value.coalesce()
        parts = [form(part, out, depth + 1) for part in (value.indices(), value.values())]
        return {"t": "sparse", "s": list(value.shape), "v": parts}
    if kind not in (torch.Tensor, torch.nn.Parameter):
        return None
    return out.mark(value, tensor_node(value, out), out)


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
