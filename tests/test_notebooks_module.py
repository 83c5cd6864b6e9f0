"""The command line `python -m lecture_lib.notebooks`, on tiny lectures. (The lectures' own rules: test_notebooks.)"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbformat import v4

from lecture_lib import notebook_format, notebooks


@pytest.fixture
def course(tmp_path, monkeypatch):
    """An empty course, and the current folder in it."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lecture(path, *sources: str):
    """Write a notebook with a section for every code cell."""
    nb = v4.new_notebook()
    for number, source in enumerate(sources, start=1):
        nb.cells += [v4.new_markdown_cell(f"## Part {number}"), v4.new_code_cell(source)]
    notebook_format.write(path, nb)
    return path


def outputs(path) -> list[str]:
    """What the code cells of a notebook show, one string a cell."""
    cells = [cell for cell in notebook_format.read(path).cells if cell.cell_type == "code"]
    return [
        "".join(notebook_format.shown_text(o) or o.get("ename", "") for o in cell.outputs).strip() for cell in cells
    ]


# --- which notebook ---


@pytest.mark.parametrize("name", ["06", "6", "06_vae", "06_vae.ipynb", "notebooks/06_vae.ipynb"])
def test_a_lecture_is_found_by_number_stem_and_path(course, name):
    path = lecture(course / "notebooks" / "06_vae.ipynb")
    lecture(course / "notebooks" / "06_vae-Copy1.ipynb")
    lecture(course / "notebooks" / "16_more.ipynb")
    assert [found.resolve() for found in notebooks.find(name, course / "notebooks")] == [path.resolve()]


@pytest.mark.parametrize(("arguments", "complaint"), [(["13"], "there is no lecture '13'"), ([], "say which lecture")])
def test_an_unknown_lecture_lists_those_there_are(course, capsys, arguments, complaint):
    lecture(course / "notebooks" / "06_vae.ipynb")
    lecture(course / "notebooks" / "08_pca.ipynb")
    assert notebooks.main(["run", *arguments]) == 2
    assert (
        capsys.readouterr().err
        == f"{complaint}{', for example 06' * (not arguments)}; the lectures are\n  06_vae\n  08_pca\n"
    )


def test_the_course_is_found_from_a_folder_inside_it_and_nowhere_else(course, monkeypatch, capsys):
    lecture(course / "notebooks" / "06_vae.ipynb")
    monkeypatch.chdir(course / "solutions")
    assert notebooks.main(["list"]) == 0
    assert capsys.readouterr().out == "06_vae\n"
    monkeypatch.chdir(course.parent)
    assert notebooks.main(["list"]) == 2
    assert "change into the course folder" in capsys.readouterr().err


# --- run ---


def test_run_keeps_the_executed_copy_leaves_the_lecture_and_says_where(course, capsys):
    path = lecture(
        course / "notebooks" / "06_vae.ipynb", "x = 20 + 1", "import os\nprint(x, os.path.basename(os.getcwd()))"
    )
    before = path.read_bytes()
    assert notebooks.main(["run", "6"]) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(rf"executed{re.escape(os.sep)}06_vae\.ipynb holds the executed copy \(\d+\.\d minutes\)\n", out)
    assert "Part 2" in err
    assert "4 of 4 cells" in err
    assert outputs(course / "executed" / "06_vae.ipynb") == ["", "21 notebooks"]
    assert path.read_bytes() == before


def test_run_never_overwrites_an_earlier_copy(course):
    lecture(course / "notebooks" / "06_vae.ipynb")
    (course / "executed").mkdir()
    (course / "executed" / "06_vae.ipynb").write_text("notes of a student")
    (course / "executed" / "06_vae-2.ipynb").write_text("more notes")
    assert notebooks.main(["run", "06"]) == 0
    assert (course / "executed" / "06_vae.ipynb").read_text() == "notes of a student"
    assert (course / "executed" / "06_vae-2.ipynb").read_text() == "more notes"
    assert sorted(path.name for path in (course / "executed").iterdir()) == [
        "06_vae-2.ipynb",
        "06_vae-3.ipynb",
        "06_vae.ipynb",
    ]


def test_run_names_the_cell_that_fails_and_keeps_what_came_before(course, capsys):
    lecture(course / "notebooks" / "06_vae.ipynb", "print('before')", "x = []\nx[3]", "print('after')")
    assert notebooks.main(["run", "06"]) == 1
    out, err = capsys.readouterr()
    assert err.endswith("failed at cell [2], section 'Part 2': x = []\n  IndexError: list index out of range\n")
    assert "Traceback" not in err
    assert "06_vae.ipynb holds the executed copy as far as it came" in out
    assert outputs(course / "executed" / "06_vae.ipynb") == ["before", "IndexError", ""]


