"""The grader around the judge: a made-up judge speaks the protocol, crashes, hangs and babbles as it is told."""

import csv
import json
import random
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from lecture_lib.grading import __main__ as cli
from lecture_lib.grading import grade, jury, reference, results, single

FAKE = """
import json, os, pathlib, subprocess, sys, time
request = json.loads(sys.stdin.readline())
if request.get("learn"):
    print(json.dumps({"learned": json.loads(os.environ.get("FAKE_LEARNED", "{}"))})); sys.exit()
path, here = request["submission"], pathlib.Path(__file__).parent
words = (pathlib.Path(path).read_text() if path else "").split() + ["", ""]
with open(here / "log", "a") as log:
    log.write((words[0] or "nothing") + "\\n")
task = dict(id="kl", title="KL", kind="test", points=0, max_points=4, status="failed", message="", mistake=None,
            answer=None, output="", hidden=False)
text = dict(task, id="why", title="Why", kind="manual", points=None, max_points=2, status="to mark", answer="Jensen")
notes = ["the judge has a note"]
match words[0]:
    case "points": task |= dict(points=float(words[1]), status="passed")
    case "slow": time.sleep(float(words[1])); task["points"] = 3
    case "crash": sys.exit("the judge fell over")
    case "garbage": print("hello"); sys.exit()
    case "silence": sys.exit()
    case "list": print("[]"); sys.exit()
    case "flood": [os.write(1, b"x" * 1_000_000) for _ in range(5)]
    case "noise": [os.write(2, b"x" * 1_000_000) for _ in range(5)]
    case "nan": task["points"] = float("nan")
    case "generous": task["points"] = 5
    case "odd": task["status"] = ["passed"]
    case "twice": text["id"] = "kl"
    case "once":
        if not (here / "once").exists():
            (here / "once").touch(); sys.exit(1)
        task["points"] = 1
    case "hang":
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        (here / "pids").write_text(f"{os.getpid()} {child.pid}")
        time.sleep(60)
    case "wait":
        (here / "waiting").write_text(str(os.getpid()))
        sys.stdin.read()
        (here / "let go").touch(); sys.exit(1)
    case "echo": notes = [json.dumps(request | {"mode": os.stat(os.path.dirname(path)).st_mode & 0o777})]
print(json.dumps({"exercises": [task, text], "notes": notes}))
"""
NAME = "04_kl"


