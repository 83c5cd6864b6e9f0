"""What a student is told about an exercise: the instructor's words where there are any, never a hidden test's code."""

import ast
import math
import re
import traceback

from lecture_lib import checks
from lecture_lib.grading import bindings, bridge, errors, trusted, watching

LONGEST = 3_000  # characters of a message
ANSWER = 20_000  # characters of a written answer
UNFINISHED = "This is not done yet: the cell still says `raise NotImplementedError`. Replace that line by your code."
UNTOUCHED = "You have not changed the cell of this exercise yet: write your code where it says YOUR CODE HERE."


def passed(trial, cell, value) -> dict:
    """The result of a test that raised nothing; a last line that is a number is partial credit, as in nbgrader."""
    points = partial(value, cell.points)
    full = points >= cell.points
    message = "" if full else f"Part of the checks pass: {points:g} of {cell.points:g} points."
    return _result(trial, cell, points, "passed" if full else "partial", message)


def partial(value, points: float) -> float:
    """Points by the value of a test's last line: a number within 0 and the maximum, else the maximum."""
    if type(value) not in (int, float):
        return points
    return 0.0 if math.isnan(value) else min(max(float(value), 0.0), points)


def failed(trial, cell, error: BaseException) -> dict:
    """The result of a test that raised."""
    answers = answer_cells(trial, cell)
    hidden = _is_hidden(cell, error)
    untouched = bool(answers) and all(index in trial.plan.untouched for index in answers)
    message = UNTOUCHED if untouched else _message(trial, cell, error, hidden)
    broken = [trial.ran[index].error for index in answers if index in trial.ran and trial.ran[index].error]
    if broken and not untouched:
        message = f"Your cell stopped with {_told(broken[0])}\n{message}".strip()
    result = _result(trial, cell, 0.0, "unanswered" if untouched else "failed", message)
    result["mistake"] = error.hint if isinstance(error, checks.Mistake) else None
    result["hidden"] = hidden and not untouched
    return result


def unsure(trial, cell, message: str) -> dict:
    """The result of a failed test that not even the instructor's own solution passes here: a person decides."""
    told = "This check could not be carried out by the grader. Your instructor will look at your answer."
    return _result(trial, cell, 0.0, "to mark", told) | {"points": None}


def written(trial, cell) -> dict:
    """The result of a cell that a person marks."""
    answer = trial.plan.answers.get(cell.index)
    result = _result(trial, cell, None if answer else 0.0, "to mark" if answer else "unanswered", "")
    result["output"] = trial.ran[cell.index].output if cell.index in trial.ran else ""
    result["kind"], result["answer"] = ("task" if cell.role == "task" else "manual"), (answer or "")[:ANSWER] or None
    if not answer:
        result["message"] = "There is no answer in this cell."
    return result


def _result(trial, cell, points: float | None, status: str, message: str) -> dict:
    output = "".join(trial.ran[i].output for i in answer_cells(trial, cell) if i in trial.ran)
    return {
        "id": cell.grade_id,
        "title": trial.source.title(cell),
        "kind": "test",
        "points": points,
        "max_points": cell.points,
        "status": status,
        "message": message[:LONGEST],
        "mistake": None,
        "answer": None,
        "output": output,
        "hidden": False,
    }


def answer_cells(trial, cell) -> list[int]:
    """The solution cells that a test is about: those whose names it uses, else the nearest above."""
    code = [c for c in trial.source.cells if c.kind == "code" and c.role in ("solution", "manual")]
    above = [c for c in code if c.index <= cell.index]
    used = trusted.mentioned(bindings.tree(cell.text) or ast.Module([], []))
    about = [c.index for c in above if used & set(trial.source.names(c))]
    return about[-1:] or [c.index for c in above[-1:]]


def _is_hidden(cell, error: BaseException) -> bool:
    """Whether the line of the test that failed is in a hidden region."""
    line = _line(cell, error)
    inside = False
    for number, text in enumerate(cell.text.split("\n"), 1):
        inside = ("BEGIN HIDDEN TESTS" in text or inside) and "END HIDDEN TESTS" not in text
        if number == line:
            return inside
    return False


def _line(cell, error: BaseException) -> int | None:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == f"<{cell.grade_id}>"]
    return frames[0].lineno if frames else None


def _message(trial, cell, error: BaseException, hidden: bool) -> str:
    if isinstance(error, bridge.SandboxLost):
        return f"While this was checked, your code had to be stopped: {error}."
    if isinstance(error, watching.TimeUp):
        return "The check took too long with what your code gave it."
    if (student := getattr(error, "student", None)) is not None:
        return _of_student(trial, student)
    if isinstance(error, errors.StudentError):
        return f"What your code gave cannot be checked: {error}."
    if isinstance(error, NameError) and error.name:
        return f"`{error.name}` is not defined; this exercise asks for it."
    if isinstance(error, AssertionError):
        return str(error).strip() or _assertion(cell, error, hidden)
    about = "A hidden check" if hidden else "The check"
    kind = type(error).__name__
    return f"{about} stopped with {kind}: {error}\nIs what your code gives of the type and shape asked for?"


def _of_student(trial, error: dict) -> str:
    if error["name"] == "Unsendable":
        return f"What your code gave cannot be checked: {error['text']}."
    stub = not error["text"] or "replace this line by your code" in error["text"]
    if error["name"] == "NotImplementedError" and stub:
        return UNFINISHED
    if error["name"] == "TimeUp":
        seconds = f"{trial.limits.call_seconds:g} s"
        return f"Your code took longer than {seconds} for one call; is there a loop without an end?"
    return f"Your code stopped with {_told(error)}"


def _told(error: dict) -> str:
    if error["name"] == "stopped":
        return f"an emergency stop: {error['text']}."
    return f"{error['name']}: {error['text']}" + "".join(f"\n  {line}" for line in error["lines"][-3:])


def _assertion(cell, error: BaseException, hidden: bool) -> str:
    """For an assert without words: the line itself where the student has it."""
    if hidden:
        return "A hidden check fails: your answer passes what you can see in the notebook, but not for other inputs."
    lines, number = cell.text.split("\n"), _line(cell, error)
    text = lines[number - 1].strip() if number else ""
    return f"This check fails: {re.sub(r'^assert ', '', text)}" if text else "A check fails."


def nothing(trial, why: str) -> list[dict]:
    """The results where there is nothing to grade."""
    results = []
    for cell in trial.source.cells:
        if cell.role == "test":
            results.append(_result(trial, cell, 0.0, "unanswered", why))
        elif cell.role in ("manual", "task"):
            results.append(written(trial, cell) | {"message": why})
    return results