def test_run_reports_a_kernel_that_dies(course, capsys):
    lecture(course / "notebooks" / "06_vae.ipynb", "import os\nos.abort()")
    assert notebooks.main(["run", "06"]) == 1
    assert capsys.readouterr().err.endswith("failed at cell [1], section 'Part 1': import os\n  Kernel died\n")


def test_run_uses_this_interpreter_whatever_kernel_is_installed_as_python3(course, monkeypatch):
    spec = course / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    kernel = {"argv": ["no-such-python", "{connection_file}"], "display_name": "Other", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel))
    monkeypatch.setenv("JUPYTER_PATH", str(course / "jupyter"))
    lecture(course / "notebooks" / "06_vae.ipynb", "import sys\nprint(sys.executable)")
    assert notebooks.main(["run", "06"]) == 0
    assert outputs(course / "executed" / "06_vae.ipynb") == [sys.executable]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
@pytest.mark.parametrize("command", ["run", "refresh"])
def test_ctrl_c_keeps_what_came_before(course, command):
    source = "print('begin', flush=True)\nopen('begun', 'w').close()\nimport time\ntime.sleep(60)"
    path = lecture(course / "notebooks" / "06_vae.ipynb", "print('before')", source, "print('after')")
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-m", "lecture_lib.notebooks", command, "06"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    while not (course / "notebooks" / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "stopped\n" in err
    assert path.read_bytes() == before
    assert ("as far as it came" in out) == (course / "executed").exists() == (command == "run")
    if command == "run":
        first, second, third = outputs(course / "executed" / "06_vae.ipynb")
        assert (first, second[:5], third) == ("before", "begin", "")


# --- refresh ---


def test_refresh_stores_outputs_in_normal_form_and_twice_gives_the_same_bytes(course, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    source = "import os\nprint('threads', os.environ['OMP_NUM_THREADS'])\n1 + 1"
    path = lecture(course / "notebooks" / "06_vae.ipynb", source, "print('x', end='')\nprint('y')")
    other = lecture(course / "solutions" / "06_vae.ipynb", "'solved'")
    untouched = lecture(course / "notebooks" / "07_next.ipynb", "1 / 0").read_bytes()
    assert notebooks.main(["refresh", "06"]) == 0
    first = path.read_bytes()
    assert outputs(path) == ["threads 1\n2", "xy"]
    assert outputs(other) == ["'solved'"]
    nb = notebook_format.read(path)
    assert notebook_format.dumps(notebook_format.normalize(nb)).encode() == first
    assert notebooks.main(["refresh", "06"]) == 0
    assert path.read_bytes() == first
    assert (course / "notebooks" / "07_next.ipynb").read_bytes() == untouched


def test_refresh_without_a_name_does_all_and_leaves_what_fails_as_it_was(course, capsys):
    sources = {"06_fails": "1 / 0", "07_warns": "import sys\nprint('careful', file=sys.stderr)", "08_good": "2"}
    paths = {name: lecture(course / "notebooks" / f"{name}.ipynb", source) for name, source in sources.items()}
    before = {name: path.read_bytes() for name, path in paths.items()}
    assert notebooks.main(["refresh"]) == 1
    assert [name for name, path in paths.items() if path.read_bytes() != before[name]] == ["08_good"]
    err = capsys.readouterr().err
    assert "failed at cell [1], section 'Part 1': 1 / 0\n  ZeroDivisionError: division by zero\n" in err
    assert "cell [1], section 'Part 1': import sys\n  writes on stderr: careful\n" in err
    assert f"notebooks{os.sep}07_warns.ipynb is left as it was\n" in err


def test_refresh_stores_what_a_live_widget_shows_without_a_kernel_and_no_progress_bar(course):
    widget = "import ipywidgets\nslider = ipywidgets.IntSlider()\nslider"
    bars = "import tqdm.notebook\nfor bar in (tqdm.tqdm, tqdm.notebook.tqdm):\n    list(bar(range(3), disable=False))"
    path = lecture(course / "notebooks" / "06_vae.ipynb", widget, bars)
    assert notebooks.main(["refresh", "06"]) == 0
    nb = notebook_format.read(path)
    assert [dict(output.data) for output in nb.cells[1].outputs] == [{"text/plain": "IntSlider(value=0)"}]
    assert nb.cells[3].outputs == []
    assert "widgets" not in nb.metadata


def test_notebooks_are_refreshed_under_the_settings_that_make_test_compares_them_under():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    (settings,) = re.findall(r"^AS_STORED = (.*)$", makefile, re.MULTILINE)
    assert dict(setting.split("=") for setting in settings.split()) == notebooks.AS_STORED
