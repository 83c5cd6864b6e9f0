"""A student's own check of an exercise in a terminal: the same visible checks as in the notebook, all at once."""

from pathlib import Path

from lecture_lib.grading import judge, results, source

MARKS = {"passed": "✓", "partial": "~", "to mark": "…"}


def run(notebook: Path | str, source: Path | str | None = None) -> int:
    """Print what each exercise of a notebook earns by the checks in it, and what to look at; 0 if all is well, else 1.

    `source` may name the notebook with solutions, whose hidden tests are then run as well. The code runs as in a
    notebook, without a sandbox: check your own work with it, not somebody else's.
    """
    notebook = Path(notebook).resolve()
    if not notebook.is_file():
        raise results.Refused(f"notebook={str(notebook)!r} is not a file")
    exercises, notes = judged(notebook, Path(source or notebook).resolve())
    print("\n".join(report(exercises) + notes))
    return 0 if all(exercise["status"] in ("passed", "to mark") for exercise in exercises) else 1


def judged(notebook: Path, teacher: Path) -> tuple[list[dict], list[str]]:
    """(results of the exercises, what was odd about the notebook)."""
    source.read(teacher)  # what is wrong with it is said in plain words
    request = {"source": str(teacher), "submission": str(notebook), "sandbox": "none", "limits": {}}
    answer = judge.supervise(request)
    return answer["exercises"], answer["notes"]


def report(exercises: list[dict]) -> list[str]:
    """A line for each exercise, and below it what to look at."""
    lines = []
    for exercise in exercises:
        points = (
            "to be marked" if exercise["points"] is None else f"{exercise['points']:g} of {exercise['max_points']:g}"
        )
        lines.append(f"{MARKS.get(exercise['status'], '✗')} {exercise['title']}: {points}")
        lines += [f"    {line}" for line in exercise["message"].split("\n") if line]
    done = [exercise for exercise in exercises if exercise["points"] is not None]
    total, highest = sum(e["points"] for e in done), sum(e["max_points"] for e in done)
    return [*lines, f"{total:g} of {highest:g} points by the checks in this notebook"]
