"""A small course: the instructor's notebook in nbgrader's format, the exercise, an honest submission, a wrong one.

The tests are such as instructors write without our helpers. Everything that a student can be asked for occurs: a
formula, a function of arrays, a class with state, one with operators, a network with gradients, a sampler, a number,
partial credit, marks by hand.
"""

import copy
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NAME = "04_gaussians"  # the notebook that is graded
SECRET = "SECRET-of-the-solution-7d1f"  # stands in the solution and in hidden tests: no student may ever see it

SETUP = """\
import math

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
points = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])"""

GIVEN = """\
def random_points(n, d):
    \"\"\"Points for your own experiments.\"\"\"
    return np.random.randn(n, d)"""

DEMONSTRATION = """\
equal = kl(torch.zeros(3), torch.zeros(3))
print("The divergence of equal distributions is", equal)"""

KL = """\
def kl(mu, log_var):
    \"\"\"KL(N(mu, exp(log_var)) || N(0, 1)), summed over the last axis.\"\"\"
    ### BEGIN SOLUTION
    # SECRET
    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)
    ### END SOLUTION"""

TEST_KL = """\
assert abs(kl(torch.tensor([1.0, 0.0]), torch.zeros(2)) - 0.5) < 1e-5
### BEGIN HIDDEN TESTS
# SECRET
for _ in range(4):
    mu, log_var = torch.randn(5), torch.randn(5)
    got = kl(mu, log_var)
    expected = 0.5 * (mu**2 + torch.exp(log_var) - 1 - log_var).sum()
    assert abs(got - expected) < 1e-4, "wrong on random numbers"
### END HIDDEN TESTS"""

TEST_KL_BATCH = """\
mu, log_var = torch.randn(6, 3), torch.randn(6, 3)
got = kl(mu, log_var)
assert got.shape == (6,), "one number for each row"
### BEGIN HIDDEN TESTS
assert torch.allclose(got, 0.5 * (mu**2 + torch.exp(log_var) - 1 - log_var).sum(1), atol=1e-5)
### END HIDDEN TESTS"""

ROWS = """\
def row_distances(x, center):
    \"\"\"Distances of the rows of x (n, d) from center (d,), shape (n,).\"\"\"
    ### BEGIN SOLUTION
    return np.sqrt(((x - center) ** 2).sum(1))
    ### END SOLUTION"""

TEST_ROWS = """\
np.testing.assert_allclose(row_distances(points, points[1]), [5.0, 0.0, 5.0])
### BEGIN HIDDEN TESTS
x, center = random_points(7, 3), random_points(1, 3)[0]
expected = np.array([math.dist(row, center) for row in x])  # SECRET
got = row_distances(x, center)
assert np.shape(got) == (7,)
np.testing.assert_allclose(got, expected, rtol=1e-6)
### END HIDDEN TESTS"""

RUNNING = """\
class RunningMean:
    \"\"\"The mean of all numbers so far: update(number), value(), is_empty(), count. No numbers: ValueError.\"\"\"

    ### BEGIN SOLUTION
    def __init__(self):
        self.count, self.total = 0, 0.0

    def update(self, number):
        self.count, self.total = self.count + 1, self.total + number

    def is_empty(self):
        return self.count == 0

    def value(self):
        if self.is_empty():
            raise ValueError("there is no mean of nothing")
        return self.total / self.count
    ### END SOLUTION"""

TEST_RUNNING = """\
mean = RunningMean()
for number in [2.0, 4.0, 9.0]:
    mean.update(number)
assert mean.value() == 5.0
assert mean.count == 3
### BEGIN HIDDEN TESTS
one, other = RunningMean(), RunningMean()
numbers = np.random.randn(6).tolist()
for number in numbers:
    one.update(number)
    other.update(10 * number)
    assert abs(other.value() - 10 * one.value()) < 1e-9
assert abs(one.value() - np.mean(numbers)) < 1e-9, "wrong on random numbers"
### END HIDDEN TESTS"""

TEST_EMPTY = """\
mean = RunningMean()
assert mean.is_empty()
try:
    mean.value()
except ValueError:
    pass
else:
    raise AssertionError("the mean of nothing should be a ValueError")
### BEGIN HIDDEN TESTS
mean.update(1.0)
assert not mean.is_empty()
### END HIDDEN TESTS"""

