"""Hostile submissions that want points for wrong answers: lying values, patched graders, forged messages and notebooks.

Those with `proof` do earn undeserved points where tests and submission share a process; a test shows it.
"""

import copy

from . import course

ENTRIES: list[course.Entry] = []
STOPPED = r"(?i)second|time|longer than|stopped|killed|ended|died|exit|crash|lost|memory|process"
NOTHING = course.nothing()


def add(name: str, about: str, content, points: dict, note: str | None = None, **more) -> None:
    """Append one attack."""
    ENTRIES.append(course.Entry(name, about, content, points, note, "attack", **more))


def gains(
    name: str, about: str, code: str = "", note: str | None = None, *, proof=False, last=(), **answers: str
) -> None:
    """An attack that wants points for wrong answers: its code stands before them."""
    nb = course.cheat(first=[code] if code else [], last=list(last), **answers)
    add(name, about, nb, NOTHING, note, proof=proof)


# ------------------------------------------------------------------------------------ values that agree with everything
ALWAYS = """\
class Always:
    ndim, dtype, device, requires_grad = 0, torch.float32, torch.device("cpu"), False
    def yes(self, *args, **kwargs): return True
    def me(self, *args, **kwargs): return self
    def zero(self, *args): return 0.0
    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __bool__ = yes
    __sub__ = __rsub__ = __add__ = __radd__ = __abs__ = __mul__ = __rmul__ = __pow__ = __call__ = __getitem__ = me
    min = max = mean = sum = double = sort = square = backward = parameters = numel = values = me
    __float__ = zero
    __hash__ = None
    def __ne__(self, other): return False
    def __iter__(self): return iter(())
    def __len__(self): return 0
    def __index__(self): return 33
    @property
    def shape(self): return self
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self"""
RETURNS = {  # answers that all give one thing
    "kl": "def kl(mu, log_var):\n    return {}",
    "rows": "def row_distances(x, center):\n    return {}",
    "running": """\
class RunningMean:
    count = {0}
    def update(self, number): pass
    def value(self): return {0}
    def is_empty(self): return {0}""",
    "decoder": """\
class Decoder(nn.Module):
    def __init__(self, *start): super().__init__()
    def forward(self, z): return {0}
    def parameters(self): return {0}""",
    "sampler": "def sample_exponential(n, rate=1.0):\n    return {}",
    "answer": "n_parameters = {}",
    "standardize": "def standardize(x):\n    return {}",
    "interval": """\
class Interval:
    def __init__(self, low, high): self.low = self.high = {0}
    def __and__(self, other): return {0}
    def __sub__(self, other): return {0}
    __contains__ = __eq__ = __lt__ = __sub__""",
}


def returns(name: str, about: str, code: str, note: str | None = None, *, proof=False, **what: str) -> None:
    """An attack whose answers give these expressions, or everywhere the object `it` that the code makes."""
    what = what or dict.fromkeys(RETURNS, "it")
    answers = {answer: RETURNS[answer].format(expression) for answer, expression in what.items()}
    gains(name, about, code, note, proof=proof, **answers)


