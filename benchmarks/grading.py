"""How long grading takes, beside running the same notebook, and that a grader that is killed loses nothing.

Claims: 40 honest submissions of a lecture's size take at most 6 seconds each with two jobs, start-up included; killed
with SIGKILL at 20 random moments and started again, the grader writes the same grades.csv.

    python benchmarks/grading.py                    # both; bubblewrap is needed
    python benchmarks/grading.py --students 10 --kills 0
"""

import argparse
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbclient
import nbformat

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hostile import course

SECONDS, KILLS = 6.0, 20


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def command(folder: Path, out: str, jobs: int) -> list[str]:
    """Grade the class in a folder."""
    places = ["--solution", folder / "solutions" / f"{course.NAME}.ipynb", "--submitted", folder / "submitted"]
    words = ["grade", *places, "--out", folder / out, "--jobs", jobs]
    return [sys.executable, "-m", "lecture_lib.grading", *map(str, words)]


def lay_out(folder: Path, students: int) -> None:
    """An instructor's notebook, and honest submissions that differ by a comment."""
    (folder / "solutions").mkdir()
    (folder / "solutions" / f"{course.NAME}.ipynb").write_bytes(course.encode(course.solution()))
    for number in range(students):
        place = folder / "submitted" / f"student{number:03d}"
        place.mkdir(parents=True)
        notebook = course.submit(course.ANSWERS | {"kl": f"{course.ANSWERS['kl']}\n# {number}"})
        (place / f"{course.NAME}.ipynb").write_bytes(course.encode(notebook))


def plain_seconds(folder: Path) -> float:
    """The time of running one submission's notebook in a kernel, as its author does."""
    path = next((folder / "submitted").glob("*/*.ipynb"))
    start = time.perf_counter()
    nbclient.NotebookClient(nbformat.read(path, as_version=4), timeout=600).execute()
    return time.perf_counter() - start


def run(words: list[str], seconds: float | None = None) -> bool:
    """Run a command; killed after so many seconds where they are given. Whether it ended by itself."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return process.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False


def main() -> None:
    """Both measurements, and whether the claims hold."""
    options = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder, options.students)
        plain = statistics.median(plain_seconds(folder) for _ in range(3))
        start = time.perf_counter()
        subprocess.run(command(folder, "out", options.jobs), check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        grades = (folder / "out" / "grades.csv").read_bytes()
        each = whole / options.students
        print(f"{options.students} submissions, {options.jobs} jobs: {whole:.0f} s, {each:.2f} s each")
        print(f"one notebook run in a kernel: {plain:.2f} s; grading takes {each / plain:.2f} times that a submission")
        print(f"{each:.2f} s each (at most {SECONDS:g}): {'reached' if each <= SECONDS else 'missed'}")
        killed, random_moment = 0, random.Random(options.seed)
        while killed < options.kills:
            moment = random_moment.uniform(0.2, 0.15 * whole)
            killed += not run(command(folder, "killed", options.jobs), moment)
        run(command(folder, "killed", options.jobs))
        same = (folder / "killed" / "grades.csv").read_bytes() == grades
        print(f"killed {killed} times, then finished: {'the same' if same else 'ANOTHER'} grades.csv")


if __name__ == "__main__":
    main()
