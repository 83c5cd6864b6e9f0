"""Submissions as they come: what is read of a file, and which text is run or marked where."""

import copy
import json
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat import v4

from lecture_lib.grading import placing, source, submission

REPEATABLE = settings(
    deadline=None, derandomize=True, database=None, max_examples=80, suppress_health_check=list(HealthCheck)
)
SENTENCE = re.compile(r"[A-Z][^\n]*[^.\n]\.")

ROLES = {
    "plain": None,
    "locked": {"locked": True},
    "solution": {"solution": True},
    "test": {"grade": True, "locked": True, "points": 1},
    "manual": {"grade": True, "solution": True, "points": 2},
    "task": {"task": True, "points": 3},
}
SOLVED = "    ### BEGIN SOLUTION\n    return {}\n    ### END SOLUTION"
HIDDEN = "\n### BEGIN HIDDEN TESTS\nassert x < 3.2\n### END HIDDEN TESTS"
CELLS = [  # role, kind, grade_id, text
    ("plain", "markdown", "", "# Title"),
    ("plain", "code", "", "import math"),
    ("locked", "code", "given", "def given():\n    return 1"),
    ("plain", "markdown", "", "## Areas"),
    ("solution", "code", "area", "def area(r):\n" + SOLVED.format("math.pi * r**2")),
    ("plain", "code", "", "print(area(2))"),
    ("test", "code", "test-area", "x = area(1)\nassert x > 3" + HIDDEN),
    ("solution", "code", "volume", "def volume(r):\n" + SOLVED.format("area(r) * r * 4 / 3")),
    ("test", "code", "test-volume", "assert volume(1) > 4"),
    ("plain", "markdown", "", "## Numbers"),
    ("solution", "code", "numbers", "### BEGIN SOLUTION\ncount = 3\ntotal = 7\n### END SOLUTION"),
    ("test", "code", "test-numbers", "assert count + total == 10"),
    ("plain", "markdown", "", "## Print them"),
    ("solution", "code", "show", "### BEGIN SOLUTION\nprint(count)\n### END SOLUTION"),
    ("test", "code", "test-show", "assert count"),
    ("plain", "markdown", "", "Why?"),
    ("manual", "markdown", "why", "### BEGIN SOLUTION\nBecause.\n### END SOLUTION"),
    ("plain", "markdown", "", "What for?"),
    ("manual", "markdown", "what-for", "### BEGIN SOLUTION\nFor this.\n### END SOLUTION"),
    ("plain", "markdown", "", "## Draw"),
    ("manual", "code", "draw", "### BEGIN SOLUTION\ndrawing = total\n### END SOLUTION"),
    ("task", "markdown", "essay", "Write more below."),
    ("plain", "markdown", "", "The end."),
]
INDEX = {grade_id: index for index, (*_, grade_id, _) in enumerate(CELLS) if grade_id}
TESTS = [grade_id for role, _, grade_id, _ in CELLS if role == "test"]
SOLUTIONS = ["area", "volume", "numbers", "show", "draw"]
ANSWERS = {
    "area": "def area(r):\n    return 3.14159 * r * r",
    "volume": "def volume(r):\n    return 4.18879 * r**3",
    "numbers": "count = 1 + 2\ntotal = 7.0",
    "show": "print('three')",
    "draw": "drawing = 'a picture'",
    "why": "Therefore.",
    "what-for": "For that.",
}


def cell(role, kind, grade_id, text):
    made = v4.new_code_cell(text) if kind == "code" else v4.new_markdown_cell(text)
    if ROLES[role] is not None:
        flags = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        made.metadata["nbgrader"] = flags | {"grade_id": grade_id} | ROLES[role]
    return made


@pytest.fixture(scope="module")
def src(tmp_path_factory):
    cells = [cell(*parts) for parts in CELLS]
    for index, made in enumerate(cells):
        made["id"] = f"cell-{index}"
    path = tmp_path_factory.mktemp("source") / "01_areas.ipynb"
    path.write_text(v4.writes(v4.new_notebook(cells=cells)), encoding="utf-8")
    return source.read(path)


@pytest.fixture
def exercise(src):
    """The notebook as it is handed out, as a dictionary."""
    nb = copy.deepcopy(src.nb)
    for made, kept in zip(nb.cells, src.cells, strict=True):
        made.source = kept.released
    return json.loads(v4.writes(nb))


