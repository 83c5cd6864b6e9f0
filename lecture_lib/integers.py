"""Exact products of matrices of 8-bit integers, several times faster than in floating point."""

import functools
import time

import torch
from torch import Tensor

MAX_TERMS = (2**31 - 1) // 2**14  # products of 8-bit integers reach 2^14; so many of them fit a 32-bit sum


def signed(x: Tensor) -> Tensor:
    """x - 128 as int8, for x of uint8, shapes (...) -> (...): the top bit turned over, in one pass."""
    return (x ^ 128).view(torch.int8)


def product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
    """a b of int8 matrices, exactly, as int32, shapes (N, K), (K, M) -> (N, M) with K at most 131,071.

    PyTorch's 8-bit product is a private function, and old processors may round inside it: it is used where it exists
    and has passed a trial on this kind of device, else a product of floats that are large enough to be exact. The
    result is written into `out` if that is given, which saves the time to get memory.
    """
    if a.dtype != torch.int8 or b.dtype != torch.int8:
        raise ValueError(f"a holds {a.dtype} and b {b.dtype}; both must hold torch.int8")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"a has shape {tuple(a.shape)} and b {tuple(b.shape)}; they must be (N, K) and (K, M)")
    if a.shape[1] > MAX_TERMS:
        raise ValueError(f"K is {a.shape[1]}; sums of more than {MAX_TERMS} terms do not fit 32 bits: split them")
    if _has_exact_product(a.device):
        try:
            return torch._int_mm(a, b) if out is None else torch._int_mm(a, b, out=out)
        except RuntimeError:  # a shape that this device does not take
            pass
    result = _float_product(a, b)
    return result if out is None else out.copy_(result)


def is_quick(device: torch.device) -> bool:
    """Whether a product of 8-bit matrices is exact and at least as quick as one of float32 matrices there."""
    return _has_exact_product(device) and _gain(device) >= 1


def _float_product(a: Tensor, b: Tensor) -> Tensor:
    """The same by way of float32, 2^10 terms at a time, whose sums are whole numbers that it holds: up to 2^24."""
    total = a.new_zeros((a.shape[0], b.shape[1]), dtype=torch.int32)
    part = torch.empty(total.shape, dtype=torch.float32, device=a.device)
    for start in range(0, a.shape[1], 2**10):
        terms = slice(start, start + 2**10)
        total += torch.mm(a[:, terms].float(), b[terms].float(), out=part).to(torch.int32)  # `out`: never autocast
    return total


@functools.cache
def _has_exact_product(device: torch.device) -> bool:
    """Whether the 8-bit product gives the right answer on the hardest input: all extremes, in longer rows than 2^10."""
    signs = torch.arange(64 * 2048, device=device).view(64, 2048) * 7 // 3 % 2
    a = (signs * 255 - 128).to(torch.int8)
    try:
        return bool((torch._int_mm(a, a.T.contiguous()) == _float_product(a, a.T)).all())
    except (AttributeError, RuntimeError):
        return False


@functools.cache
def _gain(device: torch.device) -> float:
    """How many times as fast the 8-bit product is, best of five."""
    a, seconds = torch.ones(512, 512, dtype=torch.int8, device=device), []
    b = a.float()
    for multiply in (lambda: torch._int_mm(a, a), lambda: b @ b):
        tries = []
        for _ in range(5):
            started = time.perf_counter()
            multiply().sum().item()
            tries.append(time.perf_counter() - started)
        seconds.append(min(tries))
    return seconds[1] / seconds[0]
