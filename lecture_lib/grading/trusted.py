"""The instructor's code, executed outside the sandbox: tests, and set-up cells that do not use the student's names."""

import ast
import asyncio
import builtins
import contextlib
import inspect
import io
import sys
import types
import warnings

from lecture_lib.grading import bindings, guarding

ALL_NAMES = {"eval", "exec", "globals", "locals", "vars", "dir", "doctest"}  # with these, any name may be used


class NoShell:
    """Stands for IPython's shell where there is none: magics do nothing, a timed cell is executed."""

    def __init__(self, execute):
        self.execute = execute

    def run_cell_magic(self, magic: str, line: str, body: str):
        if magic in ("time", "timeit", "capture"):
            self.execute(body)

    def __getattr__(self, name: str):
        return lambda *args, **kwargs: None


class Namespace:
    """The names of the instructor's side; those that are the student's are put in from outside."""

    def __init__(self):
        self.module = types.ModuleType("__main__")
        self.names = vars(self.module)
        self.names |= {"__builtins__": builtins, "display": lambda *args, **kwargs: None}
        self.names["get_ipython"] = lambda: NoShell(lambda text: self.execute(bindings.tree(text), "<cell>"))
        self.classes: dict[str, type] = {}  # which the set-up has made, as it has in the sandbox
        self.guard = guarding.Guard(self.classes)
        self.names |= self.guard.names()
        self.students: set[str] = set()  # names whose values come from the sandbox
        self.bodies: set[str] = set()  # names that functions and classes of the instructor's mention
        self.put: dict = {}  # what was put in for a student's names

    def setup(self, text: str) -> Exception | None:
        """Execute a set-up cell, statement by statement; what uses the student's names is left to the sandbox.

        Functions, classes and imports are always ours: a test may rely on them. Gives the first exception.
        """
        root, failed = bindings.tree(text), None
        for statement in root.body if root else ():
            one = ast.Module([statement], [])
            kept = isinstance(statement, bindings.DEFINITION | ast.Import | ast.ImportFrom)
            made = set(bindings.bound(ast.unparse(one), frozenset()))
            if self._mentioned_now(one) & self.students:
                self.students |= made - set(dir(builtins))
                continue
            if kept:
                self.bodies |= mentioned(one)
            try:
                self.execute(one, "<set-up>")
                self.students -= made
            except Exception as error:
                failed = failed or error
                if not kept:
                    self.students |= made
        return failed

    def imports(self, statements: tuple[str, ...]) -> None:
        """Execute import statements of a solution cell: the names are the libraries', whatever the student binds."""
        for statement in statements:
            with contextlib.suppress(ImportError):
                self.execute(ast.parse(statement), "<import>")

    @staticmethod
    def _mentioned_now(tree: ast.AST) -> set[str]:
        """Names that are looked up when the code runs, not later in a function's body."""
        nodes = list(bindings.own(tree))
        for node in [node for node in nodes if isinstance(node, bindings.DEFINITION)]:
            parts = [*node.decorator_list, *getattr(node, "bases", ()), *getattr(node, "keywords", ())]
            parts += [*node.args.defaults, *filter(None, node.args.kw_defaults)] if hasattr(node, "args") else []
            nodes += [inner for part in parts for inner in ast.walk(part)]
        return {node.id for node in nodes if isinstance(node, ast.Name)}

    def given(self, text: str) -> list[str]:
        """The classes that a set-up cell has made."""
        found = {name: self.names.get(name) for name in bindings.bound(text)}
        found = {n: kind for n, kind in found.items() if isinstance(kind, type) and kind.__module__ == "__main__"}
        self.classes |= found
        return list(found)

    def needed(self, tree: ast.AST) -> list[str]:
        """The student's names that code may use, by itself or through functions of the set-up."""
        asked = mentioned(tree) | self.bodies
        return sorted(self.students if asked & ALL_NAMES else asked & self.students)

    def bind(self, needed: list[str], values: dict) -> None:
        for name in needed:
            self.names.pop(name, None)
        self.names.update(values)
        self.put = dict(values)

    def refresh(self, values: dict) -> None:
        """Take over new values of a student's names, unless the test has bound them to something else."""
        for name, value in values.items():
            if name in self.put and self.names.get(name) is self.put[name]:
                self.names[name] = self.put[name] = value

    def execute(self, tree: ast.Module, name: str):
        """Run code, and give the value of its last line where that is an expression, else None."""
        self.guard.read(tree)
        body, last = list(tree.body), None
        if body and isinstance(body[-1], ast.Expr):
            last = ast.Expression(body.pop().value)
        nowhere = io.StringIO()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with self._main():
                self._run(compile(ast.Module(body, []), name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))
                return self._run(compile(last, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)) if last else None

    def _run(self, code: types.CodeType):
        value = eval(code, self.names)
        if code.co_flags & inspect.CO_COROUTINE:  # `await` at the top level, as notebooks allow
            with asyncio.Runner() as runner:
                return runner.get_loop().run_until_complete(value)
        return value

    @contextlib.contextmanager
    def _main(self):
        """Be the main module, for those who look for it: unittest, pickle, dataclasses."""
        outer, sys.modules["__main__"] = sys.modules["__main__"], self.module
        try:
            yield
        finally:
            sys.modules["__main__"] = outer


def mentioned(tree: ast.AST) -> set[str]:
    """All names in a piece of code."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
