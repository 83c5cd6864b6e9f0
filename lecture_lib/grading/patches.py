"""Names that tests and the student's code share, where their values change while a test runs.

A test may put something in the place of what the code takes from around it: `input`, `time.sleep`. The code may change
variables of the notebook. The names are those of the instructor's solution: a test's others stay its own.
"""

import ast
import builtins
import io
import types

from lecture_lib.grading import bindings

PLAIN = (type(None), bool, int, float, str, io.IOBase)
MISSING = object()


class Patches:
    """The places that are looked at: names, and attributes of modules."""

    def __init__(self, texts: list[str], bound: set[str]):
        self.names = set().union(*map(bindings.outer, texts)) - bound
        nodes = [node for text in texts if (root := bindings.tree(text)) for node in ast.walk(root)]
        found = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        self.attributes = {(node.value.id, node.attr) for node in found}
        self.changing = sorted(set().union(*map(bindings.changing, texts)))
        self.before: dict = {}

    def attach(self, link, space) -> None:
        """Let a link tell the code what the test has replaced, and the test what the code has changed."""
        link.patched = lambda: self.made(space.names)
        link.called = lambda: self.changing and space.refresh(link.look(self.changing))

    def begin(self, space: dict) -> None:
        """A test begins, with these names."""
        self.before = self._now(space)

    def made(self, space: dict) -> dict:
        """{(module or "", name): what stands there now} for what has changed since."""
        if not self.before:
            return {}
        now = self._now(space)
        changed = {place: thing for place, thing in now.items() if thing is not self.before.get(place, MISSING)}
        return {place: thing for place, thing in changed.items() if callable(thing) or isinstance(thing, PLAIN)}

    def _now(self, space: dict) -> dict:
        found = {("", name): space.get(name, getattr(builtins, name, MISSING)) for name in self.names}
        for name, attribute in self.attributes:
            if isinstance(module := space.get(name), types.ModuleType):
                found[module.__name__, attribute] = vars(module).get(attribute, MISSING)
        return {place: thing for place, thing in found.items() if thing is not MISSING}
