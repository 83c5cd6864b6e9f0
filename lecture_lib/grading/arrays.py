"""NumPy arrays and tensors, to JSON and bytes and back: the part of `encoding` and `decoding` that is about them."""

import math
import re
import sys

from lecture_lib.grading.wire import WireError

ARRAY = re.compile(r"[<>|=][biufcSUMm]\d{1,6}(\[\d{0,4}[A-Za-z]{1,2}\])?", re.ASCII)
DTYPES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
DTYPES += ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]


def encode_numpy(value, kind, out, depth):
    """The JSON form of an array, a number of NumPy's or a dtype; None for anything else."""
    np = sys.modules.get("numpy")
    if np is None or not issubclass(kind, np.ndarray | np.generic | np.dtype):
        return None
    dtype = value if issubclass(kind, np.dtype) else value.dtype
    if kind is np.ma.MaskedArray:
        return {"t": "masked", "v": [out.form(part, depth + 1) for part in (value.data, np.ma.getmaskarray(value))]}
    if kind not in (np.ndarray, dtype.type, type(dtype)):
        return None  # a subclass
    if kind is np.ndarray and dtype.kind == "O":
        return {"t": "objects", "s": list(value.shape), "v": [out.form(item, depth + 1) for item in value.flat]}
    if kind is np.ndarray and dtype.names and not any(dtype[name].names or dtype[name].shape for name in dtype.names):
        fields = [out.form(np.ascontiguousarray(value[name]), depth + 1) for name in dtype.names]
        return {"t": "record", "n": list(dtype.names), "s": list(value.shape), "v": fields}
    if not ARRAY.fullmatch(dtype.str) or (kind is np.ndarray and dtype.itemsize == 0):
        raise WireError(f"an array of dtype {dtype}")
    if dtype is value:
        return {"t": "ndtype", "v": dtype.str}
    out.spend(value.nbytes)  # before the copy: a broadcast array may stand for far more than it holds
    out.used -= value.nbytes
    tag = "array" if kind is np.ndarray else "scalar"
    return {"t": tag, "d": dtype.str, "s": list(value.shape), "b": out.add(value.tobytes()[: value.nbytes])}


def encode_torch(value, kind, out, depth):
    """The JSON form of a tensor, a dtype, a shape or a device; None for anything else."""
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
        parts = [out.form(part, depth + 1) for part in (value.indices(), value.values())]
        return {"t": "sparse", "s": list(value.shape), "v": parts}
    if kind not in (torch.Tensor, torch.nn.Parameter):
        return None
    return out.mark(value, tensor_node(value, out), out)


def tensor_node(value, out) -> dict:
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


def must(condition) -> None:
    """Raise ValueError unless it holds."""
    if not condition:
        raise ValueError


def _shape(shape) -> list[int]:
    must(type(shape) is list and len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**48 for n in shape))
    return shape


def _fitting(node, come, itemsize: int) -> tuple[list[int], bytes]:
    """Shape and bytes, which agree."""
    shape, data = _shape(node["s"]), come.blob(node)
    must(math.prod(shape) * itemsize == len(data) and math.prod(n or 1 for n in shape) * itemsize < 2**62)
    return shape, data


def _array(node, come, depth):
    import numpy as np

    must(ARRAY.fullmatch(node["d"]))
    dtype = np.dtype(node["d"])
    shape, data = _fitting(node, come, dtype.itemsize)
    must(dtype.itemsize if node["t"] == "array" else not shape)  # an empty string is a scalar of no bytes
    must(dtype.kind != "b" or not data.translate(None, b"\0\1"))
    must(dtype.kind != "U" or not data or np.frombuffer(data, dtype.str[0] + "u4").max() <= 0x10FFFF)
    array = np.ndarray(shape, dtype, buffer=bytearray(data)) if data else np.zeros(shape, dtype)
    return array[()] if node["t"] == "scalar" else array


def _objects(node, come, depth):
    import numpy as np

    array = np.empty(len(node["v"]), object)
    for place, item in enumerate(come.items(node, depth)):
        array[place] = item
    return array.reshape(_shape(node["s"]))


def _record(node, come, depth):
    import numpy as np

    fields = come.items(node, depth, len(node["n"]))
    kinds = [(str(name), part.dtype) for name, part in zip(node["n"], fields, strict=True)]
    array = np.empty(_shape(node["s"]) if math.prod(_shape(node["s"])) == fields[0].size else [-1], kinds)
    for (name, _), part in zip(kinds, fields, strict=True):
        array[name] = part
    return array


def _masked(node, come, depth):
    import numpy as np

    must(come.unusual("masked"))  # what is masked equals whatever it is compared with
    data, mask = come.items(node, depth, 2)
    must(type(data) is np.ndarray and type(mask) is np.ndarray and mask.dtype == bool)
    return np.ma.MaskedArray(data, mask)


def _sparse(node, come, depth):
    import torch

    indices, values = come.items(node, depth, 2)
    return torch.sparse_coo_tensor(indices, values, _shape(node["s"]), check_invariants=True).coalesce()


def _device(node, *_):
    import torch

    must(node["v"] in ("cpu", "meta"))
    return torch.device(node["v"])


def _tensor(node, come, depth):
    import torch

    dtype = _dtype({"v": node["d"]})
    shape, data = _fitting(node, come, dtype.itemsize)
    must(dtype is not torch.bool or not data.translate(None, b"\0\1"))
    flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype, device="cpu")
    return come.mark(flat.reshape(shape), node)


def _dtype(node, *_):
    import torch

    must(node["v"] in DTYPES)
    return getattr(torch, node["v"])


def _numpy_dtype(node, *_):
    import numpy as np

    must(ARRAY.fullmatch(node["v"]))
    return np.dtype(node["v"])


def _size(node, *_):
    import torch

    return torch.Size(_shape(node["v"]))


READERS = {
    "array": _array,
    "scalar": _array,
    "tensor": _tensor,
    "dtype": _dtype,
    "ndtype": _numpy_dtype,
    "size": _size,
    "objects": _objects,
    "record": _record,
    "masked": _masked,
    "sparse": _sparse,
    "device": _device,
}
