"""Honest submissions: as many right ways to write the answers as students find. Each deserves all points."""

from . import course

ENTRIES: list[course.Entry] = []


def add(name: str, about: str, *, first=(), last=(), subset=False, student=None, **answers: str) -> None:
    """Append one honest submission."""
    content = course.honest(first=list(first), last=list(last), **answers)
    ENTRIES.append(course.Entry(name, about, content, course.full(), student=student, subset=subset))


add(
    "plain",
    "The instructor's own answers.",
    subset=True,
)
add(
    "loops",
    "Everything by loops over numbers.",
    kl="""\
def kl(mu, log_var):
    if mu.ndim == 1:
        total = 0.0
        for m, lv in zip(mu, log_var):
            total = total + 0.5 * (m * m + math.exp(lv) - 1.0 - lv)
        return total
    rows = []
    for m, lv in zip(mu, log_var):
        rows.append(kl(m, lv))
    return torch.stack(rows)""",
    rows="""\
def row_distances(x, center):
    result = []
    for row in x:
        total = 0
        for a, b in zip(row, center):
            total += (a - b) ** 2
        result.append(total ** 0.5)
    return result""",
    running="""\
class RunningMean:
    def __init__(self):
        self.numbers = []
        self.count = 0
    def update(self, number):
        self.numbers.append(number)
        self.count += 1
    def is_empty(self):
        if self.count == 0:
            return True
        else:
            return False
    def value(self):
        if self.is_empty():
            raise ValueError
        s = 0
        for i in range(len(self.numbers)):
            s += self.numbers[i]
        return s / len(self.numbers)""",
    sampler="""\
import random
def sample_exponential(n, rate=1.0):
    result = []
    for i in range(n):
        result.append(random.expovariate(rate))
    return torch.tensor(result)""",
    standardize="""\
def standardize(x):
    result = torch.zeros(x.shape)
    for j in range(x.shape[1]):
        column = x[:, j]
        m = sum(column) / len(column)
        v = sum((c - m) ** 2 for c in column) / len(column)
        for i in range(x.shape[0]):
            result[i, j] = 0 if v == 0 else (x[i, j] - m) / v ** 0.5
    return result""",
    subset=True,
)
add(
    "numpy",
    "NumPy wherever it goes.",
    kl="""\
def kl(mu, log_var):
    m, lv = mu.numpy(), log_var.numpy()
    return torch.from_numpy(np.asarray(0.5 * np.sum(m**2 + np.exp(lv) - 1 - lv, axis=-1)))""",
    rows="def row_distances(x, center):\n    return np.linalg.norm(x - center, axis=1)",
    sampler="def sample_exponential(n, rate=1.0):\n    return np.random.default_rng().exponential(1 / rate, size=n)",
    answer="n_parameters = np.sum([2 * 5, 5, 5 * 3, 3])",
    standardize="""\
def standardize(x):
    x = x.numpy()
    s = np.std(x, axis=0)
    s[s == 0] = 1
    return torch.from_numpy((x - np.mean(x, axis=0)) / s)""",
)
add(
    "closures-slots-sequential",
    "Functions made by functions; a class with slots and a property; a decoder with nn.Sequential, weights copied in.",
    kl="""\
def scaled(factor):
    def inner(mu, log_var):
        return factor * (mu.pow(2) + log_var.exp() - 1 - log_var).sum(dim=-1)
    return inner

kl = scaled(1 / 2)""",
    rows="row_distances = lambda x, center: np.hypot.reduce(x - center, axis=1)",
    standardize="""\
guard = lambda s: s.masked_fill(s == 0, 1)
standardize = lambda x: (x - x.mean(0, keepdim=True)) / guard(x.var(0, correction=0, keepdim=True).sqrt())""",
    running="""\
class RunningMean:
    __slots__ = ("_n", "_mean")

    def __init__(self):
        self._n, self._mean = 0, 0.0

    @property
    def count(self):
        return self._n

    def update(self, number):
        self._n += 1
        self._mean += (number - self._mean) / self._n

    def is_empty(self):
        return not self._n

    def value(self):
        if not self._n:
            raise ValueError("empty")
        return self._mean""",
    decoder="""\
class Decoder(nn.Module):
    def __init__(self, w1, b1, w2, b2):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 3), nn.Sigmoid())
        with torch.no_grad():
            for parameter, value in zip(self.net.parameters(), (w1, b1, w2, b2)):
                parameter.copy_(value)

    def forward(self, z):
        return self.net(z)""",
)
add(
    "recursive-abstract-linear",
    "Recursion; a class over an abstract base with an error of its own; nn.Linear; results that require gradients.",
    rows="""\
def row_distances(x, center):
    if len(x) == 0:
        return np.zeros(0)
    return np.concatenate([[math.sqrt(sum((x[0] - center) ** 2))], row_distances(x[1:], center)])""",
    answer="""\
def count(sizes):
    return 0 if len(sizes) < 2 else (sizes[0] + 1) * sizes[1] + count(sizes[1:])

n_parameters = count([2, 5, 3])""",
    running="""\
import abc

class NothingYet(ValueError):
    pass

class Statistic(abc.ABC):
    def __init__(self):
        self.numbers = []

    @property
    def count(self):
        return len(self.numbers)

    def update(self, number):
        self.numbers.append(number)

    def is_empty(self):
        return self.count == 0

    @abc.abstractmethod
    def value(self): ...

class RunningMean(Statistic):
    def value(self):
        if self.is_empty():
            raise NothingYet("update first")
        return np.mean(self.numbers)""",
    decoder="""\
class Decoder(torch.nn.Module):
    def __init__(self, w1, b1, w2, b2):
        super(Decoder, self).__init__()
        self.fc1 = nn.Linear(w1.shape[1], w1.shape[0])
        self.fc2 = nn.Linear(w2.shape[1], w2.shape[0])
        self.fc1.weight, self.fc1.bias = nn.Parameter(w1), nn.Parameter(b1)
        self.fc2.weight, self.fc2.bias = nn.Parameter(w2), nn.Parameter(b2)

    def forward(self, z):
        h = self.fc1(z)
        h = torch.tanh(h)
        h = self.fc2(h)
        return 1 / (1 + torch.exp(-h))""",
    kl="""\
half = nn.Parameter(torch.tensor(0.5))

def kl(mu, log_var):
    return half * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)""",
    standardize="""\
one = torch.ones((), requires_grad=True)

def standardize(x):
    c = x - x.mean(0)
    s = (c * c).mean(0)
    return one * c / torch.where(s > 0, s, torch.ones_like(s)).sqrt()""",
)
add(
    "library-dataclass-functional",
    "torch.distributions; a dataclass that holds a tensor; a decoder of einsum and a ParameterList; a pool of threads.",
    kl="""\
def kl(mu, log_var):
    from torch.distributions import Independent, Normal, kl_divergence
    q = Normal(mu, (log_var / 2).exp())
    p = Normal(torch.zeros_like(mu), torch.ones_like(mu))
    return kl_divergence(Independent(q, 1), Independent(p, 1))""",
    sampler="def sample_exponential(n, rate=1.0):\n    return torch.empty(n).exponential_(rate)",
    running="""\
from dataclasses import dataclass, field

@dataclass
class RunningMean:
    total: torch.Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    count: int = 0

    def update(self, number: float) -> None:
        self.total = self.total + number
        self.count += 1

    def is_empty(self) -> bool:
        return self.count == 0

    def value(self) -> torch.Tensor:
        if self.count == 0:
            raise ValueError("nothing yet")
        return self.total / self.count""",
    decoder="""\
import torch.nn.functional as F

class Affine(nn.Module):
    def __init__(self, w, b):
        super().__init__()
        self.parts = nn.ParameterList([w.detach().clone(), b.detach().clone()])

    def forward(self, x):
        return torch.einsum("oi,bi->bo", self.parts[0], x) + self.parts[1]

class Base(nn.Module):
    def forward(self, z):
        for layer, act in zip(self.layers, self.acts):
            z = act(layer(z))
        return z

class Decoder(Base):
    def __init__(self, w1, b1, w2, b2):
        super().__init__()
        self.layers = nn.ModuleList([Affine(w1, b1), Affine(w2, b2)])
        self.acts = [torch.tanh, F.sigmoid]
        self.register_buffer("seen", torch.zeros(1))""",
    rows="""\
from concurrent.futures import ThreadPoolExecutor

def row_distances(x, center):
    with ThreadPoolExecutor(4) as pool:
        return np.array(list(pool.map(lambda row: math.dist(row, center), x)))""",
)
add(
    "functools-delegating",
    "lru_cache, partial, singledispatch, a decorator; a class that hands everything to another object by __getattr__.",
    kl="""\
import functools, time

def timed(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            wrapper.seconds = time.perf_counter() - start
    return wrapper

@timed
def kl(mu, log_var):
    return ((mu * mu + log_var.expm1() - log_var) / 2).sum(axis=-1)""",
    rows="""\
@functools.singledispatch
def row_distances(x, center):
    raise TypeError(type(x))

@row_distances.register
def _(x: np.ndarray, center):
    return np.sqrt(np.einsum("ij,ij->i", x - center, x - center))""",
    sampler="""\
def draw(kind, n, rate=1.0):
    return kind(rate).sample((n,))

sample_exponential = functools.partial(draw, torch.distributions.Exponential)""",
    answer="""\
@functools.lru_cache(maxsize=None)
def layer(i, o):
    return i * o + o

n_parameters = layer(2, 5) + layer(5, 3)""",
    running="""\
class Inner:
    def __init__(self):
        self.count = self.total = 0
    def update(self, number):
        self.count += 1
        self.total += number
    def is_empty(self):
        return self.count < 1
    def value(self):
        try:
            return self.total / self.count
        except ZeroDivisionError as error:
            raise ValueError("no numbers") from error

class RunningMean:
    def __init__(self):
        self._inner = Inner()
    def __getattr__(self, name):
        return getattr(self._inner, name)""",
)
add(
    "callable-objects",
    "Answers that are callable objects and static methods.",
    kl="""\
class Divergence:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, mu, log_var):
        return self.weight * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)

kl = Divergence(0.5)""",
    rows="""\
class Geometry:
    @staticmethod
    def distances(x, center):
        return np.sqrt(((x - center) ** 2).sum(-1))

row_distances = Geometry.distances""",
)
add(
    "python-floats",
    "Plain Python numbers and lists where the tests take them.",
    kl="""\
def kl(mu, log_var):
    value = 0.5 * (mu**2 + torch.exp(log_var) - 1 - log_var).sum(-1)
    return value.item() if value.ndim == 0 else value""",
    rows="def row_distances(x, center):\n    return [math.dist(row, center) for row in x]",
    sampler="""\
def sample_exponential(n, rate=1.0):
    return [-math.log(1 - u) / rate for u in torch.rand(n).tolist()]""",
    answer="n_parameters = 33.0",
)
add(
    "float64",
    "Computes in double precision.",
    kl="""\
def kl(mu, log_var):
    m, lv = mu.double(), log_var.double()
    return (0.5 * (m**2 + lv.exp() - 1 - lv).sum(-1)).to(mu.dtype)""",
    rows="def row_distances(x, center):\n    return np.sqrt(np.square(x.astype(np.longdouble) - center).sum(1))",
    sampler="def sample_exponential(n, rate=1.0):\n    return -torch.rand(n, dtype=torch.float64).neg().log1p() / rate",
)
add(
    "strides",
    "Results that are views: transposed, reversed, expanded, in the other byte order, wrapped in a 0-d array.",
    kl="""\
def kl(mu, log_var):
    return torch.stack([0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)] * 3, -1)[..., 1]""",
    rows="""\
def row_distances(x, center):
    return np.sqrt(((x - center) ** 2).sum(1))[::-1].copy()[::-1].astype('>f8')""",
    answer="n_parameters = np.array(33)",
    standardize="""\
def standardize(x):
    y = x.T
    m = y.mean(1, keepdim=True).expand_as(y)
    s = ((y - m) ** 2).mean(1, keepdim=True).sqrt().expand_as(y)
    return torch.where(s > 0, (y - m) / s, torch.zeros(1)).T""",
)
add(
    "in-place-await",
    "Functions that work in place on their arguments; an answer that is awaited, as notebooks allow.",
    kl="""\
def kl(mu, log_var):
    mu.square_().add_(log_var.exp()).sub_(1).sub_(log_var)
    return mu.sum(-1).mul_(0.5)""",
    rows="""\
def row_distances(x, center):
    x -= center
    x *= x
    return np.sqrt(x.sum(1))""",
    answer="""\
import asyncio

async def count():
    await asyncio.sleep(0)
    return 33

n_parameters = await count()""",
)
add(
    "prints-and-plots",
    "Prints and plots a lot.",
    last=[
        """\
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.hist(sample_exponential(1000).numpy(), bins=30)
"""
        "ax.set_title('draws')\nplt.show()",
        "print(*range(20000))",
        "row_distances(points, points[0])",
    ],
    rows="""\
def row_distances(x, center):
    print("x has shape", x.shape)
    result = np.sqrt(((x - center) ** 2).sum(1))
    print(result)
    return result""",
)
add(
    "magics",
    "Magics and shell commands among the answers.",
    first=["%matplotlib inline\n%load_ext autoreload\n%autoreload 2", "!ls -l\nfiles = !echo hello\nprint(files)"],
    kl="%%time\n" + course.ANSWERS["kl"],
    rows=course.ANSWERS["rows"] + "\n\n%timeit -n 2 -r 2 row_distances(points, points[1])\nrow_distances?",
    sampler="%config InlineBackend.figure_format = 'retina'\n" + course.ANSWERS["sampler"],
)
add(
    "one-long-cell",
    "All answers in the first answer cell, the others left as they came.",
    kl="\n\n".join(course.ANSWERS[name] for name in course.TESTS_OF),
    **{name: "" for name in list(course.TESTS_OF)[1:]},
)
add(
    "modern-python",
    "Annotations, walrus, match, generators, comprehensions, a name in Greek.",
    kl="""\
from __future__ import annotations

def kl(mu: torch.Tensor, log_var: torch.Tensor) -> torch.Tensor:
    μ, λ = mu, log_var
    return (terms := μ**2 + λ.exp() - 1 - λ).sum(-1) * .5""",
    rows="""\
def row_distances(x, center, /, *, power: float = 2.0):
    def each():
        for row in x:
            yield float(np.sum(np.abs(row - center) ** power) ** (1 / power))
    return np.fromiter(each(), dtype=float)""",
    answer="""\
match [2, 5, 3]:
    case [i, h, o]:
        n_parameters = (i + 1) * h + (h + 1) * o""",
)
add(
    "processes-globals-helpers",
    "A pool of processes; a cache in globals; imports and helper functions in cells of their own.",
    rows="""\
import multiprocessing

def one(pair):
    return math.dist(*pair)

def row_distances(x, center):
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return np.array(pool.map(one, [(row, center) for row in x]))""",
    kl="""\
def kl(mu, log_var):
    global calls
    calls += 1
    key = (tuple(mu.flatten().tolist()), tuple(log_var.flatten().tolist()))
    if key not in cache:
        cache[key] = 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)
    return cache[key]""",
    first=[
        "calls = 0\ncache = {}",
        "import functools\nONE = 1.0",
        "def spread(x):\n    return functools.reduce(torch.add, (x - x.mean(0)).square().unbind(0)) / len(x)",
    ],
    standardize="""\
def standardize(x):
    return (x - x.mean(0)) / spread(x).sqrt().where(spread(x) > 0, torch.tensor(ONE))""",
)
add(
    "temporary-files",
    "Writes and reads a file of its own, and the folder for temporary files.",
    first=["import tempfile\nnp.save('mine.npy', points)\nwith tempfile.TemporaryFile() as f:\n    f.write(b'x')"],
    rows="def row_distances(x, center):\n    np.load('mine.npy')\n    return np.sqrt(((x - center) ** 2).sum(1))",
)
add(
    "Zoë Ångström 李",
    "A name with spaces and letters from elsewhere.",
    subset=True,
)