DECODER = """\
class Decoder(nn.Module):
    \"\"\"sigmoid(tanh(z W1ᵀ + b1) W2ᵀ + b2); all four are trained, and begin as given.\"\"\"

    ### BEGIN SOLUTION
    def __init__(self, w1, b1, w2, b2):
        super().__init__()
        self.w1, self.b1, self.w2, self.b2 = (nn.Parameter(p.clone()) for p in (w1, b1, w2, b2))

    def forward(self, z):
        hidden = torch.tanh(z @ self.w1.T + self.b1)
        return torch.sigmoid(hidden @ self.w2.T + self.b2)
    ### END SOLUTION"""

TEST_DECODER = """\
w1, b1, w2, b2 = torch.randn(5, 2), torch.randn(5), torch.randn(3, 5), torch.randn(3)
model = Decoder(w1, b1, w2, b2)
z = torch.randn(4, 2)
x_hat = model(z)
assert isinstance(model, nn.Module)
assert x_hat.shape == (4, 3)
assert sum(p.numel() for p in model.parameters()) == 33
### BEGIN HIDDEN TESTS
assert torch.allclose(x_hat, torch.sigmoid(torch.tanh(z @ w1.T + b1) @ w2.T + b2), atol=1e-5)
### END HIDDEN TESTS"""

TEST_GRADIENT = """\
start = [torch.randn(5, 2), torch.randn(5), torch.randn(3, 5), torch.randn(3)]
z = torch.randn(4, 2, requires_grad=True)
model = Decoder(*start)
model(z).square().sum().backward()
assert all(p.grad is not None for p in model.parameters())
### BEGIN HIDDEN TESTS
w1, b1, w2, b2 = (p.clone().requires_grad_() for p in start)
z_too = z.detach().clone().requires_grad_()
torch.sigmoid(torch.tanh(z_too @ w1.T + b1) @ w2.T + b2).square().sum().backward()
gradients = {tuple(p.shape): p.grad for p in model.parameters()}
for p in (w1, b1, w2, b2):
    assert torch.allclose(gradients[tuple(p.shape)], p.grad, atol=1e-5)
assert torch.allclose(z.grad, z_too.grad, atol=1e-5)
### END HIDDEN TESTS"""

SAMPLER = """\
def sample_exponential(n, rate=1.0):
    \"\"\"n independent draws from the exponential distribution with this rate (mean 1 / rate), shape (n,).\"\"\"
    ### BEGIN SOLUTION
    return -torch.log1p(-torch.rand(n)) / rate
    ### END SOLUTION"""

TEST_SAMPLER = """\
samples = torch.as_tensor(sample_exponential(1000))
assert samples.shape == (1000,)
assert samples.min() >= 0
### BEGIN HIDDEN TESTS
n, rate = 20000, float(0.5 + 3 * torch.rand(()))
samples = torch.as_tensor(sample_exponential(n, rate=rate)).double()
assert samples.shape == (n,)
assert abs(samples.mean() * rate - 1) < 6 / math.sqrt(n)
cdf = 1 - torch.exp(-rate * samples.sort().values)
assert (cdf - torch.arange(1, n + 1) / n).abs().max() < 0.025, "not exponential"
again = torch.as_tensor(sample_exponential(n, rate=rate)).double()
assert not torch.equal(samples, again), "the same numbers every time"
### END HIDDEN TESTS"""

ANSWER = """\
# How many parameters has a decoder from 2 over 5 to 3 dimensions?
### BEGIN SOLUTION
n_parameters = 2 * 5 + 5 + 5 * 3 + 3
### END SOLUTION"""

TEST_ANSWER = """\
assert n_parameters > 0
### BEGIN HIDDEN TESTS
assert n_parameters == 33
### END HIDDEN TESTS"""

STANDARDIZE = """\
def standardize(x):
    \"\"\"Columns of x (n, d) with mean 0 and variance 1 (divide by n); constant columns become 0.\"\"\"
    ### BEGIN SOLUTION
    centered = x - x.mean(0)
    deviation = centered.square().mean(0).sqrt()
    return centered / torch.where(deviation == 0, 1.0, deviation)
    ### END SOLUTION"""

