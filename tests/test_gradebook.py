"""The table of a class: its cells, what marks by hand do, and that nothing that somebody wrote is overwritten."""

import csv
import json

import pytest

from lecture_lib.grading import __main__ as cli
from lecture_lib.grading import gradebook, marks, results

KL = {
    "id": "kl", "title": "KL", "kind": "test", "points": 3.0, "max_points": 4.0, "status": "partial", "message": "",
    "mistake": None, "answer": None, "output": "", "hidden": False,
}  # fmt: skip
WHY = KL | {"id": "why", "kind": "manual", "points": None, "max_points": 2.0, "status": "to mark", "answer": "Jensen"}


def put(out, student: str, *exercises: dict, notebook="04_kl", source="1", **more) -> None:
    head = {"format": 1, "student": student, "notebook": notebook, "submission": "0", "source": source, "settings": {}}
    record = results.with_totals(head | {"found": "", "notes": [], "exercises": list(exercises)} | more)
    (out / student).mkdir(parents=True)
    (out / student / "result.json").write_bytes(results.dumps(record))


@pytest.fixture
def out(tmp_path):
    put(tmp_path / "out", "ada", KL, WHY)
    put(tmp_path / "out", "bob", KL | {"points": 1 / 3}, WHY | {"points": 0.0, "status": "unanswered"})
    put(tmp_path / "out", "eve", KL | {"points": 0.0}, WHY | {"points": 0.0}, submission=None)
    put(tmp_path / "out", "zoe", error="the judge fell over")
    return tmp_path / "out"