@pytest.fixture
def solved(exercise):
    for grade_id, text in ANSWERS.items():
        exercise["cells"][INDEX[grade_id]]["source"] = text
    return exercise


def encode(nb):
    return json.dumps(nb).encode()


def plan(src, nb):
    pieces, notes = submission.read(encode(nb))
    found = placing.plan(src, pieces)
    for note in notes + found.notes:
        assert SENTENCE.fullmatch(note), note
    return found


def at(nb, grade_id):
    return next(made for made in nb["cells"] if made.get("id") == f"cell-{INDEX[grade_id]}")


def extra(nb, below, text, kind="code", **more):
    """Put a cell of the student's own below another."""
    made = {"cell_type": kind, "id": f"own-{len(nb['cells'])}", "metadata": {}, "source": text, **more}
    nb["cells"].insert(nb["cells"].index(at(nb, below)) + 1, made)
    return made


def everything_in_place(found, but=()):
    for grade_id in SOLUTIONS:
        if grade_id not in but:
            assert found.code[INDEX[grade_id]] == [ANSWERS[grade_id]], grade_id
            assert INDEX[grade_id] not in found.untouched
    for grade_id in ("why", "what-for"):
        if grade_id not in but:
            assert found.answers[INDEX[grade_id]] == ANSWERS[grade_id]


def all_texts(found):
    return [text for texts in found.code.values() for text in texts]


# --- reading a file


def texts_of(data):
    pieces, notes = submission.read(data)
    return [(piece.kind, piece.text) for piece in pieces], notes


def test_an_ordinary_notebook_is_read_without_notes(solved):
    pieces, notes = submission.read(encode(solved))
    assert notes == []
    assert [piece.text for piece in pieces] == ["".join(c["source"]) for c in solved["cells"]]
    area = pieces[INDEX["area"]]
    assert (area.kind, area.ids, area.defines) == ("code", ["area", "cell-4"], {"area"})
    assert pieces[0].ids == ["cell-0"]


NOTEBOOK = {"cells": [{"cell_type": "code", "source": "é = 1"}], "nbformat": 4}
TEXT = json.dumps(NOTEBOOK, ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_of_unicode_are_recognized(encoding):
    texts, notes = texts_of(TEXT.encode(encoding))
    assert texts == [("code", "é = 1")]
    assert len(notes) == (not encoding.startswith("utf-8"))


def test_bytes_that_are_no_utf_8_cost_a_mark_and_a_note():
    texts, notes = texts_of(TEXT.encode("latin-1"))
    assert texts == [("code", "\ufffd = 1")]
    assert notes == ["The file is not pure UTF-8; what is not was replaced by a mark."]
    assert texts_of('{"nbformat": 4, "cells": [{"source": "\ufffd"}]}'.encode())[1] == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty"),
        (b" \n\t", "The file is empty"),
        (b"x", "not valid JSON"),
        (b"PK\x03\x04" + bytes(100), "not valid JSON"),
        (bytes(100), "not valid JSON"),
        (b"\xff" * 100, "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (TEXT.encode()[:-5], "not valid JSON"),
        (TEXT.encode() * 2, "not valid JSON"),
        (b"<<<<<<< HEAD\n" + TEXT.encode(), "not valid JSON"),
        (b"[" * 200_000, "not valid JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not valid JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not valid JSON"),
        (b"[1, 2]", "no list of cells"),
        (b"null", "no list of cells"),
        (b"42", "no list of cells"),
        (b'"text"', "no list of cells"),
        (b"{}", "no list of cells"),
        (b'{"cells": null}', "no list of cells"),
        (b'{"cells": {"0": 1}}', "no list of cells"),
        (b'{"cells": "code"}', "no list of cells"),
        (b'{"worksheets": 3}', "no list of cells"),
        (b'{"cells": [' + b"0," * 20_000 + b"0]}", "20,001 cells, more than 10,000"),
        (b'{"cells": [], "x": [' + b"[]," * 5_000_001 + b"0]}", "millions of values"),
        (b" " * (100 * 2**20 + 1), "The file has 100 MB"),
    ],
    ids=lambda value: str(value[:30]),
)
def test_what_is_no_notebook_is_refused_in_one_sentence(data, reason):
    start = time.process_time()
    with pytest.raises(submission.SubmissionError, match=reason) as caught:
        submission.read(data)
    assert SENTENCE.fullmatch(str(caught.value))
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("cell", "kind", "text"),
    [
        ({}, "code", ""),
        ({"cell_type": "code"}, "code", ""),
        ({"cell_type": "code", "source": None}, "code", ""),
        ({"cell_type": "code", "source": 42}, "code", ""),
        ({"cell_type": "code", "source": {"a": "b"}}, "code", ""),
        ({"cell_type": "code", "source": ["a\n", 1, None, ["x"], "b"]}, "code", "a\nb"),
        ({"cell_type": "code", "source": "a\r\nb\rc"}, "code", "a\nb\nc"),
        ({"cell_type": "code", "source": "\ud83d"}, "code", "\ud83d"),
        ({"cell_type": "code", "input": "a = 1"}, "code", "a = 1"),
        ({"cell_type": 3, "source": "a"}, "code", "a"),
        ({"cell_type": "quantum", "source": "a"}, "quantum", "a"),
        ({"cell_type": "markdown", "source": "# a", "metadata": None}, "markdown", "# a"),
        ({"source": "a", "metadata": [1], "id": {"x": 1}}, "code", "a"),
        ({"source": "a", "metadata": {"nbgrader": 7}, "id": 3}, "code", "a"),
        ({"source": "a", "metadata": {"nbgrader": {"grade_id": ["kl"]}}, "id": None}, "code", "a"),
        ({"source": "a", "metadata": "nbgrader"}, "code", "a"),
    ],
)
def test_odd_cells_are_read_as_far_as_they_go(cell, kind, text):
    (piece,), _ = submission.read(encode({"cells": [cell], "nbformat": 4}))
    assert (piece.kind, piece.text, piece.ids) == (kind, text, [])


