"""Assertions of exercises: what passes, what fails, and that a message names the mistake."""

import contextlib
import decimal
import fractions
import io
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.stats
import torch
from IPython.core.interactiveshell import InteractiveShell

from lecture_lib import checks

NAN, INF = math.nan, math.inf
ROW = torch.tensor([1.0, 2.0, 3.0])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def mistake(call):
    """The Mistake that a call raises."""
    with pytest.raises(checks.Mistake) as caught:
        call()
    return caught.value


def close(got, expected, **more):
    return mistake(lambda: checks.close("f(x)", got, expected, **more))


def allowed_alarms(trials, probability):
    """So many alarms in honest trials have a probability below 1e-6."""
    return scipy.stats.binom.ppf(1 - 1e-6, trials, probability)


# --- close: what passes


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (2.0, 2),
        (True, 1.0),
        (2**70, 2.0**70),
        ([2**70, 1], [2.0**70, 1.0]),
        (fractions.Fraction(1, 2), 0.5),
        (decimal.Decimal("0.5"), 0.5),
        (2 + 0j, 2.0),
        (1 + 2j, 1 + 2j),
        (-0.0, 0.0),
        (range(1, 4), ROW),
        (torch.Size([1, 2, 3]), ROW),
        ([[1, 2], [3, 4]], np.array([[1.0, 2], [3, 4]])),
        ((ROW, ROW), torch.stack([ROW, ROW])),
        ([ROW.numpy(), ROW.numpy()], torch.stack([ROW, ROW])),
        (list(ROW.clone().requires_grad_()), ROW),
        (ROW.clone().requires_grad_(), ROW),
        (torch.nn.Parameter(ROW.clone()), ROW),
        (ROW.half(), ROW),
        (ROW.bfloat16(), ROW),
        (ROW.to(torch.uint8), ROW),
        ((ROW + 1j).conj(), ROW - 1j),
        (torch.arange(6.0).reshape(2, 3).T, torch.tensor([[0, 3], [1, 4], [2, 5]])),
        (np.float32(0.5), 0.5),
        (np.array(0.5), torch.tensor(0.5)),
        (np.array([3.0, 2.0, 1.0])[::-1], ROW),
        (np.array([1, 2, 3], ">i2"), ROW),
        (np.array([1, 2, 3], np.longdouble), ROW),
        (np.array([2**63], np.uint64), [2.0**63]),
        (np.ma.array([1.0, 2.0, 3.0]), ROW),
        (np.broadcast_to(1.0, 3), torch.ones(3)),
        ([], torch.empty(0)),
        (torch.empty(2, 0), np.empty((2, 0))),
        ([INF, -INF, 1.0], [INF, -INF, 1.0]),
        (1e308, 1e308),
    ],
    ids=repr,
)
def test_equal_numbers_of_any_type_pass_without_a_warning(got, expected):
    checks.close("f(x)", got, expected)


def test_an_array_that_may_not_be_written_to_passes():
    array = np.ones(3)
    array.flags.writeable = False
    checks.close("f(x)", array, torch.ones(3))


@pytest.mark.parametrize("share", [-1.01, -0.99, 0.99, 1.01])
@pytest.mark.parametrize("expected", [0.0, 3.0, -40.0])
def test_the_tolerance_is_atol_plus_rtol_times_the_expected_size(expected, share):
    got = expected + share * (1e-3 + 1e-2 * abs(expected))
    if abs(share) < 1:
        checks.close("f(x)", got, expected, rtol=1e-2, atol=1e-3)
    else:
        close(got, expected, rtol=1e-2, atol=1e-3)


def test_python_floats_keep_all_their_digits():
    checks.close("f(x)", 0.1, torch.tensor(0.1, dtype=torch.float64), rtol=1e-15, atol=0)
    close([0.1, 0.2 + 1e-12], [0.1, 0.2], rtol=1e-13, atol=0)


def test_expecting_nan_is_an_error_of_the_test_not_of_the_student():
    with pytest.raises(ValueError, match="expected holds NaN"):
        checks.close("f(x)", 1.0, [1.0, NAN])


