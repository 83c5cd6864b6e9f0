"""From source to exercise: what students get, that no answer is in it, and that no file is lost in writing it."""

import base64
import copy
import json
import re

import pytest
from nbformat import NotebookNode, v4

from lecture_lib import notebook_format
from lecture_lib.grading import leakage, release, source

FLAGS = {
    "solution": {"solution": True},
    "test": {"grade": True, "locked": True, "points": 2},
    "manual": {"grade": True, "solution": True, "points": 3},
    "task": {"task": True, "points": 4},
    "locked": {"locked": True},
}
SOLUTION = """def kl(mu, log_var):
    ### BEGIN SOLUTION
    import math
    # half of what the bound pays for a code
    terms = mu**2 + log_var.expm1() - log_var
    n = 3
    total = terms.sum(-1)  # (B,)
    scale = sigma**2
    return 0.5 * total
    ### END SOLUTION"""
TEST = """x = torch.randn(7, 5, generator=generator)
checks.close("kl", kl(x, x), expected, rtol=1e-5)
### BEGIN HIDDEN TESTS
x = torch.randn(7, 5, generator=generator)
assert kl(x, -x).shape == (7,), "one value a row"
### END HIDDEN TESTS"""
ANSWER = "Doubling the variance costs less than halving it, since the logarithm is concave."


def cell(text, role=None, grade_id=None, kind="code", **metadata):
    made = (v4.new_code_cell if kind == "code" else v4.new_markdown_cell)(text, id=grade_id or f"id{abs(hash(text))}")
    made.metadata.update(metadata)
    if role:
        meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        made.metadata["nbgrader"] = meta | {"grade_id": grade_id} | FLAGS[role]
    return made


def cells():
    return [
        cell("# KL\nWrite `def kl(mu, log_var):`.", kind="markdown"),
        cell("import math\nimport torch\ngenerator = None", "locked", "setup"),
        cell(SOLUTION, "solution", "kl"),
        cell(TEST, "test", "kl-test"),
        cell(ANSWER, "manual", "why", kind="markdown"),
        cell(
            "Draw.\n=== BEGIN MARK SCHEME ===\nthe axes have labels\n=== END MARK SCHEME ===", "task", "t", "markdown"
        ),
        cell("x = 1"),
    ]


def save(folder, *more, name="01_name", **metadata):
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.ipynb"
    path.write_text(v4.writes(v4.new_notebook(cells=[*cells(), *more], metadata=metadata)), encoding="utf-8")
    return path


@pytest.fixture
def read(tmp_path):
    return lambda *more, **metadata: source.read(save(tmp_path, *more, **metadata))


# --- what is released


def test_an_exercise_has_the_released_text_and_no_outputs(read):
    src = read()
    src.nb.cells[6].update(outputs=[v4.new_output("stream", text="1")], execution_count=4)
    nb = release.release(src)
    assert [node.source for node in nb.cells] == [one.released for one in src.cells]
    assert nb.cells[2].source.endswith('raise NotImplementedError("write kl: replace this line by your code")')
    assert nb.cells[4].source == "YOUR ANSWER HERE"
    assert all(not node.outputs and node.execution_count is None for node in nb.cells if node.cell_type == "code")
    assert src.nb.cells[6].outputs  # the source itself is left as it was


def test_the_released_notebook_is_in_normal_form_and_says_where_it_comes_from(read):
    nb = release.release(read(celltoolbar="Create Assignment", widgets={"a": 1}, authors=[{"name": "A"}]))
    assert notebook_format.dumps(notebook_format.normalize(nb)) == notebook_format.dumps(nb)
    assert sorted(nb.metadata) == ["authors", "kernelspec", "language_info", "lecture_lib"]
    assert nb.metadata.lecture_lib.generated_from == "01_name"


def test_releasing_twice_gives_the_same_bytes(read):
    src = read()
    del src.nb.cells[0]["id"]
    assert notebook_format.dumps(release.release(src)) == notebook_format.dumps(release.release(src))