def test_what_is_no_cell_is_left_out():
    assert submission.read(encode({"cells": [None, 1, "kl", [], True], "nbformat": 4})) == ([], [])


@pytest.mark.parametrize(
    "metadata", [None, [], "x", 3, {"kernelspec": 3}, {"kernelspec": {"language": 4}}, {"language_info": ["R"]}, {}]
)
def test_odd_metadata_of_a_notebook_is_no_matter(metadata):
    assert submission.read(encode(NOTEBOOK | {"metadata": metadata}))[1] == []


@pytest.mark.parametrize("language", ["python", "Python", "python3", "ipython", "Python 2", ""])
def test_any_python_is_python(language):
    assert submission.read(encode(NOTEBOOK | {"metadata": {"kernelspec": {"language": language}}}))[1] == []


@pytest.mark.parametrize(
    "metadata", [{"kernelspec": {"language": "R", "name": "ir"}}, {"language_info": {"name": "julia" * 100}}]
)
def test_another_language_is_noted(metadata):
    (note,) = submission.read(encode(NOTEBOOK | {"metadata": metadata}))[1]
    assert re.match(r"The notebook names '(R|julia)", note)
    assert SENTENCE.fullmatch(note)
    assert len(note) < 120


@pytest.mark.parametrize("version", [4, "4"])
def test_minor_versions_are_no_matter(version):
    assert submission.read(encode(NOTEBOOK | {"nbformat": version, "nbformat_minor": 99}))[1] == []


@pytest.mark.parametrize("version", [99, None, "four", [4], {}, 3])
def test_other_versions_are_read_with_a_note(version):
    texts, notes = texts_of(encode(NOTEBOOK | {"nbformat": version}))
    assert texts == [("code", "é = 1")]
    assert notes == ["The notebook does not say that it is of nbformat 4; its cells were read all the same."]


@pytest.mark.parametrize("version", [2, 3])
def test_worksheets_of_old_formats_are_read_in_order(version):
    sheets = [
        {"cells": [{"cell_type": "code", "input": ["a = 1\n", "b = 2"]}, {"cell_type": "heading", "source": "Title"}]},
        None,
        {"cells": "none"},
        {},
        {"cells": [{"cell_type": "markdown", "source": "text"}, 5]},
    ]
    texts, notes = texts_of(encode({"worksheets": sheets, "nbformat": version}))
    assert texts == [("code", "a = 1\nb = 2"), ("heading", "Title"), ("markdown", "text")]
    assert notes == ["The notebook is of an old format (before nbformat 4); its cells were read all the same."]