TEST_STANDARDIZE = """\
earned = 0
x = torch.randn(8, 3) * 2 + 5
### BEGIN HIDDEN TESTS
got = standardize(x)
expected = (x - x.mean(0)) / x.std(0, correction=0)
if got.shape == x.shape and torch.allclose(got, expected, atol=1e-4):
    earned += 1
got = standardize(x[:, :1])
if got.shape == (8, 1) and torch.allclose(got, expected[:, :1], atol=1e-4):
    earned += 1
x[:, 1] = 3.0
got, expected[:, 1] = standardize(x), 0.0
if got.shape == x.shape and torch.allclose(got, expected, atol=1e-4):
    earned += 1
### END HIDDEN TESTS
earned"""

INTERVAL = """\
class Interval:
    \"\"\"[low, high]: `x in i`; `i & j`, what they share; `i - x`, moved down; == and, by length, <.\"\"\"

    ### BEGIN SOLUTION
    def __init__(self, low, high):
        self.low, self.high = low, high

    def __contains__(self, x):
        return self.low <= x <= self.high

    def __and__(self, other):
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def __sub__(self, x):
        return Interval(self.low - x, self.high - x)

    def __eq__(self, other):
        return (self.low, self.high) == (other.low, other.high)

    def __lt__(self, other):
        return self.high - self.low < other.high - other.low
    ### END SOLUTION"""

TEST_INTERVAL = """\
one, two = Interval(1, 4), Interval(2, 6)
assert 3 in one and 5 not in one
assert one & two == Interval(2, 4) and not one == two
### BEGIN HIDDEN TESTS
low, x = int(torch.randint(10, 20, ())), int(torch.randint(2, 9, ()))
moved = Interval(low, low + 5) - x
assert (moved.low, moved.high) == (low - x, low + 5 - x)
assert one < two and not two < one and sorted([two, one])[0].high == 4
assert low + 5 in Interval(low, low + 5) and low + 6 not in Interval(low, low + 5)
### END HIDDEN TESTS"""

EXPERIMENT = """\
# Draw 1000 samples and print the mean of their standardized values.
### BEGIN SOLUTION
draws = sample_exponential(1000, 2.0)
print(standardize(draws[:, None]).mean())
### END SOLUTION"""

READING = """\
### BEGIN SOLUTION
The exponential distribution has one parameter. SECRET
### END SOLUTION"""

CELLS = [  # type, role, grade_id, points, text
    ("markdown", "plain", None, 0, "# Gaussians and exponentials"),
    ("code", "plain", None, 0, SETUP),
    ("code", "locked", "given", 0, GIVEN),
    ("markdown", "plain", None, 0, "## A divergence"),
    ("code", "solution", "kl", 0, KL),
    ("code", "plain", None, 0, DEMONSTRATION),
    ("code", "test", "test-kl", 1, TEST_KL),
    ("code", "test", "test-kl-batch", 1, TEST_KL_BATCH),
    ("markdown", "plain", None, 0, "## Distances"),
    ("code", "solution", "rows", 0, ROWS),
    ("code", "test", "test-rows", 2, TEST_ROWS),
    ("markdown", "plain", None, 0, "## A mean that runs"),
    ("code", "solution", "running", 0, RUNNING),
    ("code", "test", "test-running", 2, TEST_RUNNING),
    ("code", "test", "test-empty", 1, TEST_EMPTY),
    ("markdown", "plain", None, 0, "## A decoder"),
    ("code", "solution", "decoder", 0, DECODER),
    ("code", "test", "test-decoder", 2, TEST_DECODER),
    ("code", "test", "test-gradient", 2, TEST_GRADIENT),
    ("markdown", "plain", None, 0, "## A sampler"),
    ("code", "solution", "sampler", 0, SAMPLER),
    ("code", "test", "test-sampler", 5, TEST_SAMPLER),
    ("markdown", "plain", None, 0, "## A number"),
    ("code", "solution", "answer", 0, ANSWER),
    ("code", "test", "test-answer", 1, TEST_ANSWER),
    ("markdown", "plain", None, 0, "## Standard columns"),
    ("code", "solution", "standardize", 0, STANDARDIZE),
    ("code", "test", "test-standardize", 3, TEST_STANDARDIZE),
    ("markdown", "plain", None, 0, "## Intervals"),
    ("code", "solution", "interval", 0, INTERVAL),
    ("code", "test", "test-interval", 2, TEST_INTERVAL),
    ("markdown", "plain", None, 0, "## An experiment\n\nWhat do you see?"),
    ("code", "manual", "experiment", 2, EXPERIMENT),
    ("markdown", "manual", "reading", 2, READING),
]
POINTS = {grade_id: float(points) for _, role, grade_id, points, _ in CELLS if role == "test"}
TESTS_OF = {
    "kl": ["test-kl", "test-kl-batch"],
    "rows": ["test-rows"],
    "running": ["test-running", "test-empty"],
    "decoder": ["test-decoder", "test-gradient"],
    "sampler": ["test-sampler"],
    "answer": ["test-answer"],
    "standardize": ["test-standardize"],
    "interval": ["test-interval"],
}
MARKERS = re.compile(r"[ \t]*### (?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS)\n?")
REGION = {
    kind: re.compile(rf"([ \t]*)### BEGIN {kind}\n.*?### END {kind}", re.DOTALL)
    for kind in ("SOLUTION", "HIDDEN TESTS")
}
ROLES = {  # grade, solution, locked
    "locked": (False, False, True),
    "solution": (False, True, False),
    "test": (True, False, True),
    "manual": (True, True, False),
}


