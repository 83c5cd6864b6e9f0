"""Assertions for exercises whose messages name the mistake: "twice the expected value: is a factor 1/2 missing?"

They raise `Mistake`, in a student's notebook and in the grader alike. What is expected is an argument, and so is what
known mistakes give, {hint: value}; all hints that fit are named.
"""

import contextlib
import functools
import math
import numbers
import pydoc
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

RATIOS = {
    -1.0: "the opposite sign of what is expected: is there a minus too many or too few?",
    2.0: "twice the expected value: is a factor 1/2 missing?",
    0.5: "half the expected value: is there a factor 1/2 too many?",
    0.0: "zero, where something else is expected",
}
enforced = True  # the grader's trusted side switches `forbid` off; its sandbox lacks the names in any case


class Mistake(AssertionError):
    """An answer that fails a check; `hint` names the mistake where one was recognized, else it is None."""

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.hint = hint

    def _render_traceback_(self) -> list[str]:
        return [f"✗ {self}"]  # what a notebook shows, instead of the way through the checks to the message


class Forbidden(RuntimeError):
    """A call of something that the exercise asks you to write yourself."""


def close(name: str, got, expected, *, rtol: float = 1e-5, atol: float = 1e-7, mistakes=None) -> None:
    """Check |got - expected| <= atol + rtol |expected|, in one shape, of numbers, lists, arrays or tensors."""
    value, target = _numbers(name, got), _tensor(expected)
    if target.isnan().any():
        raise ValueError("expected holds NaN, which nothing is close to; it must hold numbers")
    if _equal(value, target, rtol, atol):
        return
    wrong = {hint: _tensor(mistaken) for hint, mistaken in (mistakes or {}).items()}
    known = [h for h, w in wrong.items() if _equal(value, w, rtol, atol) and not _equal(w, target, rtol, atol)]
    raise _mistake(name, known, _diagnosis(value, target, rtol, atol), _comparison(value, target, rtol))


def that(condition, message: str) -> None:
    """Check that `condition` holds (a bool, or one tensor or array element); raise `Mistake(message)` if not."""
    with contextlib.suppress(RuntimeError, TypeError, ValueError):  # many truth values, or none
        if condition:
            return
    raise Mistake(message, message if "?" in message else None)


def raises(name: str, call, error: type[Exception], message: str = "") -> None:
    """Check that `call()` raises `error`; anything else it raises, or nothing, is a `Mistake`."""
    try:
        call()
    except error:
        return
    except Exception as other:
        raise Mistake(f"{name} should raise {error.__name__}, but raised {type(other).__name__}: {other}") from other
    raise Mistake(f"{name} should raise {error.__name__}, but returned. {message}".strip())


def distributed(name: str, samples, cdf, *, mistakes=None, false_alarm: float = 1e-6) -> None:
    """Check that samples are independent draws from the distribution function `cdf` (tensor -> tensor).

    Right ones fail with probability `false_alarm` at most, for every n and cdf (Dvoretzky et al. 1956, Massart 1990).
    """
    values = _samples(name, samples, least=100)
    allowed = math.sqrt(math.log(2 / false_alarm) / (2 * len(values)))
    if (distance := _distance(values, cdf)) <= allowed:
        return
    known = [hint for hint, wrong in (mistakes or {}).items() if _distance(values, wrong) <= allowed]
    found = f"\nThe distribution functions differ by {distance:.3f}; chance allows {allowed:.3f}."
    raise _mistake(name, known, "these are not draws from the distribution asked for", found)


def mean(name: str, samples, expected: float, variance: float, *, mistakes=None, false_alarm: float = 1e-6) -> None:
    """Check the mean of many samples of known variance; right ones fail with probability `false_alarm` (normal law)."""
    values = _samples(name, samples, least=1)
    allowed = -NormalDist().inv_cdf(false_alarm / 2) * math.sqrt(variance / len(values))
    if abs((average := float(values.mean())) - expected) <= allowed:
        return
    known = [hint for hint, wrong in (mistakes or {}).items() if abs(average - wrong) <= allowed]
    found = f"\nThe mean is {average:.4g}, expected {float(expected):.4g}; chance allows a difference of {allowed:.2g}."
    raise _mistake(name, known, "the mean is not the one asked for", found)


def forbid(*names: str) -> None:
    """Make calls of these functions, "lecture_lib.gaussians.entropy", raise `Forbidden`: write them by hand."""
    for name in names:
        owner, _, attribute = str(name).rpartition(".")
        if not owner or not callable(pydoc.locate(name)):
            raise ValueError(f"names holds {name!r}, which is no function; expected the form 'module.function'")
        if enforced:
            setattr(pydoc.locate(owner), attribute, functools.partial(_refuse, name))


def _refuse(name: str, *args, **kwargs):
    raise Forbidden(f"{name} may not be used in this exercise: write the formula yourself")


def _mistake(name: str, known: list[str], otherwise: str, found: str) -> Mistake:
    hint = " or ".join(known) or otherwise
    return Mistake(f"{name}: {hint}{found}", hint if known or "?" in hint else None)


