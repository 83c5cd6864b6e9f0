"""Equation numbers in text: where a lecture gives them, and where a docstring or prose cites them.

A lecture gives one with `\\tag{99.3}`. A citation has the form "Eq. (99.3)", "Eqs. (99.3), (99.4) and (99.7)" or
"Eqs. (99.3) to (99.5)".
"""

import ast
import re

NUMBER = r"\(\d+\.\d+\)"
CITATION = re.compile(rf"\bEqs?\.\s+({NUMBER}(?:(?:,\s*|\s+)(?:and\s+|to\s+)?{NUMBER})*)")
TAG = re.compile(r"\\tag\{([^}]*)\}")
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def citations(text: str) -> list[str]:
    """The numbers that a text cites: "Eqs. (99.3) to (99.5) and (99.8)" -> 99.3, 99.4, 99.5, 99.8."""
    found = []
    for match in CITATION.finditer(text):
        for joint, number in re.findall(r"(to)?\s*\((\d+\.\d+)\)", match[1]):
            lecture, last = number.split(".")
            first = int(found[-1].split(".")[1]) + 1 if joint else int(last)
            found += [f"{lecture}.{i}" for i in range(first, int(last) + 1)]
    return found


def public_docstrings(source: str) -> dict[str, str]:
    """Docstrings of a module, of its public functions and classes, and of their public methods, by dotted name.

    The module's own is under the empty name.
    """
    tree, found = ast.parse(source), {}

    def collect(node, name):
        found[name] = ast.get_docstring(node) or ""
        for child in node.body if isinstance(node, ast.Module | ast.ClassDef) else []:
            if isinstance(child, DOCUMENTED) and not child.name.startswith("_"):
                collect(child, f"{name}.{child.name}".lstrip("."))

    collect(tree, "")
    return found