def lines(path) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_one_row_a_student_and_one_column_an_exercise(out, tmp_path):
    assert gradebook.export([out], tmp_path / "a.csv") == []
    assert lines(tmp_path / "a.csv") == [
        ["student", "04_kl:kl", "04_kl:why", "points", "max", "percent", "to_mark", "status"],
        ["ada", "3", "", "3", "6", "50", "2", "to mark"],
        ["bob", "0.3333", "0", "0.3333", "6", "5.5556", "0", "graded"],
        ["eve", "0", "0", "0", "6", "0", "0", "not handed in"],
        ["zoe", "", "", "", "", "", "", "not graded"],
    ]
    first = (tmp_path / "a.csv").read_bytes()
    assert not first.startswith(b"\xef\xbb\xbf")
    gradebook.export([out], tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == first


def test_moodle_gets_a_dash_where_there_are_no_points(out, tmp_path):
    gradebook.export([out], tmp_path / "a.csv", layout="moodle")
    assert lines(tmp_path / "a.csv") == [
        ["username", "04_kl:kl", "04_kl:why", "total"],
        ["ada", "3", "-", "3"],
        ["bob", "0.3333", "0", "0.3333"],
        ["eve", "0", "0", "0"],
        ["zoe", "-", "-", "-"],
    ]


def test_canvas_gets_its_columns_the_highest_points_and_no_totals(out, tmp_path):
    put(out, "Points Possible", KL, WHY)
    gradebook.export([out], tmp_path / "a.csv", layout="canvas")
    assert lines(tmp_path / "a.csv")[:4] == [
        ["Student", "ID", "SIS Login ID", "Section", "04_kl:kl", "04_kl:why"],
        ["Points Possible", "", "", "", "4", "2"],
        ["", "", "Points Possible", "", "3", ""],
        ["ada", "", "ada", "", "3", ""],
    ]


def test_several_notebooks_stand_side_by_side(out, tmp_path):
    put(tmp_path / "next", "ada", KL | {"points": 4.0}, notebook="05_elbo")
    put(tmp_path / "next", "kim", KL, notebook="05_elbo")
    gradebook.export([out, tmp_path / "next"], tmp_path / "a.csv")
    table = {row[0]: row[1:] for row in lines(tmp_path / "a.csv")}
    assert table["ada"] == ["3", "", "4", "7", "10", "70", "2", "to mark"]
    assert table["bob"] == ["0.3333", "0", "", "", "", "", "", "not graded"]
    assert table["kim"] == ["", "", "3", "", "", "", "", "not graded"]
    put(tmp_path / "again", "ada", KL)
    with pytest.raises(results.Refused, match="ada has results of '04_kl' in"):
        gradebook.export([out, tmp_path / "again"], tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum(a)", "'@sum(a)"),
        ("＝1", "'＝1"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        ("a\nb", r"a\nb"),
        ('a"b', 'a"b'),
        ("a,b", "a,b"),
        ("\udcff", r"\xff"),
        ("\u202eb", r"\u202eb"),
        ("Åsa", "Åsa"),
    ],
)
def test_a_name_is_text_in_every_spreadsheet(name, shown, tmp_path):
    put(tmp_path / "out", name, KL)
    messages = gradebook.export([tmp_path / "out"], tmp_path / "a.csv", layout="moodle")
    assert lines(tmp_path / "a.csv")[1] == [shown, "3", "3"]
    assert len(messages) == (shown != name)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").count("\n") == 2


def test_a_name_cannot_be_cut_where_another_separator_is_used(tmp_path):
    put(tmp_path / "out", "a;=1+1", KL)
    gradebook.export([tmp_path / "out"], tmp_path / "a.csv")
    assert '\n"a;=1+1",' in (tmp_path / "a.csv").read_text()


def write(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


def test_marks_are_merged_into_table_and_feedback(out, tmp_path):
    given = write(
        tmp_path / "m.csv", "student,exercise,points,comment\nada,why,1.5,Which side?\n\nbob,04_kl:why,2,\neve,why,,\n"
    )
    assert gradebook.export([out], tmp_path / "a.csv", given) == []
    assert lines(tmp_path / "a.csv")[1] == ["ada", "3", "1.5", "4.5", "6", "75", "0", "graded"]
    assert lines(tmp_path / "a.csv")[2][2] == "2"
    page = (out / "ada/feedback.html").read_text()
    assert "Which side?" in page
    assert "4.5 of 6 points" in page
    assert json.loads((out / "ada/result.json").read_text())["points"] == 3


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffStudent;Exercise;Points;Comment\r\nada;why;1,5;\r\n",
        "points, exercise ,student\n1.5,why,ada\n",
        'student,exercise,points,comment\n"ada","why","1.5","two\nlines"\n',
    ],
)
def test_marks_are_read_as_spreadsheets_write_them(text, tmp_path):
    (mark,) = marks.read(write(tmp_path / "m.csv", text))
    assert (mark.student, mark.exercise, mark.points) == ("ada", "why", 1.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the first line is"),
        ("student,points\n", "the first line is"),
        ("student,exercise,points,points\n", "the first line is"),
        ("student,exercise,points,remark\n", "the first line is"),
        ("student,exercise,points\nada,why,1\nada,why\n", "row 3: 2 cells, but the first line has 3"),
        ("student,exercise,points\nada,why,good\n", "row 2: points is 'good', not a number"),
        ("student,exercise,points\nada,why,nan\n", "row 2: points is 'nan', not a number"),
        ("student,exercise,points\nada,why,inf\n", "row 2: points is 'inf', not a number"),
        ("student,exercise,points\nada,why,-1\n", "row 2: points is -1, not between 0 and 2"),
        ("student,exercise,points\nada,why,2.5\n", "row 2: points is 2.5, not between 0 and 2"),
        ("student,exercise,points\nadam,why,1\n", "row 2: there is no result of a student 'adam'"),
        ("student,exercise,points\nada,what,1\n", "there is no exercise 'what'; marked by hand are: 04_kl:why"),
        ("student,exercise,points\nada,kl,1\n", "row 2: 'kl' is graded by the machine, not by hand"),
        ("student,exercise,points\nada,why,1\nada,04_kl:why,1\n", "row 3: .* was marked in .* row 2"),
        ("student,exercise,points,comment\nada,why,,Good\n", "row 2: there is a comment but no points"),
        ('student,exercise,points\n"ada,why,1\n', "row 2: 1 cells"),
    ],
)
def test_marks_that_do_not_fit_are_refused_with_their_row(text, why, out, tmp_path):
    with pytest.raises(results.Refused, match=why):
        gradebook.export([out], tmp_path / "a.csv", write(tmp_path / "m.csv", text))
    assert not (tmp_path / "a.csv").exists()


