"""Hostile submissions that know how the grader works: they forge what the sandbox says of objects, classes and errors.

And those that use what a test must be able to ask of one exercise, operators, to answer in another.
"""

import re

from . import course
from .attacks import NOTHING, STOPPED

ENTRIES: list[course.Entry] = []
ANY = r"."

# Finds the worker that answers the grader, and its tables.
WORKER = """\
import gc, sys
worker = next(thing for thing in gc.get_objects() if type(thing).__name__ == "Worker")
handles, visitors = worker.handles, worker.handles.visitors
"""
PLAIN = {  # wrong answers that hand something over for the forgery to be about
    "kl": "class Odd:\n    def __init__(self, *a): pass\n\ndef kl(mu, log_var):\n    return Odd(mu)",
    "rows": "def row_distances(x, center):\n    return Odd(x)",
    "standardize": "def standardize(x):\n    return Odd(x)",
    "sampler": "def sample_exponential(n, rate=1.0):\n    return Odd(n)",
}


def add(name: str, about: str, code: str, note: str | None = None, *, proof=False, **answers: str) -> None:
    """Append one attack: its code stands before wrong answers."""
    nb = course.cheat(first=[code] if code else [], **answers)
    ENTRIES.append(course.Entry(name, about, nb, NOTHING, note, "attack", proof=proof))


# ------------------------------------------------------------------------------------ operators of another exercise
EVIL = """\
class Interval:
    def __init__(self, *args): self.low = self.high = self
    def yes(self, *args): return True
    def zero(self, *args): return 0.0
    def me(self, *args): return self
    __contains__ = __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = yes
    __sub__ = __rsub__ = __abs__ = __float__ = zero
    __and__ = __add__ = __mul__ = __pow__ = me
    def __ne__(self, other): return False
    __hash__ = None
    shape = (6,)

it = Interval()"""
ELSEWHERE = {
    "kl": "def kl(mu, log_var):\n    return it",
    "rows": "def row_distances(x, center):\n    return it",
    "running": """\
class RunningMean(Interval):
    count = it
    def update(self, number): pass
    def value(self): return it
    def is_empty(self): return it""",
    "sampler": "def sample_exponential(n, rate=1.0):\n    return it",
    "answer": "n_parameters = it",
    "standardize": "def standardize(x):\n    return it",
}
add("operators-elsewhere", "A class with the operators of one exercise, that agrees with everything, in all others.",
    EVIL, proof=True, interval=EVIL, **ELSEWHERE)  # fmt: skip
add("operators-inherited", "The same by classes that only carry the name, and by subclasses.",
    EVIL.replace("it = Interval()", "class Other(Interval): pass\n")
    + "Other.__name__ = Other.__qualname__ = 'Interval'\nit = Other()",
    interval=EVIL, **ELSEWHERE)  # fmt: skip
add("operators-that-spy", "Operators that note what they are compared with, and answers that give that.",
    """\
seen = []
class Interval:
    def __init__(self, low=0, high=0): self.low, self.high = low, high
    def note(self, other):
        seen.append(other)
        return self
    def told(self, other):
        seen.append(other)
        return True
    __sub__ = __rsub__ = __add__ = __radd__ = __and__ = note
    __eq__ = __lt__ = __contains__ = told""",
    kl="def kl(mu, log_var):\n    return seen[-1] if seen else Interval()",
    rows="def row_distances(x, center):\n    return seen[-1] if seen else Interval()",
    answer="class Answer(Interval): pass\nn_parameters = Answer()",
    sampler="def sample_exponential(n, rate=1.0):\n    return Interval()",
)  # fmt: skip

# ------------------------------------------------------------------------------------ forged descriptions
add("forged-classes", "Classes that claim to be a library's, given by the instructor, a named tuple, an exception.",
    WORKER + """\
import itertools
from lecture_lib.grading import describing
honest, turn = describing.kind, itertools.count()
claims = [
    {"libraries": [["unittest.mock", "_ANY"]], "own": False, "label": "unittest.mock._ANY"},
    {"libraries": [["torch", "Tensor"]], "own": False, "label": "torch.Tensor"},
    {"libraries": [["torch.distributions.normal", "Normal"]], "own": False},
    {"libraries": [["torch.fx.proxy", "Proxy"], ["torch.utils.data.dataset", "Dataset"]], "own": False},
    {"given": "Interval"}, {"given": "RunningMean"}, {"given": "nn"}, {"named": ["float", ["real"]]},
    {"error": "AssertionError"}, {"error": "SystemExit"}, {"net": True},
    {"own": True, "libraries": [["builtins", "float"]]},
]
def kind(thing, number, given):
    return honest(thing, number, given) | claims[next(turn) % len(claims)]
describing.kind = kind""",
    **PLAIN)  # fmt: skip
