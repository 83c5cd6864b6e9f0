"""An instructor who runs nbgrader can use our files: its commands work on them, and it releases the same text.

It runs in processes of its own, from a folder beside the environment, which keeps its extensions out of JupyterLab.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from nbformat import v4

from lecture_lib import data, notebook_format
from lecture_lib.grading import release, source

FOLDER = Path(sys.prefix) / "nbgrader"
SOLUTIONS = Path(__file__).parents[1] / "solutions"
NOTEBOOKS = sorted(SOLUTIONS.glob("*.ipynb"))
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="nbgrader is not installed here: `make test` installs it")

FLAGS = {
    "solution": {"solution": True},
    "test": {"grade": True, "locked": True},
    "manual": {"grade": True, "solution": True},
    "task": {"task": True, "locked": True},
    "locked": {"locked": True},
}
CELLS = [
    ("markdown", None, "", 0, "# Small\n## Scale"),
    ("code", "locked", "setup", 0, "SCALE = 2"),
    (
        "code",
        "solution",
        "scale",
        0,
        'def scale(x):\n    """SCALE x."""\n    ### BEGIN SOLUTION\n    return SCALE * x\n    ### END SOLUTION',
    ),
    ("code", "test", "scale-visible", 1, "assert scale(1) == 2"),
    (
        "code",
        "test",
        "scale-hidden",
        2,
        "assert scale(2) == 4\n### BEGIN HIDDEN TESTS\nassert scale(-3) == -6\n### END HIDDEN TESTS",
    ),
    ("code", "solution", "total", 0, "def total(numbers):\n    return sum(numbers)"),
    (
        "code",
        "test",
        "total-parts",
        4,
        "cases = [[1, 2], [], [5], [2, 2]]\nsum(total(case) == sum(case) for case in cases)",
    ),
    ("code", "manual", "plot", 3, "drawing = [scale(x) for x in range(3)]"),
    ("markdown", "manual", "why", 5, "Since scaling is linear, the order does not matter."),
    ("markdown", "task", "draw", 6, "Draw it.\n\n=== BEGIN MARK SCHEME ===\n2 points an axis\n=== END MARK SCHEME ==="),
    ("code", None, "", 0, "print(SCALE)"),
]


LARGEST = "def total(numbers):\n    return max([0, *numbers])"  # right for two cases of four


def write_source(path, cells=CELLS):
    nb = v4.new_notebook(metadata={"kernelspec": notebook_format.KERNELSPEC})
    for number, (kind, role, grade_id, points, text) in enumerate(cells):
        cell = (v4.new_code_cell if kind == "code" else v4.new_markdown_cell)(text, id=f"cell-{number}")
        if role:
            meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
            meta |= {"grade_id": grade_id} | FLAGS[role] | ({"points": points} if points else {})
            cell.metadata["nbgrader"] = meta
        nb.cells.append(cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(v4.writes(nb), encoding="utf-8")
    return source.read(path)


class Course:
    """A course folder of nbgrader with one assignment, ps1; every command runs with a home of its own."""

    def __init__(self, folder):
        self.folder, home = folder / "course", folder / "home"
        self.folder.mkdir()
        home.mkdir()
        (self.folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'course'\n")
        lectures = os.environ.get("LECTURE_LIB_DATA", platformdirs.user_cache_dir("lecture_lib"))
        own = {
            name: str(home / name)
            for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
        }
        path = os.pathsep.join([str(FOLDER / "bin"), os.environ["PATH"]])  # it calls alembic by name
        own |= {"HOME": str(home), "PYTHONPATH": str(FOLDER), "PATH": path, "LECTURE_LIB_DATA": lectures}
        self.environment = os.environ | own

    def python(self, *arguments, **given):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, **given
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def nbgrader(self, command):
        self.python("-m", "nbgrader", command, "ps1")

    def submit(self, student, src, **answers):
        """Hand in our exercise, with the text of some cells replaced."""
        nb = release.release(src)
        for cell in nb.cells:
            cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        folder = self.folder / "submitted" / student / "ps1"
        folder.mkdir(parents=True)
        notebook_format.write(folder / src.path.name, nb)

    def gradebook(self, code):
        """What code puts into `result`, with the gradebook at hand as gb."""
        start = "import json\nfrom nbgrader.api import Gradebook\nwith Gradebook('sqlite:///gradebook.db') as gb:\n"
        lines = "".join(f"    {line}\n" for line in code.strip().split("\n"))
        return json.loads(self.python("-c", f"{start}{lines}    print(json.dumps(result))"))

    def scores(self, notebook=""):
        """{student: {grade_id: points, None where a person must mark}}, of one notebook where it is named."""
        return self.gradebook(
            "result = {s.student.id: {g.name: None if g.needs_manual_grade else g.auto_score"
            f" for n in s.notebooks if n.name.startswith({notebook!r}) for g in n.grades}}"
            " for s in gb.assignment_submissions('ps1')}"
        )


def full(src):
    """The instructor's own answers."""
    return {cell.grade_id: cell.text for cell in src.cells if cell.role in ("solution", "manual")}


