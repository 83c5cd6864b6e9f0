"""What the text of a code cell binds, imports and forbids, read from its syntax tree; it may hold IPython's magics."""

import ast
import functools
import io
import re
import symtable
import tokenize
import warnings
from collections.abc import Iterator

from IPython.core import inputtransformer2

DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@functools.lru_cache(maxsize=1024)
def tree(text: str) -> ast.Module | None:
    """The syntax tree of a cell's text, magics turned into calls as IPython does; None where it is not valid Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in somebody's string
            return ast.parse(inputtransformer2.TransformerManager().transform_cell(text))
    except (SyntaxError, ValueError, RuntimeError, MemoryError):  # too deep, or too much for the parser
        return None


def in_string(text: str, pattern: str) -> bool:
    """Whether a string in the code matches the pattern; False where text has no Python tokens."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return False
    return any(re.search(pattern, token.string) for token in tokens if token.type != tokenize.COMMENT)


def own(node: ast.AST | None) -> Iterator[ast.AST]:
    """All nodes below one that run in its scope: no bodies of functions and classes, no comprehension variables."""
    for child in ast.iter_child_nodes(node) if node else ():
        if isinstance(child, ast.AnnAssign) and child.value is None:
            continue  # `x: int` binds nothing
        yield child
        if isinstance(child, ast.comprehension):
            yield from own(ast.Tuple([child.iter, *child.ifs]))
        elif not isinstance(child, DEFINITION | ast.Lambda):
            yield from own(child)


@functools.lru_cache(maxsize=1024)
def bound(text: str, imported: frozenset[str] | None = None) -> tuple[str, ...]:
    """Names that a cell binds at its top level; given those imported, also others that it modifies.

    Bound by def, class, assignment and the targets of for, with and except; not by import.
    Modified is `a` in `a.b = 1`, in `a[i] = 1` and in a statement `a.append(1)`.
    """
    found = []
    for node in own(tree(text)):
        if isinstance(node, DEFINITION | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            found.append(node.name)
        elif isinstance(node, ast.MatchMapping):
            found.append(node.rest)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.append(node.id)
        elif imported is not None and (root := _modified(node)) not in imported:
            found.append(root)
    return tuple(dict.fromkeys(filter(None, found)))


def changing(text: str) -> set[str]:
    """Names of the top level that functions in a cell bind anew or modify."""
    functions = [node for node in ast.walk(tree(text) or ast.Module([], [])) if isinstance(node, DEFINITION)]
    nodes = [node for function in functions for node in ast.walk(function)]
    found = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return (found | {_modified(node) for node in nodes}) & set(bound(text))


def outer(text: str) -> set[str]:
    """Names that functions in a cell take from around them: of the notebook, or built in."""
    try:
        waiting = symtable.symtable(ast.unparse(tree(text)), "<cell>", "exec").get_children() if tree(text) else []
    except (SyntaxError, ValueError, RecursionError):
        return set()
    found = set()
    for table in waiting:  # grows on the way
        waiting += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return found


def _modified(node: ast.AST) -> str | None:
    """`a` in a stored `a.b` or `a[i]`, and in a statement `a.b[i].c(…)`."""
    if isinstance(node, ast.Expr):
        node = node.value.value if isinstance(node.value, ast.Await) else node.value
        node = node.func if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Attribute):
            return None
    elif not isinstance(getattr(node, "ctx", None), ast.Store):
        return None
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Attribute):
            return None  # f(a).append(…) modifies what f returned
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _aliases(node: ast.AST) -> list[ast.alias]:
    return node.names if isinstance(node, ast.Import | ast.ImportFrom) else []


@functools.lru_cache(maxsize=1024)  # a cell's names are asked for with those that all cells of its notebook import
def imported(text: str) -> frozenset[str]:
    """All names that import statements bind, at any depth."""
    nodes = ast.walk(tree(text)) if tree(text) else ()
    return frozenset((alias.asname or alias.name).split(".")[0] for node in nodes for alias in _aliases(node))


def imports(text: str) -> tuple[str, ...]:
    """The import statements that run at the top level of a cell."""
    return tuple(ast.unparse(node) for node in own(tree(text)) if _aliases(node))


def forbidden(text: str) -> list[str]:
    """The names in calls of checks.forbid; raises ValueError where one is not a string written out."""
    found = []
    for node in ast.walk(tree(text)) if tree(text) else ():
        if isinstance(node, ast.Call) and re.search(r"(^|\bchecks\.)forbid$", ast.unparse(node.func)):
            names = [getattr(argument, "value", None) for argument in [*node.args, *node.keywords]]
            if not all(isinstance(name, str) for name in names):
                raise ValueError(f"{ast.unparse(node)}: names to forbid must be written out in quotes")
            found += names
    return found


def place(text: str, first: int, last: int) -> str:
    """What stands between two lines of a cell: "VAE.forward", or the names bound there, or all that the cell binds."""
    root = tree(text)
    numbered = root and inputtransformer2.TransformerManager().transform_cell(text).rstrip() == text.rstrip()
    if numbered:
        around = [n for n in ast.walk(root) if isinstance(n, DEFINITION) and n.lineno <= first <= n.end_lineno]
        if around:
            return ".".join(node.name for node in sorted(around, key=lambda node: node.lineno))
    within = bound("\n".join(text.split("\n")[first : last - 1])) if numbered else ()
    *rest, name = within or bound(text) or ["this cell"]
    return f"{', '.join(rest)} and {name}" if rest else name