@pytest.mark.parametrize(
    "more", ["NaN", "[Infinity, -Infinity]", "9" * 10_000, "-" + "9" * 10_000 + ".5e9", "1e999", '"\\ud800"']
)
def test_numbers_that_are_none_in_json_and_long_ones_are_no_matter(more):
    texts, notes = texts_of(f'{{"x": {more}, "cells": [{{"source": "a"}}], "nbformat": 4}}'.encode())
    assert (texts, notes) == ([("code", "a")], [])


def test_of_keys_that_come_twice_the_last_counts():
    assert texts_of(b'{"nbformat": 4, "nbformat": 4, "cells": 3, "cells": [{"source": "a", "source": "b"}]}') == (
        [("code", "b")],
        [],
    )


def test_large_outputs_are_no_matter():
    outputs = [{"output_type": "stream", "text": ["0123456789" * 1000] * 6000}]
    texts, notes = texts_of(encode({"cells": [{"source": "a", "outputs": outputs}], "nbformat": 4}))
    assert (texts, notes) == ([("code", "a")], [])


def test_a_huge_cell_is_cut_with_a_note():
    pieces, notes = submission.read(encode({"cells": [{"source": "x = 1\n" * 200_000}], "nbformat": 4}))
    assert len(pieces[0].text) == 1_000_000
    assert notes == ["A cell has more than 1,000,000 characters; the rest of it was not read."]


@pytest.mark.parametrize(
    ("text", "defines"),
    [
        ("def f():\n    g = 1\nclass A:\n    b = 2\nx, y = 1, 2\nfor i in x:\n    pass", {"f", "A", "x", "y", "i"}),
        ("%matplotlib inline\n!ls\nx = !ls\nf?", {"x"}),
        ("import math\nx: int\ny: int = 1\nz += 1", {"y", "z"}),
        ("def f(:\n    return 0\nx = 1\ny == 2\nasync def g():\nclass B", {"f", "x", "g", "B"}),
        ("", set()),
        ("x = '\\d'", {"x"}),
        ("x = 1\x00", {"x"}),
        ("f = '\ud800'", {"f"}),
    ],
)
def test_the_names_that_a_cell_defines_are_seen_even_where_it_is_broken(text, defines):
    (piece,), _ = submission.read(encode({"cells": [{"source": text}], "nbformat": 4}))
    assert piece.defines >= defines
    assert piece.defines <= defines | {"_exit_code"}


@pytest.mark.parametrize(
    "text",
    [
        "-" * 40_000 + "1",
        "(" * 40_000,
        "lambda:" * 5000 + "1",
        "a" + ".a" * 20_000,
        "+".join("1" * 20_000),
        "\n".join(["x = !ls"] * 600),
        "\n".join(["%magic"] * 2000),
        "\n".join(["f?"] * 2000),
        "x=!ls\n" * 400 + "x = 1\n" * 10_000,
        "x = 1\n" * 20_000,
        "'" * 100_001,
        "f'{" * 1000,
        "\\\n" * 100_000,
        "\n".join(" " * i + "if 1:" for i in range(200)),
        "[" * 500 + "]" * 500,
        "\n" * 150_000,
        "x = 1\n" + " \n" * 30_000,
        "?" * 100_000,
        "= " * 50_000,
        "a" * 150_000,
        "%" * 150_000,
        "f(" + "?, " * 1000 + ")",
        "\x0c\x00\u2028" * 1000,
    ],
    ids=lambda text: text[:12],
)
def test_a_cell_made_to_be_hard_to_read_is_read_soon(text):
    start = time.process_time()
    (piece,), _ = submission.read(encode({"cells": [{"source": text + "\nlast = 1"}], "nbformat": 4}))
    assert time.process_time() - start < 8
    assert piece.text.startswith(text[:1000])


def test_many_long_cells_are_read_soon(src):
    cells = [{"cell_type": "code", "source": f"y{i} = 1\n" * 4000 + "%magic"} for i in range(100)]
    start = time.process_time()
    found = plan(src, {"cells": cells, "nbformat": 4})
    assert time.process_time() - start < 12
    assert len(all_texts(found)) == 100 + len(SOLUTIONS)


# --- placing: nothing lost


def test_the_exercise_as_it_came_is_untouched(src, exercise):
    found = plan(src, exercise)
    graded = [*SOLUTIONS, "why", "what-for", "essay"]
    assert found.untouched == {INDEX[grade_id] for grade_id in graded}
    assert found.code == {INDEX[i]: [src.cells[INDEX[i]].released] for i in SOLUTIONS}
    assert found.answers == {}
    assert found.notes == []