def _numbers(name: str, value) -> Tensor:
    """The value as `_tensor` gives it; `Mistake` where it is none."""
    if value is None:
        raise Mistake(f"{name} is None: is a return missing?", "is a return missing?")
    try:
        return _tensor(value)
    except Exception as error:
        if callable(value):
            raise _mistake(name, [], "a function instead of numbers: is it called, with parentheses?", "") from None
        raise Mistake(f"{name}: expected numbers, got a value of type {type(value).__name__} ({error})") from None


def _tensor(value) -> Tensor:
    """Numbers as a float64 (or complex128) tensor on the CPU."""
    if isinstance(value, list | tuple) and any(isinstance(part, list | tuple | Tensor | np.ndarray) for part in value):
        return torch.stack([_tensor(part) for part in value])
    if not isinstance(value, Tensor):
        array = np.asarray(value)
        if array.dtype.kind == "O" and all(isinstance(part, numbers.Number) for part in array.flat):
            array = array.astype(float)  # long integers, fractions, decimals
        if array.dtype.kind not in "biufc":
            raise TypeError("not numbers")
        value = torch.from_numpy(np.array(array, dtype=complex if array.dtype.kind == "c" else float, order="C"))
    if value.layout != torch.strided or value.is_meta or value.is_nested:
        raise TypeError(f"its layout is {value.layout}, its device {value.device}")
    return value.detach().cpu().to(torch.complex128 if value.is_complex() else torch.float64)


def _samples(name: str, samples, least: int) -> Tensor:
    values = _numbers(name, samples).flatten()
    if (usable := 0 if values.is_complex() else int(values.isfinite().sum())) < (least := max(least, len(values))):
        raise Mistake(f"{name}: expected {least} or more finite real numbers, got {usable}")
    return values


def _equal(value: Tensor, target: Tensor, rtol: float, atol: float) -> bool:
    dtype = torch.promote_types(value.dtype, target.dtype)
    return value.shape == target.shape and torch.allclose(value.to(dtype), target.to(dtype), rtol, atol, equal_nan=True)


def _diagnosis(value: Tensor, target: Tensor, rtol: float, atol: float) -> str:
    """What can be said without knowing the exercise."""
    if value.dim() == 2 and _equal(value.T, target, rtol, atol):
        return "the transpose of what is expected: are rows and columns swapped?"
    if value.shape != target.shape:
        right = "the numbers are right, but " if _equal(value.flatten(), target.flatten(), rtol, atol) else ""
        more = ": is it one number for all, instead of one for each?" if value.numel() == 1 < target.numel() else ""
        return f"{right}the shape is {tuple(value.shape)}, expected {tuple(target.shape)}{more}"
    if (~value.isfinite() & (value != target)).any():
        return "NaN or infinite values: is there a division by zero, or a root or log of what has none?"
    if _equal(value, target, 1e-3, atol):
        return f"close to the expected value, but not within {rtol:g} of it: is something rounded?"
    if value.is_complex() or target.is_complex():
        return "not the expected value"
    several, ratio = target.numel() > 1, float((value * target).sum() / target.square().sum())
    text = next((text for known, text in RATIOS.items() if abs(ratio - known) < 1e-3), None)
    if _equal(value, ratio * target, rtol, atol) and (text or several):
        return text or f"{ratio:.4g} times the expected value"
    offset = float((value - target).mean())
    if several and _equal(value, target + offset, rtol, atol):
        return f"everywhere {abs(offset):.4g} too {'large' if offset > 0 else 'small'}: is a constant term wrong?"
    if _equal(value.flatten().sort()[0], target.flatten().sort()[0], rtol, atol):
        return "the right values in another order: are they sorted, or is an axis swapped?"
    bad = int((~torch.isclose(value, target, rtol, atol)).sum())
    return f"{bad} of {target.numel()} values are wrong" if several else "not the expected value"


def _comparison(value: Tensor, target: Tensor, rtol: float) -> str:
    """The numbers that differ most, and where."""
    if value.shape != target.shape:
        return ""
    gap = (value - target).abs() - rtol * target.abs()
    worst = int(gap.nan_to_num(nan=math.inf).masked_fill(value == target, -math.inf).argmax())
    place = f" at {list(map(int, np.unravel_index(worst, value.shape)))}" if value.dim() else ""
    return f"\nExpected {target.flatten()[worst]:.8g}, got {value.flatten()[worst]:.8g}{place}."


def _distance(values: Tensor, cdf) -> float:
    """Kolmogorov's distance between the empirical distribution of the values and cdf, which may have jumps."""
    points, counts = values.unique(return_counts=True)
    below, steps = points.nextafter(torch.full_like(points, -math.inf)), counts.double().cumsum(0)
    at, before = torch.as_tensor(cdf(points)), torch.as_tensor(cdf(below))
    true = torch.stack([at, torch.where(before.isnan(), at, before)])  # a cdf may be undefined below its support
    return float((torch.stack([steps, steps - counts]) / len(values) - true).abs().nan_to_num(nan=1.0).max())