@pytest.mark.parametrize(("expected", "mistakes"), [("text", None), (2.0, {"a hint": "text"}), (2.0, {"a hint": None})])
def test_expected_values_that_are_no_numbers_are_not_blamed_on_the_student(expected, mistakes):
    with pytest.raises(TypeError):
        checks.close("f(x)", 1.0, expected, mistakes=mistakes)


# --- close: what fails, and how it is said


@pytest.mark.parametrize(
    ("got", "expected", "message"),
    [
        (None, ROW, "f(x) is None: is a return missing?"),
        (torch.sin, ROW, "f(x): a function instead of numbers: is it called, with parentheses?"),
        ("abc", ROW, "f(x): expected numbers, got a value of type str (not numbers)"),
        ([1, None, 3], ROW, "f(x): expected numbers, got a value of type list (not numbers)"),
        ({1: 2}, ROW, "f(x): expected numbers, got a value of type dict (not numbers)"),
        (torch.empty(0), ROW, "f(x): the shape is (0,), expected (3,)"),
        (ROW[:, None], ROW, "f(x): the numbers are right, but the shape is (3, 1), expected (3,)"),
        ([5.0], 5.0, "f(x): the numbers are right, but the shape is (1,), expected ()"),
        (5.0, [5.0], "f(x): the numbers are right, but the shape is (), expected (1,)"),
        (6, ROW, "f(x): the shape is (), expected (3,): is it one number for all, instead of one for each?"),
        (
            [1, NAN, 3],
            ROW,
            "f(x): NaN or infinite values: is there a division by zero, or a root or log of what has none?\n"
            "Expected 2, got nan at [1].",
        ),
        (2 * ROW, ROW, "f(x): twice the expected value: is a factor 1/2 missing?\nExpected 3, got 6 at [2]."),
        (10, 5, "f(x): twice the expected value: is a factor 1/2 missing?\nExpected 5, got 10."),
        (ROW / 2, ROW, "f(x): half the expected value: is there a factor 1/2 too many?\nExpected 3, got 1.5 at [2]."),
        (
            -ROW,
            ROW,
            "f(x): the opposite sign of what is expected: is there a minus too many or too few?\n"
            "Expected 3, got -3 at [2].",
        ),
        ([0, 4.0], [0, 2.0], "f(x): twice the expected value: is a factor 1/2 missing?\nExpected 2, got 4 at [1]."),
        (3 * ROW, ROW, "f(x): 3 times the expected value\nExpected 3, got 9 at [2]."),
        ([0, 0, 0], ROW, "f(x): zero, where something else is expected\nExpected 3, got 0 at [2]."),
        (ROW + 1, ROW, "f(x): everywhere 1 too large: is a constant term wrong?\nExpected 1, got 2 at [0]."),
        (ROW - 0.5, ROW, "f(x): everywhere 0.5 too small: is a constant term wrong?\nExpected 1, got 0.5 at [0]."),
        (
            [[1, 2, 0], [3, 4, 0]],
            [[1, 3], [2, 4], [0, 0]],
            "f(x): the transpose of what is expected: are rows and columns swapped?",
        ),
        (
            [[1, 2], [3, 4]],
            [[1, 3], [2, 4]],
            "f(x): the transpose of what is expected: are rows and columns swapped?\nExpected 2, got 3 at [1, 0].",
        ),
        (
            [3, 1, 2],
            ROW,
            "f(x): the right values in another order: are they sorted, or is an axis swapped?\n"
            "Expected 1, got 3 at [0].",
        ),
        (
            3.1416,
            math.pi,
            "f(x): close to the expected value, but not within 1e-06 of it: is something rounded?\n"
            "Expected 3.1415927, got 3.1416.",
        ),
        ([1, 2, 5], ROW, "f(x): 1 of 3 values are wrong\nExpected 3, got 5 at [2]."),
        (7, 5, "f(x): not the expected value\nExpected 5, got 7."),
        (2j * ROW, ROW, "f(x): not the expected value\nExpected 3, got 0+6j at [2]."),
        (ROW, ROW + 1j, "f(x): not the expected value\nExpected 1+1j, got 1 at [0]."),
    ],
    ids=lambda value: "torch.sin" if value is torch.sin else str(value),
)
def test_a_wrong_value_is_described(got, expected, message):
    found = close(got, expected, rtol=1e-6)
    assert str(found) == message
    assert (found.hint is not None) == ("?" in message)
    assert found.hint is None or found.hint in message


