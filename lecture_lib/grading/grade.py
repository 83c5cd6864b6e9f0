"""Grades the submissions of a class: in parallel, each by a judge in a process of its own, resumable at any moment."""

import concurrent.futures
import os
import sys
from pathlib import Path

from tqdm import tqdm

from lecture_lib.grading import gradebook, handed_in, lock, printable, results, single

JUDGE = [sys.executable, "-m", "lecture_lib.grading.judge"]
LIMITS = {"total_seconds": 900}  # of a submission
SHOWN = 30  # lines of one kind in the summary


def grade(
    solution,
    submitted,
    out,
    *,
    jobs: int | None = None,
    sandbox: str = "auto",
    force: bool = False,
    consent: bool = False,
    progress: bool = True,
    judge: list[str] = JUDGE,
    limits: dict | None = None,
    marks=None,
) -> list[dict]:
    """The results of all students in `submitted`, sorted; each is also in out/<student>/, and all in out/grades.csv.

    A submission that was graded before with the same notebook, settings and software is not graded again unless
    `force`. Raises Refused where the folders, the sandbox or the marks do not allow it.
    """
    from lecture_lib.grading import sandbox as sandboxes

    solution, submitted, out = (Path(path).resolve() for path in (solution, submitted, out))
    _check_places(solution, submitted, out)
    kind = sandboxes.choose(sandbox, consent)
    names, ignored = handed_in.students(submitted)
    out.mkdir(parents=True, exist_ok=True)
    with lock.hold(out):
        results.sweep(out)
        source = results.sha256(solution.read_bytes())
        limits = LIMITS | (limits or {})
        job = single.Job(solution, source, submitted, out, judge, kind, limits, force)
        _check_notebook(job)
        graded = _all(job, names, jobs, progress)
        results.sweep(out)
        job.messages.extend(_listed("not passed by the solution either, to be marked by hand", job.lesson.failing()))
        job.messages.extend(_listed("beside the students' folders, left alone", ignored))
        job.messages.extend(_listed("graded before, not handed in now, kept", _stale(out, names)))
        _publish(job, graded, marks, progress)
    return [record for record, _ in graded]


def _publish(job: single.Job, graded: list[tuple[dict, str]], marks, progress: bool) -> None:
    """Write the table of the class; say what happened, even where the marks do not fit."""
    unplaced = [record for record, how in graded if how == "unplaced"]
    try:
        job.messages.extend(gradebook.publish([job.out], job.out / "grades.csv", marks, unplaced=unplaced))
    finally:
        if progress:
            print(summary(graded, job.messages))


def _check_places(solution: Path, submitted: Path, out: Path) -> None:
    if not solution.is_file():
        raise results.Refused(f"solution={str(solution)!r} is not a file")
    if not submitted.is_dir():
        raise results.Refused(f"submitted={str(submitted)!r} is not a folder")
    if out == submitted or out in submitted.parents or submitted in out.parents:
        raise results.Refused(f"out={str(out)!r} and submitted={str(submitted)!r} must not lie in each other")
    if out.exists() and not out.is_dir():
        raise results.Refused(f"out={str(out)!r} is a file, not a folder")


def _check_notebook(job: single.Job) -> None:
    """Results of another notebook are not mixed with this one's unless forced."""
    for folder in [] if job.force else results.folders(job.out):
        record = single.earlier(job, folder, aside=False)
        if record and record["notebook"] != job.solution.stem:
            raise results.Refused(
                f"out={str(job.out)!r} holds results of {record['notebook']!r}, not of {job.solution.stem!r}; name "
                "another folder, or use --force: the old results of these students are then kept as result.json.bak"
            )


def _stale(out: Path, names: list[str]) -> list[str]:
    return [path.name for path in results.folders(out) if path.name not in names and (path / "result.json").is_file()]


def _all(job: single.Job, names: list[str], jobs: int | None, progress: bool) -> list[tuple[dict, str]]:
    """What `single.grade` gives for each student, in the order of the names."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    settings = {"sandbox": job.sandbox, "limits": job.limits, "software": single.software()}
    quiet = not progress or bool(os.environ.get("TQDM_DISABLE")) or None  # None: it is shown on a terminal only
    (job.out / ".work").mkdir(mode=0o700)
    with (
        tqdm(total=len(names), desc="grading", unit="student", leave=False, disable=quiet) as bar,
        concurrent.futures.ThreadPoolExecutor(jobs or len(cores)) as pool,
    ):
        futures = [pool.submit(single.grade, job, settings, name) for name in names]
        try:
            for future in concurrent.futures.as_completed(futures):
                future.result()
                bar.update()
        except BaseException:
            job.stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    if results.sha256(job.solution.read_bytes()) != job.source:
        raise results.Refused(f"solution={str(job.solution)!r} was changed while grading; run the same command again")
    return [future.result() for future in futures]


def summary(graded: list[tuple[dict, str]], messages: list[str]) -> str:
    """What happened, for a person: how many were graded, what was odd, what is left to do."""
    records = [record for record, _ in graded]
    failed = [record for record in records if "error" in record]
    reused = sum(how == "reused" for _, how in graded)
    waiting = sum(record.get("to_mark", 0) > 0 for record in records)
    noted = [f"{r['student']}: {note}" for r in records for note in r.get("notes", [])]
    lines = [
        f"{len(records)} students: {len(records) - reused - len(failed)} graded, {reused} graded before, "
        f"{len(failed)} not graded, {waiting} with answers to mark by hand"
    ]
    lines += _listed("not graded, and tried again next time", [f"{r['student']}: {r['error']}" for r in failed])
    lines += _listed("notes", noted) + messages
    return "\n".join(lines)


def _listed(title: str, texts: list[str]) -> list[str]:
    if not texts:
        return []
    more = [f"  and {len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return "\n".join([f"{title}:", *(f"  {printable.visible(text)}" for text in texts[:SHOWN]), *more]).split("\n")
