"""The versions that the package is tried beside: the lowest that pyproject.toml allows, or the newest there are.

    python tests/versions.py oldest          # lines for pip: numpy==1.26, ...
    python tests/versions.py newest          # numpy, ...
    python tests/versions.py oldest torch==2.13.0     # with another version of one
    python tests/versions.py tests           # the files with tests of the library alone

`make oldest` and `make newest` install them into an environment of their own and run the tests of the library there.
"""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

TESTS = Path(__file__).parent
# What a test imports that needs Jupyter, Sphinx or a browser.
WORDS = r"\w*grading\w*|browser|nbval|nbformat|notebook\w*|deck|site\w*|publishing|run_times"
BEYOND = re.compile(rf"^(?:import|from) .*\b(?:{WORDS})\b", re.MULTILINE)


def of_the_library() -> list[str]:
    """The test files that need nothing but the library and what it depends on."""
    paths = sorted(TESTS.glob("test_*.py"))
    return [f"tests/{path.name}" for path in paths if not BEYOND.search(path.read_text(encoding="utf-8"))]


def lines(dependencies: list[str], which: str, instead: list[str]) -> list[str]:
    """What pip is asked for, a line for each dependency; those named in `instead` as they stand there."""
    other = {Requirement(line).name: line for line in instead}
    wanted = [Requirement(line) for line in dependencies]
    lowest = {r.name: [s.version for s in r.specifier if s.operator == ">="] for r in wanted}
    without = [name for name, versions in lowest.items() if len(versions) != 1]
    if without:
        raise ValueError(f"{', '.join(without)}: pyproject.toml must give one lowest version, as in numpy>=1.26")
    pinned = {name: f"{name}=={versions[0]}" if which == "oldest" else name for name, versions in lowest.items()}
    return list((pinned | other).values())


if __name__ == "__main__":
    if sys.argv[1] == "tests":
        print(" ".join(of_the_library()))
    else:
        project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        print("\n".join(lines(project["dependencies"], sys.argv[1], sys.argv[2:])))
