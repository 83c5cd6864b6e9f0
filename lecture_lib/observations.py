"""What estimators of densities accept as data: matrices of finite real numbers, and messages for what is none."""

import numpy as np
import torch
from torch import Tensor


def fitted(x, *, least: int = 1) -> Tensor:
    """x (N, D) as float32 or float64, N at least `least`: whole numbers become float64, halves float32.

    Raises ValueError where x is no such matrix, or holds NaN or infinity.
    """
    x = _matrix(x, "x")
    if len(x) < least:
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (N, D) with N at least {least}")
    return x


def queries(x, like: Tensor) -> Tensor:
    """x (M, D), M may be 0, on the device of the fitted data `like` (N, D); raises ValueError where it does not fit."""
    x = _matrix(x, "x", like.device)
    if x.shape[1] != like.shape[1]:
        raise ValueError(f"x has shape {tuple(x.shape)}; it must be (M, {like.shape[1]}), as the fitted data are")
    return x


def whole(value, name: str, least: int = 1, most: int | None = None) -> int:
    """A whole number from `least` to `most`; raises ValueError naming what it was."""
    fits = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not fits or value < least or (most is not None and value > most):
        upper = "" if most is None else f" to {most}"
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least}{upper or ' on'}")
    return int(value)


def one_of(value, name: str, allowed) -> None:
    """Raises ValueError unless `value` is among `allowed`."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")


def require_fit(estimator) -> None:
    """Raises ValueError where nothing has been fitted yet."""
    if not hasattr(estimator, "x_"):
        raise ValueError(f"this {type(estimator).__name__} has seen no data yet; call fit(x) first")


def _matrix(x, name: str, device=None) -> Tensor:
    if isinstance(x, np.ndarray):
        x = np.require(x, requirements=["C", "W"])  # what PyTorch can share
    x = x.detach() if isinstance(x, Tensor) else torch.as_tensor(x, device=device)
    if x.ndim != 2 or x.shape[1] == 0:
        hint = f"; for one dimension give {name}[:, None]" if x.ndim == 1 else ""
        raise ValueError(f"{name} has shape {tuple(x.shape)}; it must be (N, D), D at least 1{hint}")
    if x.is_complex():
        raise ValueError(f"{name} holds {x.dtype}; it must hold real numbers")
    if device is not None and x.device != device:
        raise ValueError(f"{name} is on {x.device}, the fitted data on {device}; they must be on one device")
    if not _has_float64(x.device):
        raise ValueError(f"{name} is on {x.device}, which has no float64 to compute with; give {name}.cpu()")
    x = x.to(torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x
    x = x if x.is_floating_point() else x.double()
    if len(x) and not bool(((x.min() > -torch.inf) & (x.max() < torch.inf)).all()):
        row = int((~x.isfinite()).any(1).nonzero()[0])
        raise ValueError(f"{name} holds NaN or infinity (first: row {row}); remove or fill them")
    return x


def _has_float64(device: torch.device) -> bool:
    try:
        return torch.ones(1, dtype=torch.float64, device=device).dtype == torch.float64
    except (RuntimeError, TypeError):  # Apple's accelerators
        return False
