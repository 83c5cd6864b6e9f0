"""Notebooks by instructors elsewhere: plain Python, classes, torch; their tests work through the pipe as they stand.

tests/outside/ and tests/hostile/liars.txt (wrong answers that cheat) hold exercises in blocks: `# %% exercise name`,
below it `given` (a set-up cell), `solution`, `test`, and answers that are `right`, written differently, or `wrong`. The
exercises of a file stand in one notebook.
"""

import itertools
import json
import re
import warnings
from pathlib import Path

import nbformat
import pytest

from lecture_lib import checks
from lecture_lib.grading import inner, source, twin

TESTS = Path(__file__).parent
FILES = [*sorted(TESTS.glob("outside/*.txt")), TESTS / "hostile" / "liars.txt"]
HEAD = re.compile(r"# %% (imports|exercise [\w-]+|given|solution|test|right|wrong)")


def read(path: Path) -> tuple[str, dict[str, list[tuple[str, str]]]]:
    """(imports, {exercise: [(kind, text), ...]})."""
    imports, found, kind = "", {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# %% "):
            kind = HEAD.fullmatch(line)[1]
            if kind.startswith("exercise"):
                exercise = found.setdefault(kind.split()[1], [])
            elif kind != "imports":
                exercise.append((kind, ""))
        elif kind == "imports":
            imports += line + "\n"
        elif kind and not kind.startswith("exercise"):
            exercise[-1] = kind, exercise[-1][1] + line + "\n"
    return imports, found


def notebook(imports: str, exercises: dict[str, list[tuple[str, str]]], answers: dict[str, str]) -> str:
    """An instructor's notebook, or a submission: the answers in the solution cells."""
    cells = [nbformat.v4.new_code_cell(imports)]
    for name, blocks in exercises.items():
        parts = dict(blocks)
        common = {"schema_version": 3, "task": False}
        answer = common | {"grade": False, "solution": True, "locked": False, "grade_id": f"{name}-answer"}
        test = common | {"grade": True, "solution": False, "locked": True, "grade_id": name, "points": 1}
        cells += [nbformat.v4.new_code_cell(parts["given"])] if "given" in parts else []
        cells.append(nbformat.v4.new_code_cell(answers[name], metadata={"nbgrader": answer}))
        cells.append(nbformat.v4.new_code_cell(parts["test"], metadata={"nbgrader": test}))
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells))


def cases(path: Path) -> list[tuple[str, str, int, str]]:
    """(exercise, kind, number of the answer among its exercise's, text) for all answers in a file."""
    _, exercises = read(path)
    found = []
    for name, blocks in exercises.items():
        texts = [(kind, text) for kind, text in blocks if kind in ("solution", "right", "wrong")]
        found += [(name, kind, number, text) for number, (kind, text) in enumerate(texts)]
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{(file, exercise, number of the answer): result}: a submission has one answer to each exercise."""
    found = {}
    for path in FILES:
        imports, exercises = read(path)
        all_answers = {name: [c for c in cases(path) if c[0] == name] for name in exercises}
        solution = {name: some[0][3] for name, some in all_answers.items()}
        place = tmp_path_factory.mktemp(path.stem) / "outside.ipynb"
        place.write_text(
            notebook(imports, exercises, {n: f"### BEGIN SOLUTION\n{t}### END SOLUTION" for n, t in solution.items()})
        )
        teacher, learned = source.read(place), None
        for number in itertools.count():
            chosen = {name: some[number][3] for name, some in all_answers.items() if number < len(some)}
            if not chosen:
                break
            others = [name for name in exercises if name not in chosen]
            graded, showed = grade(teacher, notebook(imports, exercises, solution | chosen), learned, others)
            learned = learned or showed
            found |= {(path.stem, name, number): graded[name] for name in chosen}
    return found


def grade(teacher, submission: str, learned: dict | None, skip: list[str]) -> tuple[dict, dict]:
    """(results by exercise, what the run shows of the tests); some tests are not run."""
    was = checks.enforced
    request = {"limits": {}, "reference": learned, "skip": skip}
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # as in a notebook, not as in these tests
        try:
            graded, _, showed = inner.graded(
                request, teacher, submission.encode(), "outside", lambda event: None, twin.start
            )
        finally:
            checks.enforced = was
    return {result["id"]: result for result in graded}, showed


ALL = [(path.stem, *case[:3]) for path in FILES for case in cases(path)]


@pytest.mark.parametrize(("file", "exercise", "kind", "number"), ALL, ids=lambda value: str(value))
def test_every_answer_gets_what_it_deserves(results, file, exercise, kind, number):
    result = results[file, exercise, number]
    assert result["points"] == (0 if kind == "wrong" else 1), json.dumps(result, indent=1)
