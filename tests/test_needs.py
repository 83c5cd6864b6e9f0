"""The part of a notebook that some tests need: what they take from before, found by name."""

from pathlib import Path

import nbformat
import pytest

from lecture_lib.grading import answers, needs, source

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("x = 1\nassert f(x)", {"f"}),
        ("x = f(x)", {"f", "x"}),
        ("n += 1", {"n"}),
        ("import torch as t\nfrom a.b import c\nt.ones(c, d)", {"d"}),
        ("def g(a, b=e):\n    c = a\n    return c + h(b)\ng(1)", {"e", "h"}),
        ("class A(B):\n    n = 1\n    def f(self):\n        return m\nA()", {"B", "m"}),
        ("for i in range(n):\n    y = i\n    f(y)\nprint(y)", {"range", "n", "f", "print", "y"}),  # it may not have run
        ("with open(p) as file:\n    y = file.read()\nf(y)", {"open", "p", "f"}),
        ("if a:\n    y = 1\nelse:\n    y = 2\nf(y)", {"a", "f", "y"}),
        ("while a < 3:\n    a += 1", {"a"}),
        ("try:\n    y = f()\nexcept E as e:\n    print(e)", {"f", "E", "print", "e"}),
        ("s = [a * x for x in xs if x]\nlambda z: z + s + q", {"a", "xs", "q"}),
        ("%timeit f(x)", {"get_ipython"}),
        ("this is no Python", {"this", "is", "no", "Python"}),
        ("", set()),
    ],
)
def test_names_taken_are_those_not_bound_before(text, taken):
    assert needs.taken(text) == taken


def test_a_demonstration_is_left_out_unless_a_test_takes_something_from_it(tmp_path):
    cells = [("half-test", "x = 3\nassert half(x) == 1.5"), ("all-test", "assert half(x) == 2 and ready")]
    plain = {"setup": "import math", "show": "x = 4\nprint(half(x))", "note": "ready = True"}
    teacher = answers_notebook(tmp_path, plain, cells)
    half, whole = (cell for cell in teacher.cells if cell.role == "test")
    kept = [[c.text for c in needs.needed(teacher, [test], "").cells] for test in (half, whole)]
    assert [plain["show"] in texts for texts in kept] == [False, True]
    assert all(plain["setup"] in texts and plain["note"] in texts for texts in kept)  # they use nothing of a student's
    assert [half.text in texts for texts in kept] == [True, False]


def answers_notebook(folder: Path, plain: dict[str, str], tests: list[tuple[str, str]]) -> source.Source:
    """A notebook with one solution cell, plain cells around it, and tests."""

    def cell(name, text, **roles):
        meta = {"nbgrader": {"schema_version": 3, "grade_id": name, "task": False, **roles}} if roles else {}
        return nbformat.v4.new_code_cell(text, metadata=meta)

    cells = [cell("setup", plain["setup"])]
    answer = "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION"
    cells.append(cell("half", answer, grade=False, solution=True, locked=False))
    cells += [cell(name, text) for name, text in plain.items() if name != "setup"]
    cells += [cell(name, text, grade=True, solution=False, locked=True, points=1) for name, text in tests]
    path = folder / "halves.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=cells)))
    return source.read(path)


@pytest.mark.parametrize("path", sorted((ROOT / "solutions").glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_cell_that_an_exercise_is_about_is_always_needed(path):
    teacher = source.read(path)
    solutions = [cell for cell in teacher.cells if cell.role == "solution" and cell.kind == "code"]
    for cell in solutions:
        tests = [test for test in answers.tests_of(teacher, cell.grade_id) if test.points]
        if tests and teacher.names(cell):
            assert cell in needs.needed(teacher, tests, "").cells, cell.grade_id
