"""The instructor's own solution, run before the submissions: what its tests need, and which of them hold at all.

A test that the solution does not pass here (it wants what cannot be had across the pipe, or it is wrong) must not cost
anybody points: a person decides about it.
"""

import threading
from pathlib import Path

from lecture_lib.grading import jury

GRACE = 300  # seconds beyond twice the limit of a submission, for a judge that starts parts of it anew


def request(job, path: Path | None) -> dict:
    """What a judge is asked about a submission."""
    return {
        "source": str(job.solution),
        "submission": path and str(path),
        "sandbox": job.sandbox,
        "limits": job.limits,
        "protect": [str(place) for place in (job.solution.parent, job.submitted, job.out)],
    }


def patience(job) -> tuple[float, threading.Event]:
    """How long a judge may take, and what stops it."""
    return 2 * job.limits["total_seconds"] + GRACE, job.stop


class Lesson:
    """What the solution shows, learned once, when the first submission needs it."""

    def __init__(self):
        self.lock, self.known, self.fault = threading.Lock(), None, ""

    def learned(self, job) -> tuple[dict, str]:
        """({test: what is known of it}, "") or ({}, why nothing is)."""
        with self.lock:
            if self.known is None and not self.fault:
                self.known, self.fault = _ask(job)
                if not self.fault and self.failing():  # perhaps by chance, or for want of time
                    again, _ = _ask(job)
                    self.known |= {name: test for name, test in again.items() if test["passes"]}
        return self.known, self.fault

    def failing(self) -> list[str]:
        """The tests that the solution does not pass, with the reasons."""
        return [f"{name}: {test['message']}" for name, test in (self.known or {}).items() if not test["passes"]]


def _ask(job) -> tuple[dict, str]:
    answer, fault = jury.ask(job.judge, request(job, job.solution) | {"learn": True}, *patience(job))
    learned = answer.get("learned") if answer else None
    if not isinstance(learned, dict):
        return {}, f"the instructor's solution could not be run: {fault or 'the judge did not say what it shows'}"
    return learned, ""