def test_metadata_that_only_says_how_a_cell_looks_stays_and_the_rest_goes(read):
    kept = {"tags": ["a"], "slideshow": {"slide_type": "slide"}, "jupyter": {"source_hidden": True}}
    src = read(cell("y = 1", **kept, note="terms = mu**2", collapsed=True, execution={"a": "1"}))
    assert release.release(src).cells[-1].metadata == kept | {"collapsed": True}


def test_tests_and_set_up_are_locked_and_answers_cannot_be_deleted(read):
    locks = {
        node.metadata.nbgrader.grade_id: (node.metadata.get("deletable"), node.metadata.get("editable"))
        for node in release.release(read()).cells
        if "nbgrader" in node.metadata
    }
    assert locks == {
        "setup": (False, False),
        "kl": (False, None),
        "kl-test": (False, False),
        "why": (False, None),
        "t": (None, None),
    }


def test_a_test_is_locked_even_where_its_source_is_not(read):
    src = read(cell("assert 1", "test", "open"))
    src.cells[-1].cell.metadata.nbgrader.locked = False
    metadata = release.release(src).cells[-1].metadata
    assert (metadata.deletable, metadata.editable, metadata.nbgrader.locked) == (False, False, False)


def test_metadata_of_older_schemas_is_brought_up_to_date(read):
    src = read(cell("assert 1", "test", "old"))
    meta = src.cells[-1].cell.metadata.nbgrader
    meta.update(schema_version=1, extra="terms = mu**2 + log_var.expm1() - log_var")
    del meta["task"]
    assert dict(release.release(src).cells[-1].metadata.nbgrader) | {"checksum": ""} == {
        "grade": True,
        "solution": False,
        "locked": True,
        "task": False,
        "schema_version": 3,
        "grade_id": "old",
        "points": 2,
        "cell_type": "code",
        "checksum": "",
    }


def test_attachments_stay_where_they_are_shown_and_go_with_an_answer(read):
    shown, answer = (
        cell("![](attachment:a%20b.png)", kind="markdown"),
        cell("![](attachment:c.png)", "manual", "m", "md"),
    )
    for node in (shown, answer):
        node.attachments = {name: {"image/png": "iVBORw0="} for name in ("a b.png", "c.png")}
    nb = release.release(read(shown, answer))
    assert list(nb.cells[-2].attachments) == ["a b.png"]
    assert "attachments" not in nb.cells[-1]


# --- the leak scan


@pytest.fixture
def planted(read):
    """The leaks of an exercise after a change: planted(lambda nb: …)."""
    src = read()
    clean = release.release(src)
    assert release.leaks(src, clean) == []

    def planted(change):
        nb = copy.deepcopy(clean)
        change(nb)
        return release.leaks(src, NotebookNode(json.loads(json.dumps(nb), object_hook=NotebookNode)))

    return planted


def b64(text):
    return base64.b64encode(text.encode()).decode()


SECRETS = [
    "    terms = mu**2 + log_var.expm1() - log_var",
    "    return 0.5 * total",
    'assert kl(x, -x).shape == (7,), "one value a row"',
    "    # half of what the bound pays for a code",
    ANSWER,
    "the axes have labels",
    "total = terms.sum(-1)",
    "n = 3",
]
HIDING_PLACES = {
    "Markdown": lambda nb, line: nb.cells.append(v4.new_markdown_cell(line)),
    "a list": lambda nb, line: nb.cells.append(v4.new_markdown_cell(f"text\n\n1. {line}\n")),
    "prose": lambda nb, line: nb.cells.append(v4.new_markdown_cell(f"Now `{line.strip()}`: done.")),
    "a fence": lambda nb, line: nb.cells[0].update(source=f"# KL\n```python\n{line}\n```"),
    "a raw cell": lambda nb, line: nb.cells.append(v4.new_raw_cell(line)),
    "a printed output": lambda nb, line: nb.cells[1].outputs.append(v4.new_output("stream", text=f"1\n{line}\n")),
    "an error": lambda nb, line: nb.cells[1].outputs.append(
        v4.new_output("error", ename="E", evalue="", traceback=["a", f"\x1b[32m----> 1\x1b[39m {line}"])
    ),
    "an alt text": lambda nb, line: nb.cells[1].outputs.append(
        v4.new_output("display_data", {"text/html": f'<img alt="{line.replace(chr(34), "&quot;")}">'})
    ),
    "cell metadata": lambda nb, line: nb.cells[1].metadata.update(note={"deep": [1, line]}),
    "a key": lambda nb, line: nb.cells[1].metadata.update({line: 1}),
    "metadata with escapes": lambda nb, line: nb.cells[1].metadata.update(note=json.dumps("1\n" + line)),
    "notebook metadata": lambda nb, line: nb.metadata.update(note=line),
    "an attachment": lambda nb, line: nb.cells[0].update(attachments={"a.txt": {"text/plain": b64(line)}}),
    "an attachment in lines": lambda nb, line: nb.cells[0].update(
        attachments={"a": {"text/plain": re.sub("(.{40})", "\\1\n", b64("0123456789" * 5 + f"\n{line}\n"))}}
    ),
    "a picture in a link": lambda nb, line: nb.cells[0].update(source=f"![](data:text/plain;base64,{b64(line)})"),
    "another indentation": lambda nb, line: nb.cells[0].update(source="\t\t" + line.strip().replace(" ", "   ")),
}  # fmt: skip


