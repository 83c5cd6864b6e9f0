"""Pages of the site that are made from the course itself: front page, reference of the library, equations, errata."""

import re
from pathlib import Path

from lecture_lib import equations, notebook_format, notebooks

EXERCISES = """# Exercises

One notebook for each lecture. Each answer is checked at once, and a mistake that the check knows is named.
Open them in JupyterLab; here they can be read.

"""
EQUATIONS = """# Equations

Every numbered equation of the lectures, and the functions that cite it. An equation without one is a definition, or a
step of a derivation, checked by the [derivation ledger](docs/derivations.md).

"""
ERRATA = """# Errata of the lecture notes

The course grew from lecture notes, and some of their formulas have slips. Each lecture names them where it reaches
them, and shows by numbers which version is right. Here they are together.

"""
LIBRARY = """# The library

| module | |
|---|---|
"""
MODULE = """# {0}

```{{eval-rst}}
.. automodule:: lecture_lib.{0}
   :members:
   :member-order: bysource
```
"""
ERRATUM = re.compile(r"^(?:> )?\*\*(?:An?|The)? ?(?:slips?|errors?) in the notes\.\*\*", re.IGNORECASE)


def made(root: Path) -> dict[str, str]:
    """The text of each page, by its path in the site."""
    return {
        "index.md": front(root),
        "exercises.md": exercises(root),
        "equations.md": equation_table(root),
        "errata.md": errata(root),
        **library(root),
    }


def modules(root: Path) -> dict[str, dict[str, str]]:
    """The public docstrings of each module of the library, by the module's name."""
    paths = sorted((root / "lecture_lib").glob("[a-z]*.py"))
    return {path.stem: equations.public_docstrings(path.read_text(encoding="utf-8")) for path in paths}


def front(root: Path) -> str:
    """The README, and what the site has, for the menu."""
    lectures = [f"notebooks/{path.stem}" for path in notebooks.listing(root / "notebooks")]
    reference = ["equations", "api/index", "docs/notation", "errata", "docs/run_times"]
    teachers = [f"docs/{name}" for name in ("presenting", "exercises", "derivations")]
    menus = {"Lectures": lectures, "Practice": ["exercises"], "Reference": reference, "For instructors": teachers}
    trees = [menu(pages, caption) for caption, pages in menus.items()]
    return (root / "README.md").read_text(encoding="utf-8") + "".join(trees)


def exercises(root: Path) -> str:
    """The list of exercises."""
    paths = notebooks.listing(root / "exercises")
    rows = "\n".join(f"- [{title(path)}](exercises/{path.name})" for path in paths)
    return EXERCISES + rows + menu([f"exercises/{path.stem}" for path in paths])


def menu(pages: list[str], caption: str = "") -> str:
    """Pages for the menu at the left."""
    options = [":hidden:", ":titlesonly:", *([f":caption: {caption}"] if caption else [])]
    return "\n\n```{toctree}\n" + "\n".join([*options, "", *pages]) + "\n```\n"


def title(path: Path) -> str:
    """The title of a notebook."""
    return notebook_format.heading(notebook_format.read(path), 0)


def prose(path: Path) -> str:
    """The Markdown of a notebook."""
    return "\n\n".join(cell.source for cell in notebook_format.read(path).cells if cell.cell_type == "markdown")


def implementations(root: Path) -> dict[str, list[str]]:
    """The functions, classes and modules whose docstrings cite an equation, by its number."""
    found: dict[str, list[str]] = {}
    for module, documented in modules(root).items():
        for name, text in documented.items():
            for number in equations.citations(text):
                names = found.setdefault(number, [])
                names += [f"{module}.{name}".rstrip(".")] if name or not names else []
    return {number: list(dict.fromkeys(names)) for number, names in found.items()}


def equation_table(root: Path) -> str:
    """Every numbered equation, lecture by lecture: where it stands, and what computes it."""
    functions, parts = implementations(root), []
    for path in notebooks.listing(root / "notebooks"):
        tags = equations.TAG.findall(prose(path))
        rows = [f"| Eq. ({tag}) | {', '.join(f'`{name}`' for name in functions.get(tag, []))} |" for tag in tags]
        parts += [f"## {title(path)}\n\n| equation | in the library |\n|---|---|\n" + "\n".join(rows)] if tags else []
    return EQUATIONS + "\n\n".join(parts) + "\n"


def errata(root: Path) -> str:
    """What the lectures say of slips in the notes that the course grew from."""
    parts = []
    for path in notebooks.listing(root / "notebooks"):
        blocks = slips(prose(path))
        parts += [f"## [{title(path)}](notebooks/{path.name})\n\n" + "\n\n".join(blocks)] if blocks else []
    return ERRATA + "\n\n".join(parts) + "\n"


def slips(text: str) -> list[str]:
    """The paragraphs of a lecture that name a slip, with the formula that one of them ends in."""
    blocks, found = re.split(r"\n\s*\n", text), []
    for block, after in zip(blocks, [*blocks[1:], ""], strict=True):
        if ERRATUM.match(block):
            found.append(re.sub(r"^> ?", "", block, flags=re.MULTILINE))
            found += [equations.TAG.sub(r"\\qquad (\1)", after)] if block.endswith(":") else []
    return found


def library(root: Path) -> dict[str, str]:
    """The reference of the library: a page for each module, and the list of them."""
    documented = modules(root)
    first = {name: docs[""].partition("\n\n")[0].replace("\n", " ") for name, docs in documented.items()}
    rows = [f"| [`{name}`]({name}.md) | {first[name]} |" for name in documented]
    index = LIBRARY + "\n".join(rows) + menu(list(documented))
    return {"api/index.md": index, **{f"api/{name}.md": MODULE.format(name) for name in documented}}