def test_answers_go_where_their_ids_say(src, solved):
    found = plan(src, solved)
    everything_in_place(found)
    assert found.untouched == {INDEX["essay"]}
    assert found.answers[INDEX["draw"]] == ANSWERS["draw"]
    assert sorted(found.code) == [INDEX[grade_id] for grade_id in SOLUTIONS]
    assert found.notes == []


def test_space_at_ends_of_lines_is_no_change(src, exercise):
    for made in exercise["cells"]:
        made["source"] = "\n \n" + "".join(made["source"]).replace("\n", "  \r\n") + " \n\n"
    assert plan(src, exercise).untouched == plan(src, exercise).untouched | {INDEX[i] for i in SOLUTIONS}


def test_a_stub_in_the_words_of_another_tool_is_a_stub(src, exercise):
    for made in exercise["cells"]:
        made["source"] = re.sub(r"Error\(.*\)", "Error()", "".join(made["source"]))
    found = plan(src, exercise)
    assert found.untouched >= {INDEX[i] for i in SOLUTIONS}
    assert found.notes == []


def test_cells_of_ones_own_run_after_the_cell_above_them(src, solved):
    extra(solved, "given", "helper = 1")
    extra(solved, "area", "area(5)")
    extra(solved, "test-area", "print('passed')")
    extra(solved, "why", "some = 'code'")
    extra(solved, "why", "A note.", kind="markdown")
    solved["cells"].insert(0, {"cell_type": "code", "metadata": {}, "source": "first = 1"})
    found = plan(src, solved)
    everything_in_place(found, but=["area", "why"])
    assert submission.START < 0
    assert found.code[submission.START] == ["first = 1"]
    assert found.code[INDEX["given"]] == ["helper = 1"]
    assert found.code[INDEX["area"]] == [ANSWERS["area"], "area(5)"]
    assert found.code[INDEX["test-area"]] == ["print('passed')"]
    assert found.code[INDEX["why"]] == ["some = 'code'"]
    assert found.notes == []


def test_a_changed_set_up_cell_runs_after_ours(src, solved):
    solved["cells"][1]["source"] = "import math, itertools"
    solved["cells"][5]["source"] = "print(area(3))"
    at(solved, "given")["source"] = "def given():\n    return 2"
    found = plan(src, solved)
    everything_in_place(found)
    assert found.code[1] == ["import math, itertools"]
    assert found.code[5] == ["print(area(3))"]
    assert found.code[INDEX["given"]] == ["def given():\n    return 2"]


def test_written_answers_and_tasks_are_kept_for_a_person(src, solved):
    extra(solved, "essay", "My essay.", kind="markdown")
    extra(solved, "essay", "plot(essay)")
    found = plan(src, solved)
    assert found.answers[INDEX["essay"]] == "plot(essay)\n\nMy essay."
    assert found.code[INDEX["essay"]] == ["plot(essay)"]
    assert INDEX["essay"] not in found.untouched


def test_an_essay_in_the_cell_of_the_task_is_found(src, solved):
    at(solved, "essay")["source"] = "Write more below. Well then."
    assert plan(src, solved).answers[INDEX["essay"]] == "Write more below. Well then."


# --- placing: ids


def drop(nb, *keys):
    for made in nb["cells"]:
        for key in keys:
            made.pop(key, None)
            made["metadata"].pop(key, None)


def test_cell_ids_are_enough(src, solved):
    drop(solved, "nbgrader")
    found = plan(src, solved)
    everything_in_place(found)
    names = ", ".join(SOLUTIONS)
    assert found.notes == [f"Answers stand in cells that do not have their grade_id: {names}."]


def test_grade_ids_are_enough(src, solved):
    drop(solved, "id")
    found = plan(src, solved)
    everything_in_place(found)
    assert found.notes == []


def test_without_any_ids_names_and_places_are_enough(src, solved):
    extra(solved, "essay", "My essay.", kind="markdown")
    drop(solved, "id", "nbgrader")
    found = plan(src, solved)
    everything_in_place(found)
    assert found.answers[INDEX["essay"]] == "My essay."
    assert found.untouched == set()
    assert not {INDEX[i] for i in TESTS} & set(found.code)


def test_without_any_ids_what_is_untouched_is_untouched(src, exercise):
    drop(exercise, "id", "nbgrader")
    found = plan(src, exercise)
    assert found.untouched == {INDEX[i] for i in [*SOLUTIONS, "why", "what-for", "essay"]}
    assert found.answers == {}
    assert found.notes == []