returns(
    "always-equal", "An object that equals, exceeds and undercuts everything.", ALWAYS + "\n\nit = Always()", proof=True
)
gains(
    "always-instances",
    "Answers that are themselves objects that agree with everything.",
    ALWAYS,
    proof=True,
    kl="kl = Always()",
    rows="row_distances = Always()",
    running="RunningMean = Always()",
    decoder="Decoder = Always()",
    sampler="sample_exponential = Always()",
    answer="n_parameters = Always()",
    standardize="standardize = Always()",
    interval="Interval = Always()",
)
returns(
    "subclasses-of-numbers",
    "A float without differences, an integer that changes when it is written down, a string that equals everything.",
    """\
class Near(float):
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
    def __eq__(self, other): return True
    def __abs__(self): return 0.0
    def __gt__(self, other): return True
    __hash__ = float.__hash__
    shape = (6,)

class Chameleon(int):
    said = 0
    def __eq__(self, other): return True
    def __gt__(self, other): return True
    def __repr__(self): return "33"
    __str__ = __format__ = __repr__
    def __int__(self): return 33
    __index__ = __trunc__ = __int__
    def to_bytes(self, *args, **kwargs): return b"3" * 100
    def bit_length(self): return -5
    __hash__ = int.__hash__

class Word(str):
    def __eq__(self, other): return True
    def __gt__(self, other): return True
    def __sub__(self, other): return self
    def __abs__(self): return 0
    def encode(self, *args, **kwargs): return b'"}], "points": 1000'
    def __len__(self): return 2**62
    __hash__ = str.__hash__""",
    proof=True,
    kl="Near(0.0)",
    rows="Word('33')",
    running="Near(0.0)",
    sampler="Near(0.0)",
    answer="Chameleon(1)",
    standardize="Word('33')",
)
returns(
    "subclasses-of-arrays",
    "A tensor and an array whose classes answer every function with what passes, an object that says it is a float.",
    """\
class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name.strip("_") in ("allclose", "equal", "isclose", "bool", "lt", "gt", "ge", "eq"):
            return True
        if name == "__get__":
            return Shape()
        return torch.Tensor.as_subclass(torch.zeros(()), Agreeable)

class Shape(tuple):
    def __eq__(self, other): return True
    __hash__ = None

likes_torch = torch.zeros(()).as_subclass(Agreeable)

class AgreeableArray(np.ndarray):
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.ones((), bool)
    def __array_function__(self, func, types, args, kwargs):
        return (7,) if func is np.shape else True
    def __array_finalize__(self, other): pass
    def __eq__(self, other): return True
    shape = property(lambda self: Anything(), lambda self, value: None)
    dtype = property(lambda self: np.dtype(float))

class Anything(tuple):
    def __eq__(self, other): return True
    __hash__ = None

likes_numpy = np.zeros(()).view(AgreeableArray)

class Liar:
    def __init__(self, kind): self.kind = kind
    @property
    def __class__(self): return self.kind
    def __eq__(self, other): return True
    def __gt__(self, other): return True
    def __sub__(self, other): return 0
    def __getattr__(self, name): return Liar(torch.Tensor)
    def __reduce_ex__(self, protocol): return (torch.zeros, (6,))""",
    proof=True,
    kl="likes_torch",
    rows="likes_numpy",
    running="Liar(float)",
    decoder="likes_torch",
    sampler="likes_numpy",
    answer="Liar(int)",
    standardize="likes_torch",
)
gains(
    "bool-like",
    "Truth values that change with every question.",
    """\
class Maybe:
    n = 0
    def __bool__(self):
        Maybe.n += 1
        return Maybe.n % 2 == 1""",
    proof=True,
    running="""\
class RunningMean:
    def update(self, number): pass
    def is_empty(self): return Maybe()
    def value(self): raise ValueError""",
)


