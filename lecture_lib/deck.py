"""A lecture as slides: pages from the cells of a notebook, and one HTML file that holds them with all that they need.

A cell's `slideshow.slide_type` says where it stands: "slide" opens a page to the right, "subslide" one below,
"fragment" appears on demand, "skip" is left out, and without one a cell stands on the page at hand. What the speaker
may ask the room is the cell's `slideshow.notes`. The source of a code cell stands one page below what it shows.
"""

import html
import importlib.metadata
import re
import string
from dataclasses import dataclass, field
from importlib import resources

from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from lecture_lib import notebook_format

REVEAL, MATHJAX = "sphinx-revealjs", "sphinx-mathjax-offline"  # packages that carry reveal.js 5.2 and MathJax 3.2


@dataclass
class Page:
    """One page of a deck: its parts and, for the speaker, its notes; `below` are the pages one goes down to."""

    parts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    below: list["Page"] = field(default_factory=list)
    kind: str = ""
    where: str = ""  # the section that it belongs to


def pages(nb: NotebookNode) -> list[Page]:
    """The pages of a notebook, left to right, each with those below it."""
    found: list[Page] = []
    for index, cell in enumerate(nb.cells):
        settings = cell.metadata.get("slideshow", {})
        kind = settings.get("slide_type", "-")
        if kind == "skip":
            continue
        if kind == "slide" or not found:
            found.append(Page(kind="title" if index == 0 else ""))
        elif kind == "subslide":
            found[-1].below.append(Page())
        for new in found[-1], *found[-1].below:
            new.where = new.where or notebook_format.heading(nb, index)
        page = ([found[-1], *(p for p in found[-1].below if p.kind != "source")])[-1]
        page.notes += [settings["notes"]] if settings.get("notes") else []
        if index == 0:
            found.extend(_title(page, cell.source))
        elif cell.cell_type == "markdown":
            page.parts.append(_part(markdown(cell.source), "text", kind))
        elif cell.cell_type == "code":
            page.parts += [_part(shown, style, kind) for shown, style in map(output, cell.outputs) if shown]
            if not _says_it_all(cell):
                found[-1].below.append(Page([source(nb, index)], kind="source"))
    return [page for page in found if page.parts or page.below]


def _title(page: Page, text: str) -> list[Page]:
    """Heading and question on the title page; what the first cell says besides, on a page of its own."""
    blocks = text.split("\n\n")
    page.parts.append(_part(markdown("\n\n".join(blocks[:2])), "text", "-"))
    return [Page([_part(markdown("\n\n".join(blocks[2:])), "text", "-")])] if blocks[2:] else []


def _says_it_all(cell: NotebookNode) -> bool:
    """Whether a cell is one call whose output needs no source beside it: a check of formulas, a printed function."""
    return "\n" not in cell.source and cell.source.startswith(("ledger.check(", "print(inspect.getsource("))


def _part(content: str, style: str, kind: str) -> str:
    return f'<div class="part {style}{" fragment" if kind == "fragment" else ""}">{content}</div>'


def markdown(text: str) -> str:
    """HTML of a Markdown cell; links become plain words, since a deck leads nowhere outside itself."""
    made = markdown2html_mistune(text)
    made = re.sub(r'<a class="anchor-link".*?</a>', "", made)
    return re.sub(r"<a\b[^>]*>(.*?)</a>", r'<span class="cross">\1</span>', made, flags=re.DOTALL)


def output(shown: NotebookNode) -> tuple[str, str]:
    """HTML of one output, and its style: figure, checked (what the ledger says) or printed."""
    rich = shown.get("data", {}).get("text/html")
    if rich:
        return rich, "figure" if "<img" in rich else "checked"
    text = shown.get("text") or shown.get("data", {}).get("text/plain", "")
    return (f"<pre>{html.escape(text.rstrip())}</pre>", "printed") if text.strip() else ("", "")


def source(nb: NotebookNode, index: int) -> str:
    """HTML of a code cell's source, under the title of its section."""
    name = html.escape(notebook_format.heading(nb, index))
    code = Highlight2HTML(pygments_lexer="python")(nb.cells[index].source)
    return f'<div class="part source"><div class="name">{name} — the code</div>{code}</div>'


def section(page: Page) -> str:
    """HTML of one page."""
    where = "" if page.kind or "<h2" in "".join(page.parts) else f'<div class="where">{html.escape(page.where)}</div>'
    aside = "".join(f"<p>{html.escape(note)}</p>" for note in page.notes)
    notes = f'<aside class="notes">{aside}</aside>' if aside else ""
    return f'<section class="page {page.kind}">{where}{"".join(page.parts)}{notes}</section>'


def stack(page: Page) -> str:
    """HTML of a page and of those below it."""
    own = [page] if page.parts else []
    return f"<section>{''.join(map(section, [*own, *page.below]))}</section>"


def to_html(nb: NotebookNode) -> str:
    """The whole lecture as one HTML page with everything in it: reveal.js, MathJax, style and pictures."""
    here = resources.files("lecture_lib") / "deck_files"
    parts = {
        "title": html.escape(notebook_format.heading(nb, 0)),
        "slides": "\n".join(map(stack, pages(nb))),
        "reveal_css": bundled(REVEAL, "revealjs/dist/reveal.css"),
        "highlight_css": colors("a11y-high-contrast-light", "light") + colors("a11y-high-contrast-dark", "dark"),
        "mathjax_js": bundled(MATHJAX, "mathjax/tex-svg-full.js"),
        "reveal_js": bundled(REVEAL, "revealjs/dist/reveal.js"),
        "notes_js": bundled(REVEAL, "revealjs/plugin/notes/notes.js"),
    }
    parts |= {f"deck_{kind}": (here / f"deck.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")}
    return string.Template((here / "deck.html").read_text(encoding="utf-8")).substitute(parts)


def colors(style: str, theme: str) -> str:
    """CSS of the words of Python in one of the two looks; the paper behind them is the deck's own."""
    lines = HtmlFormatter(style=style).get_style_defs(f':root[data-theme="{theme}"] .highlight').splitlines()
    return "\n".join(line for line in lines if re.search(r"\.highlight \.\w+ \{", line))


def bundled(package: str, ending: str) -> str:
    """The text of a file that an installed package carries, fit to stand inside a <script> or <style> element."""
    for file in importlib.metadata.files(package) or []:
        if str(file).endswith(ending):
            return re.sub(r"</(script|style)", r"<\\/\1", file.read_text(encoding="utf-8"), flags=re.IGNORECASE)
    raise FileNotFoundError(f"the package {package} carries no file {ending}; the versions are in requirements.txt")
