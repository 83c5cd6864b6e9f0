"""The instructor's notebook: roles, released text, names, and every way in which a source can be wrong."""

import ast

import hypothesis
import pytest
from hypothesis import strategies as st
from nbformat import v4

from lecture_lib.grading import bindings, source

STUB = '# YOUR CODE HERE\nraise NotImplementedError("write {}: replace this line by your code")'
ROLES = {
    "solution": {"solution": True},
    "test": {"grade": True, "locked": True, "points": 2},
    "manual": {"grade": True, "solution": True, "points": 3},
    "task": {"task": True, "points": 4},
    "locked": {"locked": True},
}


def cell(text, role=None, grade_id="it", kind="code", **changes):
    """A cell with nbgrader's metadata for a role; changes overrule it, None takes a key out."""
    made = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}[kind](text)
    if role:
        meta = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        meta |= {"grade_id": grade_id} | ROLES[role] | changes
        made.metadata["nbgrader"] = {key: value for key, value in meta.items() if value is not None}
    return made


@pytest.fixture
def read(tmp_path):
    """From cells to the Source that is read from their file."""

    def read(*cells, **metadata):
        path = tmp_path / "01_name.ipynb"
        path.write_text(v4.writes(v4.new_notebook(cells=list(cells), metadata=metadata)), encoding="utf-8")
        return source.read(path)

    return read


def only(src):
    (one,) = src.cells
    return one


@pytest.mark.parametrize("role", ROLES)
def test_each_kind_of_cell_has_its_role_and_points(read, role):
    one = only(read(cell("text", role, kind="markdown" if role == "task" else "code")))
    assert (one.role, one.grade_id, one.points) == (role, "it", ROLES[role].get("points", 0))


def test_a_cell_without_flags_is_plain_and_its_id_is_not_used(read):
    src = read(cell("x = 1"), cell("x = 2", "solution", solution=False), cell("![](a)", kind="markdown"))
    assert [(one.role, one.grade_id, one.released) for one in src.cells] == [
        ("plain", None, "x = 1"),
        ("plain", None, "x = 2"),
        ("plain", None, "![](a)"),
    ]


def test_the_name_is_the_stem_and_cells_keep_their_text(read):
    src = read(cell("def f():\n    return 1", "solution"))
    assert src.name == "01_name"
    assert only(src).text == "def f():\n    return 1"


@pytest.mark.parametrize("version", [1, 2])
def test_older_schemas_may_lack_what_they_did_not_have(read, version):
    one = only(read(cell("assert True", "test", schema_version=version, locked=None, task=None, solution=None)))
    assert (one.role, one.points) == ("test", 2)


# --- what the student gets


def test_a_region_becomes_a_stub_that_is_indented_like_its_marker_and_names_the_function(read):
    text = (
        'def kl(mu):\n    """Doc."""\n    ### BEGIN SOLUTION\n    y = mu\n    return y\n    ### END SOLUTION\nprint(kl)'
    )
    src = read(cell(text, "solution"))
    stub = "".join(f"    {line}\n" for line in STUB.format("kl").split("\n"))
    assert only(src).released == f'def kl(mu):\n    """Doc."""\n{stub}print(kl)'
    assert list(only(src).solution) == ["    y = mu", "    return y"]


def test_without_markers_the_whole_body_is_the_solution(read):
    src = read(cell("def f():\n    return 1\n\na = b = 2", "solution"))
    assert only(src).released == STUB.format("f, a and b")
    assert list(only(src).solution) == ["def f():", "    return 1", "", "a = b = 2"]


def test_a_method_is_named_with_its_class_and_a_region_by_what_it_binds(read):
    text = (
        "class VAE:\n    def encode(self, x):\n        ### BEGIN SOLUTION\n        return x\n        ### END SOLUTION\n"
        "a = 1\n### BEGIN SOLUTION\nb, *c = 1, 2\n### END SOLUTION\n"
    )
    released = only(read(cell(text, "solution"))).released
    assert '        raise NotImplementedError("write VAE.encode: ' in released
    assert '\nraise NotImplementedError("write b and c: ' in released


def test_a_solution_that_binds_nothing_still_says_what_to_do(read):
    assert only(read(cell("print(1)", "solution"))).released == STUB.format("this cell")


