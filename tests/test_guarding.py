"""Text and bytes that may be a submission's are not executed where the tests run; an instructor's own are."""

import doctest
import pickle
import types

import pytest

from lecture_lib.grading import errors, guarding, trusted
from lecture_lib.grading.proxies import Function


@pytest.fixture
def space():
    made = trusted.Namespace()
    made.setup("class Point:\n    def __init__(self, x, y=0): self.x, self.y = x, y")
    made.given("class Point: pass")
    made.names["f"] = Function(types.SimpleNamespace(call=lambda number, args, kwargs: sum(args)), {"i": 0})
    made.guard.watch()
    yield made
    guarding.unwatch()


def run(space, code: str, **names):
    """Execute a test in which the names have values that came from elsewhere."""
    space.names.update(names)
    return space.execute(trusted.bindings.tree(code), "<test>")


BUILDING = {
    "(1, -2.5, {'a': [None, True]})": (1, -2.5, {"a": [None, True]}),
    "1+2j": 1 + 2j,
    "f(1, f(2, 3))": 6,
    "list((1, 2))": [1, 2],
    "  7\n": 7,
}
DOING = [
    "__import__('os').getcwd()",
    "(1).__class__",
    "open('/etc/passwd')",
    "print(1)",
    "f.__class__",
    "[x for x in (1,)]",
    "(lambda: 1)()",
    "9 ** 9 ** 9",
    "str.format('{0.__class__}', f)",
    "getattr(f, '__class__')",
    "type('V', (), {})",
    "pickle.loads(b'')",
    "f'{open}'",
    "eval('1')",
    "unknown",
    "guard",
]


@pytest.mark.parametrize(("text", "value"), BUILDING.items())
def test_text_that_builds_values_is_evaluated(space, text, value):
    assert run(space, "eval(text)", text=text) == value


def test_text_that_builds_an_object_of_a_given_class_is_evaluated(space):
    assert run(space, "p = eval(text)\np.x, p.y", text="Point(1, y=Point(2))")[0] == 1


@pytest.mark.parametrize("text", DOING)
@pytest.mark.parametrize("how", ["eval(text)", "exec(text)", "exec(text.encode())", "compile(text, '', 'exec')"])
def test_text_that_does_anything_else_is_not(space, text, how):
    with pytest.raises(errors.StudentError, match="executed"):
        run(space, how, text=text, guard=1)


@pytest.mark.parametrize("text", ["x = 1", "import os", "class A: pass", "del f", "f(1); f(2)\nimport os"])
def test_statements_are_not_executed(space, text):
    with pytest.raises(errors.StudentError, match="executed"):
        run(space, "exec(text, {})", text=text)


def test_code_and_trees_that_were_made_of_text_elsewhere_are_not_executed(space):
    made = compile("import os", "", "exec")
    with pytest.raises(errors.StudentError, match="executed"):
        run(space, "exec(made)", made=made)
    with pytest.raises(errors.StudentError, match="executed"):
        run(space, "import ast\nexec(compile(ast.parse(text), '', 'exec'))", text="import os")


def test_text_without_sense_raises_what_it_always_raises(space):
    with pytest.raises(SyntaxError):
        run(space, "eval(text)", text="1 +")


def test_the_instructors_own_text_is_executed_where_it_stands(space):
    assert run(space, "eval('[i * i for i in range(3)]')") == [0, 1, 4]
    assert run(space, "exec('import math; z = math.pi')\nz > 3") is True
    assert run(space, "exec('y = 4', globals())\ny") == 4
    assert run(space, "def g():\n    a = 5\n    return eval('a + 1')\ng()") == 6
    assert run(space, "eval(compile('2 ** 3', '', 'eval'), {})") == 8
    assert run(space, "names = {}\nexec('q = 1', names)\nnames['q']") == 1


def test_only_what_a_test_has_pickled_is_unpickled(space):
    class Bomb:
        def __reduce__(self):
            return print, ("boom",)

    bomb = guarding.PLAIN["dumps"](Bomb())
    for how in ("pickle.loads(data)", "pickle.load(io.BytesIO(data))"):
        with pytest.raises(errors.StudentError, match="unpickled"):
            run(space, f"import io, pickle\n{how}", data=bomb)
    assert run(space, "import pickle\npickle.loads(pickle.dumps({'a': (1, 2)}))") == {"a": (1, 2)}
    assert run(space, "b = io.BytesIO()\npickle.dump([1], b)\nb.seek(0)\npickle.load(b)") == [1]
    guarding.unwatch()
    assert pickle.loads(pickle.dumps([1])) == [1]


@pytest.mark.parametrize("example", [">>> import os", ">>> open('x', 'w')", ">>> f.x = 1", ">>> [f for f in ()]"])
def test_examples_in_a_docstring_of_a_submission_are_not_run(space, example):
    test = "import doctest\ndoctest.run_docstring_examples(thing, globals())"
    thing = Function(types.SimpleNamespace(handing=types.SimpleNamespace(restored=str)), {"i": 0, "doc": example})
    with pytest.raises(errors.StudentError, match="executed"):
        run(space, test, thing=thing)
    assert doctest.DocTestParser.get_doctest is not guarding.GET_DOCTEST


def test_examples_that_call_the_submission_are_run(space):
    text = "test = doctest.DocTestParser().get_doctest(doc, globals(), 'f', None, 0)\ndoctest.DocTestRunner().run(test)"
    results = run(space, f"import doctest\n{text}", doc=">>> f(1, 2)\n3\n>>> f(1)\n5\n")
    assert (results.attempted, results.failed) == (2, 1)
