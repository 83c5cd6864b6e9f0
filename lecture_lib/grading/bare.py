"""The student's side: the data of objects whose classes build on those of plain data and add nothing to ask for."""

import sys
import types

DATA = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    complex: complex.__pos__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    list: lambda value: list(list.__iter__(value)),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    set: lambda value: set(set.__iter__(value)),
    frozenset: lambda value: frozenset(frozenset.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
}


def plain(value, named: frozenset[str]):
    """The data alone, of the nearest plain class; None for other objects, and for those with more than data to them.

    A class of one of the names `named` is what an exercise asks for: its objects are never data alone.
    """
    kinds = type(value).__mro__
    base = next((kind for kind in kinds if kind in _data()), None)
    if base is None or base is kinds[0] or getattr(value, "__dict__", None) or type(value).__name__ in named:
        return None
    own = [name for kind in kinds[: kinds.index(base)] for name in vars(kind) if kind.__module__ == "__main__"]
    foreign = any(kind.__module__ != "__main__" for kind in kinds[: kinds.index(base)]) and not _arrays(base)
    return None if foreign or any(not name.startswith("_") for name in own) else _data()[base](value)


def _arrays(base: type) -> bool:
    return base.__module__ in ("numpy", "torch")


def _data() -> dict:
    found = dict(DATA)
    if numpy := sys.modules.get("numpy"):
        found[numpy.ndarray] = lambda value: numpy.ndarray.view(value, numpy.ndarray)
    if torch := sys.modules.get("torch"):
        found[torch.Tensor] = lambda value: _tensor(torch, value)
    return found


def _tensor(torch: types.ModuleType, value):
    with torch._C.DisableTorchFunctionSubclass():
        return torch.Tensor.as_subclass(value, torch.Tensor)
