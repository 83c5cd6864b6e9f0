"""The course at a public address: links to Colab and Binder, and set-up cells that fetch a library that is missing.

    python -m lecture_lib.publishing https://github.com/OWNER/NAME [--branch BRANCH]
    python -m lecture_lib.publishing ""        as it was: no address, no links

The address is one setting, [tool.course] in pyproject.toml. From it come the line of links that ends the first cell of
each notebook and the lines that begin its second one. No output changes, so nothing has to be executed anew.
Exit codes: 2, no such address, or no course here.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import quote

from lecture_lib import notebook_format, notebooks

ADDRESS = re.compile(r"https://github\.com/([A-Za-z0-9-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/?")
BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
FETCH = """\
# Where the course's library is missing, as on Colab, fetch it; the PyTorch and NumPy that are there stay.
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("lecture_lib") is None:
    address = "git+{repository}@{branch}"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", address], check=True)

"""
FETCHING = re.compile(re.escape(FETCH).replace(r"\{repository\}", r"\S+").replace(r"\{branch\}", r"\S+"))
LINKS = re.compile(r"\n\n\*\*Without installing anything:\*\* [^\n]*\Z")


def setting(root: Path) -> tuple[str, str]:
    """The public address and the branch that pyproject.toml in root names; without an address, ("", branch)."""
    course = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("tool", {}).get("course", {})
    return course.get("repository", ""), course.get("branch", "main")


def links(path: Path) -> dict[str, str]:
    """Where a notebook of the course can be opened, by name: Colab, Binder. Empty while the course has no address.

    LookupError where no folder above the notebook is a course.
    """
    root = notebooks.course_folder(path.resolve().parent)
    return links_to(path.resolve().relative_to(root).as_posix(), *setting(root))


def links_to(path: str, repository: str, branch: str) -> dict[str, str]:
    """Where the notebook at a path in the repository can be opened, by name; empty without a repository."""
    if not repository:
        return {}
    owner, name = parts(repository)
    at, place = quote(branch), quote(path)
    return {
        "Colab": f"https://colab.research.google.com/github/{owner}/{name}/blob/{at}/{place}",
        "Binder": f"https://mybinder.org/v2/gh/{owner}/{name}/{quote(branch, safe='')}?urlpath=lab/tree/{place}",
    }


def parts(repository: str) -> tuple[str, str]:
    """Owner and name of a repository; ValueError where its address is none that Colab and Binder can open."""
    if not (match := ADDRESS.fullmatch(repository)):
        raise ValueError(f"repository is {repository!r}; it must be like https://github.com/OWNER/NAME")
    return match[1], match[2]


def publish(root: Path, repository: str, branch: str = "main") -> list[Path]:
    """Write the address into pyproject.toml, lectures and solutions of the course in root; the files that changed.

    An empty repository takes everything out again. ValueError where an address or a branch is none.
    """
    if not BRANCH.fullmatch(branch):
        raise ValueError(f"branch is {branch!r}; it must be the name of a branch, like 'main'")
    repository = "https://github.com/{}/{}".format(*parts(repository)) if repository else ""
    changed = [path for path in [root / "pyproject.toml"] if _keep(path, repository, branch)]
    for path in notebooks.listing(root / "notebooks", root / "solutions"):
        nb = notebook_format.read(path)
        released = path.relative_to(root).as_posix().replace("solutions/", "exercises/")  # what students open
        nb.cells[0].source = LINKS.sub("", nb.cells[0].source) + _line(links_to(released, repository, branch))
        fetch = FETCH.format(repository=repository, branch=branch) if repository else ""
        nb.cells[1].source = fetch + without_fetching(nb.cells[1].source)
        if notebook_format.dumps(nb) != path.read_text(encoding="utf-8"):
            notebook_format.write(path, nb)
            changed.append(path)
    return changed


def without_fetching(source: str) -> str:
    """A set-up cell as its author wrote it."""
    return FETCHING.sub("", source)


def _line(places: dict[str, str]) -> str:
    names = [f"[open in {name}]({address})" for name, address in places.items()]
    return f"\n\n**Without installing anything:** {' · '.join(names)}." if names else ""


def _keep(path: Path, repository: str, branch: str) -> bool:
    """Write the setting into pyproject.toml; whether the file changed. KeyError where it has no such table."""
    old = path.read_text(encoding="utf-8")
    lines = f'[tool.course]\nrepository = "{repository}"\nbranch = "{branch}"\n'
    new, found = re.subn(r'\[tool\.course\]\nrepository = ".*"\nbranch = ".*"\n', lines, old)
    if not found:
        raise KeyError(f"{path.name} has no table [tool.course] with a repository and a branch")
    if new != old:
        path.write_bytes(new.encode())
    return new != old


def main(arguments: list[str] | None = None) -> int:
    """The command line: publishes, names the files that changed, and returns the exit code."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m lecture_lib.publishing", description=__doc__, formatter_class=layout)
    parser.add_argument("repository", help="https://github.com/OWNER/NAME, or an empty string")
    parser.add_argument("--branch", default="main")
    chosen = parser.parse_args(arguments)
    try:
        root = notebooks.course_folder(Path.cwd())
        changed = publish(root, chosen.repository, chosen.branch)
    except (LookupError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print("\n".join(path.relative_to(root).as_posix() for path in changed) or "nothing to change")
    return 0


if __name__ == "__main__":
    sys.exit(main())
