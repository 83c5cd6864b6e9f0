"""Broken, hostile and honest submissions are graded in one run: each gets what it deserves, and nothing is harmed."""

import csv
import html.parser
import json
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hostile import attacks, broken, course, forgeries, harms, honest

ENTRIES = [*honest.ENTRIES, *broken.ENTRIES, *attacks.ENTRIES, *forgeries.ENTRIES, *harms.ENTRIES]
LIMITS = {"memory": 2 * 2**30, "cell_seconds": 8, "call_seconds": 4, "total_seconds": 60, "cpu_seconds": 60}
HELD_BACK = {  # what no student may see, and where it is
    "solution": course.SECRET,
    "gradebook": "SECRET-of-the-gradebook-93ab",
    "key": "SECRET-of-the-key-5c20",
    "environment": "SECRET-of-the-environment-e81b",
    "diary": "SECRET-of-the-diary-04fe",
}
GRADE = """\
import json, sys
from lecture_lib.grading import grade
solution, submitted, out, force, limits = sys.argv[1:]
grade.grade(solution, submitted, out, jobs=3, sandbox="bwrap", force=force == "force", limits=json.loads(limits))
"""
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ACTIVE = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "base",
    "link",
    "svg",
    "math",
    "frame",
    "applet",
}


class Listener:
    """Sockets that nobody may call; remembers who did."""

    def __init__(self, canary: Path, marker: str):
        self.calls, self.sockets = [], []
        for family in (socket.AF_INET, socket.AF_UNIX):
            for address in [("127.0.0.1", 0)] if family == socket.AF_INET else [f"{canary}/socket", f"\0{marker}"]:
                self.sockets.append(socket.socket(family, socket.SOCK_STREAM))
                self.sockets[-1].bind(address)
                self.sockets[-1].listen()
        self.port = self.sockets[0].getsockname()[1]
        for one in self.sockets:
            threading.Thread(target=self.listen, args=(one,), daemon=True).start()

    def listen(self, one: socket.socket) -> None:
        """Accept whoever calls."""
        while True:
            try:
                caller, address = one.accept()
            except OSError:
                return
            self.calls.append(str(address))
            caller.close()

    def close(self) -> None:
        """Stop listening."""
        for one in self.sockets:
            one.close()


class Run:
    """One class of submissions, graded; the folders and what was found in them before."""

    def __init__(self, root: Path):
        self.root, self.marker = root, f"hstl{secrets.token_hex(4)}"
        for name in ("submitted", "solutions", "canary", "again", "out"):
            (root / name).mkdir(parents=True)
        self.listener = Listener(root / "canary", self.marker)
        self.place = course.Place(root, self.marker, self.listener.port)
        self.lay_out()
        self.before = {name: snapshot(root / name) for name in ("submitted", "solutions", "canary")}
        self.elapsed = time.monotonic()
        self.printed = self.grade("submitted", "out")
        self.elapsed = time.monotonic() - self.elapsed

    def lay_out(self) -> None:
        """Write the solution, the submissions and what must not be touched."""
        (self.root / "solutions" / f"{course.NAME}.ipynb").write_bytes(course.encode(course.solution()))
        (self.root / "solutions" / "gradebook.db").write_text(HELD_BACK["gradebook"])
        (self.root / "canary" / "key").write_text(HELD_BACK["key"])
        for entry in ENTRIES:
            entry.write(self.root / "submitted" / entry.folder, self.place)
            if entry.subset:
                entry.write(self.root / "again" / entry.folder, self.place)
        for name in harms.UNSAFE:
            shutil.copytree(self.root / "submitted" / "plain", self.root / "submitted" / name)
        (self.root / "submitted" / "plain" / "diary.txt").write_text(HELD_BACK["diary"])

    def grade(self, submitted: str, out: str, force: str = "") -> str:
        """Run the grader over a folder of students; what it printed."""
        solution = self.root / "solutions" / f"{course.NAME}.ipynb"
        folders = [str(solution), str(self.root / submitted), str(self.root / out)]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HOSTILE_SECRET": HELD_BACK["environment"]}
        done = subprocess.run(
            [sys.executable, "-c", GRADE, *folders, force or "resume", json.dumps(LIMITS)],
            cwd=self.root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, timeout=5400,
        )  # fmt: skip
        said = done.stdout.decode(errors="replace")
        assert done.returncode == 0, said[-3000:]
        return said

    def results(self, out: str = "out") -> dict[str, tuple[Path, dict]]:
        """The folder and the result of each student."""
        found = {}
        for path in sorted((self.root / out).glob("*/result.json")):
            result = json.loads(path.read_bytes(), parse_constant=pytest.fail)
            found[result["student"]] = path.parent, result
        return found

    def close(self) -> None:
        """End what attacks have left, and remove the folders."""
        self.listener.close()
        for pid in marked(self.marker, self.listener.port):
            os.kill(pid, 9)
        shutil.rmtree(self.root)


