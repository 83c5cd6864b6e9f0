"""feedback.html: what a student reads about a graded submission."""

from pathlib import Path

from lecture_lib.grading import pages, printable

SHORT = 20  # characters of a result that stand in one line
LONGEST = 10_000  # characters of one output, answer or message on the page
# status: (class, sign, words)
STATES = {
    "passed": ("good", "✓", "All checks passed"),
    "partial": ("part", "◐", "Partly right"),
    "failed": ("bad", "✗", "A check failed"),
    "to mark": ("wait", "…", "Waits for marking"),
    "unanswered": ("bad", "○", "No answer found"),
}


def page(result: dict) -> str:
    """The whole page for one result; where it was marked by hand, with the mark and the comment."""
    title = f"Feedback on {result['notebook']}"
    head = f'<h1>{pages.text(title)}</h1>\n<p class="quiet">for {pages.text(printable.visible(result["student"]))}</p>'
    if "error" in result:
        return pages.page(
            title,
            f'{head}\n<p class="score">Not graded yet</p>\n<p>Something went wrong while grading, and nothing is '
            "decided: your points are not lost. Your instructor has been told.</p>",
        )
    parts = [head, _score(result), _found(result), _table(result)]
    names = _names(result["exercises"])
    parts += [_card(number, names[number - 1], exercise) for number, exercise in enumerate(result["exercises"], 1)]
    return pages.page(title, "\n".join(filter(None, parts)))


def write(folder: Path, result: dict) -> Path | None:
    """Write the page into a student's folder; the new name of an older page that somebody had edited."""
    return pages.write(folder / "feedback.html", page(result))


def _score(result: dict) -> str:
    points, highest, waiting = (printable.number(result[name]) for name in ("points", "max_points", "to_mark"))
    width = 100 * result["points"] / result["max_points"] if result["max_points"] else 0
    waits = f"<p>{waiting} more points wait for marking by hand.</p>" if result["to_mark"] else ""
    return (
        f'<p class="score">{points} of {highest} points</p>\n'
        f'<div class="bar" aria-hidden="true"><span style="width:{width:.1f}%"></span></div>\n{waits}'
    )


def _found(result: dict) -> str:
    """What was odd about the file; the notes on what it did are for the instructor."""
    found = pages.output(result["found"], LONGEST)
    return f'<p class="hint"><strong>About your file:</strong> {found}</p>' if found else ""


def _state(exercise: dict) -> tuple[str, str, str]:
    kind, sign, words = STATES[exercise["status"]]
    if "comment" in exercise:
        kind = "good" if exercise["points"] == exercise["max_points"] else "part" if exercise["points"] else "bad"
        return kind, "✓", "Marked by hand"
    if exercise["status"] in ("failed", "partial") and exercise["kind"] == "test" and exercise["hidden"]:
        words += ", one that is not in your notebook"
    return kind, sign, words


def _points(exercise: dict) -> str:
    got = "–" if exercise["points"] is None else printable.number(exercise["points"])
    return f"{got} / {printable.number(exercise['max_points'])}"


def _table(result: dict) -> str:
    rows, names = [], _names(result["exercises"])
    for number, exercise in enumerate(result["exercises"], 1):
        kind, sign, words = _state(exercise)
        name = f'<a href="#e{number}">{names[number - 1]}</a>'
        kind += " nowrap" if len(words) < SHORT else ""
        state = f'<span class="state {kind}"><span aria-hidden="true">{sign}</span> {words}</span>'
        rows.append([name, state, f'<span class="nowrap">{_points(exercise)}</span>'])
    return pages.table("The exercises at a glance", ["Exercise", "Result", "Points"], rows)


def _names(exercises: list[dict]) -> list[str]:
    """The title of each exercise as HTML; where several parts share one, with the part's own name."""
    titles = [exercise["title"] or exercise["id"] for exercise in exercises]
    return [
        pages.output(title, 200)
        + (f' <span class="quiet">{pages.output(exercise["id"], 100)}</span>' if titles.count(title) > 1 else "")
        for title, exercise in zip(titles, exercises, strict=True)
    ]


def _card(number: int, name: str, exercise: dict) -> str:
    kind, sign, words = _state(exercise)
    parts = [
        f'<section class="{kind}" id="e{number}" aria-labelledby="t{number}">\n<div class="head">'
        f'<h2 id="t{number}">{name}</h2><span class="points">{_points(exercise)} points</span></div>\n'
        f'<p class="state"><span aria-hidden="true">{sign}</span> {words}</p>',
        _message(exercise),
    ]
    if exercise.get("comment"):
        parts.append(f'<h3>Comment</h3>\n<p class="text">{pages.output(exercise["comment"], LONGEST)}</p>')
    if exercise["answer"]:
        parts.append(f"<h3>Your answer</h3>\n<pre>{pages.output(exercise['answer'], LONGEST)}</pre>")
    if exercise["output"].strip():
        parts.append(f"<h3>What your code printed</h3>\n<pre>{pages.output(exercise['output'], LONGEST)}</pre>")
    return "\n".join(filter(None, parts)) + "\n</section>"


def _message(exercise: dict) -> str:
    """The message with the mistake it names highlighted; a mistake that it does not name follows as a hint."""
    message, mistake = (pages.output(exercise[name] or "", LONGEST) for name in ("message", "mistake"))
    hint = ""
    if mistake and mistake in message:
        message = message.replace(mistake, f"<mark>{mistake}</mark>", 1)
    elif mistake:
        hint = f'<p class="hint text"><strong>Hint:</strong> {mistake}</p>'
    return "\n".join(filter(None, [message and f'<p class="text">{message}</p>', hint]))
