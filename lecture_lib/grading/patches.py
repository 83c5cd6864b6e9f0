"""What a test has put in the place of names that the student's code takes from around it: `input`, `time.sleep`.

The names are those of the instructor's solution, so that a test's other names stay unknown to the student's code.
"""

import ast
import builtins
import types

from lecture_lib.grading import bindings

PLAIN = (type(None), bool, int, float, str)
MISSING = object()


class Patches:
    """The places that are looked at: names, and attributes of modules."""

    def __init__(self, texts: list[str], bound: set[str]):
        self.names = set().union(*map(bindings.outer, texts)) - bound
        nodes = [node for text in texts if (root := bindings.tree(text)) for node in ast.walk(root)]
        found = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        self.attributes = {(node.value.id, node.attr) for node in found}
        self.before: dict = {}

    def begin(self, space: dict) -> None:
        """A test begins, with these names."""
        self.before = self._now(space)

    def made(self, space: dict) -> dict:
        """{(module or "", name): what stands there now} for what has changed since."""
        if not self.before:
            return {}
        now = self._now(space)
        changed = {place: thing for place, thing in now.items() if thing is not self.before.get(place, MISSING)}
        return {place: thing for place, thing in changed.items() if callable(thing) or type(thing) in PLAIN}

    def _now(self, space: dict) -> dict:
        found = {("", name): space.get(name, getattr(builtins, name, MISSING)) for name in self.names}
        for name, attribute in self.attributes:
            if isinstance(module := space.get(name), types.ModuleType):
                found[module.__name__, attribute] = vars(module).get(attribute, MISSING)
        return {place: thing for place, thing in found.items() if thing is not MISSING}