def test_written_answers_become_the_sentence_of_nbgrader(read):
    assert only(read(cell("Because.", "manual", kind="markdown"))).released == "YOUR ANSWER HERE"
    text = "Why?\n  BEGIN SOLUTION\nBecause.\nEND SOLUTION\nAnd more."
    assert only(read(cell(text, "manual", kind="markdown"))).released == "Why?\n  YOUR ANSWER HERE\nAnd more."


def test_code_marked_by_hand_becomes_a_stub(read):
    assert only(read(cell("plot(1)\nx = 1", "manual"))).released == STUB.format("x")


def test_hidden_tests_are_cut_out(read):
    text = "assert f(1)\n### BEGIN HIDDEN TESTS\nassert f(2)\n### END HIDDEN TESTS\nassert f(3)"
    src = read(cell(text, "test"))
    assert only(src).released == "assert f(1)\nassert f(3)"
    assert list(only(src).hidden) == ["assert f(2)"]


def test_a_marking_scheme_is_cut_out_of_a_task(read):
    text = "Draw.\n=== BEGIN MARK SCHEME ===\n1 point a line\n=== END MARK SCHEME ===\n"
    src = read(cell(text, "task", kind="markdown"))
    assert only(src).released == "Draw.\n"
    assert list(only(src).hidden) == ["1 point a line"]


def test_several_regions_in_one_cell_are_all_cut(read):
    text = "### BEGIN SOLUTION\na = 1\n### END SOLUTION\nb = 2\n  # BEGIN SOLUTION\n  c = 3\n# END SOLUTION"
    with pytest.raises(source.SourceError, match="not valid Python"):
        read(cell(text, "solution"))
    src = read(cell(text.replace("  ", ""), "solution"))
    assert only(src).released.count("YOUR CODE HERE") == 2
    assert list(only(src).solution) == ["a = 1", "c = 3"]


BLOCKS = st.lists(st.sampled_from(["a = 1", "", "if a:\n    b = 2", "# note", "print(a)"]), min_size=1, max_size=4)


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.tuples(st.booleans(), BLOCKS), max_size=5))
def test_what_is_outside_the_regions_stays_and_what_is_inside_goes(parts):
    text, outside, inside = [], [], []
    for secret, block in parts:
        text += ["### BEGIN HIDDEN TESTS", *block, "### END HIDDEN TESTS"] if secret else block
        (inside if secret else outside).extend(block)
    kept, removed = source._cut("\n".join(text), source.HIDDEN, AssertionError)
    assert kept == "\n".join(outside)
    assert "\n".join(removed or []) == "\n".join(inside)
    assert (removed is None) == (not any(secret for secret, _ in parts))


def test_markers_inside_an_answer_that_goes_as_a_whole_do_not_matter(read):
    src = read(cell("Because.\n=== BEGIN MARK SCHEME ===\n1 point", "manual", kind="markdown"))
    assert (only(src).released, list(only(src).hidden)) == ("YOUR ANSWER HERE", [])


# --- what is refused


def region(*markers, what="SOLUTION"):
    return "\n".join(f"### {marker} {what}\nx = 1" for marker in markers)


@pytest.mark.parametrize(
    "text, reason",
    [
        (region("BEGIN"), "no END SOLUTION after it"),
        (region("END"), "END SOLUTION in line 1 without"),
        (region("END", "BEGIN"), "END SOLUTION in line 1 without"),
        (region("BEGIN", "BEGIN", "END"), "line 3 before END SOLUTION"),
        (region("BEGIN", "END", "END"), "line 5 without"),
        ("x = 1  # BEGIN SOLUTION END SOLUTION", "before END SOLUTION"),
        ('x = f"""\n### BEGIN SOLUTION\n{1}\n### END SOLUTION\n"""', "in a string"),
        ("def f():\n### BEGIN SOLUTION\n    return 1\n### END SOLUTION", "indent the markers"),
        ("def f(:", "is not valid Python"),
        (region("BEGIN", "END", "BEGIN", "END", what="HIDDEN TESTS") + region("BEGIN", "END"), "only test and manual"),
    ],
)
def test_a_solution_with_wrong_markers_is_refused_by_its_id(read, text, reason):
    with pytest.raises(source.SourceError, match=reason) as error:
        read(cell(text, "solution", "kl-1"))
    assert "cell 'kl-1'" in str(error.value)
    assert "01_name.ipynb" in str(error.value)


