"""Links and lines that fetch the library: written, changed, taken back; and a set-up cell that fetches the course."""

import shutil
import subprocess
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest
import test_notebooks

from lecture_lib import notebook_format, notebooks, publishing
from lecture_lib.grading import release

ROOT = Path(__file__).parents[1]
ADDRESS = "https://github.com/owner/name"


def copied(target: Path, names: str) -> Path:
    """A copy of what publishing writes to, without an address, and of the notebooks of these names."""
    shutil.copy(ROOT / "pyproject.toml", target)
    for folder in ("notebooks", "solutions"):
        (target / folder).mkdir()
        for path in (ROOT / folder).glob(names):
            shutil.copy(path, target / folder)
    publishing.publish(target, "")
    return target


@pytest.fixture
def course(tmp_path):
    """A course of one lecture."""
    return copied(tmp_path, "04_*.ipynb")


@pytest.fixture
def whole(tmp_path):
    """The course with all its lectures."""
    return copied(tmp_path, "[0-9]*.ipynb")


def contents(course: Path) -> dict[str, bytes]:
    paths = [course / "pyproject.toml", *course.glob("*/*.ipynb")]
    return {path.relative_to(course).as_posix(): path.read_bytes() for path in paths}


def test_what_is_published_can_be_published_elsewhere_and_taken_back(course):
    before = contents(course)
    changed = publishing.publish(course, f"{ADDRESS}.git/")
    first = contents(course)
    assert {path.relative_to(course).as_posix() for path in changed} == set(before)
    assert all(first[name] != before[name] for name in before)
    assert publishing.setting(course) == (ADDRESS, "main")
    assert publishing.publish(course, ADDRESS) == []
    publishing.publish(course, f"{ADDRESS}-2", "next/week")
    assert contents(course)["notebooks/04_gaussian_kl.ipynb"].count(b"owner/name-2") == 3
    assert publishing.setting(course) == (f"{ADDRESS}-2", "next/week")
    publishing.publish(course, "")
    assert contents(course) == before


def test_nothing_but_the_setting_changes_in_the_projects_file(course):
    old, _ = (tomllib.loads((course / "pyproject.toml").read_text()), publishing.publish(course, ADDRESS))
    new = tomllib.loads((course / "pyproject.toml").read_text())
    assert new["tool"].pop("course") == {"repository": ADDRESS, "branch": "main"}
    assert old["tool"].pop("course") == {"repository": "", "branch": "main"}
    assert new == old


def test_a_published_notebook_keeps_the_rules_and_only_its_first_two_cells_change(whole):
    old = {path: notebook_format.read(path) for path in notebooks.listing(whole / "notebooks", whole / "solutions")}
    publishing.publish(whole, ADDRESS)
    for path, before in old.items():
        nb, rules = notebook_format.read(path), [*test_notebooks.EVERYWHERE]
        lecture = path.parent.name == "notebooks"
        rules += (
            [test_notebooks.opening, test_notebooks.short_cells] if lecture else [test_notebooks.opening_of_solution]
        )
        assert [rule.__name__ for rule in rules if rule(nb)] == [], path.name
        assert nb.cells[2:] == before.cells[2:]
        assert [cell.outputs for cell in nb.cells[1:2]] == [cell.outputs for cell in before.cells[1:2]]
        opened = "notebooks" if lecture else "exercises"
        assert f"/owner/name/blob/main/{opened}/{path.name})" in nb.cells[0].source


def test_exercises_are_released_from_published_solutions_and_have_the_lines_too(course):
    publishing.publish(course, ADDRESS)
    release.write(course / "solutions", course / "exercises")
    for path in notebooks.listing(course / "exercises"):
        first, second = notebook_format.read(path).cells[:2]
        assert "mybinder.org" in first.source and f"git+{ADDRESS}@main" in second.source, path.name
        assert not second.metadata.get("nbgrader", {}).get("solution")