class Odd:
    """Neither a number nor helpful."""

    def __array__(self, *args, **kwargs):
        raise KeyError("no")


class Number:
    def __float__(self):
        return 2.0


def nested():
    outer = []
    outer.append(outer)
    return outer


@pytest.mark.parametrize(
    "got",
    [
        "text",
        b"bytes",
        object(),
        Odd(),
        Number(),
        {1, 2},
        {},
        (number for number in [1, 2, 3]),
        slice(2),
        ...,
        NotImplemented,
        10**400,
        [10**400],
        [[1], [2, 3]],
        [[1, 2], 3],
        [ROW, ROW[:2]],
        ["1", "2", "3"],
        [None],
        nested(),
        np.array(["a"]),
        np.array([object()]),
        np.array([(1, 2.0)], dtype="i4,f8"),
        np.datetime64("2020-01-01"),
        ROW.to_sparse(),
        torch.ones(3, device="meta"),
        type("Class", (), {}),
        lambda: 2.0,
        torch.nn.Linear(1, 1),
    ],
    ids=lambda got: type(got).__name__,
)
def test_what_is_no_number_is_a_mistake_and_not_another_error(got):
    for expected in (ROW, 2.0):
        assert str(close(got, expected)).startswith("f(x): ")
    with pytest.raises(checks.Mistake):
        checks.distributed("f(x)", got, torch.sigmoid)
    with pytest.raises(checks.Mistake):
        checks.mean("f(x)", got, 0.0, 1.0)


def test_a_nested_tensor_is_no_plain_number():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that they are new
        got = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    close(got, ROW)


@pytest.mark.parametrize(("got", "expected"), [(1e308, -1e308), ([1e308] * 3, ROW), (1e-308, 1.0), ([INF, 1], [1, 1])])
def test_extreme_numbers_are_described_without_an_error(got, expected):
    assert "Expected" in str(close(got, expected))


def test_the_numbers_shown_are_those_that_are_wrong_not_those_that_are_large():
    assert "Expected 0, got 0.5 at [1]." in str(close([1e6 + 1, 0.5], [1e6, 0]))
    assert "Expected 1, got 2 at [0, 0]." in str(close([[2, INF]], [[1, INF]]))


# --- close: listed mistakes

WRONG = {
    "is the 1/2 missing?": 2 * ROW,
    "a mean, not a sum?": 0.5,
    "the variance?": [NAN, 1.0, INF],
    "shape?": ROW[:, None],
}


@pytest.mark.parametrize("hint", WRONG)
def test_a_listed_mistake_is_named_whatever_its_shape(hint):
    found = close(WRONG[hint], ROW, mistakes=WRONG)
    assert found.hint == hint
    assert str(found).startswith(f"f(x): {hint}")


def test_mistakes_that_cannot_be_told_apart_are_both_named():
    found = close([2.0, 2], [1, 1], mistakes={"sum?": [2, 2], "other?": [3, 3], "square?": [2.0, 2.0000001]})
    assert found.hint == "sum? or square?"


def test_a_right_answer_gets_no_hint_even_if_a_mistake_gives_the_same():
    checks.close("f(x)", ROW, ROW, mistakes={"wrong?": ROW})


def test_a_mistake_that_gives_the_right_numbers_here_is_not_named():
    found = close([1.0, 2.0 + 1.5e-5], [1.0, 2.0], rtol=5e-6, mistakes={"axis?": [1.0, 2.0 + 0.5e-5]})
    assert "axis?" not in str(found)


