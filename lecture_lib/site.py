"""The course as a static site, in build/site/: lectures, exercises, reference; it needs no network and no server.

    python -m lecture_lib.site [--out FOLDER]

Nothing is executed: pages show the outputs that the notebooks store. docs/site/ holds Sphinx' settings and the style.
"""

import argparse
import os
import sys
from pathlib import Path

from lecture_lib import deck, notebooks, site_pages

COPIED = ("README.md", "docs/*.md", "docs/*.png", "notebooks/[0-9]*.ipynb", "exercises/[0-9]*.ipynb")
MATHJAX = "mathjax/tex-svg-full.js"


def gather(root: Path, folder: Path) -> None:
    """Put into folder what Sphinx reads: copies of what the course has, and the pages that are made from it.

    Files that did not change keep their times, so that a second build takes only what is new.
    """
    wanted = {path.relative_to(root).as_posix(): path.read_bytes() for name in COPIED for path in root.glob(name)}
    wanted |= {name: text.encode("utf-8") for name, text in site_pages.made(root).items()}
    wanted["_static/mathjax.js"] = deck.bundled(deck.MATHJAX, MATHJAX).encode("utf-8")
    wanted["_static/course.css"] = (root / "docs" / "site" / "course.css").read_bytes()
    for old in [path for path in folder.rglob("*") if path.is_file()]:
        if old.relative_to(folder).as_posix() not in wanted:
            old.unlink()
    for name, content in wanted.items():
        target = folder / name
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def build(root: Path, target: Path) -> int:
    """Build the site of the course in root into target; returns Sphinx' exit code. A warning is an error."""
    from sphinx.cmd.build import build_main

    source, cache = target.with_name(f"{target.name}-source"), target.with_name(f"{target.name}-cache")
    gather(root, source)
    places = ["-c", str(root / "docs" / "site"), "-d", str(cache), str(source), str(target)]
    return build_main(["-b", "html", "-W", "--keep-going", "--quiet", *places])


def main(arguments: list[str] | None = None) -> int:
    """The command line: builds the site, says where it is, and returns the exit code."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m lecture_lib.site", description=__doc__, formatter_class=layout)
    parser.add_argument("--out", type=Path, help="a folder for the site; Sphinx' own files go beside it")
    chosen = parser.parse_args(arguments)
    try:
        root = notebooks.course_folder(Path.cwd())
    except LookupError as error:
        print(error, file=sys.stderr)
        return 2
    target = (chosen.out or root / "build" / "site").resolve()
    code = build(root, target)
    if code == 0:
        print(os.path.relpath(target / "index.html"))
    return code


if __name__ == "__main__":
    sys.exit(main())