def without_messages(text):
    return re.sub(r'Error\("write .*? by your code"\)', "Error()", text)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small notebook after generate_assignment and autograde of four submissions."""
    course = Course(tmp_path_factory.mktemp("small"))
    src = write_source(course.folder / "source" / "ps1" / "small.ipynb")
    course.nbgrader("generate_assignment")
    course.submit("solved", src, **full(src))
    course.submit("untouched", src)
    course.submit("wrong", src, scale="def scale(x):\n    return abs(2 * x)", total=LARGEST, why="Don't know.")
    course.submit("sly", src, **{"scale-hidden": "pass", "scale-visible": "pass", "total-parts": "4"})
    course.nbgrader("autograde")
    return course, src


def same_release(course, src):
    """Whether nbgrader released the same cells, text and metadata as we do; our stubs of code say what to write."""
    theirs = notebook_format.read(course.folder / "release" / "ps1" / src.path.name)
    for our, their in zip(release.release(src).cells, theirs.cells, strict=True):
        if our.source != their.source:
            assert our.metadata.nbgrader.pop("checksum") != their.metadata.nbgrader.pop("checksum")
        assert (our.id, our.cell_type, our.metadata) == (their.id, their.cell_type, their.metadata)
        assert without_messages(our.source) == their.source
    return True


def test_nbgrader_releases_the_same_cells_text_and_metadata(small):
    assert same_release(*small)


def test_the_points_of_nbgrader_are_those_that_the_submissions_deserve(small):
    course, _ = small
    tests = ("scale-visible", "scale-hidden", "total-parts")
    assert {student: [marks[name] for name in tests] for student, marks in course.scores().items()} == {
        "solved": [1, 2, 4],
        "untouched": [0, 0, 0],
        "wrong": [1, 0, 2],
        "sly": [0, 0, 0],
    }


def test_answers_wait_for_a_mark_by_hand_and_blank_ones_have_none(small):
    course, _ = small
    scores = course.scores()
    assert [scores["solved"][name] for name in ("plot", "why", "draw")] == [None, None, None]
    assert [scores["wrong"][name] for name in ("plot", "why")] == [None, None]
    assert scores["untouched"]["why"] == 0  # nbgrader knows its own stub; that of code says more in ours
    assert scores["untouched"]["plot"] is None


def test_feedback_has_the_points_of_the_tests_and_of_the_hand(small):
    course, _ = small
    mark = """
for name, points in {'why': 4, 'plot': 3, 'draw': 5.5}.items():
    grade = gb.find_grade(name, 'small', 'ps1', 'solved')
    grade.manual_score, grade.needs_manual_grade = points, False
