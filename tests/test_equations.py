r"""Equation numbers: a notebook gives them, docstrings and prose cite them, and nothing is left hanging.

In a notebook: `$$ ... \tag{6.3} $$`. In a docstring or in prose: "Eq. (6.3)", "Eqs. (6.3), (6.4) and (6.7)" or
"Eqs. (6.3) to (6.5)". A line that is in the derivation ledger has its two sides as functions there. Of the others, one
that no function computes says so where it stands, in a comment that readers do not see:

    $$ x = g(z), \quad z \in \mathbb{R}^d \tag{1.4} $$
    <!-- (1.4) has no function: a definition -->
"""

import ast
import importlib
import itertools
import pkgutil
import re
from pathlib import Path

import pytest

from lecture_lib import derivations, notebooks
from lecture_lib.equations import CITATION, TAG, citations
from lecture_lib.site_pages import prose

ROOT = Path(__file__).parents[1]
LIKE_A_CITATION = re.compile(
    r"\b(?:eqs?\b\.?|equations?\b)\s*\(?\d+\.\d+\)?|CITED\s*[-\u2013\u2014&/;+]+\s*\(\d+\.\d+\)", re.IGNORECASE
)
WITHOUT_FUNCTION = re.compile(r"<!--\s*\(([\d.]+)\) has no function: [^\s-].*?-->", re.DOTALL)


def malformed(text: str) -> list[str]:
    """What looks like a citation and has not the form "Eq. (6.3)"; "eq. 8 of Burda et al." is one of a paper."""
    return [match[0] for match in LIKE_A_CITATION.finditer(CITATION.sub("CITED", text))]