def test_the_site_gets_the_links_of_a_notebook(course):
    path = course / "notebooks" / "04_gaussian_kl.ipynb"
    assert publishing.links(path) == {}
    publishing.publish(course, ADDRESS, "main")
    assert publishing.links(path) == {
        "Colab": f"https://colab.research.google.com/github/owner/name/blob/main/notebooks/{path.name}",
        "Binder": f"https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/notebooks/{path.name}",
    }


def test_the_slash_of_a_branch_is_escaped_for_binder_only():
    links = publishing.links_to("notebooks/a.ipynb", ADDRESS, "next/week")
    assert "/blob/next/week/" in links["Colab"] and "/next%2Fweek?" in links["Binder"]


@pytest.mark.parametrize("address", ["owner/name", "http://github.com/owner/name", "https://example.org/a/b", 'x"y'])
def test_another_address_is_refused_and_nothing_is_written(course, address, monkeypatch, capsys):
    before = contents(course)
    monkeypatch.chdir(course)
    assert publishing.main([address]) == 2
    assert f"repository is {address!r}" in capsys.readouterr().err
    assert contents(course) == before


@pytest.mark.parametrize("branch", ["", "-x", "two words", 'a"b'])
def test_a_name_that_no_branch_has_is_refused(course, branch, monkeypatch, capsys):
    monkeypatch.chdir(course)
    assert publishing.main([ADDRESS, f"--branch={branch}"]) == 2
    assert f"branch is {branch!r}" in capsys.readouterr().err


def test_the_command_names_the_files_that_changed(course, monkeypatch, capsys):
    monkeypatch.chdir(course / "notebooks")
    assert publishing.main([ADDRESS]) == 0
    assert {"pyproject.toml", "solutions/04_gaussian_kl.ipynb"} <= set(capsys.readouterr().out.split())
    assert publishing.main([ADDRESS]) == 0
    assert capsys.readouterr().out == "nothing to change\n"


@pytest.fixture
def elsewhere(tmp_path):
    """Python of a machine with the course's requirements but without the course, and the folder of its packages."""
    venv.create(tmp_path / "env")  # pip is among what is present
    own = next((tmp_path / "env" / "lib").iterdir()) / "site-packages"
    (tmp_path / "present").mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if "lecture_lib" not in item.name and item.suffix != ".pth":
            (tmp_path / "present" / item.name).symlink_to(item)
    (own / "present.pth").write_text(str(tmp_path / "present"))
    return tmp_path / "env" / "bin" / "python", own


def test_a_published_cell_fetches_the_course_once_and_leaves_torch_and_numpy_alone(course, elsewhere):
    """From a git repository on this machine in place of the public one, and with no index to fetch anything from."""
    python, own = elsewhere
    library = course / "library"
    shutil.copytree(ROOT / "lecture_lib", library / "lecture_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, library)
    git = ["git", "-C", str(library), "-c", "user.name=x", "-c", "user.email=x"]
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "."], ["commit", "--quiet", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    publishing.publish(course, ADDRESS)
    cell = notebook_format.read(course / "notebooks" / "04_gaussian_kl.ipynb").cells[1].source
    assert cell.count(f"git+{ADDRESS}@main") == 1
    lines = cell.replace(f"git+{ADDRESS}@main", f"git+file://{library}@main")
    seen = "\nimport numpy\nprint(gaussians.__file__, numpy.__file__, torch.__file__, sep='\\n')\n"
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(course), "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment |= {"OMP_NUM_THREADS": "1", "PIP_CONFIG_FILE": "/dev/null", "MPLBACKEND": "Agg"}
    for _ in range(2):
        done = subprocess.run([python, "-c", lines + seen], cwd=course, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        ours, *theirs = done.stdout.split()
        assert ours.startswith(str(own))
        assert all(place.startswith(str(course / "present")) for place in theirs)
        environment["PATH"] = ""  # the second time there is no git to fetch with
    added = {item.name.partition("-")[0] for item in own.iterdir() if item.suffix != ".pth"}
    assert added == {"lecture_lib"}
