"""What both sides have a copy of: lent parameters, containers, arguments. Our changes go over; theirs, not always.

A test does not see what the student's code does to its arguments unless the instructor's solution needs that: else an
argument could be made equal to what it is compared with.
"""

import contextlib
import sys

from lecture_lib.grading import errors, held, mirrors
from lecture_lib.grading.decoding import Decoding, decode
from lecture_lib.grading.encoding import Encoding, contents
from lecture_lib.grading.wire import WireError

PIECES, LONGEST = 20_000, 40_000  # of what was printed, and characters of one
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, RuntimeError)


class Keeping:
    """The trusted side of it, for one link."""

    def __init__(self, link):
        self.link, self.held = link, held.Held()
        self.kept: set[int] = set()  # containers that are arguments which the student's code has kept
        self.warnings: list[tuple] = []

    def forget(self) -> None:
        """A new test begins."""
        self.held.known.clear()
        self.kept.clear()
        self.link.mirrors.loans.forget()

    def told(self, message: dict, out: Encoding) -> dict:
        """The message with what the sandbox must know of parameters and containers."""
        lent, changed = self.link.mirrors.loans.changed(out), self.held.changed()
        return message | {"lent": lent, "held": [[number, contents(thing, out)] for number, thing in changed]}

    def besides(self, answer: dict, blobs: list) -> None:
        """Take over what comes with an answer: what has changed over there, was printed and was warned of."""
        try:
            self.link.mirrors.update(answer.get("changed"), blobs)
            self._returned(answer, blobs, self.link.follow_mutations)
            for stream, text in (answer.get("printed") or ())[:PIECES]:
                with contextlib.suppress(ValueError, OSError):  # a test's own stream, closed
                    (sys.stderr if stream == "err" else sys.stdout).write(str(text)[:LONGEST])
            self.warnings += [(str(kind), str(text)[:1000]) for kind, text in (answer.get("warned") or ())[:100]]
        except MALFORMED as error:
            raise WireError(f"changes that are none ({type(error).__name__})") from None

    def _returned(self, answer: dict, blobs: list, follow: bool) -> None:
        """Note what the student's code did to parameters and containers of ours; see it, if a test is to see it."""
        if self.link.mirrors.loans.returned(answer.get("lent"), blobs, follow):
            self.link.mutated = True
        for number, node in answer.get("held") or ():
            content = decode(node, self.link.decoding(blobs))
            self.link.mutated = self.link.mutated or number in self.kept
            if follow:
                self.held.follow(number, content)

    def hold(self, number: int, thing):
        """The container that a copy from the sandbox stands for: where a test sees changes, the one that it has."""
        if self.link.follow_mutations and number in self.held.known:
            self.held.follow(number, thing)
            return self.held.known[number][0]
        if number not in self.kept:
            self.held.add(number, thing)
        return thing

    def keep(self, args: tuple, kwargs: dict, kept) -> None:
        """Note which arguments the student's code has kept."""
        try:
            for place, number in kept or ():
                self.held.add(number, args[place] if type(place) is int else kwargs[place])
                self.kept.add(number)
        except MALFORMED as error:
            raise errors.StudentError(f"says what is none of its arguments ({type(error).__name__})") from None

    def follow(self, ours: list, node, blobs: list) -> None:
        """Change arguments in place to what the student's function made of its copies."""
        come = Decoding(blobs, None, _with_gradient(blobs), named=self.link.named, given=self.link.given)
        come.resolve = lambda node: mirrors.State(
            [decode(tensor, come) for tensor in node.get("state", [])],
            vars(come.objects[node["k"]]) if "k" in node else None,
        )
        mirrors.follow(ours, decode(node, come))


def _with_gradient(blobs: list):
    def mark(tensor, node):
        if "grad" in node:
            tensor.grad = decode(node["grad"], Decoding(blobs, None))
        return tensor

    return mark