def full() -> dict[str, float]:
    """All points of all exercises marked by machine."""
    return dict(POINTS)


def nothing() -> dict[str, float]:
    """No point anywhere."""
    return dict.fromkeys(POINTS, 0.0)


def without(*names: str, **some: float) -> dict[str, float]:
    """All points but those of the named solution cells or test cells; some: test cells with part of the points."""
    lost = {test for name in names for test in TESTS_OF.get(name, [name])}
    part = {name.replace("_", "-"): points for name, points in some.items()}
    return {test: 0.0 if test in lost else part.get(test, points) for test, points in POINTS.items()}


def only(*names: str) -> dict[str, float]:
    """The points of the named solution cells or test cells and no others."""
    kept = {test for name in names for test in TESTS_OF.get(name, [name])}
    return {test: points if test in kept else 0.0 for test, points in POINTS.items()}


def cell(kind: str, text: str, position: str, nbgrader: dict | None = None) -> dict:
    """A cell of notebook format 4.5."""
    made = {
        "cell_type": kind,
        "id": f"cell-{position}",
        "metadata": {"nbgrader": nbgrader} if nbgrader else {},
        "source": text,
    }
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def metadata(role: str, grade_id: str, kind: str, points: float) -> dict | None:
    """What nbgrader's schema 3 says of a cell."""
    if role == "plain":
        return None
    grade, solution, locked = ROLES[role]
    said = {"grade": grade, "solution": solution, "locked": locked, "task": False, "grade_id": grade_id}
    return said | {"schema_version": 3, "cell_type": kind} | ({"points": points} if grade else {})


def notebook(texts: list[str]) -> dict:
    """A notebook of the course's cells with these texts."""
    cells = [
        cell(kind, text, str(position), metadata(role, grade_id, kind, points))
        for position, ((kind, role, grade_id, points, _), text) in enumerate(zip(CELLS, texts, strict=True))
    ]
    kernelspec = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 5}


def solution() -> dict:
    """The instructor's notebook."""
    return notebook([text.replace("SECRET", SECRET) for *_, text in CELLS])


def stub(kind: str, text: str) -> str:
    """A cell as students get it: solutions replaced, hidden tests gone."""
    blank = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()" if kind == "code" else "YOUR ANSWER HERE"
    return REGION["HIDDEN TESTS"].sub("", REGION["SOLUTION"].sub(blank, text)).rstrip("\n")


def exercise() -> dict:
    """The notebook that students get."""
    return notebook([stub(kind, text) for kind, *_, text in CELLS])


