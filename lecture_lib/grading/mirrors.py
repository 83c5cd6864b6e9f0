"""Parameters and gradients on both sides of the pipe: one value, whoever changes it; one graph, wherever built."""

import contextlib
import itertools
from collections import deque

import torch

from lecture_lib.grading import lending
from lecture_lib.grading.arrays import tensor_node
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, encode
from lecture_lib.grading.lending import plain, same
from lecture_lib.grading.wire import WireError

REMEMBERED = 256  # arguments that require gradients, of the latest calls


class Mirrors:
    """Our copies of the sandbox's parameters, by its numbers, and our arguments that it may have to differentiate."""

    def __init__(self, link):
        self.link = link
        self.tensors: dict[int, torch.Tensor] = {}
        self.known: dict[int, tuple] = {}  # number -> (value, gradient) as the sandbox knows them
        self.arguments: deque = deque(maxlen=REMEMBERED)  # (our number, tensor)
        self.numbers = itertools.count()
        self.call = 0  # the first number of the call that is being sent
        self.loans = lending.Loans(self.numbers)
        self.received: list | None = None  # tensors with gradients that came with the call back that is being served
        self.origins: dict[int, list] = {}  # arguments that a call back computed: from which of these

    def update(self, changed, blobs: list) -> None:
        """Take over what the sandbox says has changed there. Raises WireError for what is no such list."""
        try:
            self._update(changed or [], blobs)
        except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as error:
            raise WireError(f"changed parameters that are none ({type(error).__name__})") from None

    def _update(self, changed, blobs: list) -> None:
        for number, (parameter, requires_grad), value, gradient in changed:
            value, mirror = plain(value, blobs), self.tensors.get(number)
            if mirror is None or mirror.shape != value.shape or mirror.dtype != value.dtype:
                make = torch.nn.Parameter if parameter is True else torch.Tensor.requires_grad_
                mirror = self.tensors[number] = make(value, requires_grad is True)
            else:
                mirror.data.copy_(value)
            mirror.grad = plain(gradient, blobs)
            self._note(number)

    def _note(self, number: int) -> None:
        mirror = self.tensors[number]
        self.known[number] = (mirror.detach().clone(), None if mirror.grad is None else mirror.grad.detach().clone())

    def changed(self) -> tuple[list, list] | None:
        """What the tests changed on our side: (numbers with values and gradients, their bytes); None if nothing."""
        out, found = Encoding(self.link.limit, None), []
        for number, mirror in self.tensors.items():
            value, gradient = self.known[number]
            if not (same(mirror.detach(), value) and same(mirror.grad, gradient)):
                grad = None if mirror.grad is None else tensor_node(mirror.grad, out)
                found.append([number, tensor_node(mirror, out), grad])
                self._note(number)
        return (found, out.blobs) if found else None

    def begin(self) -> None:
        """From now on arguments are those of another call: the other side gets new copies of them."""
        self.call = next(self.numbers)

    def number(self, tensor: torch.Tensor) -> int | None:
        """The sandbox's number of one of its own tensors."""
        return next((number for number, mirror in self.tensors.items() if mirror is tensor), None)

    def mark(self, tensor: torch.Tensor, node: dict, out: Encoding) -> dict:
        """Adds to an argument's form which of the sandbox's own tensors it is, or the number for its gradient."""
        if (number := self.number(tensor)) is not None:
            return node | {"mine": number}
        if isinstance(tensor, torch.nn.Parameter):
            return node | {"lent": self.loans.number(tensor)}
        if not tensor.requires_grad:
            return node
        if tensor.is_leaf and tensor.grad is not None:
            node = node | {"grad": tensor_node(tensor.grad, out)}
        number = next((n for n, argument in self.arguments if argument is tensor and n >= self.call), None)
        if number is None:
            number = next(self.numbers)
            self.arguments.append((number, tensor))
        if self.received is not None:
            self.origins[number] = self.received
        return node | {"leaf": number}

    @contextlib.contextmanager
    def tracing(self):
        """While a call back is served: remember what its result may depend on."""
        outer, self.received = self.received, []
        try:
            yield
        finally:
            self.received = outer

    def own_backward(self, number: int, grad: torch.Tensor) -> list:
        """Gradients of what a call back computed with respect to what it was given."""
        value = dict(self.arguments)[number]
        return list(torch.autograd.grad(value, self.origins[number], grad, retain_graph=True, allow_unused=True))

    def receive(self, tensor: torch.Tensor, node: dict) -> torch.Tensor:
        """The tensor that a result stands for: our copy of a parameter, or one with a graph that goes on over there."""
        if "i" in node:
            return self._trace(self.tensors[node["i"]])
        if "root" not in node or type(node["root"]) is not int:
            return tensor
        arguments, inputs = dict(self.arguments) | self.loans.tensors, {}
        for mine, theirs in node["leaves"]:
            ours = self.tensors.get(mine) if mine is not None else arguments.get(theirs)
            if ours is not None:
                inputs[mine, theirs] = ours
        start = torch.zeros((), requires_grad=True)  # the graph may begin over there, in what we have no copy of
        where = node["root"], [list(key) for key in inputs]
        return self._trace(Remote.apply(self, where, tensor, start, *inputs.values()))

    def _trace(self, tensor: torch.Tensor) -> torch.Tensor:
        if self.received is not None and tensor.requires_grad:
            self.received.append(tensor)
        return tensor

    def backward(self, root: int, numbers: list, grad: torch.Tensor) -> list:
        """Gradients over there; ones that can be differentiated again where that is wanted."""
        again = torch.is_grad_enabled()
        out = self.link.encoding() if again else Encoding(self.link.limit, None)
        self.begin()
        grads = encode([grad if again else grad.detach()], out)
        message = {"op": "backward", "root": root, "grads": grads, "inputs": numbers, "again": again}
        answer, blobs = self.link.request(message, out)
        return decode(answer.get("value"), self.link.decoding(blobs) if again else Decoding(blobs, None))