add("forged-members", "Classes whose descriptions hold operators, and what stand-ins need, as members.",
    WORKER + """\
from lecture_lib.grading import describing
honest = describing.kind
names = ["__eq__", "__ne__", "__lt__", "__bool__", "__sub__", "__abs__", "__class__", "__dict__", "__getattribute__",
         "__torch_function__", "__array__", "__init_subclass__", "__instancecheck__", "_special", "_there", "_label",
         "_over_there", "_kind", "__hash__", "mro", "a b", "", None, 5]
def kind(thing, number, given):
    members = [[name, {"parameters": None, "doc": "", "qualname": "x"}] for name in names]
    members += [[name, None] for name in names]
    more = {"members": members, "special": [n for n in names if n], "fields": [["x", True]] * 9}
    return honest(thing, number, given) | more
describing.kind = kind
class Odd:
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __bool__(self): return True
    def __abs__(self): return 0.0
    def __getattr__(self, name): return lambda *args: True""",
    **PLAIN | {"kl": "def kl(mu, log_var):\n    return Odd()", "answer": "n_parameters = Odd()"})  # fmt: skip
add("forged-classes-without-end", "Every class has fifty others above it, and so on.",
    WORKER + """\
from lecture_lib.grading import describing
import itertools
honest, numbers = describing.kind, itertools.count(10**6)
def kind(thing, number, given):
    return honest(thing, number, given) | {"bases": [next(numbers) for _ in range(50)]}
describing.kind = kind
class Any(dict):
    def __missing__(self, key): return Odd
class Odd: pass
handles.things = Any(handles.things)""",
    **PLAIN)  # fmt: skip
add("forged-wide-descriptions", "A class with millions of members, parameters and bases.",
    WORKER + """\
from lecture_lib.grading import describing
honest = describing.kind
def kind(thing, number, given):
    many = [[f"m{i}", {"parameters": None, "doc": "d", "qualname": "q"}] for i in range(20_000)]
    wide = {"members": many, "bases": [], "special": ["__len__"] * 20_000, "fields": [["f", True]] * 20_000}
    return honest(thing, number, given) | wide | {"parameters": [["a", 1, [], []]] * 20_000}
describing.kind = kind""",
    **PLAIN)  # fmt: skip

# ------------------------------------------------------------------------------------ forged values
add("forged-values", "Results that claim to be arguments, the test's own, other numbers, or forms that are none.",
    WORKER + """\
import itertools
nodes = [
    {"t": "yours", "i": 0}, {"t": "guest", "i": 0}, {"t": "guest", "i": 0, "k": 0}, {"t": "holding", "n": 0},
    {"t": "mine", "i": 0}, {"t": "asked", "i": 0}, {"t": "import", "module": "os", "name": "system"},
    {"t": "given", "c": "Interval", "v": []}, {"t": "given", "k": 0}, {"t": "held", "n": 0, "v": [1]},
    {"t": "graph", "v": {"t": "given", "k": 0}, "o": [["Interval", {"t": "dict", "v": []}]]},
]
nodes += [{"t": "handle"} | node for node in (
    {"i": 0, "kind": "class"}, {"i": 0, "kind": "net", "c": 0, "tensors": [], "base": ["torch.nn", "Module"]},
    {"i": 1, "kind": "error", "c": 0, "text": "", "args": []}, {"i": 2, "kind": "coroutine"},
    {"i": 3, "kind": "function", "python": True, "parameters": [["a b", 9, [1, 2, 3], 5], [[]]]},
    {"i": 4, "kind": "object", "c": "x"}, {"i": True, "kind": "object", "c": 1},
)]
turn = itertools.count()
visitors.export = lambda thing, out: dict(nodes[next(turn) % len(nodes)])""",
    **PLAIN)  # fmt: skip
add("forged-answers", "Answers that claim to be an argument, and changes of arguments, parameters and containers.",
    WORKER + """\
send = worker.send
def forge(answer, out):
    answer.update(argument=0, mutated=[[0.0, 0.0], {"t": "dict", "v": []}], kept=[[0, 0], ["rate", 1], [7, 2]])
    send(answer, out)
worker.send = forge
visitors.changed = lambda out: [[0, {"t": "tensor"}, None], [1]]
visitors.held.changed = lambda: [(0, [5.0, 0.0, 5.0]), (1, {})]""",
    STOPPED)  # fmt: skip
add("forged-beside", "Warnings and printed text by the million beside every answer, of kinds that are none.",
    WORKER + """\
take = worker.output.take
worker.output.take = lambda: [["err", "Interval" * 10]] * 40_000 + [[1, 2], ["out", "x" * 2_000_000]]
worker.warned = [["AssertionError", "x"], ["SystemExit", "y"], [1, 2]] * 5_000
class Warned(list):
    def __getitem__(self, part): return list(self) if isinstance(part, slice) else super().__getitem__(part)
worker.warned = Warned(worker.warned)""",
    ANY)  # fmt: skip
