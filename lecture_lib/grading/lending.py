"""Parameters of a test's own networks, lent to the sandbox: one tensor over there for each, however it is handed over.

A network and its optimizer go over as copies that share them, now and in later calls.
"""

import torch

from lecture_lib.grading.arrays import tensor_node
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding
from lecture_lib.grading.wire import WireError


class Loans:
    """What has been lent, by number, with the values and gradients that the sandbox knows."""

    def __init__(self, numbers):
        self.numbers = numbers
        self.tensors: dict[int, torch.nn.Parameter] = {}
        self.known: dict[int, tuple] = {}  # missing: the sandbox must be told

    def number(self, tensor: torch.nn.Parameter) -> int:
        """The number under which a parameter is lent, from now on if it was not before."""
        found = next((number for number, other in self.tensors.items() if other is tensor), None)
        if found is None:
            found = next(self.numbers)
            self.tensors[found] = tensor
        return found

    def changed(self, out: Encoding) -> list:
        """What the sandbox must be told: [number, value, gradient, whether it requires one]."""
        found = []
        for number, tensor in self.tensors.items():
            if number not in self.known or not all(map(same, state(tensor), self.known[number])):
                grad = None if tensor.grad is None else tensor_node(tensor.grad, out)
                found.append([number, tensor_node(tensor, out), grad, tensor.requires_grad])
                self.known[number] = state(tensor)
        return found

    def returned(self, changes, blobs: list, follow: bool) -> bool:
        """Take over what the student's code did to them, if a test is to see it; whether it did anything."""
        for number, value, gradient in changes or []:
            tensor = self.tensors[number]
            value, gradient = (plain(node, blobs) for node in (value, gradient))
            self.known.pop(number, None)
            if follow and value.shape == tensor.shape:
                tensor.data.copy_(value)
                tensor.grad = gradient
                self.known[number] = state(tensor)
        return bool(changes)

    def forget(self) -> None:
        """Lend them anew when they are handed over again."""
        self.tensors.clear()
        self.known.clear()


def plain(node, blobs: list) -> torch.Tensor | None:
    """A tensor from its JSON form, or None."""
    value = None if node is None else decode(node, Decoding(blobs, None))
    if not isinstance(value, torch.Tensor | None):
        raise WireError("a parameter that is no tensor")
    return value


def state(tensor: torch.Tensor) -> tuple:
    """Copies of value and gradient, and whether it requires one."""
    return tensor.detach().clone(), None if tensor.grad is None else tensor.grad.detach().clone(), tensor.requires_grad


def same(a, b) -> bool:
    """Whether two tensors are equal, NaN equal to NaN; or two other values."""
    if not isinstance(a, torch.Tensor) or not isinstance(b, torch.Tensor):
        return a is b
    return a.shape == b.shape and a.dtype == b.dtype and bool(((a == b) | (a != a) & (b != b)).all())
