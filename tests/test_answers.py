"""In every exercise listed mistakes are caught and named, and right answers written differently earn full marks."""

import functools
import json
from pathlib import Path

import pytest

from lecture_lib.grading import answers, escapes, release, results, sandbox, selfcheck, source

ROOT = Path(__file__).parents[1]
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
LISTED = {path: answers.read(ROOT / "tests" / "answers" / f"{path.stem}.txt") for path in SOLUTIONS}
CASES = [(path, number) for path, listed in LISTED.items() for number in range(len(listed))]


@functools.cache
def faults(path: Path) -> list[str]:
    """What is wrong with the answers of one lecture, graded when first asked for."""
    return answers.faults(path, LISTED[path])


@pytest.mark.parametrize(
    ("path", "number"), CASES, ids=[f"{p.stem}: {LISTED[p][n].kind} {LISTED[p][n].grade_id} {n}" for p, n in CASES]
)
def test_an_answer_gets_what_it_deserves_and_a_mistake_its_hint(path, number):
    assert faults(path)[number] == ""


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_every_coding_exercise_lists_five_mistakes_and_three_right_answers(path):
    teacher, listed = source.read(path), LISTED[path]
    for cell in teacher.cells:
        if cell.role == "solution" and any(test.points for test in answers.tests_of(teacher, cell.grade_id)):
            kinds = [answer.kind for answer in listed if answer.grade_id == cell.grade_id]
            assert kinds.count("wrong") >= 5 and kinds.count("right") >= 3, cell.grade_id
    assert len({(a.grade_id, a.text) for a in listed}) == len(listed)


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_solution_earns_all_and_the_untouched_exercise_nothing_but_words_of_help(path):
    teacher, kind = source.read(path), "none" if sandbox.unavailable() else "bwrap"
    assert selfcheck.solution(teacher, kind) == []
    assert selfcheck.untouched(teacher, kind) == []


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_the_exercise_shows_nothing_of_the_solution(path):
    assert selfcheck.leaking(source.read(path)) == []


def test_the_exercises_are_up_to_date():
    assert release.write(ROOT / "solutions", ROOT / "exercises", check=True) == []


def made_up(folder: Path) -> source.Source:
    """A notebook with one exercise."""
    text = "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION"
    test = "assert half(4) == 2, 'is the division missing?'"
    roles = {"half": (text, False, True), "half-test": (test, True, False)}
    cells = [{"cell_type": "code", "id": "setup", "metadata": {}, "source": "import math", "outputs": []}]
    for name, (code, grade, solution) in roles.items():
        meta = {"schema_version": 3, "grade_id": name, "grade": grade, "solution": solution, "locked": grade}
        meta |= {"task": False} | ({"points": 2} if grade else {})
        cells.append({"cell_type": "code", "id": name, "metadata": {"nbgrader": meta}, "source": code, "outputs": []})
    for cell in cells:
        cell["execution_count"] = None
    path = folder / "halves.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return source.read(path)


@pytest.mark.parametrize(
    ("kind", "text", "hints", "said"),
    [
        ("right", "def half(x):\n    return 0.5 * x", (), ""),
        ("wrong", "def half(x):\n    return x", ("is the division missing?",), ""),
        ("right", "def half(x):\n    return x", (), "loses points: is the division missing?"),
        ("wrong", "def half(x):\n    return x / 2", ("anything",), "is not caught"),
        ("wrong", "def half(x):\n    return x", ("another hint",), "lacks 'another hint'"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said(tmp_path, kind, text, hints, said):
    path = made_up(tmp_path).path
    (fault,) = answers.faults(path, [answers.Answer(kind, "half", "an answer", hints, text)], 1)
    assert (said in fault) if said else fault == ""


def test_answers_are_read_from_text(tmp_path):
    path = tmp_path / "halves.txt"
    path.write_text("a comment\n# %% wrong half: nothing -> one | two\na = 1\n\n# %% right half: as it is\nb = 2\n")
    wrong, right = answers.read(path)
    assert wrong == answers.Answer("wrong", "half", "nothing", ("one", "two"), "a = 1\n")
    assert right == answers.Answer("right", "half", "as it is", (), "b = 2\n")


@pytest.mark.parametrize(
    "head", ["# %% wrong half: no hint", "# %% right half: a hint -> x", "# %% odd half: x", "# %% x"]
)
def test_a_head_that_says_nothing_is_refused(tmp_path, head):
    path = tmp_path / "halves.txt"
    path.write_text(f"{head}\na = 1\n")
    with pytest.raises(results.Refused, match=r"halves\.txt, line 1"):
        answers.read(path)


def test_an_answer_to_no_exercise_is_refused(tmp_path):
    with pytest.raises(results.Refused, match="no solution cell 'third'"):
        answers.tests_of(made_up(tmp_path), "third")


def test_the_sandbox_holds_what_gets_out_without_one():
    """The harmless attempts succeed in an ordinary process, so that their failure in the sandbox says something."""
    if sandbox.unavailable():
        pytest.skip("bubblewrap does not work here")
    harmless = ["read the notebook with solutions", "list the folder of the solutions", "write beside the solutions"]
    harmless += ["reach a server of this machine"]
    assert escapes.escaped() == []
    assert escapes.escaped("none", harmless) == harmless


def test_selfcheck_tells_what_it_found(tmp_path, capsys):
    teacher = made_up(tmp_path)
    (tmp_path / "halves.txt").write_text("# %% wrong half: as it is -> x\ndef half(x):\n    return x / 2\n")
    assert selfcheck.run(teacher.path, tmp_path, jobs=1) == 1
    said = capsys.readouterr().out
    assert "halves: the solution earns 2 points" in said and "1 mistakes listed, 0 caught" in said
    assert "halves, half, wrong: as it is: is not caught" in said