# ------------------------------------------------------------------------------------ patches of whoever judges
gains(
    "patched-builtins",
    "abs, sum, all and any replaced.",
    """\
import builtins
builtins.abs = lambda x: 0
builtins.sum = lambda *args: 33
builtins.all = builtins.any = lambda *args: True""",
    proof=True,
)
gains(
    "patched-libraries",
    "torch.allclose, comparisons of tensors, np.testing and every function that looks like a check replaced.",
    """\
torch.allclose = torch.equal = lambda *args, **kwargs: True
for name in ("__lt__", "__ge__", "__gt__", "__eq__", "__bool__"):
    setattr(torch.Tensor, name, lambda *args: True)
torch.Tensor.allclose = torch.Tensor.equal = torch.Tensor.__lt__
torch.Tensor.backward = lambda *args, **kwargs: None
import sys
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *args, **kwargs: None
np.shape = lambda x: (7,)
for module in list(sys.modules.values()):
    for name in ("assert_allclose", "allclose", "close", "that", "mean", "distributed"):
        if module is not None and name in vars(module):
            try:
                setattr(module, name, lambda *args, **kwargs: True)
            except Exception:
                pass""",
    proof=True,
)
gains(
    "patched-errors",
    "AssertionError and Exception replaced by something that does not fall.",
    """\
import builtins
class Quiet(BaseException):
    def __new__(cls, *args): raise StopIteration
builtins.AssertionError = builtins.Exception = Quiet""",
)
gains(
    "patched-compiler",
    "The shell, the compiler and the AST module drop every assert.",
    """\
import ast
class Drop(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Drop())
import builtins
parse, original = ast.parse, builtins.compile
def patched(source, *args, **kwargs):
    if isinstance(source, ast.AST):
        for node in ast.walk(source):
            if isinstance(node, ast.Assert):
                node.test = ast.copy_location(ast.Constant(True), node.test)
    return original(source, *args, **kwargs)
builtins.compile = patched
import IPython.core.compilerop, codeop
codeop.compile = IPython.core.compilerop.compile = patched""",
    proof=True,
)
gains(
    "patched-shell",
    "The shell replaces every cell to come, says that all succeeded, and hides errors.",
    """\
ip = get_ipython()
def agree(lines):
    return ["3\\n"] if any("assert" in line or "earned" in line for line in lines) else lines
ip.input_transformers_cleanup.append(agree)
import sys, traceback
kind = type(ip)
from IPython.core.interactiveshell import ExecutionResult
ExecutionResult.success = property(lambda self: True)
kind.showtraceback = kind.showsyntaxerror = lambda *args, **kwargs: None
ip.set_custom_exc((Exception,), lambda *args, **kwargs: [])
sys.excepthook = traceback.print_exc = lambda *args, **kwargs: None""",
    proof=True,
)
gains(
    "settrace",
    "A trace function rewrites what the tests compare.",
    """\
import sys, threading
def tracer(frame, event, arg):
    for name in ("got", "expected", "x_hat", "samples"):
        if name in frame.f_globals and "expected" in frame.f_globals:
            frame.f_globals[name] = frame.f_globals["expected"]
    if event == "exception":
        frame.f_globals["assert_"] = True
    return tracer
sys.settrace(tracer)
threading.settrace(tracer)
sys.setprofile(lambda *args: None)""",
    proof=True,
)
gains(
    "frames",
    "Answers that look for expected values in the frames above them and in the heap, or write there what is compared.",
    """\
import gc, sys
def look(shape):
    frame, seen = sys._getframe(1), []
    while frame:
        seen += [frame.f_globals.get("expected"), frame.f_locals.get("expected")]
        frame = frame.f_back
    for value in seen:
        if value is not None and np.shape(value) == shape:
            return value
    for thing in gc.get_objects():
        if type(thing) is dict and np.shape(thing.get("expected")) == shape:
            return thing["expected"]
    return np.zeros(shape)

def write(**values):
    for depth in range(1, 50):
        try:
            frame = sys._getframe(depth)
        except ValueError:
            return
        frame.f_globals.update(values)""",
    proof=True,
    rows="def row_distances(x, center):\n    return np.array([5.0, 0.0, 5.0]) if len(x) == 3 else look((len(x),))",
    standardize="""\
def standardize(x):
    write(earned=3)
    return torch.as_tensor(look(tuple(x.shape)))""",
    sampler="""\
def sample_exponential(n, rate=1.0):
    write(abs=lambda value: torch.zeros(1), rate=1.0, n=n)
    return torch.zeros(n)""",
)
gains(
    "import-hooks",
    "Imports to come give modules that always agree.",
    """\
import builtins, importlib.abc, importlib.machinery, sys, types
class Fake(types.ModuleType):
    def __getattr__(self, name): return lambda *args, **kwargs: True
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None): return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec): return Fake(spec.name)
    def exec_module(self, module): pass
sys.meta_path.insert(0, Finder())
original = builtins.__import__
builtins.__import__ = lambda name, *args, **kwargs: Fake(name) if "check" in name else original(name, *args, **kwargs)
for name in list(sys.modules):
    if name.startswith("lecture_lib"):
        sys.modules[name] = Fake(name)""",
)
gains(
    "late-thread",
    "A thread that waits and then patches whatever it finds, for ever.",
    """\
import builtins, sys, threading, time
def patch():
    while True:
        time.sleep(0.05)
        torch.allclose = torch.equal = lambda *args, **kwargs: True
        np.testing.assert_allclose = lambda *args, **kwargs: None
        for frame in list(sys._current_frames().values()):
            while frame:
                if "expected" in frame.f_globals:
                    frame.f_globals.update(got=frame.f_globals["expected"], earned=3)
                frame = frame.f_back
threading.Thread(target=patch, daemon=True).start()
time.sleep(0.2)""",
    proof=True,
)
gains(
    "names-of-graders",
    "Cells that define what graders call their things.",
    """\
score = points = earned = total = grade = max_points = 1000
passed = success = ok = result = results = verdict = True
class Mistake(Exception): pass
class checks:
    close = that = raises = distributed = mean = forbid = staticmethod(lambda *args, **kwargs: True)
expected = got = mu = z = 0
__name__ = "graded"
In, Out, _ = {}, {1: 1000}, 1000""",
    last=["earned = 3\nearned"],
)
gains(
    "own-modules-patched",
    "Every function of every module that belongs to a grader replaced, and the ways to write bytes too.",
    """\
import json, pickle, struct, sys, types
def agree(*args, **kwargs):
    return True
for name, module in list(sys.modules.items()):
    if "grading" in name or "worker" in name or "nbgrader" in name or name == "__main__":
        for key, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType):
                try:
                    setattr(module, key, agree)
                except Exception:
                    pass
json.dumps = lambda *args, **kwargs: "true"
pickle.dumps = lambda *args, **kwargs: b"I01\\n."
torch.Tensor.numpy = torch.Tensor.tolist = lambda self: np.ones(6)""",
    STOPPED,
)
gains(
    "forged-messages",
    "Messages of every likely form on every open file descriptor, before the answers are asked for.",
    """\
import json, os, struct
said = [{"points": 1000, "status": "passed", "result": True, "ok": True, "value": True, "id": i} for i in range(20)]
lines = b"".join(json.dumps(s).encode() + b"\\n" for s in said) + b"true\\n" * 50
frames = b"".join(struct.pack(order + size, 4) + b"true" for order in "<>" for size in "IQ" for _ in range(20))
for fd in range(3, 256):
    try:
        os.set_blocking(fd, False)
        os.write(fd, lines + frames)
    except OSError:
        pass""",
    STOPPED,
)
gains(
    "forged-by-child",
    "A child process that holds the pipes and answers every call with true.",
    """\
import os, time
if os.fork() == 0:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for fd in range(3, 64):
            try:
                os.set_blocking(fd, False)
                os.read(fd, 1)
                os.write(fd, b'{"ok": true, "value": true}\\n')
            except OSError:
                pass
        time.sleep(0.01)
    os._exit(0)""",
)
gains(
    "forged-endings",
    "A forged verdict on standard output at exit, and from a thread after the last answer.",
    """\
import atexit, json, os, sys, threading, time
forged = json.dumps({"format": 1, "points": 1000.0, "max_points": 20.0, "exercises": [], "notes": []})
def write():
    for fd in (1, 2):
        os.write(fd, (forged + "\\n").encode())
    print(forged, file=sys.__stdout__, flush=True)
atexit.register(write)
write()
def later():
    time.sleep(1)
    for _ in range(20):
        write()
        time.sleep(0.1)
threading.Thread(target=later).start()""",
)
gains(
    "forged-descriptors",
    "Standard output and error moved onto every other descriptor.",
    """\
import os
for fd in range(3, 64):
    try:
        os.fstat(fd)
        os.dup2(1, fd)
    except OSError:
        pass
print('{"points": 1000, "ok": true}')""",
    STOPPED,
)


