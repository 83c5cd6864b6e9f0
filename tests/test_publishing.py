"""Links and installation in lectures: written, changed, taken back, and a set-up cell that installs the course."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import test_notebooks

from lecture_lib import notebook_format, notebooks, publishing

ROOT = Path(__file__).parents[1]
ADDRESS = "https://github.com/owner/name"


@pytest.fixture
def course(tmp_path):
    """A copy of what publishing writes to."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    publishing.publish_all(tmp_path, "")
    return tmp_path


def contents(course) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in [course / "pyproject.toml", *(course / "notebooks").glob("*.ipynb")]
    }


def test_what_is_published_can_be_published_elsewhere_and_taken_back(course):
    before = contents(course)
    publishing.publish_all(course, f"{ADDRESS}.git/")
    first = contents(course)
    assert all(first[name] != before[name] for name in before)
    assert publishing.repository(course) == ADDRESS
    publishing.publish_all(course, f"{ADDRESS}-2")
    assert contents(course)["04_gaussian_kl.ipynb"].count(b"owner/name-2") == 3
    publishing.publish_all(course, ADDRESS)
    assert contents(course) == first
    publishing.publish_all(course, "")
    assert contents(course) == before


def test_a_published_lecture_keeps_the_rules_and_only_its_first_two_cells_change(course):
    publishing.publish_all(course, ADDRESS)
    for path in notebooks.listing(course / "notebooks"):
        nb, old = notebook_format.read(path), notebook_format.read(ROOT / "notebooks" / path.name)
        assert nb.cells[2:] == old.cells[2:]
        for rule in [test_notebooks.opening, test_notebooks.short_cells, *test_notebooks.EVERYWHERE]:
            assert rule(nb) == [], (path.name, rule.__name__)
        assert f"({publishing.links(ADDRESS, f'notebooks/{path.name}')['Colab']})" in nb.cells[0].source


def test_addresses_of_colab_and_binder():
    assert publishing.links(ADDRESS, "notebooks/06_a.ipynb") == {
        "Colab": "https://colab.research.google.com/github/owner/name/blob/main/notebooks/06_a.ipynb",
        "Binder": "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/notebooks/06_a.ipynb",
    }
    assert publishing.links("", "notebooks/06_a.ipynb") == {}


@pytest.mark.parametrize("address", ["owner/name", "http://github.com/owner/name", "https://example.org/a/b", 'x"y'])
def test_another_address_is_refused_and_nothing_is_written(course, address, monkeypatch, capsys):
    before = contents(course)
    monkeypatch.chdir(course)
    assert publishing.main([address]) == 2
    assert f"the address is {address!r}" in capsys.readouterr().err
    assert contents(course) == before


def test_the_lines_install_the_course_beside_the_libraries_that_are_there_and_only_once(tmp_path):
    """A new environment sees this one's libraries but not the course; nothing else is to be installed."""
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    here = next(path for path in sys.path if path.endswith("site-packages"))
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools"], check=True)  # an old one
    folder = next((tmp_path / "env" / "lib").iterdir()) / "site-packages"
    shown = tmp_path / "libraries"
    shown.mkdir()
    for item in Path(here).iterdir():
        if "lecture_lib" not in item.name and not item.name.endswith(".pth"):
            (shown / item.name).symlink_to(item)
    (folder / "libraries.pth").write_text(str(shown))
    copy = tmp_path / "course"
    kept = shutil.ignore_patterns(
        ".*", "build", "executed", "notebooks", "solutions", "exercises", "tests", "*.egg-info"
    )
    shutil.copytree(ROOT, copy, ignore=kept)
    lines = publishing.installing(str(copy)).replace('"--quiet"', '"--no-build-isolation", "--no-index", "--quiet"')
    (tmp_path / "cell.py").write_text(
        lines + "import numpy, torch, lecture_lib\nfrom lecture_lib import gaussians\n"
        "print(lecture_lib.__file__, numpy.__file__, torch.__version__)"
    )
    for _ in range(2):
        done = subprocess.run([python, "cell.py"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        ours, numpy, version = done.stdout.split()
        assert ours.startswith(str(folder)) and numpy.startswith(str(shown))
    import torch

    assert version == torch.__version__
    added = {item.name.partition("-")[0] for item in folder.iterdir() if item.suffix != ".pth"}
    assert added - {"pip", "_distutils_hack", "__pycache__"} == {"lecture_lib"}