ANSWERS = {  # the text of an honest student in each cell
    grade_id: MARKERS.sub("", text).replace("    # SECRET\n", "").replace(" SECRET", "")
    for _, role, grade_id, _, text in CELLS
    if role in ("solution", "manual")
}
WRONG = {  # runs everywhere, deserves nothing anywhere
    "kl": "def kl(mu, log_var):\n    return torch.zeros(mu.shape[:-1])",
    "rows": "def row_distances(x, center):\n    return np.zeros(len(x))",
    "running": """\
class RunningMean:
    count = 0

    def update(self, number):
        self.count += 1

    def is_empty(self):
        return False

    def value(self):
        return 0.0""",
    "decoder": """\
class Decoder(nn.Module):
    def __init__(self, w1, b1, w2, b2):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(33))

    def forward(self, z):
        return z.new_full((len(z), 3), 0.5)""",
    "sampler": "def sample_exponential(n, rate=1.0):\n    return torch.zeros(n)",
    "answer": "n_parameters = 1",
    "standardize": "def standardize(x):\n    return torch.zeros_like(x)",
    "interval": """\
class Interval:
    def __init__(self, low, high):
        self.low = self.high = 0

    def __contains__(self, x):
        return True

    def __and__(self, other):
        return self

    __sub__ = __and__

    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True""",
    "experiment": "draws = None",
    "reading": "I do not know.",
}


def find(nb: dict, grade_id: str) -> dict:
    """The cell of a notebook with this grade_id."""
    return next(c for c in nb["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def submit(answers: dict[str, str], *, first: list[str] = (), last: list[str] = ()) -> dict:
    """The exercise with these answers; code cells added after the set-up (first) and at the end (last)."""
    nb = exercise()
    for grade_id, text in answers.items():
        find(nb, grade_id)["source"] = text
    nb["cells"][2:2] = [cell("code", text, f"first-{i}") for i, text in enumerate(first)]
    nb["cells"] += [cell("code", text, f"last-{i}") for i, text in enumerate(last)]
    return nb


def honest(*, first: list[str] = (), last: list[str] = (), **answers: str) -> dict:
    """An honest submission, some of its answers replaced."""
    return submit(ANSWERS | answers, first=first, last=last)


def cheat(*, first: list[str] = (), last: list[str] = (), **answers: str) -> dict:
    """A submission that deserves nothing, some of its answers replaced."""
    return submit(WRONG | answers, first=first, last=last)


def encode(nb: dict) -> bytes:
    """The bytes of a notebook file."""
    return json.dumps(copy.deepcopy(nb), indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"


@dataclass(frozen=True)
class Place:
    """Where things are and what may be harmed: written into attacks for <<root>>, <<marker>> and so on."""

    root: Path
    marker: str  # a name that processes, files and sockets of this run carry
    port: int

    @property
    def words(self) -> dict[str, str]:
        """Each placeholder and what stands for it."""
        folders = {name: str(self.root / name) for name in ("submitted", "out", "canary", "solutions")}
        return folders | {"root": str(self.root), "marker": self.marker, "port": str(self.port), "name": NAME}

    def fill(self, content: bytes) -> bytes:
        """Content with its placeholders replaced."""
        for word, value in self.words.items():
            content = content.replace(f"<<{word}>>".encode(), value.encode())
        return content


@dataclass(frozen=True)
class Entry:
    """One submission: what it does, how it is made, the points it deserves, what the instructor must be told."""

    name: str
    about: str
    content: dict | bytes | Callable[[], bytes] | None  # of the notebook's file; None: there is none
    points: dict[str, float]
    note: str | None = None  # a pattern that the instructor's notes match
    category: str = "honest"
    student: str | None = None  # name of the folder, where it is not the entry's name
    lay: Callable[[Path, Place], None] | None = None  # lays out what else the folder holds
    proof: bool = False  # an attack that earns points when tests and submission run in one process
    subset: bool = False  # is graded a second time, alone

    @property
    def folder(self) -> str:
        """Name of the student's folder."""
        return self.student or self.name

    def write(self, folder: Path, place: Place) -> None:
        """Put the submission into the student's folder."""
        folder.mkdir()
        if self.content is not None:
            content = self.content() if callable(self.content) else self.content
            content = encode(content) if isinstance(content, dict) else content
            (folder / f"{NAME}.ipynb").write_bytes(place.fill(content))
        if self.lay:
            self.lay(folder, place)
