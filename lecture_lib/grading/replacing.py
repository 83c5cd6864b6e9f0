"""The student's side: what a test has put in the place of names that the student's code uses, for one call."""

import sys

MISSING = object()


class Replacing:
    """The notebook's names, and what stood in the place of those that a test has replaced."""

    def __init__(self, names: dict):
        self.names = names
        self.before: list[tuple] = []  # (where, name, value)

    def replace(self, things: list[list]) -> None:
        """Put things, [module or "", name, value], in their places; what was replaced before is as it was."""
        for space, name, value in reversed(self.before):
            if value is MISSING:
                space.pop(name, None)
            else:
                space[name] = value
        self.before.clear()
        for module, name, value in things:
            space = vars(sys.modules[module]) if module else self.names
            self.before.append((space, name, space.get(name, MISSING)))
            space[name] = value
