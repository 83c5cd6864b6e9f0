"""Calls across the pipe: what an instructor's ordinary test can do with a student's work, and what a liar cannot.

All cases of a kind stand in one notebook, which is graded once; every case is an exercise of its own in it.
"""

import dataclasses
import json
import re

import nbformat
import pytest

from lecture_lib import checks
from lecture_lib.grading import bridge, mirrors, placing, sandbox, source, submission, trial, wire
from lecture_lib.grading.limits import Limits

SETUP = (
    "import math\nimport numpy as np\nimport torch\nfrom torch import nn\nlimit = 10\ndef double(x):\n    return 2 * x"
)
LIMITS = Limits(call_seconds=20, cell_seconds=5, total_seconds=300)

# name: (solution, test)
HONEST = {
    "numbers": (
        "def f(x): return x + 1",
        "assert f(1) == 2 and type(f(1)) is int and f(1.5) == 2.5 and f(10**40) == 10**40 + 1",
    ),
    "containers": (
        "def f(): return [1, (2, 'a'), {'k': {3, 4}, 5: None}, b'x', 1j, range(3), slice(1, 2), frozenset([6])]",
        "assert f() == [1, (2, 'a'), {'k': {3, 4}, 5: None}, b'x', 1j, range(3), slice(1, 2), frozenset([6])]",
    ),
    "arrays": (
        "def f(a): return a.T @ a, a.dtype, a[0, 0]",
        "a = np.random.randn(3, 2)\ng, d, e = f(a)\nnp.testing.assert_allclose(g, a.T @ a)\n"
        "assert d == np.float64 and type(e) is np.float64 and e == a[0, 0]",
    ),
    "tensors": (
        "def f(x): return x.double() * 2",
        "x = torch.randn(3, 0, 2)\nassert f(x).shape == (3, 0, 2)\ny = torch.randn(4).half()\n"
        "assert f(y).dtype is torch.float64 and torch.equal(f(y), y.double() * 2)",
    ),
    "keyword arguments": ("def f(x, *, scale=2): return x * scale", "assert f(3) == 6 and f(x=3, scale=5) == 15"),
    "variables": (
        "answer = 42\nweights = torch.arange(3.0)",
        "assert answer == 42 and torch.equal(weights, torch.arange(3.0))",
    ),
    "numbers that change": ("count = 0\ndef f():\n    global count\n    count += 1", "f()\nassert True"),
    "global names of the set-up": ("def f(x): return double(x) + limit", "assert f(1) == 12"),
    "exceptions": (
        "def f(x):\n    if x < 0: raise ValueError('x is negative')\n    return math.sqrt(x)",
        "try:\n    f(-1)\nexcept ValueError as error:\n    assert 'negative' in str(error)\nelse:\n    assert False\nassert f(4) == 2",
    ),
    "own exceptions": (
        "class Odd(KeyError): pass\ndef f(): raise Odd('k')",
        "try:\n    f()\nexcept KeyError:\n    pass\nelse:\n    assert False",
    ),
    "gradients of an argument": (
        "def f(x): return (x ** 3).sum(), x * 2",
        "x = torch.randn(4, requires_grad=True)\na, b = f(x)\n(a + b.sum()).backward()\n"
        "assert torch.allclose(x.grad, 3 * x.detach() ** 2 + 2)\n"
        "assert torch.autograd.gradcheck(lambda v: f(v)[0], torch.randn(3, dtype=torch.float64, requires_grad=True))",
    ),
    "gradients through two calls": (
        "def f(x): return x.exp()\ndef g(z): return z.sin()",
        "x = torch.randn(3, requires_grad=True)\ng(f(x) * 2).sum().backward()\n"
        "expected = (2 * x.exp()).cos() * 2 * x.exp()\nassert torch.allclose(x.grad, expected.detach())",
    ),
    "no gradient where none is": (
        "def f(x): return x.detach()",
        "x = torch.ones(2, requires_grad=True)\nassert not f(x).requires_grad",
    ),
    "a callback": (
        "def integrate(f, a, b, n=200): return sum(f(a + (b - a) * (i + 0.5) / n) for i in range(n)) * (b - a) / n",
        "assert abs(integrate(math.sin, 0, math.pi) - 2) < 1e-3\nassert abs(integrate(lambda t: t * t, 0, 3) - 9) < 1e-3\n"
        "assert abs(integrate(double, 0, 1) - 1) < 1e-3",
    ),
    "a callback that calls back": (
        "def f(g, x): return g(x)\ndef h(x): return x + 1",
        "assert f(lambda x: h(x) * 2, 3) == 8",
    ),
    "an error in a callback": (
        "def f(g):\n    try:\n        return g()\n    except Exception:\n        return 'caught'",
        "def bad():\n    raise OSError('x')\nassert f(bad) == 'caught'",
    ),
    "returned functions": (
        "def make(k):\n    return lambda x: k * x",
        "triple = make(3)\nassert triple(5) == 15 and callable(triple)",
    ),
    "a decorator": (
        "def twice(f):\n    return lambda x: f(f(x))",
        "assert twice(lambda x: x + 1)(0) == 2\nassert twice(math.sqrt)(16) == 2",
    ),
    "generators": (
        "def batches(n, size):\n    for start in range(0, n, size):\n        yield torch.arange(start, min(start + size, n))",
        "parts = list(batches(10, 4))\nassert [len(p) for p in parts] == [4, 4, 2] and torch.equal(torch.cat(parts), torch.arange(10))",
    ),
    "named tuples": (
        "from collections import namedtuple\nPair = namedtuple('Pair', 'mean std')\ndef f(x): return Pair(x.mean(), x.std())",
        "x = torch.randn(9)\nassert torch.allclose(f(x).mean, x.mean()) and f(x)[1] == x.std()",
    ),
    "signature and docstring": (
        "def f(a, b=2, *rest, c, **more):\n    'Doc.'",
        "import inspect\np = inspect.signature(f).parameters\nassert list(p) == ['a', 'b', 'rest', 'c', 'more']\n"
        "assert p['b'].default is not inspect.Parameter.empty and f.__name__ == 'f' and f.__doc__ == 'Doc.'",
    ),
    "objects with a state": (
        "class Mean:\n    def __init__(self): self.n, self.total = 0, 0.0\n"
        "    def update(self, x):\n        self.n += 1; self.total += x\n        return self\n"
        "    @property\n    def value(self): return self.total / self.n",
        "m = Mean()\nm.update(1.0).update(3.0)\nassert m.value == 2 and m.n == 2 and isinstance(m, Mean)\nm.total = 8.0\n"
        "assert m.value == 4 and not isinstance(3, Mean) and hasattr(m, 'n') and not hasattr(m, 'other')",
    ),
    "operators that the solution defines": (
        "class V:\n    def __init__(self, *x): self.x = x\n    def __add__(self, o): return V(*(a + b for a, b in zip(self.x, o.x)))\n"
        "    def __eq__(self, o): return self.x == o.x\n    def __len__(self): return len(self.x)\n"
        "    def __getitem__(self, i): return self.x[i]\n    def __contains__(self, v): return v in self.x\n"
        "    def __repr__(self): return 'V' + repr(self.x)",
        "v = V(1, 2) + V(3, 4)\nassert v == V(4, 6) and not v == V(4, 7) and len(v) == 2 and v[1] == 6 and 6 in v and 5 not in v\n"
        "assert repr(v) == 'V(4, 6)' and [x for x in v] == [4, 6]",
    ),
    "inheritance": (
        "class A:\n    def f(self): return 'a'\nclass B(A):\n    def g(self): return self.f() + 'b'",
        "assert B().g() == 'ab' and isinstance(B(), A) and not isinstance(A(), B)",
    ),
    "dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: float\n    y: float = 0.0",
        "assert P(1.0) == P(1.0, 0.0) and P(1.0) != P(2.0) and P(3.0).x == 3.0",
    ),
    "a network": (
        "class Net(nn.Module):\n    def __init__(self, n, m):\n        super().__init__()\n        self.layer = nn.Linear(n, m)\n"
        "        self.register_buffer('seen', torch.zeros(()))\n    def forward(self, x):\n        self.seen += len(x)\n"
        "        return self.layer(x).tanh()\n    def loss(self, x): return (self(x) ** 2).sum(-1)",
        "net = Net(4, 2)\nx = torch.randn(7, 4)\nassert isinstance(net, nn.Module) and issubclass(Net, nn.Module)\n"
        "assert net(x).shape == (7, 2) and net.loss(x).shape == (7,)\n"
        "assert [n for n, _ in net.named_parameters()] == ['layer.weight', 'layer.bias']\n"
        "assert sum(p.numel() for p in net.parameters()) == 10 and isinstance(net.layer, nn.Linear)\n"
        "expected = (x @ net.layer.weight.T + net.layer.bias).tanh()\nassert torch.allclose(net(x), expected)\n"
        "loss = net.loss(x).mean()\nloss.backward()\nmine = [p.grad.clone() for p in net.parameters()]\n"
        "other = (expected ** 2).sum(-1).mean()\n"
        "theirs = torch.autograd.grad(other, list(net.parameters()))\n"
        "assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(mine, theirs))\n"
        "assert set(net.state_dict()) == {'layer.weight', 'layer.bias', 'seen'} and net.seen > 0\nnet.eval()\nassert not net.training",
    ),
    "an optimizer of the instructor": (
        "class Lin(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.w = nn.Parameter(torch.zeros(3))\n"
        "    def forward(self, x): return x @ self.w",
        "m = Lin()\nopt = torch.optim.SGD(m.parameters(), lr=0.1)\nw = torch.tensor([1.0, -2.0, 0.5])\nx = torch.randn(50, 3)\n"
        "for _ in range(200):\n    opt.zero_grad()\n    loss = ((m(x) - x @ w) ** 2).mean()\n    loss.backward()\n    opt.step()\n"
        "assert torch.allclose(m.w, w, atol=1e-3)\nassert torch.allclose(m(x), x @ w, atol=1e-2)",
    ),
    "an optimizer of the student": (
        "def train_step(net, optimizer, x):\n    optimizer.zero_grad()\n    loss = (net(x) ** 2).mean()\n    loss.backward()\n"
        "    optimizer.step()\n    return loss.item()\ndef build():\n    net = nn.Linear(3, 1)\n"
        "    return net, torch.optim.SGD(net.parameters(), 0.1)",
        "net, optimizer = build()\nx = torch.randn(20, 3)\nbefore = net.weight.detach().clone()\n"
        "losses = [train_step(net, optimizer, x) for _ in range(50)]\n"
        "assert losses[-1] < losses[0] / 2 and not torch.equal(net.weight, before) and isinstance(net, nn.Linear)",
    ),
    "a network of the instructor": (
        "def predict(net, x): return net(x).argmax(-1)\ndef count(net): return sum(p.numel() for p in net.parameters())",
        "net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))\nx = torch.randn(10, 4)\n"
        "assert torch.equal(predict(net, x), net(x).argmax(-1)) and count(net) == 67",
    ),
    "a network that a function trains": (
        "def fit(net, x, y):\n    opt = torch.optim.SGD(net.parameters(), 0.1)\n    for _ in range(100):\n        opt.zero_grad()\n"
        "        ((net(x) - y) ** 2).mean().backward()\n        opt.step()",
        "net = nn.Linear(2, 1)\nx = torch.randn(40, 2)\ny = x.sum(-1, keepdim=True)\nfit(net, x, y)\n"
        "assert ((net(x) - y) ** 2).mean() < 1e-3",
    ),
    "in-place work that nobody asked for": (
        "def f(x):\n    x *= 2\n    return x",
        "x = torch.randn(3)\ny = f(x)\nassert torch.equal(y, x * 2)",
    ),
    "in-place work that is asked for": (
        "def clip(a, top):\n    a[a > top] = top",
        "a = np.arange(5.0)\nclip(a, 2)\nassert a.max() == 2",
    ),
    "lists changed in place": (
        "def push(l, d):\n    l.append(1); d['a'] = 2",
        "l, d = [0], {}\npush(l, d)\nassert l == [0, 1] and d == {'a': 2}",
    ),
    "the same seed": (
        "def noise(n): return torch.randn(n)\ndef rolls(n): return np.random.randint(0, 6, n)",
        "torch.manual_seed(3)\na = noise(5)\ntorch.manual_seed(3)\nassert torch.equal(a, noise(5))\ntorch.manual_seed(3)\n"
        "assert torch.equal(a, torch.randn(5)) and not torch.equal(noise(5), noise(5))\nnp.random.seed(1)\nr = rolls(20)\n"
        "np.random.seed(1)\nassert (r == np.random.randint(0, 6, 20)).all()",
    ),
    "a generator": (
        "def noise(n, generator): return torch.randn(n, generator=generator)",
        "g = torch.Generator().manual_seed(0)\na, b = noise(3, g), noise(3, g)\nassert not torch.equal(a, b)\n"
        "assert torch.equal(noise(3, torch.Generator().manual_seed(0)), a)",
    ),
    "types as arguments": (
        "def zeros(n, dtype): return torch.zeros(n, dtype=dtype)",
        "assert zeros(2, torch.float64).dtype is torch.float64",
    ),
    "classes as arguments": ("def make(kind): return kind(3, 2)", "assert make(nn.Linear).in_features == 3"),
    "partial credit": ("def f(x): return x", "score = 0.5 * (f(1) == 1)\nscore"),
    "magics in an answer": ("%matplotlib inline\ndef f(): return 7", "assert f() == 7"),
    "an import in a solution": (
        "import statistics\ndef f(x): return statistics.mean(x)",
        "assert f([1, 2]) == statistics.mean([1, 2])",
    ),
}

