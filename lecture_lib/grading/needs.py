"""What of a notebook some tests need: listed answers are graded with that part of it alone."""

import ast
import dataclasses
import functools
import re
import symtable

from lecture_lib.grading import bindings, trusted
from lecture_lib.grading.source import Cell, Source

BINDING = ast.Assign | ast.AnnAssign | ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom


def needed(teacher: Source, tests: list[Cell], text: str) -> Source:
    """The source without what some tests do not need: other tests, answers they do not use, and demonstrations."""
    code = [cell for cell in teacher.cells if cell.kind == "code" and cell.role in ("plain", "locked", "solution")]
    names, words = _vocabulary(teacher)
    students = {name for cell in code if cell.role == "solution" for name in names[cell.index]}
    asked = set().union(*(taken(test.text) for test in tests))
    used, kept = asked | taken(text), set()
    for _ in code:  # until nothing is added: what a test uses may use something else
        for cell in code:
            if cell.role == "solution":
                wanted = names[cell.index] & used
            else:
                wanted = not students & words[cell.index] or names[cell.index] & asked
            if wanted:
                kept.add(cell)
                used |= words[cell.index] if cell.role == "solution" else set()
    return dataclasses.replace(teacher, cells=[c for c in teacher.cells if c in kept or c in tests or c.kind != "code"])


@functools.lru_cache(maxsize=4)
def _vocabulary(teacher: Source) -> tuple[dict[int, set[str]], dict[int, set[str]]]:
    """What each code cell binds, and what it mentions, by index."""
    code = [cell for cell in teacher.cells if cell.kind == "code"]
    return {c.index: set(teacher.names(c)) for c in code}, {c.index: _mentioned(c.text) for c in code}


def _mentioned(text: str) -> set[str]:
    """The names in code; all words of what is not valid Python."""
    root = bindings.tree(text)
    return trusted.mentioned(root) if root else set(re.findall(r"\w+", text))


@functools.lru_cache(maxsize=1024)
def taken(text: str) -> frozenset[str]:
    """Names that a cell takes from what stands before it: not those that it binds first, as in `x = 1; f(x)`."""
    root, found = bindings.tree(text), set()
    if root is None:
        return frozenset(_mentioned(text))
    _block(root.body, set(), found)
    return frozenset(found)


def _block(body: list[ast.stmt], known: set[str], found: set[str]) -> None:
    """Add to `found` what statements take, and to `known` what they surely bind."""
    for statement in body:
        if isinstance(statement, ast.For | ast.While | ast.If | ast.With):
            heads, targets = _head(statement)
            found |= set().union(*map(_taken_alone, heads)) - known
            inner = known if isinstance(statement, ast.With) else set(known)  # else it may never run
            inner |= _stored(targets)
            _block(statement.body, inner, found)
            _block(getattr(statement, "orelse", []), set(known), found)
        else:
            found |= _taken_alone(statement) - known
        if isinstance(statement, BINDING):
            cell = ast.unparse(statement)
            known |= {*bindings.bound(cell), *bindings.imported(cell)}


def _head(statement: ast.stmt) -> tuple[list[ast.expr], list[ast.expr]]:
    """(expressions, what is bound) above the body of a compound statement."""
    if isinstance(statement, ast.With):
        targets = [item.optional_vars for item in statement.items if item.optional_vars]
        return [item.context_expr for item in statement.items], targets
    return ([statement.iter], [statement.target]) if isinstance(statement, ast.For) else ([statement.test], [])


def _stored(nodes: list[ast.expr]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _taken_alone(node: ast.AST) -> set[str]:
    """Names that one statement or expression takes from around it, in its functions and comprehensions as well."""
    found = _stored([node.target]) if isinstance(node, ast.AugAssign) else set()
    tables = [symtable.symtable(ast.unparse(node), "<cell>", "exec")]
    for table in tables:  # grows as we go
        tables += table.get_children()
        here = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (here or s.is_global())}
    return found