def snapshot(folder: Path) -> dict[str, tuple]:
    """Kind, mode and content of all that lies in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if stat.S_ISREG(status.st_mode) else None
        )
        found[str(path.relative_to(folder))] = status.st_mode, content
    return found


def marked(*marks) -> list[int]:
    """Processes that carry one of these marks in their name, their command or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "comm").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if any(f"{mark}".encode() in text for mark in marks) and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


@pytest.fixture(scope="module")
def run():
    """The graded class, beside the library: sandboxes hide the folder for temporary files anyhow."""
    if not shutil.which("bwrap"):
        assert os.environ.get("CI") != "true", "bubblewrap is not installed here, so the grader was not tested"
        pytest.skip("bubblewrap is not installed: apt install bubblewrap")
    made = Run(Path(__file__).parents[1] / "build" / f"hostile-{os.getpid()}")
    yield made
    made.close()


def named(entries: list[course.Entry]):
    """A test for each entry."""
    return pytest.mark.parametrize("entry", entries, ids=[f"{entry.category}: {entry.name}" for entry in entries])


def test_attacks_earn_points_where_tests_and_submission_share_a_process(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent), "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "hostile.naive"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    earned = json.loads(done.stdout)
    assert earned.keys() == {entry.name for entry in ENTRIES if entry.proof}
    assert [name for name, points in earned.items() if not points > 0] == []


@named(ENTRIES)
def test_a_submission_gets_exactly_the_points_that_it_deserves(run, entry):
    result = run.results()[entry.folder][1]
    got = {exercise["id"]: exercise["points"] for exercise in result["exercises"] if exercise["kind"] == "test"}
    assert got == entry.points, explain(result)


def explain(result: dict) -> str:
    """What the grader said of a submission."""
    lines = [f"{e['id']}: {e['points']} {e['status']} {e['message'][:300]!r}" for e in result["exercises"]]
    return "\n".join([*lines, *result["notes"]])[:5000]


@named([entry for entry in ENTRIES if entry.note])
def test_the_instructor_is_told_in_a_plain_sentence(run, entry):
    notes = told(run.results()[entry.folder][1])
    assert any(re.search(entry.note, note) for note in notes), notes
    assert all("Traceback" not in note for note in notes), notes


def told(result: dict) -> list[str]:
    """What the instructor reads of a submission: the notes, and why points were lost."""
    tests = [exercise for exercise in result["exercises"] if exercise["kind"] == "test"]
    return result["notes"] + [exercise["message"] for exercise in tests if exercise["points"] < exercise["max_points"]]


def test_every_exercise_that_earned_less_than_all_says_why(run):
    silent = [
        (student, exercise["id"])
        for student, (_, result) in run.results().items()
        for exercise in result["exercises"]
        if exercise["kind"] == "test"
        and exercise["points"] < exercise["max_points"]
        and not exercise["message"].strip()
    ]
    assert not silent