def test_without_any_ids_only_code_cells_are_enough_for_code(src, solved):
    drop(solved, "id", "nbgrader")
    solved["cells"] = [made for made in solved["cells"] if made["cell_type"] == "code"]
    everything_in_place(plan(src, solved), but=["why", "what-for"])


def test_renamed_ids_are_as_good_as_none(src, solved):
    for number, made in enumerate(solved["cells"]):
        made["id"] = f"new-{number}"
        made["metadata"] = {"nbgrader": {"grade_id": f"changed-{number}", "solution": True}}
    everything_in_place(plan(src, solved))


@pytest.mark.parametrize("one", ["area", "test-area", "why", "show", "cell-1"])
@pytest.mark.parametrize("keep", [True, False])
def test_one_id_for_all_cells_is_as_good_as_none(src, solved, one, keep):
    for made in solved["cells"]:
        made["metadata"] = {"nbgrader": {"grade_id": one}}
        made["id"] = made["id"] if keep else one
    found = plan(src, solved)
    placed = [text for index in sorted(found.code) for text in found.code[index]]
    for grade_id in ("area", "volume", "numbers", "draw"):
        assert ANSWERS[grade_id] in found.code[INDEX[grade_id]]
    assert sorted(placed) == sorted(ANSWERS[grade_id] for grade_id in SOLUTIONS) or not keep
    if keep:
        everything_in_place(found)
    if one == "area" and not keep:
        assert ANSWERS["why"] not in placed


def test_swapped_answers_are_told_apart_by_what_they_define(src, solved):
    one, other = at(solved, "area"), at(solved, "volume")
    one["source"], other["source"] = other["source"], one["source"]
    found = plan(src, solved)
    everything_in_place(found)
    assert found.notes == ["Answers stand in cells that do not have their grade_id: area, volume."]


@pytest.mark.parametrize("stub_first", [True, False])
@pytest.mark.parametrize("new_id", [True, False])
def test_of_a_copied_cell_the_stub_does_not_count(src, exercise, solved, stub_first, new_id):
    stub = copy.deepcopy(at(solved, "volume")) | {"source": src.cells[INDEX["volume"]].released}
    stub["id"] = "copy" if new_id else stub["id"]
    solved["cells"].insert(INDEX["volume"] + (0 if stub_first else 1), stub)
    found = plan(src, solved)
    everything_in_place(found)
    assert found.notes == []


def test_two_answers_to_one_exercise_run_in_order_with_a_note(src, solved):
    second = copy.deepcopy(at(solved, "area")) | {"source": "def area(r):\n    return 0", "id": "copy"}
    solved["cells"].insert(INDEX["area"] + 1, second)
    found = plan(src, solved)
    everything_in_place(found, but=["area"])
    assert found.code[INDEX["area"]] == [ANSWERS["area"], "def area(r):\n    return 0"]
    assert found.notes == ["There are 2 cells for area; all were run, in order."]


def test_cells_in_reverse_order_keep_their_places(src, solved):
    solved["cells"].reverse()
    everything_in_place(plan(src, solved))


def test_all_answers_in_one_cell_run_once_and_first(src, solved):
    merged = "\n\n".join(ANSWERS[i] for i in ("area", "volume", "numbers"))
    at(solved, "numbers")["source"] = merged
    solved["cells"] = [c for c in solved["cells"] if c["id"] not in ("cell-4", "cell-7")]
    found = plan(src, solved)
    assert all_texts(found).count(merged) == 1
    assert found.code[INDEX["area"]] == [merged]
    assert not {INDEX[i] for i in ("area", "volume", "numbers")} & found.untouched
    assert found.notes == ["Answers stand in cells that do not have their grade_id: area, volume."]


def test_a_whole_notebook_in_one_cell_runs_once(src, solved):
    merged = "\n\n".join("".join(c["source"]) for c in solved["cells"] if c["cell_type"] == "code")
    solved["cells"] = [{"cell_type": "code", "metadata": {}, "source": merged}]
    found = plan(src, solved)
    assert all_texts(found).count(merged) == 1
    assert found.code[INDEX["area"]] == [merged]
    assert "Answer cells are missing or empty: show." in found.notes