@pytest.mark.parametrize(
    "wrong, reason",
    [
        (cell(region("BEGIN", "END"), "test"), "only solution and manual"),
        (cell(region("BEGIN", "END")), "cell 1, counted from the top, has a region SOLUTION"),
        (cell("Write between BEGIN SOLUTION and\nEND SOLUTION", kind="markdown"), "is plain; only solution"),
        (cell(region("BEGIN", "END", what="MARK SCHEME"), "locked"), "only task cells may"),
        (cell("assert f(", "test"), "is not valid Python"),
        (cell("if f:\n    # BEGIN HIDDEN TESTS\n    x = 1\n    # END HIDDEN TESTS", "test"), "cut out"),
        (cell("### AUTOTEST f(1)", "test"), "AUTOTEST"),
        (cell("assert 1", "test", points=None), "worth None points"),
        (cell("assert 1", "test", points=-1), "worth -1 points"),
        (cell("assert 1", "test", points=True), "worth True points"),
        (cell("assert 1", "test", points=float("nan")), "worth nan points"),
        (cell("assert 1", "test", points="2"), "worth '2' points"),
        (cell("Do.", "task", kind="markdown", points=None), "worth None points"),
        (cell("x", "task"), "must be a Markdown cell"),
        (cell("x", "task", kind="markdown", grade=True), "neither grade nor solution"),
        (cell("x", "test", kind="markdown"), "both true"),
        (cell("x", "solution", kind="markdown"), "both true"),
        (cell("x", "test", kind="raw"), "both true"),
        (cell("x", "solution", grade_id=None), "grade_id None"),
        (cell("x", "locked", grade_id=""), "grade_id ''"),
        (cell("x", "solution", grade_id="../a"), "grade_id '../a'"),
        (cell("x", "solution", grade_id="b\n"), "grade_id"),
        (cell("x", "solution", schema_version=None), "schema_version None"),
        (cell("x", "solution", schema_version=4), "schema_version 4"),
        (cell("from lecture_lib import checks\nchecks.forbid(name)"), "written out in quotes"),
        (cell("checks.forbid(name='a')"), "written out in quotes"),
    ],
)
def test_a_cell_that_no_grader_could_use_is_refused(read, wrong, reason):
    with pytest.raises(source.SourceError, match=reason):
        read(wrong)


def test_two_cells_with_one_id_are_refused(read):
    with pytest.raises(source.SourceError, match="several cells have the grade_id 'b'"):
        read(cell("x = 1", "solution", "a"), cell("y = 1", "solution", "b"), cell("z = 1", "locked", "b"))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": 3, "nbformat": 4, "metadata": {}}', '{"nbformat": 3, "worksheets": []}']
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, text):
    path = tmp_path / "a.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(source.SourceError, match=r"a\.ipynb is not"):
        source.read(path)


def test_a_missing_file_and_bytes_that_are_no_text_are_refused(tmp_path):
    with pytest.raises(source.SourceError, match="cannot be read: No such file"):
        source.read(tmp_path / "none.ipynb")
    (tmp_path / "b.ipynb").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(source.SourceError, match="is not a notebook"):
        source.read(tmp_path / "b.ipynb")


def test_another_language_is_refused(read):
    with pytest.raises(source.SourceError, match="language 'R'"):
        read(kernelspec={"language": "R", "name": "ir", "display_name": "R"})


# --- headings, names, imports


def test_the_title_is_the_heading_above_as_the_student_sees_it(read):
    src = read(
        cell("x = 1", "solution", "first"),
        cell("# Lecture\n## The bound\n```\n# a comment\n```", kind="markdown"),
        cell("y = 1", "solution", "second"),
        cell("# My answer", "manual", "third", kind="markdown"),
    )
    assert [src.title(one) for one in src.cells] == ["first", "The bound", "The bound", "The bound"]