def test_a_hint_is_a_hint_without_a_question_mark():
    assert close(5, 4, mistakes={"one too many": 5}).hint == "one too many"


def test_listed_mistakes_come_before_the_generic_diagnosis():
    assert close(2 * ROW, ROW, mistakes={"both halves?": 2 * ROW}).hint == "both halves?"


def test_mistakes_are_matched_within_the_tolerance():
    assert close(2.0004, 1.0, rtol=1e-3, mistakes={"double?": 2.0}).hint == "double?"
    assert close(2.0004, 1.0, rtol=1e-5, mistakes={"double?": 2.0}).hint != "double?"


# --- that, raises


@pytest.mark.parametrize("condition", [True, 1, torch.tensor(True), np.True_, torch.ones(1, 1) > 0, [0]])
def test_a_condition_that_holds_passes(condition):
    checks.that(condition, "no")


@pytest.mark.parametrize(
    "condition", [False, None, torch.tensor(False), np.False_, ROW > 0, np.ones(2) > 0, [], torch.empty(0)]
)
def test_a_condition_that_does_not_hold_fails_with_its_message(condition):
    assert mistake(lambda: checks.that(condition, "is it sorted?")).hint == "is it sorted?"
    found = mistake(lambda: checks.that(condition, "it is not sorted"))
    assert (str(found), found.hint) == ("it is not sorted", None)


def error(kind, text=""):
    def call():
        raise kind(text)

    return call


def test_the_error_asked_for_passes_and_so_do_its_subclasses():
    checks.raises("f(x)", error(ValueError), ValueError)
    checks.raises("f(x)", error(UnicodeError), ValueError)
    checks.raises("f(x)", error(AssertionError), AssertionError)


def test_no_error_or_another_one_is_a_mistake():
    found = mistake(lambda: checks.raises("f(x)", lambda: 3, ValueError, "Are the shapes compared?"))
    assert str(found) == "f(x) should raise ValueError, but returned. Are the shapes compared?"
    found = mistake(lambda: checks.raises("f(x)", lambda: 3, AssertionError))
    assert str(found) == "f(x) should raise AssertionError, but returned."
    found = mistake(lambda: checks.raises("f(x)", error(KeyError, "x"), ValueError))
    assert str(found) == "f(x) should raise ValueError, but raised KeyError: 'x'"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_goes_through(kind):
    with pytest.raises(kind):
        checks.raises("f(x)", error(kind), ValueError)


# --- distributed, mean


def uniform(x):
    return x.clamp(0, 1)


@pytest.mark.parametrize(
    ("law", "sample"),
    [
        (scipy.stats.norm(), torch.randn(300, generator=seeded(), dtype=torch.float64)),
        (scipy.stats.uniform(), torch.rand(100, generator=seeded())),
        (scipy.stats.expon(), torch.rand(150, generator=seeded(), dtype=torch.float64)),
        (scipy.stats.norm(), torch.randn(200, generator=seeded()).round(decimals=1)),
    ],
    ids=["normal", "float32", "wrong", "ties"],
)
def test_the_distance_is_that_of_kolmogorov_and_smirnov(law, sample):
    cdf = lambda x: torch.as_tensor(law.cdf(x.numpy()))  # noqa: E731
    expected = scipy.stats.kstest(sample.double().numpy(), law.cdf).statistic
    assert checks._distance(sample.double(), cdf) == pytest.approx(expected, abs=1e-12)


def test_the_distance_by_hand():
    assert checks._distance(torch.tensor([0.25, 0.75], dtype=torch.float64), uniform) == 0.25
    assert checks._distance(torch.tensor([0.5], dtype=torch.float64), uniform) == 0.5


def test_the_distance_of_a_distribution_with_jumps_is_that_between_the_jumps():
    coin = lambda x: torch.where(x < 0, 0.0, torch.where(x < 1, 0.5, 1.0)).double()  # noqa: E731
    tosses = torch.tensor([0.0] * 60 + [1.0] * 40, dtype=torch.float64)
    assert checks._distance(tosses, coin) == pytest.approx(0.1)
    assert checks._distance(tosses + 0.5, coin) == pytest.approx(0.5)


