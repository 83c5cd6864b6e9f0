"""What of the student's cannot cross the pipe as plain data: kept here under a number, described for the other side."""

import enum
import pathlib
import types

import torch

from lecture_lib.grading import describing, visitors
from lecture_lib.grading.arrays import tensor_node
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, encode, form
from lecture_lib.grading.visitors import same

IMMUTABLE = (type(None), bool, int, float, complex, str, bytes)
UNLIMITED = 2**62


class Handles:
    """The table of objects by number, and the tensors whose values both sides share."""

    def __init__(self, call_back):
        self.things: dict[int, object] = {}
        self.numbers: dict[int, int] = {}
        self.shared: dict[int, tuple] = {}  # parameters: number -> (value, gradient) as the other side knows them
        self.leaves: dict[int, torch.Tensor] = {}  # arguments that require gradients, by the other side's number
        self.given: dict[type, str] = {}  # classes of the instructor's set-up
        self.visitors = visitors.Visitors(self, call_back)

    def number(self, thing) -> int:
        if id(thing) not in self.numbers:
            self.numbers[id(thing)] = len(self.things)
            self.things[len(self.things)] = thing
        return self.numbers[id(thing)]

    def export(self, thing, out: Encoding) -> dict:
        """The description of something that is no plain data."""
        if (node := self.visitors.export(thing, out)) is not None:
            return node
        kind = type(thing)
        if kind in self.given and (node := self._given(thing, kind, out)) is not None:
            return node
        node = {"t": "handle", "i": self.number(thing), "type": kind.__name__[:100], "kind": "object"}
        if isinstance(thing, torch.nn.Module):
            tensors = [["p", *pair] for pair in thing.named_parameters()]
            tensors += [["b", *pair] for pair in thing.named_buffers()]
            base = next(k for k in kind.__mro__ if k.__module__.startswith("torch.nn."))
            node |= {"kind": "net", "base": [base.__module__, base.__qualname__]}
            node["tensors"] = [[what, name, self.offer(tensor)] for what, name, tensor in tensors]
        elif isinstance(thing, type):
            return node | {"kind": "class"}
        elif isinstance(thing, BaseException):
            node |= describing.error(thing)
        elif isinstance(thing, types.CoroutineType):
            return node | {"kind": "coroutine"}
        elif isinstance(thing, describing.FUNCTION):
            return node | {"kind": "function"} | describing.function(thing)
        return node | {"c": self.number(kind)}

    def _given(self, thing, kind: type, out: Encoding) -> dict | None:
        """An instance of a class of the set-up, of which the other side makes its own."""
        name = self.given[kind]
        if isinstance(thing, enum.Enum):
            return {"t": "given", "c": name, "n": thing.name}
        if isinstance(thing, tuple):
            depth = out.depth + 1
            return {"t": "given", "c": name, "v": [form(item, out, depth) for item in thing]}
        state = describing.given_state(thing)
        return None if state is None else {"t": "given", "k": out.beside(name, thing, state)}

    def derive(self, name: str, above: list[int], space: list[list], come: Decoding) -> int:
        """The number of a new class, whose methods are the other side's."""
        bases = tuple(self.things[number] for number in above)
        return self.number(type(bases[0])(name, bases, {name: decode(node, come) for name, node in space}))

    def offer(self, tensor: torch.Tensor) -> int:
        """The number of a tensor whose value both sides are to share from now on."""
        number = self.number(tensor)
        self.shared.setdefault(number, (None, None))
        return number

    def mark(self, tensor: torch.Tensor, node: dict, out: Encoding) -> dict:
        """Adds to a tensor's form what its gradient needs."""
        if not tensor.requires_grad and not isinstance(tensor, torch.nn.Parameter):
            return node
        if tensor.is_leaf and not any(tensor is leaf for leaf in self.leaves.values()):
            return node | {"i": self.offer(tensor)}
        return node | {"root": self.number(tensor), "leaves": self._leaves(tensor)}

    def _leaves(self, root: torch.Tensor) -> list[list]:
        """What a result depends on: [number of ours, None] for parameters, [None, number of theirs] for arguments."""
        theirs = {id(leaf): number for number, leaf in self.leaves.items()}
        borrowed = {leaf.grad_fn: leaf for leaf in self.leaves.values() if leaf.grad_fn is not None}
        seen, waiting, found = set(), [root.grad_fn], [] if root.grad_fn else [root]
        while waiting:
            function = waiting.pop()
            if function is None or function in seen:
                continue
            seen.add(function)
            if function in borrowed:  # the graph goes on over there
                found.append(borrowed[function])
                continue
            waiting += [following for following, _ in function.next_functions]
            found += [function.variable] if hasattr(function, "variable") else []
        return [[None, theirs[id(t)]] if id(t) in theirs else [self.offer(t), None] for t in found]

    def receive(self, tensor: torch.Tensor, node: dict) -> torch.Tensor:
        """The tensor that an argument stands for: one of ours, or a copy that records what is done with it."""
        if "mine" in node:
            return self.things[node["mine"]]
        if "lent" in node:
            return self.visitors.lent[node["lent"]]
        if "leaf" in node:
            self.leaves[node["leaf"]] = tensor = self.visitors.borrowed(tensor.requires_grad_(), node["leaf"])
        if "grad" in node:
            tensor.grad = decode(node["grad"], Decoding(self.blobs, None))
        return tensor

    def decoding(self, blobs: list) -> Decoding:
        """How a message of the other side is read."""
        self.blobs = blobs
        everything = lambda what: True  # noqa: E731
        return Decoding(blobs, self.visitors.resolve, self.receive, paths=pathlib.Path, unusual=everything)

    def snapshot(self, args: list, kwargs: dict) -> tuple | None:
        """The state of arguments, to be compared after a call; None where nothing in them could change."""
        if all(type(value) in IMMUTABLE for value in [*args, *kwargs.values()]):
            return None
        out = Encoding(UNLIMITED, self._state, with_gradient, given=self.given)
        return encode([args, kwargs], out), out.blobs

    def _state(self, thing, out: Encoding) -> dict:
        return self.visitors.export(thing, out) or {"t": "thing", "i": id(thing)}

    def _share(self, number: int) -> None:
        tensor = self.things[number]
        gradient = None if tensor.grad is None else tensor.grad.detach().clone()
        self.shared[number] = (tensor.detach().clone(), gradient)

    def changed(self, out: Encoding) -> list:
        """Shared tensors that differ from what the other side knows: [number, kind, value, gradient]."""
        found = []
        for number, (value, gradient) in list(self.shared.items()):
            tensor = self.things[number]
            if same(tensor.detach(), value) and same(tensor.grad, gradient):
                continue
            self._share(number)
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
            self._share(number)

    def backward(self, root: int, grads: list, inputs: list, again: bool) -> list:
        """Gradients of sum(grads * root) with respect to inputs: [own number or None, argument's number or None].

        `again`: they will be differentiated themselves.
        """
        wrt = [self.things[mine] if mine is not None else self.leaves[theirs] for mine, theirs in inputs]
        kept = [tensor.grad for tensor in wrt]
        for tensor in wrt:
            tensor.grad = None
        torch.autograd.backward(  # torch.autograd.grad may be forbidden
            [self.things[root]], grads, retain_graph=True, create_graph=again, inputs=wrt or None
        )
        found = [tensor.grad for tensor in wrt]
        for tensor, gradient in zip(wrt, kept, strict=True):
            tensor.grad = gradient
        return found


def with_gradient(tensor: torch.Tensor, node: dict, out: Encoding) -> dict:
    """Adds its gradient to a tensor's form."""
    gradient = tensor.grad if tensor.is_leaf else None
    return node if gradient is None else node | {"grad": tensor_node(gradient, out)}
