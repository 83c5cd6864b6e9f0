"""What students hand in is read as data: nothing odd is followed, opened or guessed at."""

import os
import socket
from pathlib import Path

import pytest

from lecture_lib.grading import handed_in, results

NAME = "04_kl"


@pytest.fixture
def bob(tmp_path) -> Path:
    """The folder of a student, beside a secret that nobody may read."""
    (tmp_path / "secret.ipynb").write_text("secret")
    (tmp_path / "submitted/bob").mkdir(parents=True)
    return tmp_path / "submitted/bob"


def read(bob: Path) -> handed_in.Submission:
    return handed_in.read(bob.parent, "bob", NAME)


def test_the_bytes_are_those_of_the_file(bob):
    (bob / f"{NAME}.ipynb").write_bytes(b"\x00\xff any bytes")
    assert read(bob) == handed_in.Submission(b"\x00\xff any bytes")
    assert read(bob).sha256 == results.sha256(b"\x00\xff any bytes")


def put(bob: Path, kind: str) -> None:
    """Something that is no ordinary file in place of the notebook, or of the folder."""
    file = bob / f"{NAME}.ipynb"
    match kind:
        case "link":
            file.symlink_to(bob.parents[1] / "secret.ipynb")
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "large":
            with file.open("wb") as hole:
                hole.truncate(handed_in.LARGEST + 1)
        case "linked folder" | "dangling folder":
            bob.rmdir()
            (bob.parents[1] / "other").mkdir()
            (bob.parents[1] / "other" / file.name).write_text("secret")
            bob.symlink_to(bob.parents[1] / ("other" if kind == "linked folder" else "nowhere"))
        case "file for folder":
            bob.rmdir()
            bob.write_text("secret")
        case "other things":
            (bob / "essay\n.docx").write_text("")


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("link", "The file '04_kl.ipynb' is a link, which is not opened: nothing could be graded."),
        ("pipe", "The file '04_kl.ipynb' is a pipe, which is not opened: nothing could be graded."),
        ("folder", "The file '04_kl.ipynb' is a folder, which is not opened: nothing could be graded."),
        ("large", "The file '04_kl.ipynb' is larger than 100 MB: nothing could be graded."),
        ("linked folder", "The student's folder is a link, which is not followed: nothing could be graded."),
        ("dangling folder", "The student's folder is a link, which is not followed: nothing could be graded."),
        ("file for folder", "The student's folder cannot be opened (Not a directory): nothing could be graded."),
        ("nothing", "No notebook was handed in. The folder is empty."),
        ("other things", r"No notebook was handed in. The folder holds 'essay\n.docx'."),
    ],
)
def test_what_is_no_ordinary_file_is_not_opened(kind, note, bob):
    put(bob, kind)
    assert read(bob) == handed_in.Submission(None, note)


def test_a_socket_is_not_opened(bob, monkeypatch):
    monkeypatch.chdir(bob)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{NAME}.ipynb")
        assert "is a socket, which is not opened" in read(bob).note


def test_a_file_that_turns_into_a_link_while_we_look_is_not_followed(bob, monkeypatch):
    file = bob / f"{NAME}.ipynb"
    file.write_text("points")
    usual = os.stat

    def swap(path, **options):
        seen = usual(path, **options)
        file.unlink()
        file.symlink_to(bob.parents[1] / "secret.ipynb")
        return seen

    monkeypatch.setattr(handed_in.os, "stat", swap)
    assert read(bob).data is None


def test_a_file_that_cannot_be_read_is_noted(bob, monkeypatch):
    (bob / f"{NAME}.ipynb").write_text("points")
    usual = os.open

    def refuse(path, *rest, **options):
        if str(path).endswith(".ipynb"):
            raise PermissionError(13, "Permission denied")
        return usual(path, *rest, **options)

    monkeypatch.setattr(handed_in.os, "open", refuse)
    assert read(bob).note == "The file '04_kl.ipynb' cannot be read (Permission denied): nothing could be graded."


def test_it_works_where_folders_have_no_descriptors(bob, monkeypatch):
    monkeypatch.setattr(handed_in.os, "supports_dir_fd", set())
    (bob / f"{NAME}.ipynb").write_text("points")
    assert read(bob).data == b"points"


@pytest.mark.parametrize(
    "copy",
    [
        "04_kl (1).ipynb", "04_kl(2).ipynb", "04_kl-Copy1.ipynb", "04_kl - Copy (2).ipynb", "04_kl copy 2.ipynb",
        "Copy of 04_kl.ipynb", "Kopie von 04_kl.ipynb", "04_KL.IPYNB", "04_kl .ipynb", "04 kl.ipynb", "04_kl 2.ipynb",
        "04_kl-1.ipynb", "04_kl (1)-Copy1.ipynb",
    ],
)  # fmt: skip
def test_a_copy_of_the_notebook_is_known_by_its_name(copy, bob):
    (bob / copy).write_text("points")
    (bob / "05_next.ipynb").write_text("other")
    assert read(bob) == handed_in.Submission(b"points", f"There was no 04_kl.ipynb; {copy!r} was graded.")


@pytest.mark.parametrize("other", ["04_kl2.ipynb", "04_k.ipynb", "05_kl.ipynb", "my 04_kl.ipynb", "04_kl_old.ipynb"])
def test_another_name_is_no_copy(other, bob):
    (bob / other).write_text("points")
    (bob / "scratch.ipynb").write_text("other")
    assert "which of" in read(bob).problem
    (bob / "scratch.ipynb").unlink()
    assert read(bob).data == b"points"


def test_equal_copies_are_one(bob):
    for name in ("04_kl (1).ipynb", "04_kl (2).ipynb"):
        (bob / name).write_text("points")
    assert read(bob).data == b"points"
    (bob / "04_kl (2).ipynb").write_text("other")
    assert read(bob).problem == (
        "there is no 04_kl.ipynb, and which of '04_kl (1).ipynb', '04_kl (2).ipynb' is meant is not clear: "
        "rename the right one"
    )
    (bob / "04_kl.ipynb").write_text("the one")
    assert read(bob) == handed_in.Submission(b"the one")


def test_the_students_are_the_folders_and_all_else_is_named(tmp_path):
    for name in ("zoe", "ada", ".git"):
        (tmp_path / name).mkdir()
    (tmp_path / "readme.txt").write_text("")
    (tmp_path / "linked").symlink_to(tmp_path / "ada")
    (tmp_path / "linked file").symlink_to(tmp_path / "readme.txt")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert handed_in.students(tmp_path) == (["ada", "linked", "nowhere", "zoe"], [".git", "linked file", "readme.txt"])


def test_a_folder_without_students_says_what_is_expected(tmp_path):
    with pytest.raises(results.Refused, match="it holds no folders; put each notebook into a folder named after its"):
        handed_in.students(tmp_path)
    (tmp_path / "04_kl.ipynb").write_text("")
    with pytest.raises(results.Refused, match=r"holds notebooks \('04_kl.ipynb'\) and no folders.*/ada/04_kl.ipynb"):
        handed_in.students(tmp_path)
    with pytest.raises(results.Refused, match=r"cannot be read: No such file"):
        handed_in.students(tmp_path / "nowhere")