def test_a_cdf_may_be_undefined_below_its_support_but_not_at_a_sample():
    values = torch.linspace(0, 1, 101, dtype=torch.float64) ** 2
    assert checks._distance(values, torch.sqrt) < 0.011
    assert checks._distance(values - 0.5, torch.sqrt) == 1.0


def test_the_allowed_distance_is_the_bound_of_dvoretzky_kiefer_and_wolfowitz():
    n, false_alarm = 200, 0.01
    epsilon = math.sqrt(math.log(2 / false_alarm) / (2 * n))
    grid = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # at distance 1 / 2n from the uniform distribution
    checks.distributed("s", grid + 0.99 * epsilon - 0.5 / n, lambda x: x.clamp(0, 2), false_alarm=false_alarm)
    found = mistake(
        lambda: checks.distributed("s", grid + 1.01 * epsilon, lambda x: x.clamp(0, 2), false_alarm=false_alarm)
    )
    assert f"chance allows {epsilon:.3f}" in str(found)


def count_alarms(check, samples):
    alarms = 0
    for sample in samples:
        try:
            check(sample)
        except checks.Mistake:
            alarms += 1
    return alarms


def test_right_samples_fail_no_more_often_than_stated():
    samples = torch.rand(2000, 100, generator=seeded(), dtype=torch.float64)
    alarms = count_alarms(lambda s: checks.distributed("s", s, uniform, false_alarm=0.05), samples)
    assert 0 < alarms <= allowed_alarms(2000, 0.05)


def test_right_samples_of_a_coin_fail_no_more_often_than_stated():
    coin = lambda x: torch.where(x < 0, 0.0, torch.where(x < 1, 0.5, 1.0)).double()  # noqa: E731
    tosses = torch.randint(0, 2, (1000, 100), generator=seeded())
    alarms = count_alarms(lambda s: checks.distributed("s", s, coin, false_alarm=0.05), tosses)
    assert alarms <= allowed_alarms(1000, 0.05)


def test_right_means_fail_as_often_as_stated():
    samples = 3 + 2 * torch.randn(4000, 5, generator=seeded(), dtype=torch.float64)
    alarms = count_alarms(lambda s: checks.mean("s", s, 3.0, 4.0, false_alarm=0.05), samples)
    low, high = scipy.stats.binom.ppf([1e-6, 1 - 1e-6], 4000, 0.05)
    assert low <= alarms <= high


@pytest.mark.parametrize("false_alarm", [0.05, 1e-6, 1e-12])
def test_the_allowed_difference_of_means_is_the_normal_quantile(false_alarm):
    samples = torch.arange(-4.0, 5.0)  # mean 0, n = 9
    bound = scipy.stats.norm.ppf(1 - false_alarm / 2) * math.sqrt(2.0 / 9)
    checks.mean("s", samples, 0.999 * bound, 2.0, false_alarm=false_alarm)
    with pytest.raises(checks.Mistake, match="the mean is not the one asked for"):
        checks.mean("s", samples, -1.001 * bound, 2.0, false_alarm=false_alarm)


def test_wrong_distributions_are_named_and_so_are_all_that_fit():
    samples = 2 * torch.rand(1000, generator=seeded())
    wider = {"(0, 2)?": lambda x: uniform(x / 2), "wide?": lambda x: uniform(x / 2.01), "logistic?": torch.sigmoid}
    found = mistake(lambda: checks.distributed("s(1000)", samples, uniform, mistakes=wider))
    assert found.hint == "(0, 2)? or wide?"
    assert str(found).startswith("s(1000): (0, 2)? or wide?\nThe distribution functions differ by 0.")
    found = mistake(lambda: checks.distributed("s(1000)", 1.5 * samples, uniform, mistakes=wider))
    assert found.hint is None
    assert str(found).startswith("s(1000): these are not draws from the distribution asked for\n")
    checks.distributed("s(1000)", samples / 2, uniform, mistakes=wider)


