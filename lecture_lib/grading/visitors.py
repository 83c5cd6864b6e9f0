"""The student's side: what the tests hand over, beside plain data. See `handing` for the other side of it."""

import base64
import builtins
import importlib
import io
import itertools
import pickle
import sys

import torch

from lecture_lib.grading import describing, held, signatures
from lecture_lib.grading.arrays import tensor_node
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding
from lecture_lib.grading.wire import WireError


class Visitors:
    """Copies of the other side's things, and what asks there, by its numbers. `ask(number, what, args, kwargs)`."""

    def __init__(self, handles, ask):
        self.handles, self.ask = handles, ask
        self.asked: dict[int, object] = {}
        self.guests: dict[int, tuple] = {}  # (version, copy)
        self.lent: dict[int, torch.nn.Parameter] = {}
        self.known: dict[int, tuple] = {}  # value and gradient of what is lent, as the other side knows them
        self.held, self.numbers = held.Held(), itertools.count()
        self.inputs: list[torch.Tensor] = []  # what a call back handed over that requires gradients

    def forget(self) -> None:
        """A new test begins."""
        for table in (self.asked, self.guests, self.lent, self.known, self.held.known):
            table.clear()

    def resolve(self, node: dict):
        """What the other side refers to: a thing of ours, one of its own, a name to import, a copy."""
        if node["t"] == "mine":
            return self.handles.things[node["i"]]
        if node["t"] == "holding":
            return self.held.known[node["n"]][0]
        if node["t"] == "asked":
            if node["i"] not in self.asked:
                self.asked[node["i"]] = function(self.ask, node) if node["function"] else asked(self.ask, node)
            return self.asked[node["i"]]
        if node["t"] == "import":
            target = importlib.import_module(node["module"])
            for part in node["name"].split("."):
                target = getattr(target, part)
            return target
        if node["t"] == "guest":
            if self.guests.get(node["i"], ("", None))[0] != node["version"]:
                copy = _Unpickler(io.BytesIO(base64.b64decode(node["data"])), self).load()
                self.guests[node["i"]] = (node["version"], copy)
            return self.guests[node["i"]][1]
        raise WireError(f"a {node['t']} that is none")

    def export(self, thing, out: Encoding) -> dict | None:
        """What stands for something of the other side's; None for anything else."""
        number = next((number for number, other in self.asked.items() if other is thing), None)
        if number is not None:
            return {"t": "yours", "i": number}
        number = next((number for number, (_, guest) in self.guests.items() if guest is thing), None)
        if number is None:
            return None
        node = {"t": "guest", "i": number}
        if isinstance(thing, torch.nn.Module):
            return node | {"state": [tensor_node(buffer, out) for buffer in thing.buffers()]}
        name, state = self.handles.given.get(type(thing)), describing.given_state(thing)
        return node if name is None or state is None else node | {"k": out.beside(name, thing, state)}

    def hold(self, thing) -> int:
        """The number of a container of ours that the other side gets a copy of."""
        number = self.held.number(thing)
        if number is None:
            number = next(self.numbers)
            self.held.add(number, thing)
        return number

    def keep(self, args: list, kwargs: dict) -> list[list]:
        """[place, number] of arguments that the student's code has kept: somebody else refers to them as well."""
        kept = []
        for place, thing in [*enumerate(args), *kwargs.items()]:
            # the list or dictionary of arguments, the pair above and the list that holds it, this name, the argument
            if type(thing) in held.KINDS and sys.getrefcount(thing) > 4:
                kept.append([place, self.hold(thing)])
        return kept

    def lend(self, tensors: list, containers: list, come: Decoding) -> None:
        """Take over parameters and containers of the other side's, and what it has made of them since."""
        for number, content in containers:
            self.held.follow(number, decode(content, come))
        for number, value, gradient, required in tensors:
            value = decode(value, come)
            if number not in self.lent:
                self.lent[number] = self.handles.leaves[number] = torch.nn.Parameter(value, required)
            tensor = self.lent[number]
            tensor.requires_grad_(required).data.copy_(value)
            tensor.grad = None if gradient is None else decode(gradient, come)
            self.known[number] = _state(tensor)

    def changed(self, out: Encoding) -> list:
        """Lent parameters that the student's code has changed."""
        found = []
        for number, tensor in self.lent.items():
            if not all(map(same, _state(tensor), self.known[number])):
                gradient = None if tensor.grad is None else tensor_node(tensor.grad, out)
                found.append([number, tensor_node(tensor, out), gradient])
                self.known[number] = _state(tensor)
        return found

    def borrowed(self, tensor: torch.Tensor, number: int) -> torch.Tensor:
        """A result of a call back, whose gradient is asked for over there."""
        return Borrowed.apply(tensor, number, self.ask, *self.inputs) if self.inputs else tensor


def _state(tensor: torch.Tensor) -> tuple:
    return tensor.detach().clone(), None if tensor.grad is None else tensor.grad.detach().clone()


def same(a, b) -> bool:
    """Whether two tensors, or None, are equal, NaN equal to NaN."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())


class Borrowed(torch.autograd.Function):
    """A value that the other side computed from ours, as a node of our graph."""

    @staticmethod
    def forward(ctx, value, number, ask, *inputs):
        ctx.number, ctx.ask = number, ask
        return value.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        return None, None, None, *ctx.ask(None, "backward", [ctx.number, grad], {})


def function(ask, node: dict):
    """A function that asks the other side for its value."""

    def called(*args, **kwargs):
        return ask(node["i"], None, args, kwargs)

    called.__name__ = called.__qualname__ = node["name"]
    called.__doc__ = node.get("doc")
    if node.get("parameters"):
        called.__signature__ = signatures.make(node["parameters"])
    return called


def asked(ask, node: dict):
    """An object of the other side's: all that is done with it is done there."""

    class Asked:
        def __getattr__(self, name: str):
            if name.startswith("__"):
                raise AttributeError(name)
            return ask(node["i"], "get", [name], {})

        def __setattr__(self, name: str, value) -> None:
            ask(node["i"], "set", [name, value], {})

    for method in node["special"]:
        what = None if method == "__call__" else method
        setattr(Asked, method, lambda self, *args, _what=what, **kwargs: ask(node["i"], _what, args, kwargs))
    Asked.__name__ = Asked.__qualname__ = node["name"]
    return Asked()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, visitors: Visitors):
        super().__init__(file)
        self.visitors = visitors

    def persistent_load(self, reference):
        kind, which = reference
        if kind == "asked":
            return self.visitors.resolve(which)
        return self.visitors.lent[which] if kind == "lent" else self.visitors.handles.things[which]


def error(record: dict) -> Exception:
    """An exception that a function of the other side raised, of the nearest built-in class."""
    kind = getattr(builtins, record["builtin"])
    kind = kind if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError
    made = type(record["name"], (kind,), {"__str__": lambda self: record["text"], "__module__": "builtins"})
    error = made.__new__(made, record["text"])
    error.args, error.yours = (record["text"],), record["yours"]
    return error
