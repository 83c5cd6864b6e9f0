import copy
import json
import re

import platformdirs
import pytest
from nbformat import NotebookNode, v4

from lecture_lib import data, notebook_format

BAR = " 40%|████      | 4/10 [00:01<00:02,  3.1it/s]"
WIDGET = {notebook_format.WIDGET: {"model_id": "8f3a", "version_major": 2, "version_minor": 0}}


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return v4.new_output("stream", name=name, text=text)


def shown(**data: str) -> NotebookNode:
    return v4.new_output("display_data", {mime.replace("_", "/"): text for mime, text in data.items()})


def notebook(*outputs: NotebookNode, source: str = "f()", **metadata) -> NotebookNode:
    """A heading and one executed cell with these outputs."""
    cell = v4.new_code_cell(source, execution_count=7, outputs=list(outputs), id="the-cell")
    return v4.new_notebook(cells=[v4.new_markdown_cell("# Codes", id="the-title"), cell], metadata=metadata)


def normal_outputs(*outputs: NotebookNode) -> list[NotebookNode]:
    return notebook_format.normalize(notebook(*outputs)).cells[1].outputs


def test_normalizing_changes_no_argument_and_twice_is_once():
    nb = notebook(stream("1"), stream("2"), widgets={"state": {}})
    before = copy.deepcopy(nb)
    once = notebook_format.normalize(nb)
    assert nb == before
    assert notebook_format.normalize(once) == once


def test_metadata_of_times_widgets_and_machines_go_and_the_authors_stay():
    nb = notebook(widgets={}, signature="s", language_info={"name": "python", "version": "3.9"}, title="Codes")
    nb.cells[1].metadata = NotebookNode(execution={"a": "2031"}, ExecuteTime={}, trusted=True, tags=["slide"])
    normal = notebook_format.normalize(nb)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    assert normal.metadata == {"title": "Codes", "language_info": {"name": "python"}, "kernelspec": kernel}
    assert normal.cells[1].metadata == {"tags": ["slide"]}


def test_executed_cells_are_counted_from_one_and_others_stay_unexecuted():
    cells = [v4.new_code_cell("a", execution_count=n, id=f"cell-{i}") for i, n in enumerate([5, None, 9])]
    cells[2].outputs = [v4.new_output("execute_result", {"text/plain": "1"}, execution_count=9)]
    normal = notebook_format.normalize(v4.new_notebook(cells=cells))
    assert [cell.execution_count for cell in normal.cells] == [1, None, 2]
    assert normal.cells[2].outputs[0].execution_count == 2


def test_valid_ids_are_kept_and_others_are_the_same_in_every_run():
    nb = notebook()
    nb.cells += [v4.new_code_cell("a", id="the-cell"), v4.new_code_cell("b"), v4.new_code_cell("b")]
    nb.cells[3].id = "not valid!"
    del nb.cells[4]["id"]
    ids = [cell.id for cell in notebook_format.normalize(nb).cells]
    assert ids[:2] == ["the-title", "the-cell"]
    assert len(set(ids)) == 5
    assert all(re.fullmatch(r"[0-9a-f]{12}", id) for id in ids[2:])
    assert ids == [cell.id for cell in notebook_format.normalize(copy.deepcopy(nb)).cells]


def test_a_notebook_of_an_older_format_gets_ids():
    nb = v4.reads(json.dumps({"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A\n", "b"]}]}))  # fmt: skip
    normal = notebook_format.normalize(nb)
    assert (normal.nbformat, normal.nbformat_minor, len(normal.cells[0].id)) == (4, 5, 12)


def test_streams_that_follow_each_other_become_one():
    outputs = normal_outputs(stream("1\n"), stream("2\n"), shown(text_plain="x"), stream("3\n"), stream("!", "stderr"))
    assert [output.get("text") for output in outputs] == ["1\n2\n", None, "3\n", "!"]