def test_wrong_means_are_named_and_so_are_all_that_fit():
    samples = 1 + torch.randn(10_000, generator=seeded())
    shifts = {"shifted?": 1.0, "by a third?": 4 / 3, "nearly?": 1.001}
    found = mistake(lambda: checks.mean("s", samples, 0, 1, mistakes=shifts))
    assert found.hint == "shifted? or nearly?"
    assert "expected 0; chance allows a difference of 0.049." in str(found)


@pytest.mark.parametrize("sample", [[0.5] * 99, [], [0.5] * 99 + [NAN], [INF] * 100, [0.5 + 0j] * 100])
def test_samples_must_be_enough_and_finite(sample):
    with pytest.raises(checks.Mistake, match="expected 100 or more finite real numbers, got"):
        checks.distributed("s", sample, uniform)


@pytest.mark.parametrize("sample", [[], [NAN], [1, INF], [1j]])
def test_the_mean_of_nothing_or_nan_is_a_mistake(sample):
    with pytest.raises(checks.Mistake, match="or more finite real numbers, got"):
        checks.mean("s", sample, 0.0, 1.0)


def test_a_mean_that_overflows_is_a_mistake():
    with pytest.raises(checks.Mistake, match="The mean is inf"):
        checks.mean("s", [1e308] * 9, 0.0, 1.0)


# --- forbid


def python(code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split("\n")


def test_forbidden_functions_raise_from_every_side_and_others_do_not():
    lines = python("""
import torch
from lecture_lib import checks, gaussians
import lecture_lib.gaussians as other
checks.forbid("lecture_lib.gaussians.entropy", "torch.distributions.kl_divergence", "torch.distributions.Normal")
checks.forbid("lecture_lib.gaussians.entropy")  # once more is no harm
x = torch.zeros(2)
for call in (gaussians.entropy, other.entropy, torch.distributions.kl_divergence, torch.distributions.Normal):
    try:
        call(x, x)
    except checks.Forbidden as error:
        print(error)
print(gaussians.kl_to_standard_normal(x, x).item())
""")
    names = ["lecture_lib.gaussians.entropy"] * 2 + ["torch.distributions.kl_divergence", "torch.distributions.Normal"]
    assert lines[:4] == [f"{name} may not be used in this exercise: write the formula yourself" for name in names]
    assert lines[4] == "0.0"


def test_where_it_is_not_enforced_names_are_checked_and_nothing_is_replaced(monkeypatch):
    monkeypatch.setattr(checks, "enforced", False)
    before = math.exp
    checks.forbid("math.exp")
    assert math.exp is before
    with pytest.raises(ValueError, match=r"names holds 'math.nothing', which is no function"):
        checks.forbid("math.nothing")


@pytest.mark.parametrize(
    "name", ["exp", "", ".exp", "math.", "math.pi", "no_such.module", "lecture_lib.no.f", "torch.cos.x", 3, None]
)
def test_unknown_names_cannot_be_forbidden(name):
    with pytest.raises(ValueError, match=r"which is no function; expected the form 'module\.function'"):
        checks.forbid(name)


def test_nothing_is_replaced_when_one_name_is_wrong(monkeypatch):
    monkeypatch.setattr(math, "exp", before := math.exp)
    with pytest.raises(ValueError, match=r"math\.nothing"):
        checks.forbid("math.nothing", "math.exp")
    assert math.exp is before


def test_forbidden_is_no_failed_check():
    assert not issubclass(checks.Forbidden, AssertionError)
    assert issubclass(checks.Mistake, AssertionError)


def test_a_notebook_shows_the_message_of_a_mistake_and_no_traceback():
    shell = InteractiveShell()
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        shell.run_cell("from lecture_lib import checks\nchecks.close('f(2)', 8.0, 4.0)")
    assert shown.getvalue().strip() == (
        "✗ f(2): twice the expected value: is a factor 1/2 missing?\nExpected 4, got 8."
    )
