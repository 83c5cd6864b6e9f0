"""The lectures from the terminal: execute one, or refresh what the notebooks store.

    python -m lecture_lib.notebooks list              the lectures there are
    python -m lecture_lib.notebooks run 06            execute lecture 06 and keep the executed copy in executed/
    python -m lecture_lib.notebooks refresh [06 ...]  execute in place: the lectures and solutions named, or all

A lecture is named by its number, its stem or its path. Exit codes: 1, a cell failed; 2, no such lecture; 130, Ctrl-C.
"""

import argparse
import itertools
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from lecture_lib import notebook_format
from lecture_lib.notebook_format import normalize

AS_STORED = {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}  # threads change last digits; a progress bar is an output


def course_folder(start: Path) -> Path:
    """The nearest folder at or above start that holds notebooks/."""
    for folder in (start, *start.parents):
        if (folder / "notebooks").is_dir():
            return folder
    raise LookupError("there is no notebooks/ here or in a folder above: change into the course folder first")


def listing(*folders: Path) -> list[Path]:
    """The notebooks named NN_name.ipynb, in order; JupyterLab's "NN_name-Copy1.ipynb" is not among them."""
    paths = [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]
    return [path for path in paths if re.fullmatch(r"\d\d_\w+", path.stem)]


def find(lecture: str, *folders: Path) -> list[Path]:
    """The notebooks of a lecture, named by its number ("06", "6"), stem or path; LookupError lists those there are."""
    if lecture.endswith(".ipynb") and Path(lecture).is_file():
        return [Path(lecture)]
    lectures = listing(*folders)
    number = int(lecture) if lecture.isdecimal() else None
    found = [path for path in lectures if lecture in (path.stem, path.name) or int(path.name[:2]) == number]
    if not found:
        complaint = f"there is no lecture {lecture!r}" if lecture else "say which lecture, for example 06"
        names = sorted({path.stem for path in lectures}) or ["(none)"]
        raise LookupError("\n  ".join([f"{complaint}; the lectures are", *names]))
    return found


def unused_path(folder: Path, stem: str) -> Path:
    """The first of stem.ipynb, stem-2.ipynb, ... that is not there; it is reserved by creating it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = folder / (f"{stem}-{number}.ipynb" if number > 1 else f"{stem}.ipynb")
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            continue


def execute(nb: NotebookNode, folder: Path, environment: dict[str, str], watch=lambda pid: None) -> None:
    """Execute nb itself, in folder, in a fresh kernel, with a progress bar; RuntimeError names the cell that fails.

    `watch` is called with the number of the kernel's process when the kernel is there, and after each cell.
    """
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    specs = KernelSpecManager(kernel_dirs=[])  # the kernel of this interpreter, whatever an installed "python3" may be
    manager = AsyncKernelManager(kernel_spec_manager=specs)
    client = NotebookClient(nb, km=manager, coalesce_streams=True, record_timing=False, store_widget_state=False)
    options = {"cwd": str(folder), "env": environment, "stderr": subprocess.DEVNULL}  # cells' stderr comes with outputs
    layout = "{desc} |{bar:30}| {n} of {total} cells, {elapsed}"
    bar = tqdm(nb.cells, bar_format=layout, mininterval=0, disable=False)
    with client.setup_kernel(**options, cleanup_kc=True), bar:
        watch(manager.provisioner.pid)
        for index, cell in enumerate(bar):
            bar.set_description_str(notebook_format.heading(nb, index)[:40].ljust(40))
            try:
                client.execute_cell(cell, index)
                watch(manager.provisioner.pid)
            except (CellExecutionError, DeadKernelError) as error:
                reason = f"{error.ename}: {error.evalue}" if isinstance(error, CellExecutionError) else str(error)
                raise RuntimeError(f"{notebook_format.describe(nb, index)}\n  {reason}") from None
            except KeyboardInterrupt:
                logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # else it reports the tasks that we drop here
                raise


def run(path: Path, folder: Path) -> int:
    """Execute a notebook and keep a copy in folder, as far as it came; the notebook stays as it is. The exit code."""
    nb, start, code = notebook_format.read(path), time.monotonic(), 0
    try:
        execute(nb, path.parent, dict(os.environ))
    except RuntimeError as error:
        print(f"failed at {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        code = 130
    kept, minutes = unused_path(folder, path.stem), (time.monotonic() - start) / 60
    notebook_format.write(kept, normalize(nb))
    print(
        f"{os.path.relpath(kept)} holds the executed copy{' as far as it came' if code else ''} ({minutes:.1f} minutes)"
    )
    return code


def refresh(path: Path) -> int:
    """Execute a notebook and put the result in its place, or leave its file untouched and say why. The exit code."""
    nb = notebook_format.read(path)
    try:
        execute(nb, path.parent, {**os.environ, **AS_STORED})
        found, code = notebook_format.problems(normalize(nb)), 1
    except RuntimeError as error:
        found, code = [f"failed at {error}"], 1
    except KeyboardInterrupt:
        found, code = ["stopped"], 130
    if found:
        print("\n".join([*found, f"{os.path.relpath(path)} is left as it was"]), file=sys.stderr)
        return code
    notebook_format.write(path, normalize(nb))
    print(f"{os.path.relpath(path)} is refreshed")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command line: does what was asked and returns the exit code."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m lecture_lib.notebooks", description=__doc__, formatter_class=layout)
    parser.add_argument("command", choices=["list", "run", "refresh"])
    parser.add_argument("lectures", nargs="*", metavar="LECTURE", help="number, stem or path")
    chosen = parser.parse_args(arguments)
    try:
        root = course_folder(Path.cwd())
        lectures, solutions = root / "notebooks", root / "solutions"
        if chosen.command == "list":
            print("\n".join(path.stem for path in listing(lectures)))
            return 0
        if chosen.command == "run":
            work = [(run, path, root / "executed") for name in chosen.lectures or [""] for path in find(name, lectures)]
        elif chosen.lectures:
            work = [(refresh, path) for name in chosen.lectures for path in find(name, lectures, solutions)]
        else:
            work = [(refresh, path) for path in listing(lectures, solutions)]
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    codes = [0]
    for action, *parts in work:
        codes.append(action(*parts))
        if codes[-1] == 130:
            break
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