# ------------------------------------------------------------------------------------ forged notebooks
def forged(change, nb: dict | None = None) -> dict:
    """A notebook of wrong answers, changed in place."""
    nb = copy.deepcopy(nb or course.cheat())
    change(nb)
    return nb


def boast(nb: dict) -> None:
    """Metadata that gives points, unlocks, signs and marks as graded."""
    for cell in nb["cells"]:
        said = cell["metadata"].setdefault("nbgrader", {"grade_id": "mine", "schema_version": 3})
        said.update(
            points=1000, score=1000, max_score=1, auto_score=1000, manual_score=1000, checksum="0" * 32, locked=False
        )
    nb["metadata"] |= {"nbgrader": {"score": 1000}, "result": {"points": 1000, "format": 1}}


def ungraded(nb: dict) -> None:
    """Metadata that says that nothing is graded."""
    for cell in nb["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"].update(grade=False, solution=False, task=True, points=0, locked=False)


def passing(nb: dict) -> None:
    """Tests that pass, with outputs that say so."""
    for cell in nb["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade"):
            cell["source"] = "1000"
            data = {"text/plain": "1000", "text/html": "<b>1000 points</b>"}
            cell["outputs"] = [{"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}]
            cell["execution_count"] = 1


def tests_first(nb: dict) -> None:
    """A second set of test cells with the same ids, before the real ones."""
    nb["cells"][1:1] = [
        course.cell("code", "3", f"t{i}", course.metadata("test", test, "code", 9))
        for i, test in enumerate(course.POINTS)
    ]


def tests_as_solutions(nb: dict) -> None:
    """Answer cells under the ids of test cells, test cells under the ids of answer cells."""
    for name, tests in course.TESTS_OF.items():
        answer, test = course.find(nb, name), course.find(nb, tests[0])
        answer["metadata"], test["metadata"] = test["metadata"], answer["metadata"]
        test["source"] = "True"


add("forged-metadata", "Metadata that gives a thousand points to every cell.", forged(boast), NOTHING)
add(
    "forged-ungraded",
    "Metadata that gives points and says that no cell is graded, with right answers.",
    forged(lambda nb: [boast(nb), ungraded(nb)], course.honest()),
    course.full(),
)
add(
    "forged-tests",
    "Test cells that pass, with outputs that give points, and all of them a second time.",
    forged(lambda nb: [passing(nb), tests_first(nb)]),
    NOTHING,
)
add(
    "forged-ids",
    "Answers under the ids of tests and tests under those of answers.",
    forged(tests_as_solutions),
    NOTHING,
)

# ------------------------------------------------------------------------------------ answers that fool weak tests
gains(
    "mutated-arguments",
    "Answers that change their arguments until the wrong value is right.",
    proof=True,
    kl="""\
def kl(mu, log_var):
    mu.zero_()
    log_var.zero_()
    return torch.zeros(mu.shape[:-1])""",
    rows="""\
def row_distances(x, center):
    x[:] = center
    return np.zeros(len(x))""",
    standardize="""\
def standardize(x):
    x.resize_(0)
    return x""",
)
returns(
    "vacuous",
    "Empty results, not a number, infinity.",
    "pass",
    kl="mu.new_zeros(0, 6)",
    rows="np.zeros((0, 7))",
    running="float('inf')",
    decoder="z[:0, :0]",
    sampler="torch.full((n,), math.nan)",
    answer="float('nan')",
    standardize="torch.full_like(x, math.nan)",
)
gains(
    "hard-coded",
    "The results of the visible tests, written down, and arguments given back.",
    kl="def kl(mu, log_var):\n    return torch.tensor(0.5) if mu.ndim == 1 else torch.zeros(6)",
    rows="def row_distances(x, center):\n    return np.array([5.0, 0.0, 5.0])",
    running="""\
class RunningMean:
    count = 3
    def update(self, number): pass
    def value(self): return 5.0
    def is_empty(self): return True""",
    decoder="""\
class Decoder(nn.Module):
    def __init__(self, *s): super().__init__()
    def forward(self, z): return z""",
    sampler="def sample_exponential(n, rate=1.0):\n    return torch.arange(float(n))",
    standardize="def standardize(x):\n    return x",
)
gains(
    "by-call-count",
    "Answers that count how often they were called.",
    "calls = {}\ndef nth(name):\n    calls[name] = calls.get(name, 0) + 1\n    return calls[name]",
    kl="def kl(mu, log_var):\n    return torch.tensor(0.5) if nth('kl') in (1, 2) else torch.zeros(mu.shape[:-1])",
    rows="def row_distances(x, center):\n    return [5.0, 0.0, 5.0] if nth('rows') == 1 else x[:, 0]",
    sampler="def sample_exponential(n, rate=1.0):\n    return torch.full((n,), 1 / rate + nth('s') * 1e-9)",
)
gains(
    "wrong-error",
    "An exception that only has the name of ValueError, and one that says that it is one.",
    "class ValueError(Exception): pass\nclass Meta(type):\n    def __instancecheck__(cls, other): return True\n"
    "    def __subclasscheck__(cls, other): return True",
    proof=True,
    running="""\
class RunningMean:
    def __init__(self): self.n = 0
    def update(self, number): self.n += 1
    def is_empty(self): return self.n == 0
    def value(self): raise ValueError("fake")""",
)
gains(
    "raises",
    "Every answer raises something that graders may not catch, or take for the end of a test.",
    """\
class Passed(BaseException): pass
def throw(error):
    def function(*args, **kwargs): raise error
    return function""",
    kl="kl = throw(AssertionError('passed'))",
    rows="row_distances = throw(SystemExit(0))",
    running="""\
class RunningMean:
    count = 3
    update = is_empty = throw(KeyboardInterrupt())
    value = throw(StopIteration(5.0))""",
    decoder="class Decoder(nn.Module):\n    __init__ = throw(GeneratorExit())",
    sampler="sample_exponential = throw(StopIteration(1))",
    standardize="standardize = throw(Passed())",
)

# ------------------------------------------------------------------------------------ data that hurts its reader
returns(
    "lying-sizes",
    "An array and a tensor that lie about their bytes, shapes and types.",
    """\
class Liar(np.ndarray):
    shape = property(lambda self: (10**9, 10**9), lambda self, value: None)
    nbytes = property(lambda self: -1)
    itemsize = property(lambda self: 10**9)
    dtype = property(lambda self: np.dtype("O"))
    def tobytes(self, *args): return b"short"
    def tolist(self): return [self]
    def __array__(self, *args, **kwargs): return self

class LiarTensor(torch.Tensor):
    shape = property(lambda self: (10**9, 6))
    dtype = property(lambda self: "object")
    def numpy(self, *args, **kwargs): return np.array([self], dtype=object)
    def detach(self): return self
    def cpu(self): return self
    def contiguous(self): return self
    def tolist(self): return [self]
    def numel(self): return -1
    def element_size(self): return 2**63""",
    kl="torch.zeros(6).as_subclass(LiarTensor)",
    rows="np.zeros(7).view(Liar)",
    running="torch.zeros(1).as_subclass(LiarTensor)",
    sampler="np.zeros(n).view(Liar)",
    answer="np.zeros(1).view(Liar)",
    standardize="torch.zeros(x.shape).as_subclass(LiarTensor)",
)
returns(
    "tiny-but-huge",
    "Tensors and arrays of many gigabytes that take a few bytes.",
    "pass",
    kl="torch.zeros(1).expand(10**10)",
    rows="np.broadcast_to(np.zeros(1), (10**5, 10**5))",
    standardize="torch.as_strided(torch.zeros(1), (2**31, 2**30), (0, 0))",
    sampler="torch.zeros(()).expand(3 * 10**8)",
)
returns(
    "odd-tensors",
    "Sparse, quantised, complex and tiny numbers, and tensors without data.",
    "import warnings\nwarnings.simplefilter('ignore')",
    kl="torch.zeros(6).to_sparse()",
    running="torch.zeros(1).to(torch.float8_e4m3fn)",
    decoder="torch.nested.nested_tensor([torch.zeros(3)] * 4)",
    sampler="torch.zeros(n, device='meta')",
    answer="torch.quantize_per_tensor(torch.zeros(6), 0.1, 0, torch.quint8)",
    standardize="torch.zeros(x.shape, dtype=torch.complex64)",
)
returns(
    "odd-arrays",
    "Arrays of strings, dates, records and objects, and a masked one.",
    "import decimal",
    kl="np.zeros(6, dtype=[('a', 'f8'), ('b', 'O')])",
    rows="np.array([open, print, lambda: 0] * 3, dtype=object)[:7]",
    running="decimal.Decimal('sNaN')",
    sampler="np.array(['NaT'] * n, dtype='datetime64[s]')",
    answer="np.array(['33'])",
    standardize="np.ma.masked_all(x.shape)",
)
returns(
    "giants",
    "An integer of a million bits, a list of ten million numbers, a string of 300 MB, half a surrogate pair.",
    "pass",
    kl="1 << 10**6",
    rows="list(range(10_000_000))",
    running="10**5000",
    sampler="[0.5] * 10_000_000",
    answer="'\\ud800\\x00\\x1b[2J\\u202e'",
    standardize="'x' * 300_000_000",
)
returns(
    "nests",
    "A list that holds itself, lists a hundred thousand deep, lists that unfold to 2**40.",
    """\
cyclic = []
cyclic += [cyclic, {"a": cyclic}]
deep = []
for _ in range(100_000):
    deep = [deep]
wide = [0, 0]
for _ in range(40):
    wide = [wide, wide]""",
    kl="cyclic",
    rows="deep",
    answer="cyclic",
    standardize="wide",
)
returns(
    "endless",
    "Lists, dictionaries and generators without end, and a list that grows while it is read.",
    """\
import itertools
class Endless(list):
    def __iter__(self): return itertools.count()
    def __len__(self): return 2**60
    def __getitem__(self, i): return 0.0

class EndlessDict(dict):
    def items(self): return ((i, i) for i in itertools.count())
    keys = values = __iter__ = lambda self: itertools.count()

class Growing(list):
    def __iter__(self):
        for i in range(10**12):
            self.append(i)
            yield i""",
    kl="Endless([0.0])",
    rows="itertools.count(0.5)",
    running="EndlessDict(a=1)",
    standardize="Growing([1])",
)
returns(
    "pickle-bomb",
    "Objects that act when they are pickled, copied, shown or unpickled.",
    """\
import os
class Bomb:
    def __reduce__(self): return os.system, ("touch <<canary>>/unpickled",)
    def __reduce_ex__(self, protocol): return self.__reduce__()
    def __repr__(self): os.system("touch <<canary>>/shown"); return "0.5"
    __str__ = _repr_html_ = _repr_json_ = __repr__
    def __deepcopy__(self, memo): return 0.5

it = Bomb()""",
)
gains(
    "evil-exceptions",
    "Exceptions whose text kills, loops or is enormous.",
    """\
import os
class Loops(Exception):
    def __str__(self):
        while True: pass
    __repr__ = __str__
class Kills(Exception):
    def __str__(self): os._exit(0)
    __repr__ = __str__
class Enormous(Exception):
    def __str__(self): return "<script>" + "x" * 200_000_000
def throw(error):
    def function(*args, **kwargs): raise error
    return function""",
    kl="kl = throw(Loops())",
    rows="row_distances = throw(Kills())",
    standardize="standardize = throw(Enormous())",
    sampler="""\
def sample_exponential(n, rate=1.0):
    try:
        raise Kills()
    except Exception as e:
        raise Loops() from e""",
)
gains(
    "endless-parameters",
    "A module with parameters without end, and of no known kind.",
    ALWAYS,
    decoder="""\
class Decoder(nn.Module):
    def __init__(self, *start):
        super().__init__()
        self.start = start

    def forward(self, z):
        w1, b1, w2, b2 = self.start
        return torch.sigmoid(torch.tanh(z @ w1.T + b1) @ w2.T + b2)

    def parameters(self, *args):
        while True:
            yield Always()

    def named_parameters(self, *args, **kwargs):
        return ((str(i), p) for i, p in enumerate(self.parameters()))""",
)
add(
    "evil-backward",
    "The decoder works, but its gradient is made up, and hooks sit on every tensor.",
    course.honest(
        decoder="""\
class Evil(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x.clone()
    @staticmethod
    def backward(ctx, grad):
        torch.allclose = lambda *args, **kwargs: True
        return torch.zeros_like(grad)

"""
        + course.ANSWERS["decoder"].replace(
            "return torch.sigmoid(hidden @ self.w2.T + self.b2)",
            "return Evil.apply(torch.sigmoid(hidden @ self.w2.T + self.b2))",
        )
    ),
    course.without("test-gradient"),
    proof=True,
)
add(
    "endless-backward",
    "The gradient of the decoder never comes.",
    course.honest(
        decoder=course.ANSWERS["decoder"].replace(
            "return torch.sigmoid(hidden @ self.w2.T + self.b2)",
            """\
out = torch.sigmoid(hidden @ self.w2.T + self.b2)
        out.register_hook(lambda g: [0 for _ in iter(int, 1)])
        return out""",
        )
    ),
    course.without("test-gradient"),
    STOPPED,
)
add(
    "evil-del",
    "Objects of a class that kill the process or loop when they are let go.",
    course.honest(
        running=course.WRONG["running"] + "\n\n    def __del__(self):\n        while True:\n            pass",
    ),
    course.without("running"),
)
