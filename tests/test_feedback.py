"""The pages that students and instructors read: complete, harmless, and saying what a reader needs."""

import html.parser
import re

import pytest

from lecture_lib.grading import feedback, pages, printable, report, results

VOID = {"meta", "img", "br"}
EVIL = "</pre></p><script>alert(1)</script><img src=x onerror='alert(1)'>\" onload=\"x\x1b]0;x\x07\u202egnp\x00\ud800"


def exercise(**more) -> dict:
    usual = {
        "id": "kl", "title": "Exercise 1", "kind": "test", "points": 3.0, "max_points": 3.0, "status": "passed",
        "message": "", "mistake": None, "answer": None, "output": "", "hidden": False,
    }  # fmt: skip
    return usual | more


def record(*exercises: dict, **more) -> dict:
    usual = {
        "format": 1, "student": "ada", "notebook": "04_kl", "submission": "0", "source": "1", "settings": {},
        "found": "", "notes": [], "exercises": list(exercises),
    }  # fmt: skip
    return results.with_totals(usual | more)


class Checker(html.parser.HTMLParser):
    """Collects the text, and complains where a tag is not closed in its turn."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def check_harmless(page: str) -> Checker:
    page.encode()
    seen = Checker(page)
    assert not {"script", "img", "iframe", "link", "object", "base", "form"} & set(seen.tags)
    assert {name for name, _ in seen.attributes} <= {
        "lang", "charset", "http-equiv", "content", "name", "class", "style", "aria-hidden", "aria-label", "id", "href",
        "aria-labelledby", "scope", "role", "viewbox", "x", "y", "x1", "x2", "y1", "y2", "rx", "width", "height",
        "text-anchor",
    }  # fmt: skip
    assert all(re.fullmatch(r"#e\d+", value) for name, value in seen.attributes if name == "href")
    assert all(re.fullmatch(r"width:[\d.]+%", value) for name, value in seen.attributes if name == "style")
    assert re.search(r'Content-Security-Policy" content="default-src \'none\'; style-src', page)
    assert not re.search(r"https?:|url\(|@import", page)
    assert not printable.UNSEEN.search(page.replace("\n", "").replace("\t", ""))
    return seen


def test_nothing_in_a_result_can_leave_its_place_on_the_page():
    texts = dict.fromkeys(["title", "message", "mistake", "output", "answer", "comment"], EVIL)
    evil = record(exercise(**texts), student=EVIL, notebook=EVIL, found=EVIL, notes=[EVIL])
    seen = check_harmless(feedback.page(evil))
    assert seen.text.count("alert(1)") >= 14
    assert "\\x1b]0;x\\x07\\u202egnp\\x00\\ud800" in seen.text
    check_harmless(report.page([evil], names=True))


def test_the_student_reads_points_result_message_and_hint_of_every_exercise():
    page = feedback.page(
        record(
            exercise(title="One", message="Well done."),
            exercise(id="b", title="Two", points=0.5, status="partial", message="A: is ½ gone?", mistake="is ½ gone?"),
            exercise(id="c", title="Three", points=0.0, status="failed", mistake="the sign", hidden=True),
            exercise(id="d", title="Four", points=0.0, status="unanswered", output="step 1\n"),
        )
    )  # fmt: skip
    text = check_harmless(page).text
    assert "3.5 of 12 points" in text
    assert "A: <mark>is ½ gone?</mark>" in page
    assert "Hint: the sign" in text
    for words in ("All checks passed", "Partly right", "A check failed, one that is not in your notebook", "step 1"):
        assert words in text
    assert [text.count(title) for title in ("One", "Two", "Three", "Four")] == [2, 2, 2, 2]


def test_a_written_answer_is_shown_with_its_mark_or_its_wait():
    waiting = exercise(kind="manual", points=None, status="to mark", answer="By Jensen.")
    page = check_harmless(feedback.page(record(waiting))).text
    assert "3 more points wait for marking by hand" in page
    assert "Waits for marking" in page
    assert "By Jensen." in page
    page = check_harmless(feedback.page(record(waiting | {"points": 2.5, "comment": "Which\nside?"}))).text
    assert "2.5 of 3 points" in page
    assert "Marked by hand" in page
    assert "Which\nside?" in page
    assert "wait" not in page.partition("</style>")[2]


def test_parts_of_one_exercise_are_told_apart():
    text = Checker(feedback.page(record(exercise(), exercise(id="kl-2"), exercise(id="b", title="Other")))).text
    assert text.count("Exercise 1 kl-2") == 2
    assert "Other b" not in text


def test_long_output_is_cut_and_says_so():
    text = Checker(feedback.page(record(exercise(output="x" * (feedback.LONGEST + 7))))).text
    assert "x … (7 more characters)" in text
    assert text.count("x") < feedback.LONGEST + 2500


def test_terminal_colors_are_dropped():
    assert "red" in Checker(feedback.page(record(exercise(output="\x1b[1;31mred\x1b[0m\r\n")))).text
    assert pages.output("\x1b[1;31mred\x1b[0m\r\n", 10) == "red"


def test_a_student_who_was_not_graded_reads_no_reason():
    page = check_harmless(feedback.page(record(error="Traceback: hidden test")))
    assert "Not graded yet" in page.text
    assert "hidden test" not in page.text


def test_notes_for_the_instructor_stay_there_and_what_was_odd_about_the_file_is_told():
    text = check_harmless(
        feedback.page(record(exercise(), notes=["tried the network"], found="'a.ipynb' was graded"))
    ).text
    assert "tried the network" not in text
    assert "About your file: 'a.ipynb' was graded" in text


def test_a_page_is_written_once_and_an_edited_one_is_kept(tmp_path):
    path = tmp_path / "feedback.html"
    assert feedback.write(tmp_path, record(exercise())) is None
    first = path.stat()
    assert feedback.write(tmp_path, record(exercise())) is None
    assert path.stat().st_mtime_ns == first.st_mtime_ns
    assert feedback.write(tmp_path, record(exercise(message="new"))) is None
    assert "new" in path.read_text()
    path.write_text("my own words")
    assert feedback.write(tmp_path, record(exercise())).name == "feedback.html.bak"
    assert (tmp_path / "feedback.html.bak").read_text() == "my own words"


def test_a_page_that_is_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "feedback.html").symlink_to(tmp_path / "mine")
    feedback.write(tmp_path, record(exercise()))
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "feedback.html").is_symlink()


def a_class() -> list[dict]:
    half = exercise(points=1.5, status="partial", mistake="a ½ is missing")
    zero = exercise(points=0.0, status="failed", mistake="a ½ is missing", hidden=True)
    return [
        record(exercise(), exercise(id="b", title="Easy"), student="ada"),
        record(half, exercise(id="b", title="Easy"), student="bob", notes=["bob's file was odd"]),
        record(zero, exercise(id="b", title="Easy", points=0.0, status="failed"), student="eve"),
        record(exercise(points=0.0, status="unanswered"), student="kim", submission=None),
        record(student="lea", error="the judge fell over"),
    ]


def test_the_class_page_counts_what_failed_and_which_mistakes_were_made():
    text = check_harmless(report.page(a_class())).text
    assert "5 students, 3 handed in a notebook that could be read; 1 did not; 1 could not be graded yet." in text
    assert "Median 75 %" in text
    assert "mean 58 %, from 0 % to 100 %" in text
    assert "Exercise 1 (kl)2 of 310" in text.replace("\n", "")
    assert "a ½ is missingExercise 1 (kl)2" in text
    assert text.index("Exercise 1 (kl)2 of 3") < text.index("Easy (b)1 of 3")


def test_students_are_named_on_request_only():
    without, named = report.page(a_class()), report.page(a_class(), names=True)
    names = ("ada", "bob", "eve", "kim", "lea")
    assert not [name for name in names if name in Checker(without).text]
    assert [name for name in names if f">{name}</th>" in named] == list(names)
    assert "2 submissions have a note" in without
    assert "Not graded: the judge fell over" in named


def test_the_histogram_holds_every_student_once():
    picture = report.histogram([0, 9.99, 10, 55, 100, 100], "x")
    assert 'Students by points, x: 0 to 10 %: 2; 10 to 20 %: 1; 50 to 60 %: 1; 90 to 100 %: 2"' in picture
    assert picture.count("<rect") == 4


@pytest.mark.parametrize(
    "records", [[record(student="lea", error="x")], [record(exercise(max_points=0.0, points=0.0))]]
)
def test_a_class_without_any_points_has_a_page(records):
    check_harmless(report.page(records))
    check_harmless(feedback.page(records[0]))
