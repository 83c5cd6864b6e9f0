"""The process that grades one submission: it never runs the student's code, and has the verdict."""

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import threading
from pathlib import Path

from lecture_lib import checks
from lecture_lib.grading import beside, bridge, judge, placing, sandbox, source, submission, trial, verdicts
from lecture_lib.grading.limits import Limits

MEMORY = 16 * 2**30  # bytes that this process may reserve: what it works on comes from students


def work(request: dict) -> None:
    """Grade what the request names; events and the result go to stdout, a line of JSON each."""
    out, lock = os.fdopen(os.dup(sys.stdout.fileno()), "w"), threading.Lock()
    sys.stdout = sys.stderr  # what tests print is no event

    def tell(event: dict) -> None:
        with lock:
            out.write(json.dumps(event) + "\n")
            out.flush()

    judge.sign_of_life(tell)
    _limit_memory()
    os.environ |= {"MPLBACKEND": "Agg", "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    os.chdir(Path(request["source"]).parent)
    tell({"result": grade(request, tell)})


def grade(request: dict, tell) -> dict:
    """The result of one submission, as it is kept, without the student's name."""
    teacher = source.read(request["source"])
    data = Path(request["submission"]).read_bytes() if request["submission"] else None
    sha = hashlib.sha256(data).hexdigest() if data is not None else None
    result = {
        "format": 1,
        "notebook": teacher.name,
        "submission": sha,
        "source": hashlib.sha256(teacher.path.read_bytes()).hexdigest(),
        "settings": {},
    }
    exercises, notes, learned = graded(request, teacher, data, f"{sha} {teacher.name}", tell, sandbox.start)
    marks = [exercise["points"] or 0.0 for exercise in exercises]
    waiting = [exercise["max_points"] for exercise in exercises if exercise["points"] is None]
    result["points"], result["to_mark"] = sum(marks), sum(waiting)
    result["max_points"] = sum(exercise["max_points"] for exercise in exercises)
    return _encodable(result | {"exercises": exercises, "notes": notes, "learned": learned})


def graded(
    request: dict, teacher: source.Source, data: bytes | None, seed: str, tell, start
) -> tuple[list, list, dict]:
    """(exercises' results, notes, what it shows of the tests) for a submission; `start` is or stands for sandbox.start.

    `request["reference"]` is what the solution showed. Without it, whatever a test asks of the student's objects is
    asked: for the solution itself, and for students who check their own work.
    """
    checks.enforced = False
    limits = _limits(request["limits"])
    try:
        if data is None:
            raise submission.SubmissionError("There was no notebook that could be graded.")
        pieces, notes = submission.read(data)
    except submission.SubmissionError as error:
        run = trial.Trial(teacher, placing.Plan(), None, limits, seed)
        return verdicts.nothing(run, str(error)), [str(error)] if data is not None else [], {}
    plan = placing.plan(teacher, pieces)
    link = _starter(request, teacher, limits, seed, start)
    run = trial.Trial(teacher, plan, link, limits, seed, tell, request.get("reference"))
    run.skip = frozenset(request.get("skip", ()))
    try:
        exercises = run.run(request.get("until"))
    finally:
        run.close()
    if run.mutating:
        run.notes.append("Its code changes arguments that the tests gave it in place.")
    return exercises, notes + plan.notes + run.notes, run.learned


def _limits(asked: dict) -> Limits:
    return Limits(**{field.name: asked[field.name] for field in dataclasses.fields(Limits) if field.name in asked})


def _starter(request: dict, teacher: source.Source, limits: Limits, seed: str, start):
    """A function that opens a link to a fresh sandbox."""
    forbidden = teacher.forbidden()
    hello = {
        "message": limits.message,
        "output": limits.output,
        "call_seconds": limits.call_seconds,
        "seed": int(hashlib.sha256(f"student {seed}".encode()).hexdigest()[:8], 16),
        "forbidden": list(forbidden),
        "names": sorted(teacher.all_names()),
        "limits": dataclasses.asdict(limits),
    }
    protect = [Path(path) for path in request.get("protect", [])] + [teacher.path.parent]
    files = beside.files(teacher) if request.get("sandbox") else {}  # else it works in the folder where they lie

    def link() -> bridge.Link:
        data = judge.mnist_folder()
        box = start(request.get("sandbox"), limits, forbidden=forbidden, protect=protect, data=data)
        try:
            made = bridge.Link(box, hello)
            made.lay(files)
            return made
        except bridge.SandboxLost as lost:  # before any code of a student's: the fault is ours, and no verdict
            box.close()
            raise bridge.NoSandbox(f"the sandbox did not start: {lost}\n{box.output()}") from None

    return link


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        value = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (value, hard))


def _encodable(value):
    """The same value with every text such that it can be written as UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return {key: _encodable(item) for key, item in value.items()} if isinstance(value, dict) else value
