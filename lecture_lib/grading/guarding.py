"""What a test must not do with what a submission gave: evaluate, execute or unpickle it, which would run it here.

`eval(repr(thing))` is a test that instructors write. So text is evaluated if it stands in the instructor's own cells,
or if it only builds values: literals, and calls of the submission's functions and of classes of data.
"""

import ast
import builtins
import decimal
import doctest
import fractions
import hashlib
import pickle
import sys

from lecture_lib.grading import classes, errors, proxies, scalars

PLAIN = {name: getattr(pickle, name) for name in ("dumps", "loads", "dump", "load")}
GET_DOCTEST = doctest.DocTestParser.get_doctest
DATA = {*classes.DATA, bool, fractions.Fraction, decimal.Decimal, *scalars.TIMES}
BUILDING = ast.Expression | ast.Module | ast.Expr | ast.Constant | ast.Call | ast.keyword | ast.Name | ast.Load
BUILDING |= ast.Tuple | ast.List | ast.Set | ast.Dict | ast.UnaryOp | ast.USub | ast.BinOp | ast.Add | ast.Sub


class Guard:
    """The instructor's side of one notebook: `strings` are those of its cells, `given` the classes of its set-up."""

    def __init__(self, given: dict[str, type]):
        self.strings: set[str] = set()
        self.given = given
        self.compiled: set = set()

    def read(self, tree: ast.AST) -> None:
        """Note the strings of a cell."""
        nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
        self.strings |= {node.value for node in nodes if isinstance(node.value, str)}

    def names(self) -> dict:
        """What stands in the place of the functions that execute text."""

        def execute(code, names=None, local=None, **more):
            names, local = _around(names, local)
            return builtins.exec(self.checked(code, names | local), names, local, **more)

        def evaluate(code, names=None, local=None):
            names, local = _around(names, local)
            return builtins.eval(self.checked(code, names | local), names, local)

        def compiled(source, *args, **kwargs):
            made = builtins.compile(self.checked(source, sys._getframe(1).f_globals), *args, **kwargs)
            self.compiled.add(made)
            return made

        return {"eval": evaluate, "exec": execute, "compile": compiled}

    def checked(self, code, names: dict):
        """The text, tree or code itself. Raises StudentError for what may be the submission's and does things."""
        if isinstance(code, bytes | bytearray):
            code = code.decode("utf-8", "replace")
        ours = any(code.strip() in text for text in self.strings) if isinstance(code, str) else code in self.compiled
        if not ours and not self._builds(code, names):
            text = code if isinstance(code, str) else type(code).__name__
            raise errors.StudentError(f"would be executed by the check: {text[:100]!r}")
        return code

    def _builds(self, code, names: dict) -> bool:
        try:
            tree = ast.parse(code.strip()) if isinstance(code, str) else code
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return isinstance(code, str)  # the error is what there is to see
        nodes = list(ast.walk(tree)) if isinstance(tree, ast.AST) else [None]
        named = [names.get(node.id, getattr(builtins, node.id, None)) for node in nodes if isinstance(node, ast.Name)]
        calls = all(isinstance(node.func, ast.Name) for node in nodes if isinstance(node, ast.Call))
        return calls and all(isinstance(node, BUILDING) for node in nodes) and all(map(self._harmless, named))

    def _harmless(self, thing) -> bool:
        if isinstance(thing, type) and not isinstance(thing, classes.Mirror):
            return thing in DATA or thing in self.given.values()
        return isinstance(thing, classes.Mirror | proxies.Asked)

    def watch(self) -> None:
        """From now on a test unpickles only what a test has pickled, and runs no examples of a submission's."""
        made = set()

        def dumps(*args, **kwargs) -> bytes:
            data = PLAIN["dumps"](*args, **kwargs)
            made.add(hashlib.sha256(data).digest())
            return data

        def loads(data, /, **kwargs):
            if hashlib.sha256(data).digest() not in made:
                raise errors.StudentError("would be unpickled by the check, which can run anything")
            return PLAIN["loads"](data, **kwargs)

        def get_doctest(parser, string, globs, *args):
            test = GET_DOCTEST(parser, string, globs, *args)
            for example in test.examples:
                self.checked(example.source, globs)
            return test

        pickle.dumps, pickle.dump = (
            dumps,
            lambda thing, file, *args, **kwargs: file.write(dumps(thing, *args, **kwargs)),
        )
        pickle.loads, pickle.load = loads, lambda file, **kwargs: loads(file.read(), **kwargs)
        doctest.DocTestParser.get_doctest = get_doctest


def unwatch() -> None:
    """Nothing is guarded any more."""
    for name, plain in PLAIN.items():
        setattr(pickle, name, plain)
    doctest.DocTestParser.get_doctest = GET_DOCTEST


def _around(names: dict | None, local) -> tuple[dict, dict]:
    """Where code is evaluated that was given these names: as for `eval`, around the caller if it was given none."""
    frame = sys._getframe(2)
    if names is None:
        return frame.f_globals, frame.f_locals
    return names, names if local is None else local
