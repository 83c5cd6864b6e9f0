"""The one form in which notebooks are stored: executed twice on one machine, a notebook has the same bytes."""

import copy
import hashlib
import itertools
import os
import re
import tempfile
from pathlib import Path

from nbformat import NotebookNode, v4

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
FALLBACK = "MNIST could not be downloaded"  # how `data.mnist` begins to say so
WIDGET = "application/vnd.jupyter.widget-view+json"
PROGRESS_BAR = re.compile(r"\d+%\|.*\||\d+it \[\d|\b(?:Int|Float)Progress\(")


def read(path: Path) -> NotebookNode:
    """The notebook in a file as it is: nothing is checked or filled in."""
    return v4.reads(path.read_text(encoding="utf-8"))


def dumps(nb: NotebookNode) -> str:
    """The text of a notebook's file: sorted keys, one line of source a line, a newline at the end."""
    return v4.writes(nb, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write(path: Path, nb: NotebookNode) -> None:
    """Put a notebook at path in one step: whoever reads sees the old file or the new one, never half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(dumps(nb).encode("utf-8"))
    os.replace(part, path)


def heading(nb: NotebookNode, index: int) -> str:
    """The title of the section in which cell index stands."""
    above = "\n".join(cell.source for cell in nb.cells[: index + 1] if cell.cell_type == "markdown")
    return (re.findall(r"^#+ +(.+?)\s*$", above, re.MULTILINE) or [""])[-1]


def describe(nb: NotebookNode, index: int) -> str:
    """What a message calls a code cell: its number as JupyterLab shows it, its section and its first line."""
    number = sum(cell.cell_type == "code" for cell in nb.cells[: index + 1])
    return f"cell [{number}], section {heading(nb, index)!r}: {nb.cells[index].source.strip().partition(chr(10))[0]}"


def normalize(nb: NotebookNode) -> NotebookNode:
    """A copy in the form that is stored: no times, no random identifiers, no live widgets, no progress bars.

    Cells that were not executed stay so; the others count from 1. Nothing else that an author wrote is changed.
    """
    nb, count, ids = copy.deepcopy(nb), itertools.count(1), set()
    nb.nbformat, nb.nbformat_minor = 4, 5
    for key in ("widgets", "signature"):
        nb.metadata.pop(key, None)
    nb.metadata.update(kernelspec=NotebookNode(KERNELSPEC), language_info=NotebookNode(name="python"))
    for position, cell in enumerate(nb.cells):
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", cell.get("id", "")) or cell.id in ids:
            cell.id = hashlib.sha256(f"{position} {cell.source}".encode()).hexdigest()[:12]
        ids.add(cell.id)
        for key in ("execution", "ExecuteTime", "trusted"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.execution_count = next(count) if cell.execution_count else None
            cell.outputs = _normalize_outputs(cell.outputs, cell.execution_count)
    return nb


def _normalize_outputs(outputs: list[NotebookNode], execution_count: int | None) -> list[NotebookNode]:
    kept = []
    for output in outputs:
        last = kept[-1] if kept else NotebookNode()
        if output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
            continue
        if output.get("data", {}).pop(WIDGET, None) and PROGRESS_BAR.search(output.data.get("text/plain", "")):
            continue
        if output.output_type == "execute_result":
            output.execution_count = execution_count
        kept.append(output)
    return [output for output in kept if output.get("name") != "stderr" or not _only_progress_bars(output.text)]


def _only_progress_bars(text: str) -> bool:
    return all(PROGRESS_BAR.search(line) for line in re.split(r"[\r\n]+|\x1b\[A", text) if line.strip())


def problems(nb: NotebookNode) -> list[str]:
    """What must not be stored: errors, stderr, folders of a machine, addresses, other data; each with its cell."""
    found = []
    for index, cell in enumerate(nb.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                found.append(f"{describe(nb, index)}\n  raises {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                found.append(f"{describe(nb, index)}\n  writes on stderr: {output.text.strip()}")
            elif match := _machine_pattern().search(shown_text(output)):
                found.append(f"{describe(nb, index)}\n  prints {match[0]!r}, which differs on the next machine")
            elif FALLBACK in shown_text(output):
                found.append(f"{describe(nb, index)}\n  ran without MNIST, on the digits that stand in for it offline")
    return found


def shown_text(output: NotebookNode) -> str:
    """All that an output shows as text; the base64 of pictures, which may spell anything, is left out."""
    data = [text for mime, text in output.get("data", {}).items() if mime.startswith("text/")]
    return re.sub(r"data:image/[^\"']*", "", "\n".join(data) or output.get("text", ""))


def _machine_pattern() -> re.Pattern:
    """Matches folders of a machine (this one or the usual ones) and addresses of objects in memory."""
    here = {str(p) for p in (Path.home(), Path.cwd(), Path(tempfile.gettempdir())) if p != Path(p.anchor)}
    folders = "|".join(map(re.escape, sorted(here)))
    return re.compile(
        rf"(?<!\w)(?:{folders})(?!\w)|(?<!\w)/(?:home|root|tmp|Users)/|\b[A-Z]:\\Users|\b0x[0-9A-Fa-f]{{6,}}"
    )