gb.db.commit()
result = [(s.student.id, s.score, s.max_score) for s in gb.assignment_submissions('ps1')]"""
    assert ["solved", 1 + 2 + 4 + 4 + 3 + 5.5, 21] in course.gradebook(mark)
    course.nbgrader("generate_feedback")
    pages = {path.parts[-3]: path.read_text(encoding="utf-8") for path in course.folder.glob("feedback/*/ps1/*.html")}
    assert sorted(pages) == ["sly", "solved", "untouched", "wrong"]
    assert "Score: 19.5 / 21.0" in pages["solved"]
    assert "write scale: replace this line by your code" in pages["untouched"]


# --- nbgrader's own functions as an oracle for the text that is released

ORACLE = """
import json, logging, sys
from nbformat import v4
from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearSolutions
logging.disable(logging.CRITICAL)
for line in sys.stdin:
    kind, meta, text = json.loads(line)
    make = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
    nb = v4.new_notebook(cells=[make(text, metadata={"nbgrader": meta} if meta else {})])
    try:
        for preprocessor in (ClearSolutions(), ClearHiddenTests(), ClearMarkScheme()):
            nb, _ = preprocessor.preprocess(nb, {})
        print(json.dumps(nb.cells[0].source))
    except RuntimeError:
        print("null")
"""
PIECES = ["x = 1", "", "    y = 2", "if x:", "text, not code", "%time x", "# note", 'print("""', '""")']
MARKERS = [f"{edge} {what}" for what in ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME") for edge in ("BEGIN", "END")]


def made_up(number):
    """A cell of any role whose text has markers here and there, mostly in pairs."""
    draw = random.Random(number)
    role = draw.choice([None, *FLAGS])
    kind = "markdown" if role == "task" or (role in ("manual", None) and draw.random() < 0.5) else "code"
    lines = draw.choices(PIECES[:2], k=draw.randint(0, 2)) + draw.choices(PIECES, k=draw.randint(0, 1))
    own = {"solution": 0, "manual": 0, "test": 2, "task": 4}.get(role, 0)
    for _ in range(draw.randint(0, 2)):
        begin = own if draw.random() < 0.8 else draw.choice([0, 2, 4])
        indent = draw.choice(["", "", "", "    "])
        lines += [f"{indent}### {MARKERS[begin]}", *draw.choices(PIECES, k=2), f"  ## {MARKERS[begin + 1]} #"]
        lines += draw.choices(PIECES[:2], k=draw.randint(0, 1))
    if draw.random() < 0.1:
        lines.insert(draw.randint(0, len(lines)), f"  # {draw.choice(MARKERS)}")
    return kind, role, "a", 1, "\n".join(lines)


def test_what_we_release_is_what_nbgrader_releases_and_what_it_refuses_we_refuse(tmp_path):
    cells = [made_up(number) for number in range(600)] + CELLS
    path, asked, ours = tmp_path / "a.ipynb", [], []
    for cell in cells:
        try:
            one = write_source(path, [cell]).cells[0]
            ours.append(without_messages(one.released))
        except source.SourceError:
            ours.append(None)
        asked.append(json.dumps([cell[0], FLAGS.get(cell[1]), cell[4]]))
    environment = os.environ | {"PYTHONPATH": str(FOLDER), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ORACLE],
        input="\n".join(asked),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    accepted = [(cell, our, their) for cell, our, their in zip(cells, ours, theirs, strict=True) if our is not None]
    assert [different for different in accepted if different[1] != different[2]] == []
    assert len(accepted) > 200


# --- the solutions of the course


@pytest.fixture(scope="module")
def lectures(tmp_path_factory):
    """The course's own solutions after generate_assignment."""
    course = Course(tmp_path_factory.mktemp("lectures"))
    shutil.copytree(SOLUTIONS, course.folder / "source" / "ps1", ignore=shutil.ignore_patterns(".*"))
    course.nbgrader("generate_assignment")
    return course


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nbgrader_releases_the_exercises_of_the_course_as_we_do(lectures, path):
    assert same_release(lectures, source.read(path))


@pytest.mark.parametrize("path", NOTEBOOKS[:1], ids=lambda path: path.stem)  # one: the others train for minutes
def test_the_first_solution_of_the_course_has_all_points_in_nbgrader(lectures, path):
    try:
        data.mnist(mirrors=[], offline_fallback=False)
    except ConnectionError:
        pytest.skip("MNIST is not on this machine")
    src = source.read(path)
    lectures.submit("solved", src, **full(src))
    lectures.nbgrader("autograde")
    tests = {cell.grade_id: cell.points for cell in src.cells if cell.role == "test"}
    assert {name: points for name, points in lectures.scores(path.stem)["solved"].items() if name in tests} == tests
