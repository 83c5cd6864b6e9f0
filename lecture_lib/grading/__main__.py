"""python -m lecture_lib.grading: release, check, grade, export, report, selfcheck."""

import argparse
import sys
from pathlib import Path

OK, FINDINGS, USAGE = 0, 1, 2
DANGER = """Without a sandbox the students' programs run with all your rights: they can read and delete your files,
use the network, and read the solutions. Do this only on a machine that holds nothing else, or if you trust them all."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0: all well, 1: something was found, 2: it was asked for in a way that does not work."""
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError) as error:
        print(str(error).encode(errors="backslashreplace").decode(), file=sys.stderr)
        return USAGE


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="python -m lecture_lib.grading", description="Exercises: release, check, grade.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    one = _command(commands, release, "write the exercise notebooks", "release solutions exercises")
    one.add_argument("solutions", type=Path, metavar="SOLUTIONS", help="a notebook with solutions, or a folder of them")
    one.add_argument("exercises", type=Path, metavar="EXERCISES", help="the folder for the students' notebooks")
    one.add_argument("--check", action="store_true", help="write nothing; fail if an exercise is not up to date")

    one = _command(commands, check, "check a notebook of your own", "check exercises/01_autoencoders.ipynb")
    one.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    one.add_argument("--source", type=Path, metavar="SOLUTION", help="the notebook with solutions, if you have it")

    _grade(_command(commands, grade, "grade the notebooks of a class", GRADE_EXAMPLE))

    one = _command(commands, export, "write the points of a class as CSV", "export --out graded --csv points.csv")
    _outs(one)
    one.add_argument("--csv", type=Path, required=True, metavar="FILE", help="the table: UTF-8, comma, decimal point")
    one.add_argument("--marks", type=Path, metavar="FILE", help=MARKS)
    one.add_argument(
        "--format", choices=["plain", "moodle", "canvas"], default="plain",
        help="moodle: map username and each column by hand; canvas: students are found by SIS login, columns become "
        "assignments; in both the folders must be named after the students' logins",
    )  # fmt: skip
    one.add_argument("--force", action="store_true", help="replace FILE even if it was not written by export")

    one = _command(commands, report, "write a page about a class", "report --out graded --html class.html")
    _outs(one)
    one.add_argument("--html", type=Path, metavar="FILE", help="the page (default: report.html in the first DIR)")
    one.add_argument("--marks", type=Path, metavar="FILE", help=MARKS)
    one.add_argument("--names", action="store_true", help="show the students' names and the notes on them")

    one = _command(commands, selfcheck, "test the exercises and the sandbox", "selfcheck solutions")
    one.add_argument("solutions", type=Path, nargs="?", default=Path("solutions"), metavar="SOLUTIONS")
    one.add_argument("--answers", type=Path, metavar="DIR", help="the folder of wrong and right answers to try")
    return top


MARKS = "points given by hand: a CSV file with student,exercise,points,comment (default: marks.csv in DIR, if there)"
GRADE_EXAMPLE = "grade --solution solutions/01_autoencoders.ipynb --submitted submitted --out graded"


def _command(commands, run, about: str, example: str) -> argparse.ArgumentParser:
    epilog = f"example: python -m lecture_lib.grading {example}"
    one = commands.add_parser(run.__name__, help=about, description=f"{run.__doc__}", epilog=epilog)
    one.set_defaults(run=run)
    return one


def _outs(one: argparse.ArgumentParser) -> None:
    one.add_argument("--out", type=Path, nargs="+", required=True, metavar="DIR", help="the folders that grade wrote")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _grade(one: argparse.ArgumentParser) -> None:
    one.add_argument("--solution", type=Path, required=True, metavar="NOTEBOOK")
    one.add_argument(
        "--submitted", type=Path, required=True, metavar="DIR", help="holds STUDENT/NOTEBOOK for each student"
    )
    one.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="results: made if need be, beside submitted"
    )
    one.add_argument("--jobs", type=_positive, metavar="N", help="submissions at a time (default: one a core)")
    one.add_argument(
        "--sandbox", choices=["auto", "bwrap", "none"], default="auto", help="auto: bubblewrap, or nothing is graded"
    )
    one.add_argument("--force", action="store_true", help="grade all again, also what has not changed")
    one.add_argument("--yes", action="store_true", help="with --sandbox none: do not ask")
    one.add_argument("--seconds", type=_positive, metavar="N", help="for one submission (default: 900)")
    one.add_argument("--marks", type=Path, metavar="FILE", help=MARKS)


def release(options) -> int:
    """Write an exercise for each notebook with solutions; nothing of a solution or a hidden test is left in it."""
    from lecture_lib.grading import release as releasing

    messages = releasing.write(options.solutions, options.exercises, check=options.check)
    print("\n".join(messages) or "All exercises are up to date.")
    return FINDINGS if options.check and messages else OK


def check(options) -> int:
    """Run the visible checks of an exercise, and say what to look at."""
    from lecture_lib.grading import check as checking

    return checking.run(options.notebook, options.source)


def grade(options) -> int:
    """Grade DIR/STUDENT/NOTEBOOK for every student. Run it again after an interruption: it goes on where it stopped."""
    from lecture_lib.grading import grade as grading
    from lecture_lib.grading import source

    if options.solution.is_file():
        source.read(options.solution)
    limits = {"total_seconds": options.seconds, "cpu_seconds": options.seconds} if options.seconds else None
    graded = grading.grade(
        options.solution, options.submitted, options.out, jobs=options.jobs, sandbox=options.sandbox,
        force=options.force, consent=options.yes or _consents(options), limits=limits, marks=options.marks,
    )  # fmt: skip
    return FINDINGS if any("error" in result for result in graded) else OK


def _consents(options) -> bool:
    if options.sandbox != "none" or not sys.stdin.isatty():
        return False
    print(DANGER)
    return input("Type yes to go on: ").strip() == "yes"


def export(options) -> int:
    """Write one row a student and one column an exercise; with marks, also put them into the students' feedback."""
    from lecture_lib.grading import gradebook

    messages = gradebook.export(options.out, options.csv, options.marks, layout=options.format, force=options.force)
    print("\n".join([*messages, f"Written: {options.csv}"]))
    return OK


def report(options) -> int:
    """Write a page with histograms, the tests that fail most and the most common mistakes."""
    from lecture_lib.grading import gradebook, pages
    from lecture_lib.grading import report as reporting

    _, records, messages = gradebook.merged(options.out, options.marks)
    path = options.html or options.out[0] / "report.html"
    aside = pages.write(path, reporting.page(records, names=options.names))
    kept = [f"{path} was not written by report, or edited; kept as {aside.name}"] if aside else []
    print("\n".join([*messages, *kept, f"Written: {path}"]))
    return OK


def selfcheck(options) -> int:
    """Try the solution, the untouched exercise, listed mistakes, right answers and escapes from the sandbox."""
    from lecture_lib.grading import selfcheck as checking

    return checking.run(options.solutions, options.answers)


if __name__ == "__main__":
    sys.exit(main())
