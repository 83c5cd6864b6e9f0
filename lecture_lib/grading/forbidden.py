"""Library files in which forbidden functions have lost their bodies, to be laid over the originals.

A class loses the bodies of all its methods. What is left to the worker to patch while it runs: functions written in C,
as they have no source, methods that a class only inherits, as their source belongs to others, and the call of a class.
Patches in the student's own process are a reminder, no more.
"""

import ast
import dataclasses
import functools
import importlib.util
import inspect
import marshal
import struct
from pathlib import Path

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True)
class Filtered:
    """What to lay over files, {original: content}, and the names that only the worker can forbid."""

    files: dict[Path, bytes]
    runtime: tuple[str, ...]


@functools.lru_cache
def filtered(names: tuple[str, ...]) -> Filtered:
    """The library without `names`, such as "torch.distributions.kl_divergence"; made once for all submissions.

    Raises ValueError for a name that does not exist or cannot be called.
    """
    places, names_in, files = {name: _place(name) for name in names}, {}, {}
    for name, place in places.items():
        if place:
            names_in.setdefault(place[0], {})[place[1]] = name
    for path, qualnames in names_in.items():
        files |= _files(path, without(path.read_bytes(), qualnames))
    runtime = [name for name, place in places.items() if not place or inspect.isclass(_find(name)[1])]
    return Filtered(files, tuple(runtime))


def without(source: bytes, qualnames: dict[str, str]) -> bytes:
    """The source with the bodies of {"KernelDensity.fit": its public name} replaced, on the same lines.

    A qualified name is that of a function, a method, or a class.
    """
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for qualname, node in reversed(_functions(source)):
        if name := qualnames.get(qualname) or qualnames.get(qualname.rpartition(".")[0]):
            first, last = node.body[0], node.body[-1]
            start = starts[first.lineno - 1] + first.col_offset
            end = starts[last.end_lineno - 1] + last.end_col_offset
            refusal = f"{name} may not be used in this exercise: write it yourself"
            stub = f"raise NotImplementedError({refusal!r})".encode() + b"\n" * source[start:end].count(b"\n")
            source = source[:start] + stub + source[end:]
    return source


def _functions(source: bytes) -> list[tuple[str, ast.AST]]:
    """All functions and methods, with their qualified names, in the order of the file; none that lie in functions."""
    found = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, FUNCTIONS):
                found.append((prefix + child.name, child))
            else:
                visit(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix)

    visit(ast.parse(source), "")
    return sorted(found, key=lambda item: (item[1].lineno, item[1].col_offset))


def _place(name: str) -> tuple[Path, str] | None:
    """The file that defines the function and its qualified name there; None where no source can be changed."""
    owner, thing = _find(name)
    if not callable(thing) or inspect.ismodule(thing):
        raise ValueError(f"forbidden holds {name!r}, a {type(thing).__name__}; expected a function or a method")
    if inspect.isclass(owner) and name.rpartition(".")[2] not in vars(owner):
        return None
    function = inspect.unwrap(getattr(thing, "__func__", thing))
    try:
        path = Path(inspect.getsourcefile(function)).resolve()
    except (TypeError, OSError):  # built in
        return None
    here = {qualname for qualname, _ in _functions(path.read_bytes())}
    here |= {qualname.rpartition(".")[0] for qualname in here}
    return (path, function.__qualname__) if function.__qualname__ in here else None


def _find(name: str) -> tuple[object, object]:
    """What holds the named thing, and the thing."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = ".".join(parts[:cut])
        try:
            owner = thing = importlib.import_module(module)
            for part in parts[cut:]:
                owner, thing = thing, getattr(thing, part)
            return owner, thing
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise
        except AttributeError:
            break
    raise ValueError(f"forbidden holds {name!r}, which does not exist; expected module.function or module.Class.method")


def _files(path: Path, source: bytes) -> dict[Path, bytes]:
    """The changed file, and what covers each compiled original, as those hold the function as well."""
    code = marshal.dumps(compile(source, str(path), "exec", dont_inherit=True))
    # Flag 1: valid by its hash, which nobody compares, not by the time of the source.
    compiled = importlib.util.MAGIC_NUMBER + struct.pack("<I", 1) + importlib.util.source_hash(source) + code
    ours = Path(importlib.util.cache_from_source(str(path)))
    originals = (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")
    return {path: source} | {pyc: compiled if pyc == ours else b"" for pyc in originals}