@pytest.mark.parametrize(
    "text, names",
    [
        ("def f():\n    inner = 1\nasync def g(): pass\nclass C:\n    inside = 1", "f g C"),
        ("a = b = 1\nc, (d, *e) = 1, (2, 3)\nf: int = 1\ng: int\nh += 1", "a b c d e f h"),
        ("print(w := 1)\nif (v := 2): u = 3", "w v u"),
        ("for i, j in []:\n    k = 1\nelse:\n    m = 1\nwhile True: n = 1", "i j k m n"),
        ("with open('a') as a, open('b') as (b, c): pass", "a b c"),
        ("try:\n    a = 1\nexcept ValueError as e: b = 1\nfinally: c = 1", "a e b c"),
        ("match x:\n    case [a, *b]: pass\n    case {'k': c, **d}: pass\n    case C() as f: pass", "a b d c f"),
        ("import os\nfrom a.b import c as d\nx = 1", "x"),
        ("[i for i in range(3) if (last := i)]\nlambda y: (z := y)", "last"),
        ("del a\na[0] = 1\nb.c.d = 2\nb[0].e += 1\nf(x).y = 1", "a b"),
        ("a.append(1)\na.b[0].c(2)\nb.get(1).sort()\nprint(c)\nd\ne.f\nf(g).h()", "a b"),
        ("torch.manual_seed(0)\nplt.rcParams['a'] = 1\ntorch = 3", "torch"),
        ("%matplotlib inline\n!ls\na = %time 1\nawait b.c()", "a b"),
        ("%%time\nx = 1", ""),
        ("a = '\\d'\na = 2", "a"),
    ],
)
def test_names_are_what_a_cell_binds_or_modifies(read, text, names):
    src = read(cell("import torch\nimport matplotlib.pyplot as plt"), cell(text, "solution"))
    found = src.names(src.cells[1])
    assert sorted(found) == sorted(names.split())
    assert len(found) == len(set(found))


def test_names_come_in_the_order_of_the_source(read):
    src = read(cell("b = 1\ndef a(): pass\nc.x = 1\nb = 2", "solution"))
    assert src.names(only(src)) == ("b", "a", "c")


STATEMENTS = ["a = 1", "b: int = 2", "c += 1", "def d(): x = 1", "class e: y = 1", "f, *g = h", "(i := 1)", "import os"]


@hypothesis.settings(deadline=None)
@hypothesis.given(st.lists(st.sampled_from(STATEMENTS), max_size=8))
def test_names_are_the_new_names_after_execution(chosen):
    text, before = "\n".join(chosen), {"c": 1, "h": [1, 2]}
    after = dict(before)
    exec(compile(ast.parse(text), "cell", "exec"), after)
    new = {name for name in after if name not in before and not name.startswith("__")} - {"os"}
    assert set(bindings.bound(text)) - {"c"} == new


def test_names_are_those_of_the_full_text_and_other_cells_have_none_if_broken(read):
    text = (
        "def f():\n    ### BEGIN SOLUTION\n    a = 1\n    ### END SOLUTION\n### BEGIN SOLUTION\ng = f\n### END SOLUTION"
    )
    src = read(cell(text, "solution"), cell("x = = 1"), cell("x = 1", kind="markdown"))
    assert [src.names(one) for one in src.cells] == [("f", "g"), (), ()]


def test_imports_are_statements_at_the_top_level(read):
    text = "import os, sys as s\nif True:\n    from a import b\ndef f():\n    import inner"
    src = read(cell(text, "solution"), cell("import x", kind="markdown"))
    assert src.imports(src.cells[0]) == ("import os, sys as s", "from a import b")
    assert src.imports(src.cells[1]) == ()


def test_forbidden_names_are_read_from_the_calls(read):
    src = read(
        cell('from lecture_lib import checks\nchecks.forbid("a.b", "c")', "locked"),
        cell('import lecture_lib\nlecture_lib.checks.forbid("d", "a.b")', grade_id=None),
        cell('%matplotlib inline\nfrom lecture_lib.checks import forbid\nforbid("e")'),
        cell("\"checks.forbid('f')\"\nother.forbid(3)"),
        cell('checks.forbid("g")', kind="markdown"),
    )
    assert src.forbidden() == ("a.b", "c", "d", "e")