# name: (solution, student's cell, test, words of the message)
LYING = {
    "always equal": (
        "def f(): return 1",
        "class E:\n    def __eq__(self, o): return True\ndef f(): return E()",
        "assert f() == 1",
        "",
    ),
    "difference zero": (
        "def f(): return 1.0",
        "class Z(float):\n    def __sub__(self, o): return 0.0\n    __rsub__ = __sub__\ndef f(): return Z(9)",
        "assert abs(f() - 1.0) < 1e-6",
        "",
    ),
    "contains everything": (
        "def f(): return [3]",
        "class C:\n    def __contains__(self, v): return True\n    def __iter__(self): return iter(range(10**9))\ndef f(): return C()",
        "assert 3 in f()",
        "",
    ),
    "a tensor subclass": (
        "def f(x): return x * 2",
        "class T(torch.Tensor):\n    @classmethod\n    def __torch_function__(cls, func, types, args=(), kwargs=None): return True\n"
        "def f(x): return x.as_subclass(T)",
        "x = torch.ones(3)\nassert torch.allclose(f(x), 2 * x)",
        "",
    ),
    "an argument made equal": (
        "def f(x): return x + 1",
        "def f(x):\n    x.fill_(-1)\n    return torch.zeros_like(x)",
        "x = torch.ones(3)\nassert torch.allclose(f(x), x + 1)",
        "",
    ),
    "an argument of a network zeroed": (
        "def f(net, x): return net(x) * 2",
        "def f(net, x):\n    [p.data.zero_() for p in net.parameters()]\n    return net(x)",
        "net = nn.Linear(2, 2)\nx = torch.ones(1, 2)\nassert torch.allclose(f(net, x), net(x) * 2)",
        "",
    ),
    "an answer learned by heart": (
        "def f(x): return x ** 2",
        "def f(x): return 9",
        "assert f(3) == 9\nx = torch.rand(()).item() + 1\nassert abs(f(x) - x * x) < 1e-6",
        "",
    ),
    "an unasked change": (
        "def f(x): return x * 2",
        "def f(x):\n    x *= 2\n    return x",
        "x = torch.randn(3)\nkept = x.clone()\nassert torch.equal(f(x), 2 * kept) and torch.equal(x, kept)",
        "",
    ),
    "truth of an object": (
        "def f(): return True",
        "class T: pass\ndef f(): return T()",
        "assert f()",
        "expected True or False",
    ),
    "an own assertion": (
        "def f(): return 1",
        "def f(): raise AssertionError('all is well')",
        "assert f() == 1",
        "all is well",
    ),
    "a stopped interpreter": ("def f(): return 1", "def f(): raise SystemExit(0)", "assert f() == 1", ""),
    "an exit": ("def f(): return 1", "import os\ndef f(): os._exit(0)", "assert f() == 1", "had to be stopped"),
    "a loop": ("def f(): return 1", "def f():\n    while True: pass", "assert f() == 1", "loop without an end"),
    "an exit where an exception is asked for": (
        "def f(): raise ValueError",
        "import os\ndef f(): os._exit(0)",
        "try:\n    f()\nexcept Exception:\n    pass\nelse:\n    assert False",
        "had to be stopped",
    ),
    "a loop where an exception is asked for": (
        "def f(): raise ValueError",
        "def f():\n    while True: pass",
        "try:\n    f()\nexcept:\n    pass\nelse:\n    assert False",
        "had to be stopped",
    ),
    "no data where an exception is asked for": (
        "def f(): raise ValueError",
        "def f(): return torch.zeros(2, device='meta')",
        "try:\n    f()\nexcept Exception:\n    pass\nelse:\n    assert False",
        "layout",
    ),
    "a loop that will not stop": (
        "def f(): return 1",
        "import time\ndef f():\n    while True:\n        try:\n            while True: time.sleep(0.01)\n        except BaseException: pass",
        "assert f() == 1",
        "had to be stopped",
    ),
    "data that lies about its size": (
        "def f(): return torch.zeros(3)",
        "def f(): return torch.zeros(1).expand(10**11)",
        "assert torch.equal(f(), torch.zeros(3))",
        "MiB of data",
    ),
    "endless data": (
        "def f(): return [1]",
        "def f():\n    a = []\n    a.append(a)\n    return a",
        "assert f() == [1]",
        "nested deeper",
    ),
    "an endless generator": (
        "def f():\n    yield 1",
        "def f():\n    while True: yield 1",
        "for n, x in enumerate(f()):\n    assert n < 5",
        "",
    ),
    "sparse": (
        "def f(): return torch.zeros(2)",
        "def f(): return torch.zeros(2).to_sparse()",
        "assert torch.equal(f(), torch.zeros(2))",
        "",
    ),
    "nothing": ("def f(): return 1", "", "assert f() == 1", "You have not changed"),
    "another name": ("def f(): return 1", "def g(): return 1", "assert f() == 1", "is not defined"),
    "no Python": ("def f(): return 1", "def f( return 1", "assert f() == 1", "SyntaxError"),
    "an unfinished cell": (
        "def f(): return 1",
        "def f():\n    raise NotImplementedError('later')",
        "assert f() == 1",
        "NotImplementedError: later",
    ),
    "a string for a number": (
        "def f(): return 1.0",
        "def f(): return 'one'",
        "assert abs(f() - 1) < 1e-6",
        "type and shape",
    ),
    "more than all": ("def f(): return 1", "def f(): return 1000.0", "f()", None),
    "a negative number": ("def f(): return 1", "def f(): return -5.0", "f()", None),
    "not a number": ("def f(): return 1", "def f(): return float('nan')", "f()", None),
    "a patched library": (
        "def f(x): return x * 2",
        "torch.allclose = lambda *a, **k: True\nnp.testing.assert_allclose = lambda *a, **k: None\n"
        "import builtins\nbuiltins.abs = lambda x: 0\ndef f(x): return x",
        "x = torch.ones(3)\nassert torch.allclose(f(x), 2 * x)",
        "This check fails: torch.allclose",
    ),
    "an import taken over": (
        "import numpy as np\ndef f(): return np.ones(2)",
        "class np:\n    def allclose(*a): return True\n    allclose = staticmethod(allclose)\ndef f(): return 0",
        "assert np.allclose(f(), [1, 1])",
        "",
    ),
}


