"""What may be asked of the sandbox beyond values: what the instructor's own solution is asked by the same test.

`got == expected` would let an object of the student's decide; `got - expected` would also tell it what is expected. A
test of a class with such operators needs them, so it is run on the solution first, and what was asked then is noted.
"""

from dataclasses import dataclass, field

from lecture_lib.grading import operators

ANY = "*"  # an object of a class without a name that others could know
UNKNOWN = {"passes": True, "follow": False, "asked": [], "message": ""}  # of a test of which nothing is known


@dataclass
class Asking:
    """The permissions while one test runs; `names` are those that the solution binds."""

    names: frozenset[str] = frozenset()
    known: set[tuple] | None = None  # None: everything may be asked, and is noted
    noted: set[tuple] = field(default_factory=set)

    def may(self, thing, method: str, args: tuple) -> bool:
        """Whether a special method of a student's object may be asked, with these arguments."""
        kinds = ["thing" if hasattr(arg, "_over_there") else "plain" for arg in args]
        return self._asked(labels_of(thing), operators.family(method), " ".join(kinds))

    def may_reach(self, what: str, thing, name: str) -> bool:
        """Whether the student's code may "read" or "write" an attribute of an object that a test made."""
        return self._asked([type(thing).__qualname__], what, name)

    def may_give(self, what: str) -> bool:
        """Whether the student's code may give what a test can be fooled with: masked numbers, the end of a loop."""
        return self._asked([], "give", what)

    def may_suppress(self, error: type) -> bool:
        """Whether a context manager of the student's may put an end to an exception of the test's own."""
        return self._asked([], "suppress", error.__name__)

    def _asked(self, labels: list[str], *what: str) -> bool:
        if self.known is not None:
            return any((label, *what) in self.known for label in (*labels, ANY))
        own = [label for label in labels if label in self.names or "." in label]
        self.noted |= {(label, *what) for label in own[:1] or [ANY]}
        return True


def permitted(reference: dict | None, test: str) -> set[tuple] | None:
    """What may be asked in a test, of which `reference` has what the solution showed; None: everything."""
    return None if reference is None else set(map(tuple, reference.get(test, UNKNOWN)["asked"]))


def lesson(asking: Asking | None, follow: bool, error: BaseException | None) -> dict:
    """What an attempt of the solution's at a test shows: whether it passes, and what it needs."""
    message = "" if error is None else f"{type(error).__name__}: {str(error)[:300]}"
    asked = sorted(asking.noted) if asking else []
    return {"passes": error is None, "follow": follow, "asked": asked, "message": message}


def labels_of(thing) -> list[str]:
    """The classes of an object, nearest first: the submission's by name, those of libraries with their module."""
    return [vars(kind)["_label"] for kind in type(thing).__mro__ if "_label" in vars(kind)]
