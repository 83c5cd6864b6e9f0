"""The instructor's code, executed outside the sandbox: tests, and set-up cells that do not use the student's names."""

import ast
import builtins
import contextlib
import io
import warnings

from lecture_lib.grading import bindings


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
        self.names = {"__name__": "__main__", "__builtins__": builtins, "display": lambda *args, **kwargs: None}
        self.names["get_ipython"] = lambda: NoShell(lambda text: self.execute(bindings.tree(text), "<cell>"))
        self.students: set[str] = set()  # names whose values come from the sandbox
        self.bodies: set[str] = set()  # names that functions and classes of the instructor's mention

    def setup(self, text: str) -> Exception | None:
        """Execute a set-up cell, statement by statement; what uses the student's names is left to the sandbox.

        Functions, classes and imports are always ours: a test may rely on them. Gives the first exception.
        """
        root, failed = bindings.tree(text), None
        for statement in root.body if root else ():
            one = ast.Module([statement], [])
            kept = isinstance(statement, bindings.DEFINITION | ast.Import | ast.ImportFrom)
            made = set(bindings.bound(ast.unparse(one), set()))
            if kept:
                self.bodies |= mentioned(one)
            elif self._mentioned_now(one) & self.students:
                self.students |= made - set(dir(builtins))
                continue
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
        return {node.id for node in bindings.own(tree) if isinstance(node, ast.Name)}

    def needed(self, tree: ast.AST) -> list[str]:
        """The student's names that code may use, by itself or through functions of the set-up."""
        return sorted((mentioned(tree) | self.bodies) & self.students)

    def bind(self, needed: list[str], values: dict) -> None:
        for name in needed:
            self.names.pop(name, None)
        self.names.update(values)

    def execute(self, tree: ast.Module, name: str):
        """Run code, and give the value of its last line where that is an expression, else None."""
        body, last = list(tree.body), None
        if body and isinstance(body[-1], ast.Expr):
            last = ast.Expression(body.pop().value)
        nowhere = io.StringIO()
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(ast.Module(body, []), name, "exec"), self.names)
            return eval(compile(last, name, "eval"), self.names) if last else None


def mentioned(tree: ast.AST) -> set[str]:
    """All names in a piece of code."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