def test_every_student_has_a_result_and_a_row(run):
    results = run.results()
    assert sorted(results) == sorted(entry.folder for entry in ENTRIES)
    with open(run.root / "out" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(ENTRIES) + 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [field for row in rows for field in row if re.match(r"[=+@\t\r]|-[^\d]", field)], (
        "a spreadsheet would compute"
    )


def test_folders_whose_names_could_lead_elsewhere_are_named_and_left_alone(run):
    results, (_, _, ignored) = run.results(), run.printed.partition("left alone")
    assert [name for name in harms.UNSAFE if name in results or name not in ignored] == []


def test_what_is_marked_by_hand_waits_for_a_hand(run):
    for student in ("plain", "loops", "html-in-notebook"):
        result = run.results()[student][1]
        waiting = {e["id"]: (e["points"], e["status"]) for e in result["exercises"] if e["kind"] != "test"}
        assert waiting == {"experiment": (None, "to mark"), "reading": (None, "to mark")}
        assert result["to_mark"] == 4
        printed = {e["id"]: e["output"] for e in result["exercises"] if e["kind"] != "test"}
        assert ("tensor" in printed["experiment"]) == (student != "html-in-notebook"), printed


def test_submissions_solutions_and_the_canary_are_as_they_were(run):
    for name, before in run.before.items():
        after = snapshot(run.root / name)
        assert after.keys() == before.keys(), name
        assert [path for path in before if before[path] != after[path]] == [], name


def test_only_results_lie_in_the_folder_of_results(run):
    results, out = run.results(), run.root / "out"
    assert {path for path in out.iterdir() if path.is_dir()} == {folder for folder, _ in results.values()}
    for path in out.rglob("*"):
        assert not path.is_symlink()
        allowed = ("result.json", "feedback.html") if path.parent != out else ("grades.csv",)
        assert path.is_dir() or path.name in allowed or "lock" in path.name, path


def test_no_socket_was_called(run):
    assert run.listener.calls == []


def test_no_process_is_left(run):
    left = marked(run.marker, f"73{run.listener.port}", str(run.root))
    assert [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left] == []


def test_no_marked_file_was_left_where_code_is_looked_for(run):
    folders = {Path(folder or ".") for folder in sys.path} | {
        Path.home(),
        Path("/etc"),
        Path("/usr/local/bin"),
        Path("/tmp"),
    }
    folders |= {Path("/dev/shm"), Path("/var/tmp"), Path("/run"), run.root.parent, Path(__file__).parents[1]}
    left = [path for folder in folders if folder.is_dir() for path in folder.glob(f"{run.marker}*")]
    for path in left:
        path.unlink()
    assert left == []


def test_no_secret_is_told(run):
    for path in (run.root / "out").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            told = [kind for kind, secret in HELD_BACK.items() if secret.encode() in content]
            assert told == [], path


class Page(html.parser.HTMLParser):
    """Collects what a browser would run or fetch."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ACTIVE or (
            tag == "meta" and any(name == "http-equiv" and value == "refresh" for name, value in attrs)
        ):
            self.found.append(tag)
        for name, value in attrs:
            fetched = name in (
                "src",
                "href",
                "srcset",
                "action",
                "data",
                "poster",
                "background",
                "xlink:href",
                "formaction",
            )
            if name.startswith("on") or (fetched and not re.match(r"#|data:image/png;base64,", value or "")):
                self.found.append(f"{tag} {name}={value}")
            if name == "style" and "url(" in (value or ""):
                self.found.append(f"{tag} {name}={value}")


def test_feedback_runs_nothing_and_fetches_nothing(run):
    for folder, _ in run.results().values():
        text = (folder / "feedback.html").read_text(encoding="utf-8")
        assert "<script" not in text.lower(), folder.name
        assert Page(text).found == [], folder.name


def test_feedback_and_notes_hold_no_control_characters_and_are_short(run):
    for folder, result in run.results().values():
        text = (folder / "feedback.html").read_text(encoding="utf-8")
        assert not CONTROL.search(text), (folder.name, CONTROL.search(text))
        assert not [note for note in result["notes"] if CONTROL.search(note)], folder.name
        assert len(text) < 1_000_000, folder.name
        assert (folder / "result.json").stat().st_size < 1_000_000, folder.name


def test_grading_again_changes_nothing(run):
    grades = (run.root / "out" / "grades.csv").read_bytes()
    start = time.monotonic()
    run.grade("submitted", "out")
    assert (run.root / "out" / "grades.csv").read_bytes() == grades
    assert time.monotonic() - start < run.elapsed / 4


def test_grading_anew_gives_the_same_marks(run):
    first, out = run.results(), run.root / "again-out"
    again = [entry.folder for entry in ENTRIES if entry.subset]
    for student in again:
        shutil.copytree(first[student][0], out / first[student][0].name)
    solution = run.root / "solutions" / f"{course.NAME}.ipynb"
    command = [sys.executable, "-m", "lecture_lib.grading", "grade", "--solution", solution, "--out", out]
    more = ["--submitted", run.root / "again", "--jobs", "2", "--sandbox", "bwrap", "--force"]
    done = subprocess.run([*command, *more], cwd=run.root, capture_output=True, timeout=900, start_new_session=True)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    second = run.results("again-out")
    for student in again:
        assert second[student][1]["exercises"] == first[student][1]["exercises"]
        old, new = (results[student][0] / "result.json" for results in (first, second))
        assert new.stat().st_mtime_ns > old.stat().st_mtime_ns, "was not graded anew"