def test_marks_in_other_encodings_or_missing_are_refused(out, tmp_path):
    (tmp_path / "m.csv").write_bytes("student,exercise,points\nÅsa,why,1\n".encode("latin-1"))
    for name in ("m.csv", "nowhere.csv"):
        with pytest.raises(results.Refused, match="cannot be read as a CSV file in UTF-8"):
            gradebook.export([out], tmp_path / "a.csv", tmp_path / name)


def test_an_exercise_of_two_notebooks_needs_its_full_name(out, tmp_path):
    put(tmp_path / "next", "ada", WHY, notebook="05_elbo")
    given = write(tmp_path / "m.csv", "student,exercise,points\nada,why,1\n")
    with pytest.raises(results.Refused, match="there are 2 exercises 'why'"):
        gradebook.export([out, tmp_path / "next"], tmp_path / "a.csv", given)
    write(given, "student,exercise,points\nada,05_elbo:why,1\n")
    gradebook.export([out, tmp_path / "next"], tmp_path / "a.csv", given)
    assert lines(tmp_path / "a.csv")[1][:4] == ["ada", "3", "", "1"]


def test_a_mark_finds_a_student_by_the_name_that_the_table_shows(tmp_path):
    put(tmp_path / "out", "=1", WHY)
    given = write(tmp_path / "m.csv", "student,exercise,points\n'=1,why,1\n")
    gradebook.export([tmp_path / "out"], tmp_path / "a.csv", given)
    assert lines(tmp_path / "a.csv")[1][1] == "1"


def test_a_mark_for_somebody_not_graded_waits(out, tmp_path):
    given = write(tmp_path / "m.csv", "student,exercise,points\nzoe,why,1\n")
    (message,) = gradebook.export([out], tmp_path / "a.csv", given)
    assert "'zoe' was not graded, so this mark waits" in message


@pytest.mark.parametrize(
    "text", ["", "student,exercise,points,comment\nada,why,1,\n", "student,note\n", "\udcff", "a;b"]
)
def test_a_table_that_somebody_else_wrote_is_not_overwritten(text, out, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(results.Refused, match="exists and was not written by export"):
        gradebook.export([out], path)
    assert path.read_bytes() == text.encode(errors="surrogateescape")
    gradebook.export([out], path, force=True)
    for layout in gradebook.STUDENT:
        gradebook.export([out], path, layout=layout)


def test_a_damaged_result_is_left_out_and_named(out, tmp_path):
    path = out / "ada/result.json"
    path.write_text(path.read_text().replace("3.0", "4.0"))
    (out / "copied").mkdir()
    (out / "copied/result.json").write_bytes((out / "bob/result.json").read_bytes())
    (out / "empty").mkdir()
    messages = gradebook.export([out], tmp_path / "a.csv")
    assert messages == [
        "ada: result.json is left out, for it was changed after it was written; grade again",
        "copied: result.json is left out, for it is another student's",
    ]
    assert [row[0] for row in lines(tmp_path / "a.csv")] == ["student", "bob", "eve", "zoe"]


def test_results_of_an_older_notebook_are_named(out, tmp_path):
    put(out, "old", KL, source="0")
    assert gradebook.export([out], tmp_path / "a.csv") == [
        "04_kl: 1 results are of another version of the notebook: old"
    ]


def test_folders_without_results_are_refused(tmp_path):
    with pytest.raises(results.Refused, match="is not a folder"):
        gradebook.export([tmp_path / "nowhere"], tmp_path / "a.csv")
    with pytest.raises(results.Refused, match="holds no results; grade first"):
        gradebook.export([tmp_path], tmp_path / "a.csv")


def test_the_commands_write_table_and_page(out, tmp_path, capsys):
    given = write(tmp_path / "m.csv", "student,exercise,points\nada,why,1\n")
    arguments = ["--out", str(out), "--csv", str(tmp_path / "a.csv"), "--marks", str(given), "--format", "canvas"]
    assert cli.main(["export", *arguments]) == cli.OK
    assert lines(tmp_path / "a.csv")[2] == ["ada", "", "ada", "", "3", "1"]
    assert cli.main(["report", "--out", str(out)]) == cli.OK
    assert "Median" in (out / "report.html").read_text()
    (out / "report.html").write_text("mine")
    assert cli.main(["report", "--out", str(out), "--names"]) == cli.OK
    assert (out / "report.html.bak").read_text() == "mine"
    assert "kept as report.html.bak" in capsys.readouterr().out
