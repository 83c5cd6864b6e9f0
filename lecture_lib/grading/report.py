"""The class page: how the points are spread, which exercise fails most, which mistake is most common."""

import collections
import statistics

from lecture_lib.grading import pages, printable

BINS = 10
FAILED = {"failed", "partial", "unanswered"}


def page(results: list[dict], *, names: bool = False) -> str:
    """The page for the results of a class, of one notebook or of several; students are named only on request."""
    notebooks = list(dict.fromkeys(result["notebook"] for result in results))
    title = f"Class report: {', '.join(notebooks)}"
    parts = [f"<h1>{pages.text(title)}</h1>"]
    for notebook in notebooks:
        own = [result for result in results if result["notebook"] == notebook]
        parts += [f"<h2>{pages.text(notebook)}</h2>" if len(notebooks) > 1 else "", *_notebook(own, names)]
    return pages.page(title, "\n".join(filter(None, parts)))


def _notebook(results: list[dict], names: bool) -> list[str]:
    graded = [result for result in results if "error" not in result]
    handed_in = [result for result in graded if result["submission"] is not None]
    exercises = _exercises(handed_in)
    return [
        _overview(results, graded, handed_in),
        _fails(exercises, len(handed_in)),
        _mistakes(handed_in),
        _spread(exercises),
        _notes(results, names),
        _students(results) if names else "",
    ]


def _overview(results: list[dict], graded: list[dict], handed_in: list[dict]) -> str:
    facts = [f"{len(results)} students, {len(handed_in)} handed in a notebook that could be read"]
    missing, failed = len(graded) - len(handed_in), len(results) - len(graded)
    facts += [f"{missing} did not"] if missing else []
    facts += [f"{failed} could not be graded yet"] if failed else []
    waiting = sum(result["to_mark"] > 0 for result in handed_in)
    facts += [f"{waiting} wait for marking by hand; their points are those given so far"] if waiting else []
    text = f"<p>{'; '.join(facts)}.</p>"
    shares = [100 * result["points"] / result["max_points"] for result in handed_in if result["max_points"]]
    if not shares:
        return text
    highest = printable.number(max(result["max_points"] for result in handed_in))
    return (
        f'{text}\n<p class="score">Median {statistics.median(shares):.0f} %</p>\n<p class="quiet">of {highest} points, '
        f"among those who handed in; mean {statistics.fmean(shares):.0f} %, from {min(shares):.0f} % to "
        f"{max(shares):.0f} %.</p>\n{histogram(shares, 'All exercises together')}"
    )


def _exercises(results: list[dict]) -> dict[str, list[dict]]:
    """The answers to each exercise, by its id, in the order of the notebook."""
    found = collections.defaultdict(list)
    for result in results:
        for exercise in result["exercises"]:
            found[exercise["id"]].append(exercise)
    return found


def _share(exercise: dict) -> float:
    return 100 * exercise["points"] / exercise["max_points"]


def _fails(exercises: dict[str, list[dict]], students: int) -> str:
    rows = []
    for name, answers in exercises.items():
        tests = [answer for answer in answers if answer["kind"] == "test"]
        failed = sum(answer["status"] in FAILED for answer in tests)
        hidden = sum(answer["hidden"] for answer in tests if answer["status"] in ("failed", "partial"))
        empty = sum(answer["status"] == "unanswered" for answer in tests)
        if tests:
            rows.append((failed, hidden, empty, _title(name, tests[0])))
    rows.sort(key=lambda row: -row[0])
    body = [[title, f"{failed} of {students}", str(hidden), str(empty)] for failed, hidden, empty, title in rows]
    return _table("Which test fails most", ["Exercise", "Not all right", "Only a hidden check", "No answer"], body)


def _title(name: str, exercise: dict) -> str:
    title = exercise["title"] or name
    return title if title == name else f"{title} ({name})"


def _mistakes(results: list[dict]) -> str:
    counts = collections.Counter(
        (exercise["mistake"], _title(exercise["id"], exercise))
        for result in results
        for exercise in result["exercises"]
        if exercise["mistake"]
    )
    body = [[mistake, title, str(n)] for (mistake, title), n in counts.most_common(20)]
    return _table("The most common mistakes", ["Mistake", "Exercise", "Students"], body)


def _spread(exercises: dict[str, list[dict]]) -> str:
    parts = ["<h2>Points, exercise by exercise</h2>"]
    for name, answers in exercises.items():
        shares = [_share(a) for a in answers if a["points"] is not None and a["max_points"]]
        waiting = sum(a["points"] is None for a in answers)
        title, highest = _title(name, answers[0]), printable.number(answers[0]["max_points"])
        parts.append(f'<section><h3>{pages.output(title, 200)} <span class="quiet">{highest} points</span></h3>')
        if shares:
            full = sum(share == 100 for share in shares)
            parts.append(f"<p>Mean {statistics.fmean(shares):.0f} %; {full} of {len(shares)} have all points.</p>")
            parts.append(histogram(shares, title))
        parts.append(f"<p>{waiting} wait for marking.</p></section>" if waiting else "</section>")
    return "\n".join(parts)


def histogram(shares: list[float], title: str) -> str:
    """An SVG picture of how many of the shares (in percent) lie in each tenth of the scale, with a label in words."""
    counts = collections.Counter(min(int(share * BINS / 100 + 1e-9), BINS - 1) for share in shares)
    width, height, top = 34, 70, max(counts.values())
    label = "; ".join(f"{10 * b} to {10 * b + 10} %: {counts[b]}" for b in range(BINS) if counts[b])
    parts = [
        f'<svg viewBox="0 0 {BINS * width + 20} {height + 36}" role="img" aria-label="Students by points, '
        f'{pages.output(title, 200)}: {label}">'
    ]
    for b in range(BINS):
        x, tall = 10 + b * width, height * counts[b] / top
        if counts[b]:
            y = 16 + height - tall
            parts.append(f'<rect x="{x + 2}" y="{y:.1f}" width="{width - 4}" height="{tall:.1f}" rx="2"></rect>')
            parts.append(f'<text x="{x + width / 2}" y="{y - 4:.1f}" text-anchor="middle">{counts[b]}</text>')
    base = 16 + height
    parts.append(f'<line x1="10" y1="{base}" x2="{10 + BINS * width}" y2="{base}"></line>')
    for b, anchor in ((0, "start"), (5, "middle"), (10, "end")):
        parts.append(f'<text x="{10 + b * width}" y="{base + 15}" text-anchor="{anchor}">{10 * b} %</text>')
    return "".join(parts) + "</svg>"


def _notes(results: list[dict], names: bool) -> str:
    noted = [r for r in results if r.get("notes") or "error" in r]
    if not noted:
        return ""
    if not names:
        return f"<h2>Notes</h2><p>{len(noted)} submissions have a note; the page with names shows them.</p>"
    body = [
        [printable.visible(r["student"]), note]
        for r in noted
        for note in (r.get("notes") or [f"Not graded: {r['error']}"])
    ]
    return _table("Notes", ["Student", "Note"], body)


def _students(results: list[dict]) -> str:
    body = []
    for r in results:
        graded = "error" not in r
        points = f"{printable.number(r['points'])} of {printable.number(r['max_points'])}" if graded else "not graded"
        body.append([printable.visible(r["student"]), points, printable.number(r["to_mark"]) if graded else ""])
    return _table("Students", ["Student", "Points", "Points to mark"], body)


def _table(caption: str, header: list[str], body: list[list[str]]) -> str:
    return pages.table(caption, header, [[pages.output(cell, 1000) for cell in row] for row in body]) if body else ""
