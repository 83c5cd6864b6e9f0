"""Files that lie beside the instructor's notebook and are named in what students get: their code finds them as well."""

import ast
from pathlib import PurePosixPath

from lecture_lib.grading import bindings
from lecture_lib.grading.source import Source

LONGEST = 200  # characters of a path
LARGEST = 48 << 20  # bytes of all files


def files(source: Source) -> dict[str, bytes]:
    """{relative path: content} of the files that strings in the released code name; none that is too large."""
    folder, found, left = source.path.parent, {}, LARGEST
    for name in sorted(set().union(*(_names(c.released) for c in source.cells if c.kind == "code"))):
        path = folder / name
        if path.resolve().is_relative_to(folder.resolve()) and path.is_file() and path.stat().st_size <= left:
            found[name] = path.read_bytes()
            left -= len(found[name])
    return found


def _names(text: str) -> set[str]:
    """The strings in a cell that could be paths of data, within the folder."""
    nodes = ast.walk(bindings.tree(text)) if bindings.tree(text) else ()
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if len(text) <= LONGEST and text.isprintable() and _may_be_data(PurePosixPath(text))}


def _may_be_data(path: PurePosixPath) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return bool(path.suffix) and not hidden and not path.is_absolute() and path.suffix not in (".ipynb", ".db")
