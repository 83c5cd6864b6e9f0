"""Assertions for exercises whose messages name the mistake: "twice the expected value: is a factor 1/2 missing?"

They stand in the test cells, run in the student's notebook and in the grader alike, and raise `Mistake`. Nothing here
knows an answer: what is expected, and what known mistakes would give, are arguments.
"""

import importlib
import math
from statistics import NormalDist

import torch
from torch import Tensor

HINTS = {
    -1.0: "the opposite sign of what is expected",
    2.0: "twice the expected value: is a factor 1/2 missing?",
    0.5: "half the expected value: is there a factor 1/2 too many?",
    -2.0: "minus twice the expected value: look at the sign and at the factor 1/2",
    -0.5: "minus half the expected value: look at the sign and at the factor 1/2",
}
enforced = True  # the grader's trusted side switches `forbid` off; its sandbox lacks the names in any case


class Mistake(AssertionError):
    """An answer that fails a check; `hint` names the mistake where one was recognized, else it is None."""

    def __init__(self, message: str, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class Forbidden(RuntimeError):
    """A call of something that the exercise asks you to write yourself."""


def close(name: str, got, expected, *, rtol: float = 1e-5, atol: float = 1e-7, mistakes=None) -> None:
    """Check |got - expected| <= atol + rtol |expected|, everywhere and in the same shape; raise `Mistake` if not.

    `got` and `expected`: numbers, lists, arrays or tensors of any shape. `mistakes` maps a hint to the value that
    this mistake gives; every one that fits `got` is named, so two that cannot be told apart are both said.
    """
    value, target = _numbers(name, got), torch.as_tensor(expected).detach().cpu()
    target = target.to(torch.complex128 if target.is_complex() else torch.float64)
    if value.shape == target.shape and _equal(value, target, rtol, atol):
        return
    hints = [h for h, wrong in (mistakes or {}).items() if _matches(value, _numbers(name, wrong), target, rtol, atol)]
    hint = " or ".join(hints) or _diagnosis(value, target, rtol, atol)
    raise Mistake(f"{name}: {hint}{_comparison(value, target)}", hint if hints or "?" in hint else None)


def that(condition, message: str) -> None:
    """Check that `condition` holds (a bool, or one tensor or array element); raise `Mistake(message)` if not."""
    if not bool(condition):
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
    """Check that 1-D samples are independent draws from the distribution function `cdf` (tensor -> tensor).

    The largest distance between empirical and true distribution function exceeds sqrt(log(2 / false_alarm) / 2n) with
    probability at most `false_alarm`, for every n and cdf (Dvoretzky, Kiefer, Wolfowitz; constant by Massart 1990).
    `mistakes` maps a hint to the distribution function that this mistake gives.
    """
    values = _numbers(name, samples).flatten()
    if len(values) < 100 or not values.isfinite().all():
        raise Mistake(f"{name}: expected at least 100 finite numbers, got {len(values)}, {_not_finite(values)}")
    allowed = math.sqrt(math.log(2 / false_alarm) / (2 * len(values)))
    if (distance := _distance(values, cdf)) <= allowed:
        return
    hints = [hint for hint, wrong in (mistakes or {}).items() if _distance(values, wrong) <= allowed]
    hint = " or ".join(hints) or "these are not draws from the distribution asked for"
    found = f"The distribution functions differ by {distance:.3f}, chance allows {allowed:.3f}."
    raise Mistake(f"{name}: {hint}\n{found}", hint if hints else None)


def mean(name: str, samples, expected: float, variance: float, *, mistakes=None, false_alarm: float = 1e-6) -> None:
    """Check the mean of n independent samples of known variance against `expected`, by the normal bound.

    A right answer fails with probability `false_alarm` (as far as the mean of n samples is normal). `mistakes` maps a
    hint to the mean that this mistake gives.
    """
    values = _numbers(name, samples).flatten()
    if len(values) == 0 or not values.isfinite().all():
        raise Mistake(f"{name}: expected finite numbers, got {len(values)}, {_not_finite(values)}")
    allowed = NormalDist().inv_cdf(1 - false_alarm / 2) * math.sqrt(variance / len(values))
    found = float(values.mean())
    if abs(found - expected) <= allowed:
        return
    hints = [hint for hint, wrong in (mistakes or {}).items() if abs(found - wrong) <= allowed]
    hint = " or ".join(hints) or "the mean is not the one asked for"
    raise Mistake(
        f"{name}: {hint}\nThe mean is {found:.4g}, expected {expected:.4g}; chance allows {allowed:.2g}.",
        hint if hints else None,
    )


def forbid(*names: str) -> None:
    """Make calls of these functions, "lecture_lib.gaussians.entropy", raise `Forbidden`: write them by hand."""
    for name in names:
        module, _, attribute = name.rpartition(".")
        if not callable(getattr(importlib.import_module(module), attribute, None)):
            raise ValueError(f"names holds {name!r}, which is no function; expected module.function")
        if enforced:
            setattr(importlib.import_module(module), attribute, _refusal(name))


def _refusal(name: str):
    def refuse(*args, **kwargs):
        raise Forbidden(f"{name} may not be used in this exercise: write the formula yourself")

    return refuse


def _numbers(name: str, value) -> Tensor:
    """The value as a float64 (or complex128) tensor on the CPU; `Mistake` where it is none."""
    if value is None:
        raise Mistake(f"{name}: is None. Is a return missing?", "is a return missing?")
    try:
        tensor = torch.as_tensor(value).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise Mistake(f"{name}: expected numbers, got an object of type {type(value).__name__}") from None
    if tensor.is_sparse or tensor.is_quantized or tensor.layout != torch.strided:
        raise Mistake(f"{name}: expected an ordinary dense tensor, got one with layout {tensor.layout}")
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _equal(value: Tensor, target: Tensor, rtol: float, atol: float) -> bool:
    return torch.allclose(value, target.to(value.dtype), rtol=rtol, atol=atol, equal_nan=False) and (
        value.is_complex() or not target.is_complex()
    )


def _matches(value: Tensor, wrong: Tensor, target: Tensor, rtol: float, atol: float) -> bool:
    """Whether the value is what the mistake gives, on data that tells the mistake from the right answer."""
    same = value.shape == wrong.shape and _equal(value, wrong, rtol, atol)
    return same and not (wrong.shape == target.shape and _equal(wrong, target, rtol, atol))


def _diagnosis(value: Tensor, target: Tensor, rtol: float, atol: float) -> str:
    """What can be said without knowing the exercise."""
    if value.shape != target.shape:
        return _shape_hint(value, target, rtol, atol)
    if not value.isfinite().all() and target.isfinite().all():
        return f"some values are {_not_finite(value)}, all should be finite"
    ratio, offset = _constant(value / target), _constant(value - target)
    if ratio is not None and target.abs().min() > atol and target.numel() > 1:
        return next((h for r, h in HINTS.items() if abs(ratio - r) < 1e-3), f"{ratio:.4g} times the expected value")
    if offset is not None and target.numel() > 1:
        return f"everywhere {abs(offset):.4g} too {'large' if offset > 0 else 'small'}: is a constant term wrong?"
    if target.dim() == 2 and target.shape[0] == target.shape[1] and _equal(value.T, target, rtol, atol):
        return "the transpose of what is expected: are rows and columns swapped?"
    if not value.is_complex() and _equal(value.flatten().sort()[0], target.real.flatten().sort()[0], rtol, atol):
        return "the right values in another order"
    return "not the expected value"


def _shape_hint(value: Tensor, target: Tensor, rtol: float, atol: float) -> str:
    shapes = f"the shape is {tuple(value.shape)}, expected {tuple(target.shape)}"
    if value.numel() == target.numel() and _equal(value.flatten(), target.flatten(), rtol, atol):
        return f"the numbers are right, but {shapes}"
    if value.dim() == 0 and target.dim() == 1:
        return f"{shapes}: one number for each row is asked for, not one for all"
    return shapes


def _constant(x: Tensor) -> float | None:
    """The number that all elements are, within one in ten thousand; None where there is none."""
    x = x.real.flatten()
    if x.numel() == 0 or not x.isfinite().all() or (x - x[0]).abs().max() > 1e-4 * x[0].abs():
        return None
    return float(x[0])


def _comparison(value: Tensor, target: Tensor) -> str:
    if value.shape != target.shape or value.numel() == 0:
        return ""
    gap = (value - target.to(value.dtype)).abs().nan_to_num(nan=math.inf).flatten()
    worst = int(gap.argmax())
    where = (
        f" at position {tuple(map(int, torch.unravel_index(torch.tensor(worst), value.shape)))}" if value.dim() else ""
    )
    return f"\nExpected {target.flatten()[worst].item():.6g}, got {value.flatten()[worst].item():.6g}{where}."


def _not_finite(value: Tensor) -> str:
    return "NaN" if value.isnan().any() else "infinite" if value.isinf().any() else "all finite"


def _distance(values: Tensor, cdf) -> float:
    """Kolmogorov's distance between the empirical distribution of the values and cdf."""
    ordered = values.sort()[0]
    steps = torch.arange(len(ordered) + 1, dtype=ordered.dtype) / len(ordered)
    f = cdf(ordered)
    return float(torch.maximum((steps[1:] - f).abs().max(), (f - steps[:-1]).abs().max()))