@pytest.mark.parametrize("place", HIDING_PLACES)
@pytest.mark.parametrize("line", SECRETS)
def test_a_line_of_an_answer_is_found_wherever_it_is_stored(planted, place, line):
    found = planted(lambda nb: HIDING_PLACES[place](nb, line))
    assert any(line.strip() in sentence for sentence in found), found


@pytest.mark.parametrize(
    "text",
    [
        SOLUTION,
        SOLUTION.replace("    ", "  ").replace(" = ", "="),
        "terms = mu**2 + log_var.expm1() - log_var",
        "scale = sigma ** 2",
        "if True:\n            terms=mu ** 2+log_var.expm1()-log_var  # done",
        "total = terms.sum(-1)\nreturn 0.5 * total",
        "expected = mu**2 + log_var.expm1() - log_var",
        "expected = 2 * (mu**2\n    + log_var.expm1()\n    - log_var)",
        'assert kl(x,-x).shape == (7,), "one value a row"',
    ],
)
def test_a_scratch_cell_with_the_answer_is_found(planted, text):
    assert planted(lambda nb: nb.cells.append(v4.new_code_cell(text)))


def test_the_sentence_names_both_cells_and_both_lines(planted):
    found = planted(lambda nb: nb.cells[0].update(source="# KL\n\n    terms = mu**2 + log_var.expm1() - log_var"))
    assert found == [
        "01_name: cell 1, counted from the top, source, line 3, shows line 3 of the solution in cell 'kl': "
        "terms = mu**2 + log_var.expm1() - log_var"
    ]


def test_a_marker_that_is_left_is_a_leak(planted):
    assert "END HIDDEN TESTS" in planted(lambda nb: nb.cells.append(v4.new_raw_cell("### END HIDDEN TESTS")))[0]


def test_an_answer_of_one_short_line_is_found(read):
    src = read(cell("def f(x):\n    return x + 1", "solution", "f"), cell('answer = "b"', "solution", "quiz"))
    for text in ("def f(x):\n    return x + 1", 'answer = "b"'):
        nb = release.release(src)
        nb.cells.append(v4.new_code_cell(text))
        assert len(release.leaks(src, nb)) == 1


@pytest.mark.parametrize(
    "innocent",
    [
        cell("import math\ndef kl(mu, log_var):\n    return None"),
        cell("We call `math` with n = 3, which adds 7 to the total.", kind="markdown"),
        cell("n = 3"),  # one short line in code
        cell("total = terms.sum(-1)\nloss.backward()"),
        cell("x = [\n]\nreturn total\nelse:\n    pass"),
        cell("self.terms = mu**2 + other", kind="markdown"),
        cell("total = terms.sum(0)"),
    ],
)
def test_common_lines_are_no_leak(read, innocent):
    src = read(innocent)
    assert release.leaks(src, release.release(src)) == []


