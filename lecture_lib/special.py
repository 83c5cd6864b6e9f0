"""Special functions that PyTorch lacks, with all their digits."""

import torch
from torch import Tensor


def expm1_minus(t: Tensor) -> Tensor:
    """exp(t) - 1 - t, shapes (...) -> (...), never negative, with all digits right. Eq. (4.35).

    expm1(t) - t has no digit left where t is tiny. For small t this is expm1(t) (1 - t / expm1(t)), whose second factor
    is the series t/2 - t^2/12 + t^4/720 - ... of the Bernoulli numbers B_2n / (2n)!, in which nothing cancels.
    """
    near = t.clamp(-0.25, 0.25)  # no overflow in the branch that is not taken, whose gradient would be 0 * inf
    square = near * near
    series = 1 / 12 - square * (1 / 720 - square * (1 / 30240 - square * (1 / 1209600 - square / 47900160)))
    return torch.where(t.abs() < 0.25, near.expm1() * (near / 2 - square * series), t.expm1() - t)


def gamma_quantile(p: Tensor, shape: float) -> Tensor:
    """The x at which the gamma distribution with this shape and rate 1 has the distribution function p, (...) -> (...).

    By bisection of log x; as exact as PyTorch's distribution function, ten digits at least.
    """
    p = torch.as_tensor(p, dtype=torch.float64)
    if not (shape > 0 and bool(((p > 0) & (p < 1)).all())):
        raise ValueError(f"shape is {shape} and p from {p.min():g} to {p.max():g}; shape > 0 and 0 < p < 1 are allowed")
    shape = torch.full_like(p, shape)
    low, high = torch.full_like(p, -700.0), (shape + 40 * (shape.sqrt() + 1)).log()  # of log x
    for _ in range(80):
        middle = (low + high) / 2
        below = torch.special.gammainc(shape, middle.exp()) < p
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return ((low + high) / 2).exp()
