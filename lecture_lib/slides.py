"""Slides from the same notebooks: each lecture as one HTML file that needs nothing else, as a PDF, or live.

    python -m lecture_lib.slides build [09 ...]   build/slides/NN_name.html and .pdf of the lectures named, or of all
    python -m lecture_lib.slides notes 09         what to ask the room, section by section
    python -m lecture_lib.slides present 09       JupyterLab with the lecture as a slideshow, a kernel behind it

Exit codes: 2, no such lecture; otherwise that of JupyterLab. docs/presenting.md tells an instructor the rest.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nbformat import NotebookNode

from lecture_lib import deck, notebook_format, notebooks

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = "no PDFs: there is no Chromium here (Debian: apt-get install chromium; CHROMIUM may name one)"
LIVE = {  # settings of JupyterLab for a lecture hall
    "jupyterlab-slideshow/plugin": {"active": True},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/apputils-extension/themes": {"overrides": {"content-font-size1": "20px", "code-font-size": "17px"}},
}


def build(paths: list[Path], folder: Path) -> None:
    """Write folder/NN_name.html for each notebook, and beside it NN_name.pdf where a Chromium is installed."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(blank_page()) if chromium() else None
        for path in paths:
            target = folder / f"{path.stem}.html"
            target.write_text(deck.to_html(notebook_format.read(path)), encoding="utf-8")
            if page:
                to_pdf(page, target)
            print(os.path.relpath(target))
    if not page:
        print(NO_CHROMIUM, file=sys.stderr)


def chromium() -> str | None:
    """The Chromium of this machine, or the one that CHROMIUM names."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def blank_page():
    """A page of a browser without a window."""
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page(viewport={"width": 1280, "height": 720})
        browser.close()


def to_pdf(page, target: Path) -> None:
    """Print a deck into a PDF beside it, each page once, when every formula and picture of it is in place."""
    page.goto(target.resolve().as_uri() + "?print")
    page.wait_for_function("window.deckReady === true", timeout=120_000)
    page.emulate_media(media="screen")  # reveal.js has a style of its own for paper, which drops the layout
    page.pdf(path=target.with_suffix(".pdf"), prefer_css_page_size=True, print_background=True)


def speaker_notes(nb: NotebookNode) -> str:
    """What to ask the room, page by page, under the title of each section."""
    lines, last = [], ""
    for page in (each for top in deck.pages(nb) for each in (top, *top.below)):
        if page.notes:
            lines += [f"\n{page.where}"] if page.where != last else []
            lines, last = lines + [f"  - {note}" for note in page.notes], page.where
    return "\n".join(lines).strip()


def present(path: Path, options: list[str]) -> int:
    """Open JupyterLab on a lecture, as a slideshow; the user's own settings of JupyterLab stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        for name, values in LIVE.items():
            settings = Path(folder) / f"{name}.jupyterlab-settings"
            settings.parent.mkdir(parents=True, exist_ok=True)
            settings.write_text(json.dumps(values), encoding="utf-8")
        folders = [f"--LabApp.user_settings_dir={folder}", f"--LabApp.workspaces_dir={folder}/workspaces"]
        start = [sys.executable, "-m", "jupyterlab", *folders]
        address = f"--LabApp.default_url=/lab/tree/notebooks/{path.name}"
        try:
            return subprocess.run([*start, address, *options], cwd=path.parents[1]).returncode
        except KeyboardInterrupt:
            return 130


def main(arguments: list[str] | None = None) -> int:
    """The command line: does what was asked and returns the exit code."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m lecture_lib.slides", description=__doc__, formatter_class=layout)
    parser.add_argument("command", choices=["build", "notes", "present"])
    parser.add_argument("lectures", nargs="*", metavar="LECTURE", help="number, stem or path")
    chosen, options = parser.parse_known_args(arguments)
    try:
        root = notebooks.course_folder(Path.cwd())
        lectures = root / "notebooks"
        named = [path for name in chosen.lectures for path in notebooks.find(name, lectures)]
        if chosen.command == "build":
            build(named or notebooks.listing(lectures), root / "build" / "slides")
            return 0
        if not named:
            notebooks.find("", lectures)
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    if chosen.command == "notes":
        print("\n\n".join(speaker_notes(notebook_format.read(path)) for path in named))
        return 0
    return present(named[0], options)


if __name__ == "__main__":
    sys.exit(main())
