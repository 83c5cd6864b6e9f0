"""What of the student's cannot cross the pipe as plain data: kept here under a number, described for the other side."""

import base64
import importlib
import inspect
import pickle
import types

import torch

from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, encode, tensor_node
from lecture_lib.grading.wire import WireError

IMMUTABLE = (type(None), bool, int, float, complex, str, bytes)
UNLIMITED = 2**62
DOC = 300  # characters of a docstring


class Handles:
    """The table of objects by number, and the tensors whose values both sides share."""

    def __init__(self, call_back):
        self.call_back = call_back
        self.things: dict[int, object] = {}
        self.numbers: dict[int, int] = {}
        self.shared: dict[int, tuple] = {}  # parameters: number -> (value, gradient) as the other side knows them
        self.leaves: dict[int, torch.Tensor] = {}  # arguments that require gradients, by the other side's number
        self.guests: dict[int, tuple] = {}  # copies of the other side's objects, by its number: (version, copy)

    def number(self, thing) -> int:
        if id(thing) not in self.numbers:
            self.numbers[id(thing)] = len(self.things)
            self.things[len(self.things)] = thing
        return self.numbers[id(thing)]

    def export(self, thing, out: Encoding) -> dict:
        """The description of something that is no plain data."""
        if isinstance(thing, CallBack):
            return {"t": "yours", "i": thing.number}
        if (guest := self.guest(thing)) is not None:
            state = list(thing.state_dict().values()) if isinstance(thing, torch.nn.Module) else []
            return {"t": "guest", "i": guest, "state": [tensor_node(tensor, out) for tensor in state]}
        node = {"t": "handle", "i": self.number(thing), "type": type(thing).__name__[:100]}
        if isinstance(thing, torch.nn.Module):
            tensors = [["p", *pair] for pair in thing.named_parameters()]
            tensors += [["b", *pair] for pair in thing.named_buffers()]
            kinds = [kind for kind in type(thing).__mro__ if kind.__module__.startswith("torch.nn.")]
            node |= {"kind": "net", "base": [kinds[0].__module__, kinds[0].__qualname__]}
            node["tensors"] = [[what, name, self.offer(tensor)] for what, name, tensor in tensors]
        elif isinstance(thing, type):
            node |= {"kind": "class", "net": issubclass(thing, torch.nn.Module), **_described(thing)}
        elif isinstance(thing, types.ModuleType):
            node["kind"] = "module"
        elif hasattr(type(thing), "__next__"):
            node["kind"] = "iterator"
        else:
            node |= {"kind": "function", **_described(thing)} if callable(thing) else {"kind": "object"}
        if node["kind"] in ("net", "object", "function") and type(thing).__module__ == "__main__":
            node["class"] = [self.number(kind) for kind in type(thing).__mro__ if kind.__module__ == "__main__"]
        return node

    def guest(self, thing) -> int | None:
        return next((number for number, (_, guest) in self.guests.items() if guest is thing), None)

    def offer(self, tensor: torch.Tensor) -> int:
        """The number of a tensor whose value both sides are to share from now on."""
        number = self.number(tensor)
        self.shared.setdefault(number, (None, None))
        return number

    def mark(self, tensor: torch.Tensor, node: dict) -> dict:
        """Adds to a tensor's form what its gradient needs."""
        if not tensor.requires_grad and not isinstance(tensor, torch.nn.Parameter):
            return node
        if tensor.is_leaf and not any(tensor is leaf for leaf in self.leaves.values()):
            return node | {"i": self.offer(tensor)}
        return node | {"root": self.number(tensor), "leaves": self._leaves(tensor)}

    def _leaves(self, root: torch.Tensor) -> list[list]:
        """What a result depends on: [number of ours, None] for parameters, [None, number of theirs] for arguments."""
        theirs = {id(leaf): number for number, leaf in self.leaves.items()}
        seen, waiting, found = set(), [root.grad_fn], [] if root.grad_fn else [root]
        while waiting:
            function = waiting.pop()
            if function is not None and function not in seen:
                seen.add(function)
                waiting += [following for following, _ in function.next_functions]
                found += [function.variable] if hasattr(function, "variable") else []
        return [[None, theirs[id(t)]] if id(t) in theirs else [self.offer(t), None] for t in found]

    def leaf(self, tensor: torch.Tensor, node: dict) -> torch.Tensor:
        """The tensor that an argument stands for: one of ours, or a copy that records what is done with it."""
        if "mine" in node:
            return self.things[node["mine"]]
        if "leaf" in node:
            self.leaves[node["leaf"]] = tensor.requires_grad_()
        return tensor

    def resolve(self, node: dict):
        """What the other side refers to: a thing of ours, a function of its own, a name to import, a copy."""
        if node["t"] == "mine":
            return self.things[node["i"]]
        if node["t"] == "callback":
            return CallBack(self, node["i"], node["name"])
        if node["t"] == "import":
            target = importlib.import_module(node["module"])
            for part in node["name"].split("."):
                target = getattr(target, part)
            return target
        if node["t"] == "guest":
            if self.guests.get(node["i"], ("", None))[0] != node["version"]:
                self.guests[node["i"]] = (node["version"], pickle.loads(base64.b64decode(node["data"])))
            return self.guests[node["i"]][1]
        raise WireError(f"a {node['t']} that is none")

    def snapshot(self, args: list, kwargs: dict) -> tuple | None:
        """The state of arguments, to be compared after a call; None where nothing in them could change."""
        if all(type(value) in IMMUTABLE for value in [*args, *kwargs.values()]):
            return None
        out = Encoding(UNLIMITED, lambda thing, out: self.state(thing, out))
        return encode([args, kwargs], out), out.blobs

    def state(self, thing, out: Encoding) -> dict:
        return self.export(thing, out) if self.guest(thing) is not None else {"t": "thing", "i": id(thing)}

    def share(self, number: int) -> None:
        tensor = self.things[number]
        gradient = None if tensor.grad is None else tensor.grad.detach().clone()
        self.shared[number] = (tensor.detach().clone(), gradient)

    def changed(self, out: Encoding) -> list:
        """Shared tensors that differ from what the other side knows: [number, kind, value, gradient]."""
        found = []
        for number, (value, gradient) in list(self.shared.items()):
            tensor = self.things[number]
            if _same(tensor.detach(), value) and _same(tensor.grad, gradient):
                continue
            self.share(number)
            kind = [isinstance(tensor, torch.nn.Parameter), tensor.requires_grad]
            grad = None if tensor.grad is None else tensor_node(tensor.grad, out)
            found.append([number, kind, tensor_node(tensor, out), grad])
        return found

    def overwrite(self, tensors: list, come: Decoding) -> None:
        """Take over values and gradients that the other side changed."""
        for number, value, gradient in tensors:
            tensor = self.things[number]
            tensor.data.copy_(decode(value, come))
            tensor.grad = None if gradient is None else decode(gradient, come)
            self.share(number)

    def backward(self, roots: list[int], grads: list, inputs: list) -> list:
        """Gradients of sum(grads * roots) with respect to inputs: [own number or None, argument's number or None]."""
        wrt = [self.things[mine] if mine is not None else self.leaves[theirs] for mine, theirs in inputs]
        outputs, kept = [self.things[root] for root in roots], [tensor.grad for tensor in wrt]
        for tensor in wrt:
            tensor.grad = None
        torch.autograd.backward(outputs, grads, retain_graph=True, inputs=wrt or None)  # .grad may be forbidden
        found = [tensor.grad for tensor in wrt]
        for tensor, gradient in zip(wrt, kept, strict=True):
            tensor.grad = gradient
        return found


class CallBack:
    """A function of the other side: calling it asks there."""

    def __init__(self, handles: Handles, number: int, name: str):
        self.handles, self.number, self.__name__ = handles, number, name

    def __call__(self, *args, **kwargs):
        return self.handles.call_back(self.number, args, kwargs)


def _same(a, b) -> bool:
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())


def _described(thing) -> dict:
    """Name, docstring and parameters of something that can be called."""
    node = {"name": str(getattr(thing, "__name__", ""))[:100], "doc": str(getattr(thing, "__doc__", "") or "")[:DOC]}
    try:
        parameters = inspect.signature(thing).parameters.values()
        node["parameters"] = [[p.name, int(p.kind), p.default is not p.empty] for p in parameters]
    except (ValueError, TypeError):
        node["parameters"] = None
    return node