def test_an_answer_below_the_untouched_stub_is_found(src, exercise):
    extra(exercise, "draw", ANSWERS["draw"])
    exercise["cells"].insert(INDEX["area"] + 1, {"cell_type": "code", "metadata": {}, "source": ANSWERS["area"]})
    found = plan(src, exercise)
    assert found.code[INDEX["area"]] == [ANSWERS["area"]]
    assert found.code[INDEX["draw"]] == [ANSWERS["draw"]]
    assert found.answers[INDEX["draw"]] == ANSWERS["draw"]
    assert not {INDEX["area"], INDEX["draw"]} & found.untouched
    assert found.notes == ["Answers stand in cells that do not have their grade_id: area, draw."]


def test_a_written_answer_below_the_untouched_stub_is_found(src, exercise):
    extra(exercise, "why", "Below.", kind="markdown")
    found = plan(src, exercise)
    assert found.answers == {INDEX["why"]: "Below."}


def test_a_written_answer_in_the_cell_of_the_question_is_found(src, exercise):
    exercise["cells"][INDEX["why"] - 1]["source"] = "Why? I know why."
    del exercise["cells"][INDEX["why"] - 1]["id"]
    assert plan(src, exercise).answers == {INDEX["why"]: "Why? I know why."}


def test_an_answer_in_the_cell_of_a_test_is_found(src, exercise):
    at(exercise, "test-area")["source"] = ANSWERS["area"] + "\nassert area(1) > 3"
    found = plan(src, exercise)
    assert found.code[INDEX["area"]] == [ANSWERS["area"] + "\nassert area(1) > 3"]
    assert found.notes == ["Answers stand in cells that do not have their grade_id: area."]


def test_changed_tests_are_left_alone(src, solved):
    at(solved, "test-area")["source"] = "while True:\n    pass"
    at(solved, "test-volume")["source"] = "import os\nos._exit(3)"
    drop({"cells": [at(solved, "test-volume")]}, "id")
    found = plan(src, solved)
    everything_in_place(found)
    assert len(all_texts(found)) == len(SOLUTIONS)


def test_a_copy_of_a_test_that_became_a_cell_of_ones_own_runs(src, solved):
    helper = copy.deepcopy(at(solved, "test-area")) | {"source": "helper = 2", "id": "copy"}
    solved["cells"].insert(INDEX["area"], helper)
    found = plan(src, solved)
    everything_in_place(found)
    assert all_texts(found).count("helper = 2") == 1


def test_an_answer_over_two_cells_runs_as_two(src, solved):
    parts = ["def square(r):\n    return r * r", "def area(r):\n    return 3.14 * square(r)"]
    at(solved, "area")["source"] = parts[0]
    extra(solved, "area", parts[1])
    found = plan(src, solved)
    assert found.code[INDEX["area"]] == parts
    assert INDEX["area"] not in found.untouched


@pytest.mark.parametrize("kind", ["markdown", "raw", "quantum"])
def test_an_answer_in_a_cell_that_became_text_runs_with_a_note(src, solved, kind):
    for grade_id in ("area", "numbers"):
        at(solved, grade_id)["cell_type"] = kind
    found = plan(src, solved)
    everything_in_place(found)
    assert found.notes == ["Answers stand in cells that are no code cells; they were run: area, numbers."]


def test_notes_in_text_cells_are_not_run(src, solved):
    extra(solved, "area", "It is `area = 3`.\n\ndef area(r):", kind="markdown")
    found = plan(src, solved)
    everything_in_place(found)
    assert found.notes == []


def test_an_answer_that_is_not_valid_python_keeps_its_place(src, solved):
    at(solved, "area")["source"] = "def area(r)\n    return 3"
    at(solved, "volume")["source"] = "I do not know."
    found = plan(src, solved)
    assert found.code[INDEX["area"]] == ["def area(r)\n    return 3"]
    assert found.code[INDEX["volume"]] == ["I do not know."]
    drop(solved, "id", "nbgrader")
    assert plan(src, solved).code[INDEX["area"]] == ["def area(r)\n    return 3"]


def test_missing_and_empty_answer_cells_are_noted(src, solved):
    at(solved, "volume")["source"] = " \n"
    at(solved, "draw")["source"] = None
    solved["cells"].remove(at(solved, "area"))
    found = plan(src, solved)
    assert found.notes == ["Answer cells are missing or empty: area, volume, draw."]
    assert found.untouched >= {INDEX[i] for i in ("area", "volume", "draw")}
    assert found.code[INDEX["area"]] == [src.cells[INDEX["area"]].released]


