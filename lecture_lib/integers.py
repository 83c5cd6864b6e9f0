"""Exact products of matrices of 8-bit integers, several times faster than in floating point."""

import functools

import torch
from torch import Tensor

MAX_TERMS = (2**31 - 1) // 2**14  # products of 8-bit integers reach 2^14; so many of them fit a 32-bit sum


def signed(x: Tensor) -> Tensor:
    """x - 128 as int8, for x of uint8, shapes (...) -> (...): the top bit turned over, in one pass."""
    return (x ^ 128).view(torch.int8)


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b of int8 matrices, exactly, as int32, shapes (N, K), (K, M) -> (N, M) with K at most 131,071.

    PyTorch's 8-bit product is a private function, and old processors may round inside it: it is used where it exists
    and has passed a trial on this kind of device, else a product of floats that are large enough to be exact.
    """
    if a.dtype != torch.int8 or b.dtype != torch.int8:
        raise ValueError(f"a holds {a.dtype} and b {b.dtype}; both must hold torch.int8")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"a has shape {tuple(a.shape)} and b {tuple(b.shape)}; they must be (N, K) and (K, M)")
    if a.shape[1] > MAX_TERMS:
        raise ValueError(f"K is {a.shape[1]}; sums of more than {MAX_TERMS} terms do not fit 32 bits: split them")
    if _has_exact_product(a.device):
        try:
            return torch._int_mm(a, b)
        except RuntimeError:  # a shape that this device does not take
            pass
    return _float_product(a, b)


def _float_product(a: Tensor, b: Tensor) -> Tensor:
    """The same by way of float64, which holds all these sums exactly."""
    return (a.double() @ b.double()).to(torch.int32)


@functools.cache
def _has_exact_product(device: torch.device) -> bool:
    """Whether the 8-bit product gives the right answer on the hardest input: all extremes, in longer rows than 2^10."""
    signs = torch.arange(64 * 2048, device=device).view(64, 2048) * 7 // 3 % 2
    a = (signs * 255 - 128).to(torch.int8)
    try:
        return bool((torch._int_mm(a, a.T.contiguous()) == _float_product(a, a.T)).all())
    except (AttributeError, RuntimeError):
        return False