class Remote(torch.autograd.Function):
    """A value that the sandbox computed, as a node of our graph; its backward pass is computed there."""

    @staticmethod
    def forward(ctx, mirrors, where, value, start, *inputs):
        ctx.mirrors, ctx.where, ctx.shapes = mirrors, where, [tensor.shape for tensor in inputs]
        return value.clone()

    @staticmethod
    def backward(ctx, grad):
        found = ctx.mirrors.backward(*ctx.where, grad)
        if not isinstance(found, list) or len(found) != len(ctx.shapes):
            raise RuntimeError("the submission's gradients are none")
        for gradient, shape in zip(found, ctx.shapes, strict=True):
            if gradient is not None and not (isinstance(gradient, torch.Tensor) and gradient.shape == shape):
                raise RuntimeError("the submission's gradients have the wrong shape")
        return None, None, None, None, *found


def follow(ours, theirs) -> None:
    """Change our arguments in place to what the student's function made of its copies, as far as their shapes allow."""
    if isinstance(theirs, State):
        follow(list(ours.buffers()) if isinstance(ours, torch.nn.Module) else [], theirs.tensors)
        for name, value in (theirs.attributes or {}).items():
            object.__setattr__(ours, name, value)
    elif isinstance(ours, torch.Tensor) and isinstance(theirs, torch.Tensor):
        if ours.shape == theirs.shape:
            ours.data.copy_(theirs.data)
            ours.grad = theirs.grad if ours.is_leaf and ours.requires_grad else None
    elif type(ours).__name__ == "ndarray" and type(theirs) is type(ours):
        if ours.shape == theirs.shape:
            ours[...] = theirs
    elif isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        for mine, other in zip(ours, theirs, strict=False):
            follow(mine, other)
        if isinstance(ours, list) and (len(ours) != len(theirs) or any(map(_is_value, theirs))):
            ours[:] = [o if _is_value(o) or i >= len(ours) else ours[i] for i, o in enumerate(theirs)]
    elif isinstance(ours, dict) and isinstance(theirs, dict):
        for key in set(ours) & set(theirs):
            follow(ours[key], theirs[key])
        kept = {key: value if _is_value(value) or key not in ours else ours[key] for key, value in theirs.items()}
        ours.clear()
        ours.update(kept)
    elif isinstance(ours, set) and isinstance(theirs, set):
        ours.clear()
        ours.update(theirs)


def _is_value(thing) -> bool:
    return isinstance(thing, bool | int | float | complex | str | bytes | type(None))


class State:
    """Stands for an object of ours in what comes back, with what its buffers or its attributes have become."""

    def __init__(self, tensors: list, attributes: dict | None):
        self.tensors, self.attributes = tensors, attributes