def test_a_notebook_without_cells_has_every_answer_missing(src):
    found = plan(src, {"cells": [], "nbformat": 4})
    assert found.notes == [f"Answer cells are missing or empty: {', '.join(SOLUTIONS)}."]
    assert found.answers == {}


def test_points_roles_and_outputs_of_a_submission_are_not_used(src, exercise):
    for made in exercise["cells"]:
        made["metadata"]["nbgrader"] = (made["metadata"].get("nbgrader") or {}) | {"grade": True, "points": 100}
        made["outputs"] = [{"output_type": "stream", "text": "all right"}]
    assert plan(src, exercise).code == {INDEX[i]: [src.cells[INDEX[i]].released] for i in SOLUTIONS}


# --- laws

ANY_ORDER = st.permutations(range(len(CELLS)))


@REPEATABLE
@given(order=ANY_ORDER, dropped=st.sets(st.tuples(st.sampled_from(["id", "nbgrader"]), st.integers(0, len(CELLS) - 1))))
def test_in_any_order_and_without_any_ids_each_answer_runs_once_and_no_test_does(src, order, dropped):
    cells = []
    for index, (role, kind, grade_id, _) in enumerate(CELLS):
        text = ANSWERS.get(grade_id, src.cells[index].released)
        nbgrader = {"grade_id": grade_id, "solution": role == "solution"} if ROLES[role] else {"grade": False}
        metadata = {} if ("nbgrader", index) in dropped else {"nbgrader": nbgrader}
        made = {"cell_type": kind, "metadata": metadata, "source": text, "id": f"cell-{index}"}
        cells.append({k: v for k, v in made.items() if k != "id" or ("id", index) not in dropped})
    found = plan(src, {"cells": [cells[i] for i in order], "nbformat": 4})
    stubs = [src.cells[i].released for i in found.untouched if src.cells[i].kind == "code"]
    assert sorted(all_texts(found)) == sorted([ANSWERS[i] for i in SOLUTIONS] + stubs)
    for grade_id in ("area", "volume", "numbers", "draw"):
        assert found.code[INDEX[grade_id]][0] == ANSWERS[grade_id]
    for grade_id in ("show", "why", "what-for"):
        if not {("id", INDEX[grade_id]), ("nbgrader", INDEX[grade_id])} <= dropped:
            index = INDEX[grade_id]
            assert (found.answers.get(index) or found.code[index][0]) == ANSWERS[grade_id]


WORDS = ["cells", "worksheets", "source", "input", "cell_type", "metadata", "nbgrader", "grade_id", "id", "nbformat"]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.floats(),
    st.sampled_from(
        ["code", "markdown", "raw", *INDEX, "cell-4", "cell-16", *ANSWERS.values(), "def area(", "x = !ls"]
    ),
    st.text(max_size=10),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=25,
)
CELL = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": LEAVES,
        "source": LEAVES | st.lists(LEAVES, max_size=3),
        "id": LEAVES,
        "metadata": JSON | st.fixed_dictionaries({"nbgrader": st.fixed_dictionaries({"grade_id": LEAVES})}),
    },
)


@settings(REPEATABLE, max_examples=150)
@given(content=JSON | st.fixed_dictionaries({"cells": st.lists(CELL | JSON, max_size=8), "nbformat": LEAVES}))
def test_whatever_is_handed_in_is_placed_or_refused(src, content):
    try:
        found = plan(src, content)
    except submission.SubmissionError as error:
        assert SENTENCE.fullmatch(str(error))
        return
    for index in (*found.code, *found.answers, *found.untouched):
        assert submission.START <= index < len(CELLS)
    released = {src.cells[INDEX[i]].released for i in TESTS}
    assert not released & set(all_texts(found))
    for grade_id in SOLUTIONS:
        index = INDEX[grade_id]
        assert index not in found.untouched or found.code[index][0] == src.cells[index].released


@settings(REPEATABLE, max_examples=150)
@given(data=st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_any_bytes_are_read_or_refused(data):
    try:
        pieces, notes = submission.read(data)
    except submission.SubmissionError as error:
        assert SENTENCE.fullmatch(str(error))
        return
    assert all(SENTENCE.fullmatch(note) for note in notes)
    assert all(isinstance(piece.text, str) for piece in pieces)