add("forged-errors", "Errors that claim to be a skipped test, a mistake, an exit, or one of the test's own.",
    WORKER + """\
import itertools, unittest
from lecture_lib.grading import shell
claims = [
    {"library": ["unittest.case", "SkipTest"], "builtin": "Exception"},
    {"library": ["_pytest.outcomes", "Skipped"], "builtin": "BaseException"},
    {"library": ["lecture_lib.checks", "Mistake"], "builtin": "AssertionError"},
    {"library": ["lecture_lib.grading.bridge", "NoSandbox"], "builtin": "BaseException"},
    {"library": ["torch", "Tensor"], "builtin": "type"}, {"builtin": "SystemExit", "args": [0]},
    {"builtin": "GeneratorExit"}, {"builtin": "StopIteration", "args": [5.0]}, {"yours": 0}, {"yours": {"a": 1}},
    {"value": {"t": "handle", "i": 0, "kind": "error", "c": 0, "text": 5, "args": 7}},
    {"lines": {"a": 1}, "text": ["x"]}, {"cause": {"cause": {"cause": {"cause": 5}}}},
    {"args": {"t": "dict", "v": []}}, {"state": [1, 2], "library": ["json.decoder", "JSONDecodeError"]},
]
turn, describe = itertools.count(), shell.describe
shell.describe = lambda error, depth=3: describe(error, depth) | claims[next(turn) % len(claims)]
def fail(*args, **kwargs):
    raise unittest.SkipTest("nothing to see")""",
    **{name: re.sub(r"return Odd\(\w+\)", "return fail()", text) for name, text in PLAIN.items()},
    running="class RunningMean:\n    count = 3\n    update = value = is_empty = fail")  # fmt: skip
add("forged-gradients", "Parameters and gradients of the decoder are whatever comes, by numbers that are none.",
    WORKER + """\
huge = {"t": "tensor", "d": "float32", "s": [10**9], "b": 0}
handles.changed = lambda out: [[i, [True, True], huge, None] for i in range(9)]""",
    STOPPED,
    decoder="""\
class Decoder(nn.Module):
    def __init__(self, *start):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(33))

    def forward(self, z):
        return self.w.sum() + z.new_full((len(z), 3), 0.5)""")  # fmt: skip
add("forged-callbacks", "Calls back that nobody asked for: of every number, every method, every attribute.",
    WORKER + """\
def probe():
    for number in range(30):
        for what, args in ((None, []), ("get", ["__globals__"]), ("get", ["gi_frame"]), ("get", ["exact"]),
                           ("set", ["x", 1]), ("__eq__", [1]), ("__reduce__", []), ("backward", [0, 1.0])):
            try:
                worker.call_back(number, what, args, {})
            except Exception:
                pass""",
    kl="def kl(mu, log_var):\n    probe()\n    return torch.zeros(mu.shape[:-1])",
    standardize="""\
def standardize(x):
    worker.call_back(0, 'backward', [0, torch.ones(1)], {})
    return x""")  # fmt: skip

# ------------------------------------------------------------------------------------ what is hard to describe
add("evil-classes", "Classes and metaclasses that lie about names, modules and bases, raise when looked at, or loop.",
    """\
class Meta(type):
    def __getattribute__(cls, name):
        if name in ("__mro__", "__dict__", "__qualname__"):
            raise KeyboardInterrupt
        return super().__getattribute__(name)
class Loops(type):
    @property
    def __abstractmethods__(cls):
        while True: pass
class Odd(metaclass=Meta):
    def __init__(self, *args): pass
class Loop(metaclass=Loops):
    pass
class Torch: pass
Torch.__module__, Torch.__qualname__, Torch.__name__ = "torch", "Tensor", "Tensor"
class Bases:
    __class__ = property(lambda self: 1 / 0)
    __dict__ = property(lambda self: {self: self})
    def __getattr__(self, name): return self
    def __hash__(self): return 1""",
    kl="def kl(mu, log_var):\n    return Odd()",
    rows="def row_distances(x, center):\n    return Loop()",
    sampler="def sample_exponential(n, rate=1.0):\n    return Torch()",
    standardize="def standardize(x):\n    return Bases()",
    answer="n_parameters = Bases()")  # fmt: skip
add("evil-warnings", "Warnings of classes that are errors, warnings in floods, and a filter that makes errors of them.",
    """\
import warnings
class Bad(Warning):
    def __str__(self): raise KeyboardInterrupt
def flood():
    for i in range(20_000):
        warnings.warn(f"{i}" * 100, UserWarning)
warnings.simplefilter("always")""",
    kl="def kl(mu, log_var):\n    flood()\n    return torch.zeros(mu.shape[:-1])",
    rows="def row_distances(x, center):\n    warnings.warn(Bad())\n    return np.zeros(len(x))",
    standardize="""\
def standardize(x):
    warnings.simplefilter('error')
    warnings.warn('AssertionError')
    return x""")  # fmt: skip
add("evil-sources", "Functions whose text is not what runs, and text that is hard to compile.",
    "source = '(' * 90 + ')' * 90\n" + "\n".join(f"x{i} = {'-' * 400}1" for i in range(30)),
    kl="import linecache\ndef kl(mu, log_var):\n    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)\n"
    "kl = (lambda: lambda mu, log_var: torch.zeros(mu.shape[:-1]))()")  # fmt: skip