def notebook(*cells: dict) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A folder with a solution, a class of students and a judge; `run` grades it."""
    (tmp_path / "judge.py").write_text(FAKE)
    (tmp_path / "solutions").mkdir()
    solution = tmp_path / "solutions" / f"{NAME}.ipynb"
    meta = {"schema_version": 3, "grade": True, "solution": False, "locked": True, "points": 4, "grade_id": "kl"}
    cell = {"cell_type": "code", "execution_count": None, "metadata": {"nbgrader": meta}, "outputs": [], "id": "a"}
    solution.write_text(notebook(cell | {"source": "assert True"}))
    sandbox = types.SimpleNamespace(choose=lambda kind, consent: kind)
    monkeypatch.setitem(sys.modules, "lecture_lib.grading.sandbox", sandbox)
    monkeypatch.setattr("lecture_lib.grading.sandbox", sandbox, raising=False)
    judge = [sys.executable, "-I", "-S", str(tmp_path / "judge.py")]

    def run(**options) -> dict[str, dict]:
        options = {"jobs": 3, "sandbox": "none", "progress": False, "judge": judge} | options
        graded = grade.grade(solution, tmp_path / "submitted", tmp_path / "out", **options)
        return {result["student"]: result for result in graded}

    return types.SimpleNamespace(path=tmp_path, solution=solution, judge=judge, run=run, out=tmp_path / "out")


def hand_in(course, **submissions: str) -> None:
    for student, text in submissions.items():
        folder = course.path / "submitted" / student
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{NAME}.ipynb").write_text(text)


def log(course) -> list[str]:
    path = course.path / "log"
    lines = path.read_text().split() if path.exists() else []
    path.unlink(missing_ok=True)
    return sorted(lines)


def table(course) -> dict[str, dict]:
    with open(course.out / "grades.csv", newline="", encoding="utf-8") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_every_student_gets_a_result_a_page_and_a_row(course):
    hand_in(course, ada="points 4", bob="points 1.5")
    graded = course.run()
    assert {name: r["points"] for name, r in graded.items()} == {"ada": 4, "bob": 1.5}
    assert graded["ada"]["to_mark"] == 2
    assert results.read(course.out / "ada") == json.loads(results.dumps(graded["ada"]))
    assert "for ada" in (course.out / "ada/feedback.html").read_text()
    assert table(course)["bob"] == {
        "student": "bob", f"{NAME}:kl": "1.5", f"{NAME}:why": "", "points": "1.5", "max": "6", "percent": "25",
        "to_mark": "2", "status": "to mark",
    }  # fmt: skip


def test_the_judge_gets_a_private_copy_and_is_told_what_to_hide(course):
    hand_in(course, ada="echo")
    request = json.loads(course.run(limits={"memory": 5})["ada"]["notes"][0])
    assert request["source"] == str(course.solution)
    assert request["sandbox"] == "none"
    assert request["limits"] == grade.LIMITS | {"memory": 5}
    assert set(request["protect"]) == {str(course.path / name) for name in ("solutions", "submitted", "out")}
    assert Path(request["submission"]).name == f"{NAME}.ipynb"
    assert str(course.path / "submitted") not in request["submission"]
    assert request["mode"] == 0o700
    assert not (course.out / ".work").exists()


def test_what_has_not_changed_is_not_graded_again(course):
    hand_in(course, ada="points 4", bob="points 1", eve="")
    (course.path / "submitted/eve" / f"{NAME}.ipynb").unlink()
    course.run()
    assert len(log(course)) == 3
    before = (course.out / "grades.csv").read_bytes(), (course.out / "ada/result.json").read_bytes()
    course.run()
    assert log(course) == []
    assert before == ((course.out / "grades.csv").read_bytes(), (course.out / "ada/result.json").read_bytes())
    hand_in(course, bob="points 2")
    assert course.run()["bob"]["points"] == 2
    assert log(course) == ["points"]


@pytest.mark.parametrize("change", ["solution", "limits", "software", "sandbox", "force"])
def test_all_is_graded_again_after(change, course, monkeypatch):
    hand_in(course, ada="points 4", bob="points 1")
    course.run()
    log(course)
    options = {"limits": {"limits": {"memory": 7}}, "sandbox": {"sandbox": "bwrap"}, "force": {"force": True}}
    if change == "solution":
        course.solution.write_text(notebook())
    if change == "software":
        monkeypatch.setattr(single, "software", lambda: "another")
    course.run(**options.get(change, {}))
    assert log(course) == ["points", "points"]


def test_the_software_includes_what_decides_marks_and_not_what_shows_them(monkeypatch):
    usual = single.software()
    monkeypatch.setattr(single, "SHOWING", single.SHOWING - {"report"})
    assert single.software() != usual
    assert single.software() == single.software()


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"format": 1}', "changed points"])
def test_a_damaged_or_edited_result_is_kept_aside_and_graded_again(text, course):
    hand_in(course, ada="points 4")
    course.run()
    path = course.out / "ada/result.json"
    good = path.read_bytes()
    text = good.decode().replace("4.0", "3.0") if text == "changed points" else text
    path.write_text(text)
    (course.out / "ada/result.json.bak").write_text("mine")
    assert course.run()["ada"]["points"] == 4
    assert path.read_bytes() == good
    assert (course.out / "ada/result.json.bak").read_text() == "mine"
    assert (course.out / "ada/result.json.bak1").read_text() == text


def test_results_of_another_notebook_are_not_overwritten(course):
    hand_in(course, ada="points 4")
    course.run()
    other = course.solution.with_name("05_other.ipynb")
    course.solution.rename(other)
    arguments = other, course.path / "submitted", course.out
    with pytest.raises(results.Refused, match="holds results of '04_kl', not of '05_other'"):
        grade.grade(*arguments, sandbox="none", progress=False, judge=course.judge)
    grade.grade(*arguments, sandbox="none", progress=False, judge=course.judge, force=True)
    assert json.loads((course.out / "ada/result.json").read_text())["notebook"] == "05_other"
    assert json.loads((course.out / "ada/result.json.bak").read_text())["notebook"] == "04_kl"


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("crash", "the judge ended with code 1; it said: the judge fell over"),
        ("garbage", "the judge gave no answer"),
        ("silence", "the judge gave no answer"),
        ("list", "the judge gave no answer that can be understood"),
        ("flood", "the judge wrote more than 1 MB"),
        ("nan", "exercise 'kl' has nan of 4 points"),
        ("generous", "exercise 'kl' has 5 of 4 points"),
        ("twice", "two exercises have one id"),
        ("odd", "exercise 'kl' is not complete"),
    ],
)
def test_a_judge_that_fails_twice_costs_nobody_a_point(task, why, course, monkeypatch):
    monkeypatch.setattr(jury, "LONGEST_ANSWER", 1 << 20)
    hand_in(course, ada="points 4", bob=task)
    graded = course.run()
    assert graded["ada"]["points"] == 4
    assert graded["bob"]["error"].startswith(why)
    assert log(course) == sorted([task, task, "points"])
    row = table(course)["bob"]
    assert row.pop("student") == "bob"
    assert row.pop("status") == "not graded"
    assert set(row.values()) == {""}
    page = (course.out / "bob/feedback.html").read_text()
    assert "Not graded yet" in page
    assert "judge" not in page
    course.run()
    assert log(course) == [task, task]


def test_a_judge_that_fails_once_is_asked_again(course):
    hand_in(course, ada="once")
    assert course.run()["ada"]["points"] == 1


def test_a_noisy_judge_is_heard(course):
    hand_in(course, ada="noise")
    assert "error" not in course.run()["ada"]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are looked up as Linux lists them")
def test_a_judge_that_hangs_is_killed_with_its_children(course, monkeypatch):
    monkeypatch.setattr(reference, "GRACE", 0.5)
    hand_in(course, ada="points 4", bob="hang")
    graded = course.run(limits={"total_seconds": 0.5})
    assert graded["bob"]["error"] == "the judge was stopped after 1.5 seconds"
    assert graded["ada"]["points"] == 4
    assert not any(alive(int(pid)) for pid in (course.path / "pids").read_text().split())


def test_a_judge_that_cannot_be_started_is_an_error(course):
    hand_in(course, ada="points 4")
    assert "could not be started" in course.run(judge=["/nowhere/judge"])["ada"]["error"]


def test_a_solution_that_changes_meanwhile_is_noticed(course):
    hand_in(course, ada="slow 1")
    process = subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep(.4); open({str(course.solution)!r}, 'a').write(' ')"]
    )
    with pytest.raises(results.Refused, match="was changed while grading"):
        course.run()
    process.wait()


def test_what_cannot_be_opened_earns_nothing_and_harms_nobody(course):
    secret = course.path / "secret.ipynb"
    secret.write_text("points 3")
    hand_in(course, ada="points 4", bob="", eve="")
    (course.path / "submitted/bob" / f"{NAME}.ipynb").unlink()
    (course.path / "submitted/bob" / f"{NAME}.ipynb").symlink_to(secret)
    (course.path / "submitted/eve" / f"{NAME}.ipynb").unlink()
    (course.path / "submitted/zoe").symlink_to(course.path / "submitted/ada")
    graded = course.run()
    assert {name: r["points"] for name, r in graded.items()} == {"ada": 4, "bob": 0, "eve": 0, "zoe": 0}
    assert [len(r["notes"]) for r in graded.values()] == [1, 1, 1, 1]
    assert "is a link" in (course.out / "bob/feedback.html").read_text()
    assert log(course) == ["nothing", "nothing", "nothing", "points"]
    course.run()
    assert log(course) == []


def test_a_note_that_no_longer_holds_goes(course):
    hand_in(course, ada="points 4")
    folder = course.path / "submitted/ada"
    (folder / f"{NAME}.ipynb").rename(folder / "mine.ipynb")
    assert "'mine.ipynb' was graded" in course.run()["ada"]["notes"][0]
    (folder / "mine.ipynb").rename(folder / f"{NAME}.ipynb")
    assert course.run()["ada"]["notes"] == ["the judge has a note"]


def test_where_two_notebooks_may_be_meant_nobody_guesses(course):
    hand_in(course, ada="points 4", bob="points 4")
    folder = course.path / "submitted/bob"
    (folder / f"{NAME}.ipynb").rename(folder / f"{NAME} (1).ipynb")
    (folder / f"{NAME} (2).ipynb").write_text("points 1")
    assert "which of '04_kl (1).ipynb', '04_kl (2).ipynb' is meant is not clear" in course.run()["bob"]["error"]
    (folder / f"{NAME} (2).ipynb").rename(folder / f"{NAME}.ipynb")
    assert course.run()["bob"]["points"] == 1


HOSTILE = [
    "new\nline", 'quo"te\'s', "=cmd|' C calc'!A0", "@sum", "-1", "+1", "a,b;c", "tab\there", "x..", "a" * 255, "ü",
    "\u202egnp", "<img src=x onerror=alert(1)>", "$(touch pwned)", "--force", "~", "%s{}", "\udcff\udcfe", "e\u0301",
    " ",
]  # fmt: skip


def test_names_are_only_data(course, capsys):
    hand_in(course, **dict.fromkeys(HOSTILE, "points 3"))
    graded = course.run(progress=True)
    assert {name: r["points"] for name, r in graded.items()} == dict.fromkeys(HOSTILE, 3)
    assert sorted(path.name for path in results.folders(course.out)) == sorted(HOSTILE)
    rows = table(course)
    assert len(rows) == len(HOSTILE)
    assert not [cell for cell in rows if cell[0] in "=+-@\t\n\r"]
    assert {"'=cmd|' C calc'!A0", "'-1", "'+1", "'@sum", "new\\nline", "\\xff\\xfe", "\\u202egnp"} <= set(rows)
    assert {path.name for path in course.path.iterdir()} == {"judge.py", "log", "out", "solutions", "submitted"}
    assert "<img" not in (course.out / "<img src=x onerror=alert(1)>/feedback.html").read_text()
    assert "\n\u202e" not in capsys.readouterr().out
    log(course)
    course.run()
    assert log(course) == []


@pytest.mark.parametrize("name", ["grades.csv", "MARKS.csv", "report.html"])
def test_a_student_named_like_a_file_of_the_grader_is_not_graded_but_listed(name, course):
    hand_in(course, ada="points 4", **{name: "points 4"})
    graded = course.run()
    assert graded["ada"]["points"] == 4
    assert "rename the student's folder" in graded[name]["error"]
    assert table(course)[name]["status"] == "not graded"


def test_a_link_or_a_file_in_place_of_a_students_folder_is_left_alone(course):
    hand_in(course, ada="points 4", bob="points 4", eve="points 4")
    (course.path / "elsewhere").mkdir()
    course.out.mkdir()
    (course.out / "bob").symlink_to(course.path / "elsewhere")
    (course.out / "eve").write_text("mine")
    graded = course.run()
    assert [("error" in r) for r in graded.values()] == [False, True, True]
    assert list((course.path / "elsewhere").iterdir()) == []
    assert (course.out / "eve").read_text() == "mine"
    assert [row["status"] for row in table(course).values()] == ["to mark", "not graded", "not graded"]


def test_other_files_are_left_alone_and_mentioned(course, capsys):
    hand_in(course, ada="points 4", bob="points 4")
    (course.path / "submitted/readme.txt").write_text("")
    (course.path / "submitted/.git").mkdir()
    course.run()
    (course.out / "bob/remark.txt").write_text("mine")
    (course.path / "submitted/bob" / f"{NAME}.ipynb").unlink()
    (course.path / "submitted/bob").rmdir()
    assert list(course.run(progress=True)) == ["ada"]
    said = capsys.readouterr().out
    assert "1 students: 0 graded, 1 graded before, 0 not graded, 1 with answers to mark by hand" in said
    assert "left alone:\n  .git\n  readme.txt" in said
    assert "not handed in now, kept:\n  bob" in said
    assert (course.out / "bob/remark.txt").read_text() == "mine"
    assert set(table(course)) == {"ada", "bob"}


def test_an_edited_feedback_is_kept_and_a_missing_one_written_again(course):
    hand_in(course, ada="points 4", bob="points 4")
    course.run()
    (course.out / "bob/feedback.html").unlink()
    page = course.out / "ada/feedback.html"
    page.write_text(page.read_text().replace("ada", "dear Ada"))
    course.run()
    assert "dear Ada" in (course.out / "ada/feedback.html.bak").read_text()
    assert "dear Ada" not in page.read_text()
    assert (course.out / "bob/feedback.html").exists()


def test_marks_beside_the_results_are_used(course):
    hand_in(course, ada="points 4")
    course.run()
    (course.out / "marks.csv").write_text("student,exercise,points,comment\nada,why,1.5,Nearly\n")
    course.run()
    assert table(course)["ada"]["points"] == "5.5"
    assert table(course)["ada"]["status"] == "graded"
    assert "Nearly" in (course.out / "ada/feedback.html").read_text()


@pytest.mark.parametrize(
    ("submitted", "out", "why"),
    [
        ("submitted", "submitted", "must not lie in each other"),
        ("submitted", "submitted/out", "must not lie in each other"),
        ("submitted", ".", "must not lie in each other"),
        ("nowhere", "out", "is not a folder"),
        ("empty", "out", "it holds no folders"),
        ("loose", "out", "it holds notebooks .'04_kl.ipynb'. and no folders; put each notebook into a folder"),
        ("submitted", "judge.py", "is a file, not a folder"),
    ],
)
def test_folders_that_do_not_fit_are_refused(submitted, out, why, course):
    hand_in(course, ada="points 4")
    (course.path / "empty").mkdir()
    (course.path / "loose").mkdir()
    (course.path / "loose" / f"{NAME}.ipynb").write_text("points 4")
    with pytest.raises(results.Refused, match=why):
        grade.grade(course.solution, course.path / submitted, course.path / out, sandbox="none", progress=False)
    with pytest.raises(results.Refused, match="is not a file"):
        grade.grade(course.path, course.path / "submitted", course.out, sandbox="none", progress=False)


def test_what_a_killed_grader_left_is_cleared_away_and_nothing_else(course):
    hand_in(course, ada="points 4")
    course.run()
    (course.out / ".work/x").mkdir(parents=True)
    (course.out / "ada/.result.json.01234567.part").write_text("half")
    (course.out / "ada/.result.json.mine").write_text("mine")
    course.run()
    assert sorted(path.name for path in course.out.iterdir()) == [".lock", "ada", "grades.csv"]
    assert sorted(path.name for path in (course.out / "ada").iterdir()) == [
        ".result.json.mine", "feedback.html", "result.json",
    ]  # fmt: skip


# The command line, in processes of their own.

DRIVER = """
import signal, sys, types
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
import lecture_lib.grading
sandbox = types.SimpleNamespace(choose=lambda kind, consent: kind)
source = types.SimpleNamespace(read=lambda path: None)  # the real one takes a second to load
sys.modules["lecture_lib.grading.sandbox"] = lecture_lib.grading.sandbox = sandbox
sys.modules["lecture_lib.grading.source"] = lecture_lib.grading.source = source
from lecture_lib.grading import __main__ as cli, grade
grade.JUDGE[:] = {judge}
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def command(course):
    """Starts `python -m lecture_lib.grading grade` on the class, with the made-up judge."""
    (course.path / "driver.py").write_text(DRIVER.format(judge=course.judge))

    def start(out: Path = course.out, *more: str) -> subprocess.Popen:
        arguments = [
            "--solution",
            course.solution,
            "--submitted",
            course.path / "submitted",
            "--out",
            out,
            "--jobs",
            "2",
        ]
        words = [sys.executable, course.path / "driver.py", "grade", *arguments, "--sandbox", "none", *more]
        return subprocess.Popen(
            list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    return start


def test_the_command_says_what_happened(command, course):
    hand_in(course, ada="points 4", bob="crash")
    process = command()
    out, err = process.communicate()
    assert process.returncode == cli.FINDINGS
    assert "2 students: 1 graded, 0 graded before, 1 not graded, 1 with answers to mark by hand" in out
    assert "not graded, and tried again next time:\n  bob: the judge ended with code 1" in out
    assert err == ""
    hand_in(course, bob="points 1")
    process = command()
    process.communicate()
    assert process.returncode == cli.OK


def wait_for(path: Path) -> str:
    end = time.monotonic() + 20
    while time.monotonic() < end and not (path.exists() and path.read_text()):
        time.sleep(0.02)
    return path.read_text()


def test_a_second_grader_is_refused_until_the_first_ends_and_its_judge_ends_with_it(command, course):
    hand_in(course, ada="wait")
    first = command()
    wait_for(course.path / "waiting")
    second = command()
    _, err = second.communicate()
    assert second.returncode == cli.USAGE
    assert err.count("\n") == 1
    assert "another grader is at work there" in err
    first.kill()
    first.communicate()
    end = time.monotonic() + 20
    while not (course.path / "let go").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert (course.path / "let go").exists()
    hand_in(course, ada="points 4")
    assert course.run()["ada"]["points"] == 4


def test_an_interrupted_grader_says_how_to_go_on(command, course):
    hand_in(course, ada="points 4", bob="wait", eve="points 4")
    process = command(course.out, "--jobs", "1")
    judge = int(wait_for(course.path / "waiting"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert err == "\nStopped. Run the same command again to go on.\n"
    assert not alive(judge)
    assert not (course.out / "bob/result.json").exists()
    assert not (course.out / "eve/result.json").exists()
    assert results.read(course.out / "ada")["points"] == 4


def test_killed_at_any_moment_and_run_again_it_gives_the_same_table(command, course):
    hand_in(course, **{f"student {n}": f"slow 0.0{n}" for n in range(5)}, eve="points 1")
    start = time.monotonic()
    command(course.path / "whole").communicate()
    seconds = time.monotonic() - start
    expected = (course.path / "whole/grades.csv").read_bytes()
    moments, halves = random.Random(0), set()
    for n in range(20):
        out = course.path / f"out{n}"
        process = command(out)
        time.sleep(moments.uniform(0.3, 1) * seconds)
        process.kill()
        process.communicate()
        halves.add(sum(results.read(folder) is not None for folder in results.folders(out)) if out.exists() else 0)
        log(course)
        grade.grade(
            course.solution, course.path / "submitted", out, sandbox="none", progress=False, judge=course.judge, jobs=4
        )
        assert (out / "grades.csv").read_bytes() == expected
        assert [path.name for path in out.rglob("*.part")] == []
    assert len(halves) > 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: COMMAND"),
        (["grade"], "required: --solution, --submitted, --out"),
        (["grade", "--solution", "a", "--submitted", "b", "--out", "c", "--jobs", "0"], "'0' is not a whole number"),
        (["grade", "--solution", "a", "--submitted", "b", "--out", "c"], "is not a file"),
        (["export", "--out", "nowhere", "--csv", "x.csv"], "out='nowhere' is not a folder"),
        (["report", "--out", "nowhere"], "out='nowhere' is not a folder"),
    ],
)
def test_a_wrong_command_gets_one_sentence(arguments, said, course, capsys):
    try:
        code = cli.main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == cli.USAGE
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["release", "check", "grade", "export", "report", "selfcheck"])
def test_every_command_has_help_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == cli.OK
    assert f"example: python -m lecture_lib.grading {name} " in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("answer", "consent"), [("yes", True), ("y", False), ("", False)])
def test_without_a_sandbox_a_person_must_type_yes(answer, consent, course, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(grade, "grade", lambda *_, consent, **options: asked.append(consent) or [])
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: answer)
    arguments = ["grade", "--solution", str(course.solution), "--submitted", "b", "--out", "c", "--sandbox", "none"]
    assert cli.main(arguments) == cli.OK
    assert "all your rights" in capsys.readouterr().out
    assert cli.main([*arguments, "--yes"]) == cli.OK
    assert asked == [consent, True]