def test_imports_headers_and_trifles_of_a_solution_may_be_shown(read):
    trifles = [
        "import torch.nn.functional as F, numpy as np",
        "from torch.nn.functional import binary_cross_entropy_with_logits as bce, softplus",
        "def bound(x, encoder, decoder, n_samples):",
        "@functools.lru_cache(maxsize=1024 * 2 + 1)",
        "total = 0",
        "return total",
    ]
    src = read(cell("\n".join([*trifles, "return encoder(x) + 1"]), "manual", "bound"))
    nb = release.release(src)
    nb.cells += [v4.new_markdown_cell(line) for line in trifles]
    assert release.leaks(src, nb) == []


def test_a_hidden_test_may_share_lines_with_visible_tests_but_not_with_plain_cells(read):
    src = read()
    shared = "x = torch.randn(7, 5, generator=generator)"
    assert shared in src.cells[3].hidden
    assert shared in src.cells[3].released
    src = read(cell('assert kl(x, -x).shape == (7,), "one value a row"', "test", "again"))
    assert release.leaks(src, release.release(src)) == []
    src = read(cell('assert kl(x, -x).shape == (7,), "one value a row"'))
    assert "what is hidden in cell 'kl-test'" in release.leaks(src, release.release(src))[0]


def test_a_solution_line_in_a_visible_test_or_in_the_next_exercise_is_a_leak(read):
    text = "terms = mu**2 + log_var.expm1() - log_var"
    for more in (
        cell(text, "test", "next"),
        cell(f"{text}\n### BEGIN SOLUTION\ny = 1\n### END SOLUTION", "solution", "n"),
    ):
        src = read(more)
        assert "of the solution in cell 'kl'" in release.leaks(src, release.release(src))[0]


def test_what_the_solution_cell_shows_beside_its_region_is_given(read):
    line = "hidden = torch.relu(self.first(x) + self.second(x))"
    text = f"def f():\n    {line}\n    ### BEGIN SOLUTION\n    {line}\n    return hidden * 2 + 1\n    ### END SOLUTION"
    src = read(cell(text, "solution", "net"))
    assert release.leaks(src, release.release(src)) == []


def test_an_author_can_say_that_a_cell_shows_a_line_on_purpose(read):
    text = "terms = mu**2 + log_var.expm1() - log_var"
    src = read(cell(text, tags=["given"]))
    assert release.leaks(src, release.release(src)) == []


@pytest.mark.parametrize(
    "line, weight",
    [
        ("", 0),
        ("    else:", 0),
        ("return x", 1),
        (")], }", 0),
        ("x = None", 2),
        ("answer = 42", 3),
        ("total = 0", 2),
        ("y += 1", 3),
        ("return x @ self.w", 3),
        ("rtol=1e-4,", 3),
        ("return a - b", 3),
        ("z = mu + eps * std", 6),
    ],
)
def test_the_weight_of_a_line_by_hand(line, weight):
    assert leakage._weight(line) == weight


@pytest.mark.parametrize(
    "line, computes",
    [
        ("variance = sigma**2", True),
        ("z = x @ W.T", True),
        ("y = f(x) - 1", True),
        ("total += 1", False),
        ("total = terms.sum(-1)", False),
        ("x = tensor(3e-4)", False),
        ("call(first, *layers)", False),
    ],
)
def test_a_line_computes_where_an_operator_joins_two_things(line, computes):
    assert leakage._computes(line, leakage._weight(line)) == computes


# --- writing


@pytest.fixture
def folders(tmp_path):
    solutions = tmp_path / "solutions"
    save(solutions)
    save(solutions, name="02_more")
    return solutions, tmp_path / "exercises"


def test_every_notebook_of_a_folder_is_written_once(folders):
    solutions, exercises = folders
    assert release.write(solutions, exercises) == [f"{exercises / n}.ipynb written" for n in ("01_name", "02_more")]
    before = {path: path.stat().st_mtime_ns for path in exercises.iterdir()}
    assert [path.name for path in sorted(before)] == ["01_name.ipynb", "02_more.ipynb"]
    assert all(message.endswith("is up to date") for message in release.write(solutions, exercises))
    assert {path: path.stat().st_mtime_ns for path in exercises.iterdir()} == before
    assert release.write(solutions, exercises, check=True) == []