def cell(kind, text, name, role, points=2):
    meta = {"schema_version": 3, "grade_id": name.replace(" ", "-"), "task": False, "locked": role == "test"}
    meta |= {"grade": role == "test", "solution": role == "solution"}
    if role == "test":
        meta["points"] = points
    return kind(text, metadata={"nbgrader": meta} if role else {})


def notebooks(folder, cases):
    """(path of the instructor's notebook, a submission's bytes) for {name: (solution, student's cell, test)}."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SETUP)])
    for name, (solution, _, test) in cases.items():
        text = f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
        nb.cells.append(cell(nbformat.v4.new_code_cell, text, f"{name} answer", "solution"))
        nb.cells.append(cell(nbformat.v4.new_code_cell, test, name, "test"))
    path = folder / "cases.ipynb"
    nbformat.write(nb, path)
    for name, (_, answer, _) in cases.items():
        place = next(
            c for c in nb.cells if c.metadata.get("nbgrader", {}).get("grade_id") == f"{name} answer".replace(" ", "-")
        )
        place.source = answer
    return path, json.dumps(nb).encode()


def graded(path, data, limits=LIMITS, kind="none"):
    teacher = source.read(path)
    pieces, _ = submission.read(data)
    hello = {"message": limits.message, "output": limits.output, "call_seconds": limits.call_seconds, "seed": 1}
    hello |= {"forbidden": list(teacher.forbidden()), "limits": dataclasses.asdict(limits)}
    hello |= {"names": sorted(teacher.all_names())}

    def start():
        return bridge.Link(sandbox.start(kind, limits), hello)

    def run(plan, reference=None):
        one = trial.Trial(teacher, plan, start, limits, "seed", reference=reference)
        try:
            return one, one.run()
        finally:
            one.close()

    checks.enforced = False
    try:
        solution, _ = run(placing.plan(teacher, submission.read(path.read_bytes())[0]))
        return {result["id"]: result for result in run(placing.plan(teacher, pieces), solution.learned)[1]}
    finally:
        checks.enforced = True


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    cases = {name: (solution, solution, test) for name, (solution, test) in HONEST.items()}
    return graded(*notebooks(tmp_path_factory.mktemp("honest"), cases))


@pytest.fixture(scope="module")
def lying(tmp_path_factory):
    """Each case has a function of its own name, so that none stands in for another."""
    cases = {}
    for number, (name, (*parts, _)) in enumerate(LYING.items()):
        cases[name] = [re.sub(r"\bf\b", f"f{number}", part) for part in parts]
    limits = dataclasses.replace(LIMITS, call_seconds=3)
    return graded(*notebooks(tmp_path_factory.mktemp("lying"), cases), limits)


@pytest.mark.parametrize("name", HONEST)
def test_an_ordinary_test_works_through_the_pipe(honest, name):
    result = honest[name.replace(" ", "-")]
    assert result["status"] == ("partial" if name == "partial credit" else "passed"), result["message"]
    assert result["points"] == (0.5 if name == "partial credit" else 2)


@pytest.mark.parametrize("name", LYING)
def test_a_lie_earns_nothing_and_is_told_in_words(lying, name):
    result, words = lying[name.replace(" ", "-")], LYING[name][3]
    if words is None:  # the value of the last line is partial credit, as in nbgrader, within its bounds
        assert result["points"] == (2 if name == "more than all" else 0)
        return
    assert result["points"] == 0 and result["status"] in ("failed", "unanswered")
    assert words in result["message"] and len(result["message"]) > 10


def test_a_sandbox_that_does_not_start_is_no_verdict(tmp_path):
    path, data = notebooks(tmp_path, {"one": ("def f(): return 1", "def f(): return 1", "assert f() == 1")})
    teacher = source.read(path)
    plan = placing.plan(teacher, submission.read(data)[0])

    def start():
        raise bridge.NoSandbox("no room")

    run = trial.Trial(teacher, plan, start, LIMITS, "seed")
    with pytest.raises(bridge.NoSandbox):
        run.run()


def test_what_a_cell_printed_stands_at_its_own_exercise(tmp_path):
    cases = {"one": ("print('first')\ndef f(): return 1", "print('first')\ndef f(): return 1", "assert f() == 1")}
    path, data = notebooks(tmp_path, cases)
    assert graded(path, data)["one"]["output"] == "first\n"


@pytest.mark.parametrize(
    "junk", [3, [1], [[1, 2, 3, 4]], [["a", [True, True], {}, None]], {"a": 1}, [[0, [1, 1], 5, 5]]]
)
def test_a_lie_about_what_has_changed_breaks_the_protocol(junk):
    with pytest.raises(wire.WireError):
        mirrors.Mirrors(None).update(junk, [])