def test_a_live_widget_leaves_the_picture_or_the_text_beside_it():
    picture, words = shown(text_html="<img>", text_plain="W"), shown(text_plain="IntSlider(value=0)")
    for output in (picture, words):
        output.data.update(WIDGET)
    outputs = normal_outputs(picture, words)
    assert [dict(output.data) for output in outputs] == [
        {"text/html": "<img>", "text/plain": "W"},
        {"text/plain": "IntSlider(value=0)"},
    ]


@pytest.mark.parametrize(
    "text", [BAR, "HBox(children=(HTML(value=''), FloatProgress(value=0.0)))", "3it [00:00, 9it/s]"]
)
def test_a_progress_bar_that_is_a_widget_is_removed(text):
    bar = shown(text_plain=text)
    bar.data.update(WIDGET)
    assert normal_outputs(bar, stream("done")) == [stream("done")]


def test_progress_bars_on_stderr_are_removed_and_nothing_else_is():
    bars = f"\r  0%|          | 0/10 [00:00<?, ?it/s]\r{BAR}\x1b[A\n\r          \r"
    assert normal_outputs(stream(bars[:20], "stderr"), stream(bars[20:], "stderr")) == []
    assert normal_outputs(stream(bars + "careful\n", "stderr")) == [stream(bars + "careful\n", "stderr")]
    assert normal_outputs(stream(BAR)) == [stream(BAR)]
    assert normal_outputs(shown(text_plain=BAR)) == [shown(text_plain=BAR)]


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (stream("careful\n", "stderr"), "writes on stderr: careful"),
        (v4.new_output("error", ename="ValueError", evalue="too small"), "raises ValueError: too small"),
        (stream("<object at 0x7f12ab34cd56>"), "prints '0x7f12ab34cd56'"),
        (stream("in /home/ada/x"), "prints '/home/'"),
        (shown(text_plain="PosixPath('/tmp/x')"), "prints '/tmp"),
        (shown(text_html="<b>C:\\Users\\ada</b>"), "prints 'C:\\\\Users'"),
    ],
)
def test_what_must_not_be_stored_is_named_with_its_cell(output, problem):
    (found,) = notebook_format.problems(notebook(output, source="f()\ng()"))
    assert found.startswith("cell [1], section 'Codes': f()\n  " + problem)


def test_what_the_offline_digits_gave_must_not_be_stored(tmp_path, monkeypatch, capsys):
    """`data.mnist` itself is asked how it says that it fell back."""
    monkeypatch.delenv("LECTURE_LIB_DATA", raising=False)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *args: str(tmp_path))
    data.mnist("test", mirrors=[])
    (found,) = notebook_format.problems(notebook(stream(capsys.readouterr().out)))
    assert "ran without MNIST" in found


def test_the_folders_of_this_machine_must_not_be_stored(tmp_path, monkeypatch):
    for folder in ("cwd", "its-home"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setenv("HOME", str(tmp_path / "its-home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "its-home"))
    for folder in ("cwd", "its-home"):
        assert notebook_format.problems(notebook(stream(f"in {tmp_path / folder}")))


@pytest.mark.parametrize(
    "text", ["a ratio 3/home", "KL/root-N", "0xFF", "https://example.org/home/", "data:image/png;base64,/tmp/"]
)
def test_ordinary_text_is_no_problem(text):
    assert notebook_format.problems(notebook(stream(text))) == []


def test_a_file_is_sorted_json_in_utf_8_with_one_line_of_source_a_line(tmp_path):
    nb = notebook(stream("μ = 1\n"), source="a = 1\nb = 2")
    notebook_format.write(tmp_path / "nb.ipynb", nb)
    raw = (tmp_path / "nb.ipynb").read_bytes()
    assert raw.endswith(b"}\n")
    assert b"\r" not in raw
    assert "μ = 1" in raw.decode()
    assert json.dumps(json.loads(raw), indent=1, sort_keys=True, ensure_ascii=False) + "\n" == raw.decode()
    assert json.loads(raw)["cells"][1]["source"] == ["a = 1\n", "b = 2"]
    assert notebook_format.dumps(notebook_format.read(tmp_path / "nb.ipynb")) == raw.decode()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "nb.ipynb"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        notebook_format.write(path, notebook())
    assert path.read_text() == "old"
