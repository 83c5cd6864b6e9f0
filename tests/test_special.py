"""exp(t) - 1 - t against a long decimal series, its derivatives and transforms; gamma quantiles against SciPy."""

import math
from decimal import Decimal, localcontext

import pytest
import torch
from scipy import stats

from lecture_lib import special


def exact(t: float) -> float:
    """The value by the power series in 60 digits."""
    with localcontext() as context:
        context.prec = 60
        number, term, total = Decimal(t), Decimal(1), Decimal(0)
        for n in range(1, 200):
            term = term * number / n
            total += term if n > 1 else 0
        return float(total)


POINTS = [
    s * m for s in (1, -1) for m in (1e-150, 1e-20, 1e-8, 1e-3, 0.1, 0.2, 0.2499999, 0.25, 0.2500001, 0.3, 1, 5, 20)
]


@pytest.mark.parametrize("t", POINTS)
def test_all_digits_are_right_on_both_sides_of_the_switch(t):
    assert float(special.expm1_minus(torch.tensor(t, dtype=torch.float64))) == pytest.approx(exact(t), rel=2e-15, abs=0)


def test_float32_has_its_digits_too():
    got = special.expm1_minus(torch.tensor(POINTS[1:], dtype=torch.float32))
    expected = torch.tensor([exact(float(torch.tensor(t))) for t in POINTS[1:]])
    assert torch.allclose(got, expected, rtol=5e-7, atol=0)


def test_it_is_zero_at_zero_and_infinite_or_linear_far_out():
    t = torch.tensor([0.0, -1e300, 800.0, -math.inf], dtype=torch.float64)
    assert special.expm1_minus(t).tolist() == [0.0, 1e300, math.inf, math.inf]


def test_derivatives_of_first_and_second_order():
    t = torch.tensor([-3.0, -0.25, -0.1, 0.0, 1e-5, 0.2, 0.3, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(special.expm1_minus, t)
    assert torch.autograd.gradgradcheck(special.expm1_minus, t)
    (slope,) = torch.autograd.grad(special.expm1_minus(t).sum(), t)
    assert torch.allclose(slope, t.detach().expm1(), rtol=1e-14, atol=0)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:DeprecationWarning")  # torch's own, at the first jvp
def test_the_transforms_of_torch_func_go_through():
    t = torch.linspace(-1, 1, 7, dtype=torch.float64)
    assert torch.allclose(torch.func.vmap(torch.func.grad(special.expm1_minus))(t), t.expm1())
    value, tangent = torch.func.jvp(special.expm1_minus, (t,), (torch.ones_like(t),))
    assert torch.equal(value, special.expm1_minus(t)) and torch.allclose(tangent, t.expm1())
    forward_twice = torch.func.jacfwd(torch.func.jacfwd(lambda t: special.expm1_minus(t).sum()))(t)
    assert torch.allclose(forward_twice, t.exp().diag())


def test_it_compiles_into_one_graph_with_its_derivative():
    t = torch.linspace(-1, 1, 7, dtype=torch.float64, requires_grad=True)
    compiled = torch.compile(special.expm1_minus, backend="aot_eager", fullgraph=True)(t)
    assert torch.allclose(compiled, special.expm1_minus(t), rtol=1e-14, atol=0)
    assert torch.allclose(torch.autograd.grad(compiled.sum(), t)[0], t.detach().expm1())


@pytest.mark.parametrize("shape", [0.1, 0.5, 1.0, 3.7, 40.0, 1e3, 4e4, 1e6])
def test_gamma_quantiles_agree_with_scipy(shape):
    p = torch.tensor([1e-6, 0.025, 0.5, 0.975, 1 - 1e-6]).double()
    expected = torch.from_numpy(stats.gamma.ppf(p.numpy(), shape))
    torch.testing.assert_close(special.gamma_quantile(p, shape), expected, rtol=1e-8, atol=0)


def test_a_gamma_quantile_is_known_by_hand_for_the_exponential_distribution():
    assert float(special.gamma_quantile(0.75, 1.0)) == pytest.approx(math.log(4), rel=1e-14)


@pytest.mark.parametrize(("p", "shape"), [(0.0, 1.0), (1.0, 1.0), (math.nan, 1.0), (0.5, 0.0), (0.5, math.nan)])
def test_gamma_quantiles_outside_the_distribution_are_refused(p, shape):
    with pytest.raises(ValueError, match="shape > 0 and 0 < p < 1"):
        special.gamma_quantile(p, shape)