def test_one_notebook_can_be_written_alone(folders):
    solutions, exercises = folders
    release.write(solutions / "02_more.ipynb", exercises)
    assert [path.name for path in exercises.iterdir()] == ["02_more.ipynb"]
    assert release.write(solutions / "02_more.ipynb", exercises, check=True) == []


def test_checking_writes_nothing_and_tells_missing_stale_and_orphaned_exercises(folders):
    solutions, exercises = folders
    assert [m.partition(" is ")[2] for m in release.write(solutions, exercises, check=True)] == [
        "missing: release it again"
    ] * 2
    assert not exercises.exists()
    release.write(solutions, exercises)
    (solutions / "02_more.ipynb").unlink()
    save(solutions, cell("z = 3"))
    before = {path: path.read_bytes() for path in exercises.iterdir()}
    stale, orphan = release.write(solutions, exercises, check=True)
    assert stale == f"{exercises / '01_name.ipynb'} is stale: release it again"
    assert "02_more.ipynb has no source" in orphan
    assert {path: path.read_bytes() for path in exercises.iterdir()} == before
    assert [message.split()[-1] for message in release.write(solutions, exercises)] == ["written", "elsewhere"]
    assert (exercises / "02_more.ipynb").exists()


def test_an_exercise_that_was_only_run_is_written_over(folders):
    solutions, exercises = folders
    release.write(solutions, exercises)
    nb = notebook_format.read(exercises / "01_name.ipynb")
    nb.cells[1].update(outputs=[v4.new_output("stream", text="1")], execution_count=1)
    notebook_format.write(exercises / "01_name.ipynb", nb)
    assert "stale" in release.write(solutions, exercises, check=True)[0]
    assert "written" in release.write(solutions, exercises)[0]


@pytest.mark.parametrize("reason", ["was not generated", "was edited by hand"])
def test_work_of_others_is_never_written_over(folders, reason):
    solutions, exercises = folders
    release.write(solutions, exercises)
    path = exercises / "02_more.ipynb"
    nb = notebook_format.read(path)
    nb.cells[2].source = "my answer"
    if reason == "was not generated":
        del nb.metadata["lecture_lib"]
    notebook_format.write(path, nb)
    save(solutions, cell("z = 3"))
    before = {path: path.read_bytes() for path in exercises.iterdir()}
    with pytest.raises(source.SourceError, match=rf"02_more\.ipynb {reason}"):
        release.write(solutions, exercises)
    assert {path: path.read_bytes() for path in exercises.iterdir()} == before
    assert [message.split()[1:3] for message in release.write(solutions, exercises, check=True)] == [
        ["is", "stale:"]
    ] * 2


def test_an_exercise_under_the_name_of_another_is_not_written_over(folders):
    solutions, exercises = folders
    release.write(solutions, exercises)
    (exercises / "01_name.ipynb").replace(exercises / "02_more.ipynb")
    with pytest.raises(source.SourceError, match=r"02_more\.ipynb was edited by hand"):
        release.write(solutions, exercises)


def test_a_file_that_is_no_notebook_and_the_source_itself_are_never_written_over(folders):
    solutions, exercises = folders
    exercises.mkdir()
    (exercises / "01_name.ipynb").write_text("notes", encoding="utf-8")
    with pytest.raises(source.SourceError, match="was not generated"):
        release.write(solutions, exercises)
    with pytest.raises(source.SourceError, match="was not generated"):
        release.write(solutions, solutions)


@pytest.mark.parametrize("check", [False, True])
def test_nothing_is_written_when_one_exercise_leaks(folders, check):
    solutions, exercises = folders
    save(solutions, cell("terms = mu**2 + log_var.expm1() - log_var"), name="02_more")
    with pytest.raises(source.SourceError, match=r"02_more: cell 8, .* line 1, shows line 3"):
        release.write(solutions, exercises, check=check)
    assert not exercises.exists()


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(source.SourceError, match="neither a notebook nor a folder with notebooks"):
        release.write(tmp_path, tmp_path)
