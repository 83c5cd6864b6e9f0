"""Run times of notebooks: what each states in its first cell, what it takes, and the page that compares both.

    python -m lecture_lib.run_times [09 ...]     measures the lectures named, or all, and their solutions

Each notebook is executed in a fresh kernel, with the threads that PyTorch takes by itself; the notebooks stay as they
are. Their rows in docs/run_times.md are replaced; a machine with another number of cores, or an accelerator, has a
table of its own. Exit codes: 1, a cell failed; 2, no such lecture.
"""

import argparse
import itertools
import os
import platform
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from nbformat import NotebookNode

from lecture_lib import notebook_format, notebooks

COMPUTING = re.compile(r"\*\*Time\.\*\*(?:[^.\n]*?[,;])?\s*([^.,;\n]*?)\s+(?:of|for) computing")
NUMBERS = {"half a": 0.5, "a few": 10.0, "one or two": 2.0, "less than": 1.0, "a": 1.0, "one": 1.0}
UNSTATED = 120.0  # seconds, of a notebook that states nothing
PAGE = "docs/run_times.md"
HEAD = "| notebook | stated (s) | taken (s) | peak memory (MB) | slowest cell |\n|---|---:|---:|---:|---|\n"
ROW = re.compile(r"^\| (\S+/\d\d_\w+) \|.*\n", re.MULTILINE)


@dataclass
class Times:
    """Of one run: seconds for all cells, the kernel's peak memory in bytes, and the slowest cell with its seconds."""

    seconds: float
    peak: int
    slowest: str
    slowest_seconds: float


def budget(nb: NotebookNode) -> float:
    """The seconds of computing that a notebook states in its first cell: "About half a minute of computing" -> 30.

    "Less than a minute" is a minute, "a few seconds" are ten; 120 where nothing is stated. Raises ValueError for words
    that are not understood.
    """
    found = COMPUTING.search(nb.cells[0].source)
    if not found:
        return UNSTATED
    words = found[1].lower().removeprefix("about ")
    number = re.match(rf"(?:\d+|{'|'.join(NUMBERS)})\b", words)
    if not number:
        raise ValueError(f"the first cell states {found[1]!r} of computing; write, for example, 'About 2 minutes'")
    value = NUMBERS.get(number[0]) or float(number[0])
    return value if "second" in words else 60 * value


def peak_memory(pid: int) -> int:
    """The most bytes that a process has held: exact on Linux, what it holds now elsewhere."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        return 1024 * int(re.search(r"VmHWM:\s*(\d+)", status.read_text())[1])
    return psutil.Process(pid).memory_info().rss


def measure(path: Path) -> Times:
    """Execute a notebook and time it; RuntimeError names the cell that fails."""
    nb, ends, peaks = notebook_format.read(path), [], []

    def watch(pid: int) -> None:
        ends.append(time.perf_counter())
        peaks.append(peak_memory(pid))

    notebooks.execute(nb, path.parent, dict(os.environ), watch)
    taken = [b - a for a, b in itertools.pairwise(ends)]
    slowest = max(range(len(taken)), key=taken.__getitem__)
    return Times(sum(taken), max(peaks), notebook_format.heading(nb, slowest), taken[slowest])


def row(name: str, stated: float, times: Times) -> str:
    """A line of the table."""
    slowest = f"{times.slowest}: {times.slowest_seconds:.0f} s"
    return f"| {name} | {stated:.0f} | {times.seconds:.0f} | {times.peak / 1e6:.0f} | {slowest} |\n"


def machine() -> tuple[str, str]:
    """What notebooks run on here, in words: the title of its table, and what else is to be known."""
    import torch  # here, as it takes seconds, and `budget` is asked by every run of the tests

    from lecture_lib import device

    where = device.pick()
    title = f"{os.cpu_count()} CPU cores" if where.type == "cpu" else device.describe(where)
    version = torch.__version__.partition("+")[0]
    return title, f"PyTorch {version} with {torch.get_num_threads()} threads, {platform.system()}."


def written(page: str, title: str, details: str, rows: dict[str, str]) -> str:
    """The page with new rows in the table of this machine; rows of other notebooks and other tables are kept."""
    head, *sections = re.split(r"^## On ", page, flags=re.MULTILINE)
    tables = {text.partition("\n")[0]: text.rstrip() for text in sections}
    kept = {match[1]: match[0] for match in ROW.finditer(f"{tables.get(title, '')}\n")} | rows
    tables[title] = f"{title}\n\n{details}\n\n{HEAD}{''.join(kept[name] for name in sorted(kept))}".rstrip()
    return "\n\n## On ".join([head.rstrip(), *tables.values()]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """The command line: measures, writes the page, and returns the exit code."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m lecture_lib.run_times", description=__doc__, formatter_class=layout)
    parser.add_argument("lectures", nargs="*", metavar="LECTURE", help="number, stem or path")
    chosen = parser.parse_args(arguments)
    try:
        root = notebooks.course_folder(Path.cwd())
        folders = [root / "notebooks", root / "solutions"]
        paths = [path for name in chosen.lectures for path in notebooks.find(name, *folders)]
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths or notebooks.listing(*folders):
        name = f"{path.parent.name}/{path.stem}"
        try:
            line = row(name, budget(notebook_format.read(path)), measure(path))
        except RuntimeError as error:
            print(f"{name} failed at {error}", file=sys.stderr)
            return 1
        page = root / PAGE
        page.write_text(written(page.read_text(encoding="utf-8"), *machine(), {name: line}), encoding="utf-8")
        print(line, end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
