"""A student's network as an nn.Module of ours, its parameters mirrored; and which stand-in a description asks for."""

import sys

import torch
from torch import nn

from lecture_lib.grading import proxies

REMOTE = ("modules", "children", "named_modules", "named_children", "get_submodule", "get_parameter", "get_buffer")
SEQUENCE = ("__len__", "__getitem__", "__iter__")  # of nn.Sequential, nn.ModuleList, ...


class Net(nn.Module):
    """A network of the student's: an nn.Module whose parameters are mirrored and whose forward pass runs over there."""

    def __init__(self, link, node: dict):
        super().__init__()
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_node", node)

    @property
    def __class__(self) -> type:
        """The class of torch.nn that the student's class builds on, so that isinstance(net, nn.Linear) is true."""
        module, name = map(str, self._node["base"])
        kind = getattr(sys.modules.get(module), name, None) if module.startswith("torch.nn.") else None
        return kind if isinstance(kind, type) and issubclass(kind, nn.Module) else nn.Module

    def __call__(self, *args, **kwargs):
        return self._link.call(self._node["i"], args, kwargs)

    forward = __call__

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._link.get(self._node["i"], name)

    def __setattr__(self, name: str, value) -> None:
        if name.startswith("_") or name == "training":
            object.__setattr__(self, name, value)
        else:
            self._link.set(self._node["i"], name, value)

    def __bool__(self) -> bool:
        return True

    def __repr__(self):
        return f"<{str(self._node.get('type'))[:60]} of the submission>"

    def _named(self, what: str, prefix: str):
        for kind, name, number in self._node["tensors"]:
            if kind == what:
                yield f"{prefix}.{name}" if prefix else str(name), self._link.mirrors.tensors[number]

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        return self._named("p", prefix)

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True):
        return self._named("b", prefix)

    def state_dict(self) -> dict:
        return {name: tensor.detach() for what in "pb" for name, tensor in self._named(what, "")}

    def load_state_dict(self, state, strict: bool = True, assign: bool = False):
        own = self.state_dict()
        if strict and set(own) != set(state):
            raise RuntimeError(f"the names {sorted(set(own) ^ set(state))} are in one state only")
        for name in set(own) & set(state):
            own[name].copy_(state[name])

    def train(self, mode: bool = True):
        self._link.get(self._node["i"], "train")(mode)
        object.__setattr__(self, "training", mode)
        return self

    def to(self, *args, **kwargs):
        self._link.get(self._node["i"], "to")(*args, **kwargs)
        return self

    def double(self):
        return self.to(torch.float64)

    def float(self):
        return self.to(torch.float32)


for _name in SEQUENCE:
    setattr(Net, _name, proxies.forward(_name))
for _name in REMOTE:
    setattr(Net, _name, lambda self, *args, _name=_name: self._link.get(self._node["i"], _name)(*args))


def number(thing, link) -> int | None:
    """The sandbox's number of a stand-in; None for anything else."""
    if not isinstance(thing, proxies.Thing) and type(thing) is not Net:
        return None
    if object.__getattribute__(thing, "_link") is not link:
        raise proxies.StudentError("belongs to a run of your notebook that has been stopped")
    return object.__getattribute__(thing, "_node")["i"]


def make(link, node: dict):
    """The stand-in for what a description from the sandbox stands for."""
    if type(node["i"]) is not int:
        raise ValueError
    if node["kind"] == "net":
        return Net(link, node)
    kinds = {"class": proxies.StudentClass, "function": proxies.Function, "iterator": proxies.Iterator}
    base = kinds.get(node["kind"], proxies.Thing)
    asked = link.methods if base in (proxies.Thing, proxies.Function) else ()
    methods = {name: proxies.forward(name) for name in asked}
    if methods and base is proxies.Function:
        methods["__doc__"] = vars(base)["__doc__"]  # a new class would have one of its own
    return (type(base.__name__, (base,), methods) if methods else base)(link, node)