def docstrings(source: str) -> str:
    """All docstrings of a module, one after the other."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return "\n\n".join(ast.get_docstring(node) or "" for node in nodes)


def complaints(lectures: dict[str, str], other_prose: dict[str, str], docs: dict[str, str], ledger=()) -> list[str]:
    """All that is wrong, from the text of each lecture ("06_name"), of what else is read, and of each docstring.

    `ledger` holds the numbers whose sides are functions there.
    """
    tags = {stem: TAG.findall(text) for stem, text in lectures.items()}
    silent = {stem: WITHOUT_FUNCTION.findall(text) for stem, text in lectures.items()}
    known = set(itertools.chain(*tags.values()))
    cited = {number for text in docs.values() for number in citations(text)}
    found = []
    for stem in lectures:
        found += in_lecture(stem, tags[stem], silent[stem])
        missing = [number for number in tags[stem] if number not in {*cited, *silent[stem], *ledger}]
        found += [f"{stem}: no docstring cites Eq. ({number}), and no comment says why" for number in missing]
        found += [
            f"{stem}: ({number}) has a function after all" for number in silent[stem] if number in {*cited, *ledger}
        ]
    written = {int(stem[:2]) for stem in lectures}
    for name, text in {**lectures, **other_prose, **docs}.items():
        found += [f"{name}: write {words!r} as Eq. (6.3)" for words in malformed(text)]
        hanging = [n for n in citations(text) if n not in known and int(n.split(".")[0]) in written]
        found += [f"{name}: there is no Eq. ({number})" for number in hanging]
    return found + [
        f"{name}: tags an equation, which lectures do" for name in other_prose if TAG.search(other_prose[name])
    ]


def in_lecture(stem: str, tags: list[str], silent: list[str]) -> list[str]:
    """Numbers of one lecture: of the form lecture.number, ascending, and each comment about one of them."""
    foreign = [number for number in tags if not re.fullmatch(rf"{int(stem[:2])}\.[1-9]\d*", number)]
    if foreign:
        return [f"{stem}: ({number}) is no number of lecture {int(stem[:2])}" for number in foreign]
    order = [int(number.split(".")[1]) for number in tags]
    pairs = [(a, b) for a, b in itertools.pairwise(order) if a >= b]
    found = [f"{stem}: ({int(stem[:2])}.{b}) comes after ({int(stem[:2])}.{a})" for a, b in pairs]
    return found + [
        f"{stem}: a comment is about ({number}), which is not there" for number in silent if number not in tags
    ]


def test_the_course():
    lectures = {path.stem: prose(path) for path in notebooks.listing(ROOT / "notebooks")}
    others = {f"solutions/{path.stem}": prose(path) for path in notebooks.listing(ROOT / "solutions")}
    sources = sorted((ROOT / "lecture_lib").rglob("*.py"))
    docs = {path.relative_to(ROOT).as_posix(): docstrings(path.read_text(encoding="utf-8")) for path in sources}
    modules = [module.name for module in pkgutil.iter_modules(derivations.__path__)]
    chains = [importlib.import_module(f"lecture_lib.derivations.{name}").LINES for name in modules]
    ledger = {line.tag for lines in chains for line in lines}
    assert complaints(lectures, others, docs, ledger) == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("the bound, Eq. (6.3).", ["6.3"]),
        ("Eq. (6.3), shapes (3.4) -> (4.5)", ["6.3"]),
        ("Eqs. (6.3) and (6.4)", ["6.3", "6.4"]),
        ("Eqs. (6.3), (7.4), and (6.10)", ["6.3", "7.4", "6.10"]),
        ("Eq. (6.3), (6.4)", ["6.3", "6.4"]),
        ("Eqs. (6.3)\n    and (6.4)", ["6.3", "6.4"]),
        ("Eqs. (6.3) to (6.6) and (6.9)", ["6.3", "6.4", "6.5", "6.6", "6.9"]),
        ("one Eq. (1.1), another Eq. (2.2)", ["1.1", "2.2"]),
        ("a shape (6.3)", []),
        ("eq. 8 of Burda et al.", []),
        ("see Eq. (6.3), 2.5 times", ["6.3"]),
    ],
)
def test_citations_are_read(text, numbers):
    assert citations(text) == numbers
    assert malformed(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Eq. 6.3",
        "eq. (6.3)",
        "Eq.(6.3)",
        "Equation (6.3)",
        "equation 6.3",
        "Eq (6.3)",
        "Eqs. (6.3)-(6.5)",
        "Eqs. (6.3) & (6.5)",
    ],
)
def test_another_form_of_a_citation_is_refused(text):
    assert malformed(text)


def test_docstrings_of_modules_classes_methods_and_nested_functions_are_read():
    source = (
        '"""A."""\nclass K:\n    """B."""\n    def f(self):\n        """C."""\n        def g():\n            """D."""\n'
    )
    assert docstrings(source + '"""not one"""').split() == ["A.", "B.", "C.", "D."]


GOOD = r"$$ a \tag{6.1} $$ then $$ b \tag{6.2} $$ <!-- (6.2) has no function: a definition --> and Eq. (6.1)."
DOC = {"vae.py": "The bound. Eq. (6.1)."}


def test_a_sound_course_gives_no_complaint():
    assert complaints({"06_vae": GOOD}, {"solutions/06_vae": "See Eq. (6.2)."}, DOC) == []


def test_a_line_of_the_ledger_needs_no_other_function():
    assert (
        complaints({"06_vae": GOOD.replace("<!-- (6.2) has no function: a definition -->", "")}, {}, DOC, ["6.2"]) == []
    )
    assert complaints({"06_vae": GOOD}, {}, DOC, ["6.2"]) == ["06_vae: (6.2) has a function after all"]


def test_citing_a_lecture_that_is_not_written_yet_is_allowed():
    assert complaints({"06_vae": GOOD}, {}, DOC | {"elbo.py": "Eq. (3.4)."}) == []


@pytest.mark.parametrize(
    ("lecture", "other", "docs", "complaint"),
    [
        (GOOD.replace("6.2", "6.1"), "", DOC, "(6.1) comes after (6.1)"),
        (GOOD.replace("6.1", "6.3"), "", {"vae.py": "Eq. (6.3)."}, "(6.2) comes after (6.3)"),
        (GOOD.replace("6.2", "7.2"), "", DOC, "(7.2) is no number of lecture 6"),
        (GOOD.replace("6.2", "6.2b"), "", DOC, "(6.2b) is no number of lecture 6"),
        (GOOD, "", {}, "no docstring cites Eq. (6.1)"),
        (GOOD.replace(": a definition", ": "), "", DOC, "no docstring cites Eq. (6.2)"),
        (GOOD + "<!-- (6.3) has no function: lost -->", "", DOC, "a comment is about (6.3)"),
        (GOOD, "", {"vae.py": "Eqs. (6.1), (6.2)."}, "(6.2) has a function after all"),
        (GOOD, "", DOC | {"elbo.py": "Eq. (6.7)."}, "elbo.py: there is no Eq. (6.7)"),
        (GOOD + " See Eq. (6.9).", "", DOC, "06_vae: there is no Eq. (6.9)"),
        (GOOD, "See Eq. (6.9).", DOC, "solutions/06_vae: there is no Eq. (6.9)"),
        (GOOD, r"$$ c \tag{6.3} $$", DOC, "solutions/06_vae: tags an equation"),
        (GOOD, "See equation (6.1).", DOC, "solutions/06_vae: write 'equation (6.1)'"),
        (GOOD, "", {"vae.py": "Eq. (6.1), but eq. 6.2."}, "vae.py: write 'eq. 6.2'"),
    ],
)
def test_every_rule_finds_what_breaks_it(lecture, other, docs, complaint):
    assert any(complaint in found for found in complaints({"06_vae": lecture}, {"solutions/06_vae": other}, docs))
