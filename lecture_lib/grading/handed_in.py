"""What the students handed in, read once and as data: no link is followed, no pipe, device or socket is opened."""

import dataclasses
import os
import re
import stat
import unicodedata
from pathlib import Path

from lecture_lib.grading import results

LARGEST = 100 << 20  # bytes of a notebook
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
# What browsers, file managers, Colab and JupyterLab add to the name of a copy, before it and behind it.
BEFORE = re.compile(r"((copy|kopie)_(of|von)_)*")
BEHIND = re.compile(r"([_.-]*(\(\d+\)|(copy|kopie)[_-]?\d*)|[_-]\d{1,2})*")


@dataclasses.dataclass(frozen=True)
class Submission:
    """A student's notebook: its bytes or None, a note on what was odd, and why a person must decide, if so."""

    data: bytes | None
    note: str = ""
    problem: str = ""

    @property
    def sha256(self) -> str | None:
        """The sum by which an unchanged submission is known again."""
        return None if self.data is None else results.sha256(self.data)


def students(submitted: Path) -> tuple[list[str], list[str]]:
    """The students, who are the folders of `submitted`, and what else lies there. Raises Refused where there are none.

    A link to a folder, or to nothing, counts as a student, whose submission cannot be read.
    """
    try:
        entries = sorted(os.scandir(submitted), key=lambda entry: entry.name)
    except OSError as error:
        raise results.Refused(f"submitted={str(submitted)!r} cannot be read: {error.strerror}") from None
    names = [e.name for e in entries if not e.name.startswith(".") and _is_student(e)]
    if not names:
        loose = [entry.name for entry in entries if entry.name.casefold().endswith(".ipynb")]
        found = f"it holds notebooks ({loose[0]!r}) and" if loose else "it holds"
        raise results.Refused(
            f"submitted={str(submitted)!r}: {found} no folders; put each notebook into a folder named after its "
            f"student, such as {submitted.name or 'submitted'}/ada/{loose[0] if loose else '01_name.ipynb'}"
        )
    return names, [entry.name for entry in entries if entry.name not in set(names)]


def _is_student(entry: os.DirEntry) -> bool:
    if not entry.is_symlink():
        return entry.is_dir(follow_symlinks=False)
    return os.path.isdir(entry.path) or not os.path.exists(entry.path)


def read(submitted: Path, student: str, name: str) -> Submission:
    """The notebook `name`.ipynb of a student, or the one that is clearly meant."""
    path = submitted / student
    try:
        if path.is_symlink():
            return Submission(None, "The student's folder is a link, which is not followed: nothing could be graded.")
        folder = os.open(path, FLAGS | os.O_DIRECTORY) if os.open in os.supports_dir_fd else None
    except OSError as error:
        return Submission(None, f"The student's folder cannot be opened ({error.strerror}): nothing could be graded.")
    try:
        names = sorted(os.listdir(path if folder is None else folder))
        chosen = choose(names, name)
        files = [_read_file(path if folder is None else Path(), folder, file) for file in chosen[:10]]
    except OSError as error:
        return Submission(None, f"The student's folder cannot be read ({error.strerror}): nothing could be graded.")
    finally:
        if folder is not None:
            os.close(folder)
    return (None if chosen else _deeper(path, names, name)) or _decide(names, name, chosen, files)


def _deeper(path: Path, names: list[str], name: str) -> Submission | None:
    """The notebook in the only folder of a student's folder without notebooks, as some archives are unpacked."""
    folders = [file for file in names if file[0] not in "._" and (path / file).is_dir()]
    if len(folders) != 1:
        return None
    found = read(path, folders[0], name)
    if found.data is None:
        return None
    where = f"The notebook lay in a folder {folders[0]!r} of its own."
    return dataclasses.replace(found, note=f"{where} {found.note}".strip())


def choose(names: list[str], name: str) -> list[str]:
    """Of the files in a folder, those that may be the notebook: the exact name, or copies of it, or all notebooks."""
    if f"{name}.ipynb" in names:
        return [f"{name}.ipynb"]
    notebooks = [file for file in names if file.casefold().endswith(".ipynb") and not file.startswith(".")]
    return [file for file in notebooks if _is_copy(file, name)] or notebooks


def _is_copy(file: str, name: str) -> bool:
    """Whether a file's name is `name` as it looks after copying: "name (1)", "name-Copy1", "Copy of name", "NAME"."""
    stem, name = (re.sub("[ _]+", "_", unicodedata.normalize("NFKC", text).casefold().strip()) for text in (file, name))
    stem = stem.removesuffix(".ipynb").strip("_")
    stem = stem[BEFORE.match(stem).end() :]
    return stem.startswith(name) and bool(BEHIND.fullmatch(stem[len(name) :]))


def _decide(names: list[str], name: str, chosen: list[str], files: list[tuple[bytes | None, str]]) -> Submission:
    shown = ", ".join(repr(file) for file in (chosen or names)[:5])
    if not chosen:
        holds = f" The folder holds {shown}{', ...' * (len(names) > 5)}." if names else " The folder is empty."
        return Submission(None, f"No notebook was handed in.{holds}")
    if len(chosen) > 1 and (None in dict(files) or len(set(files)) > 1 or len(files) < len(chosen)):
        return Submission(
            None, problem=f"there is no {name}.ipynb, and which of {shown} is meant is not clear: rename the right one"
        )
    data, fault = files[0]
    note = "" if chosen[0] == f"{name}.ipynb" else f"There was no {name}.ipynb; {chosen[0]!r} was graded."
    return Submission(data, fault or note)


def _read_file(place: Path, folder: int | None, name: str) -> tuple[bytes | None, str]:
    """The bytes of a file and "", or None and why it cannot be used."""
    shown = f"The file {name!r}"
    try:
        kind = os.stat(place / name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(kind):
            return None, f"{shown} is {_kind(kind)}, which is not opened: nothing could be graded."
        with open(os.open(place / name, FLAGS, dir_fd=folder), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return None, f"{shown} is no ordinary file: nothing could be graded."
            data = file.read(LARGEST + 1)
    except OSError as error:
        return None, f"{shown} cannot be read ({error.strerror}): nothing could be graded."
    if len(data) > LARGEST:
        return None, f"{shown} is larger than {LARGEST >> 20} MB: nothing could be graded."
    return data, ""


def _kind(mode: int) -> str:
    kinds = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
