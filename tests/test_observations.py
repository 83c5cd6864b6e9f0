"""What estimators accept as data, and what they say of anything else."""

import math

import numpy as np
import pytest
import torch

from lecture_lib import density, observations


def test_numbers_of_every_kind_become_floats_that_hold_them():
    rows = [[1, 0], [0, 1]]
    kinds = {
        torch.uint8: torch.float64,
        torch.int64: torch.float64,
        torch.bool: torch.float64,
        torch.float16: torch.float32,
    }
    kinds |= {torch.bfloat16: torch.float32, torch.float32: torch.float32, torch.float64: torch.float64}
    for dtype, expected in kinds.items():
        x = observations.fitted(torch.tensor(rows).to(dtype))
        assert x.dtype == expected and x.tolist() == rows
    assert observations.fitted(rows).dtype == torch.float64
    frozen = np.ones((2, 3), dtype=np.float32)[:, ::-1]
    frozen.flags.writeable = False
    assert observations.fitted(frozen).shape == (2, 3) and observations.fitted(frozen).dtype == torch.float32


def test_a_device_without_float64_is_refused(monkeypatch):
    monkeypatch.setattr(observations, "_has_float64", lambda device: False)
    with pytest.raises(ValueError, match=r"x is on cpu, which has no float64 to compute with; give x\.cpu\(\)"):
        observations.fitted(torch.ones(2, 2))


def test_gradients_end_here():
    assert not observations.fitted(torch.ones(2, 1, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.ones(3), r"x has shape \(3,\); it must be \(N, D\), D at least 1; for one dimension give x\[:, None\]"),
        (torch.ones(3, 0), r"x has shape \(3, 0\)"),
        (torch.ones(2, 2, 2), r"x has shape \(2, 2, 2\)"),
        (torch.ones(0, 2), r"x has shape \(0, 2\); it must be \(N, D\) with N at least 1"),
        (torch.ones(2, 2, dtype=torch.complex64), "x holds torch.complex64; it must hold real numbers"),
        (
            torch.tensor([[0.0], [math.nan], [math.inf]]),
            r"x holds NaN or infinity \(first: row 1\); remove or fill them",
        ),
        (torch.tensor([[0.0], [-math.inf]]), r"x holds NaN or infinity \(first: row 1\)"),
    ],
)
def test_what_is_no_data_is_explained(x, message):
    with pytest.raises(ValueError, match=message):
        observations.fitted(x)


def test_queries_may_be_none_at_all_but_must_fit():
    like = torch.ones(5, 2)
    assert observations.queries(torch.ones(0, 2), like).shape == (0, 2)
    with pytest.raises(ValueError, match=r"x has shape \(1, 3\); it must be \(M, 2\), as the fitted data are"):
        observations.queries(torch.ones(1, 3), like)


def test_whole_numbers_and_choices():
    assert observations.whole(np.int64(3), "k") == 3
    for value in (0, 2.0, True, "2", 8):
        with pytest.raises(ValueError, match=f"k is {value!r}; it must be a whole number from 1 to 7"):
            observations.whole(value, "k", 1, 7)
    observations.one_of("a", "letter", ("a", "b"))
    with pytest.raises(ValueError, match="letter is 'c'; it must be one of 'a', 'b'"):
        observations.one_of("c", "letter", ("a", "b"))


def test_what_has_seen_no_data_says_so():
    with pytest.raises(ValueError, match=r"this KernelDensity has seen no data yet; call fit\(x\) first"):
        observations.require_fit(density.KernelDensity(1.0))
