"""Sphinx' settings for the site of the course; `lecture_lib.site` gathers the pages and runs Sphinx.

Mathematics is handed to MathJax as it stands in the notebooks, so that `\\tag` works, and each numbered line is an
anchor. "Eq. (4.3)", in prose and in docstrings, becomes a link to it, and a name of the library one to its reference.
"""

import html
import re
from pathlib import Path

from docutils import nodes

from lecture_lib import equations, notebooks, publishing, site_pages

ROOT = Path(__file__).parents[2]
LECTURES = {int(path.stem[:2]): path.stem for path in notebooks.listing(ROOT / "notebooks")}
FUNCTIONS = site_pages.implementations(ROOT)

project = "Variational autoencoders"
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["README.md"]
nb_execution_mode = "off"
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]  # a kernel is behind it
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
add_module_names = False

html_theme = "sphinx_book_theme"
html_title = project
html_context = {"default_mode": "auto"}
html_math_renderer = "course"
html_css_files = ["course.css"]
html_js_files = [("mathjax.js", {"defer": "defer"})]
html_show_sphinx = False
html_show_copyright = False
REPOSITORY, BRANCH = publishing.setting(ROOT)
ELSEWHERE = {
    "repository_url": REPOSITORY,
    "repository_branch": BRANCH,
    "path_to_docs": "",
    "launch_buttons": {"colab_url": "https://colab.research.google.com", "binderhub_url": "https://mybinder.org"},
}
html_theme_options = {
    **(ELSEWHERE if REPOSITORY else {}),
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
# myst-nb marks whole pages as free of mathematics; what `inline_math` and `displayed_math` write is not.
MATHJAX = """window.MathJax = {
  options: {processHtmlClass: "math", enableMenu: false},
  startup: {pageReady: () => MathJax.startup.defaultPageReady().then(() => { window.mathReady = true; })}
};"""


def inline_math(writer, node):
    """$...$ for MathJax."""
    writer.body.append(f'<span class="math notranslate nohighlight">\\({html.escape(node.astext())}\\)</span>')
    raise nodes.SkipNode


def displayed_math(writer, node):
    """$$...$$ for MathJax, an anchor for each of its numbers, and below it what in the library computes it."""
    numbers = equations.TAG.findall(node.astext())
    anchors = "".join(f'<span id="{anchor(number)}"></span>' for number in numbers)
    formula = node.astext() if node.astext().lstrip().startswith(r"\begin{") else rf"\[{node.astext()}\]"
    writer.body.append(f'{anchors}<div class="math notranslate nohighlight" tabindex="0">{html.escape(formula)}</div>')
    shown = [f"({n}) {', '.join(code_link(writer, name) for name in FUNCTIONS[n])}" for n in numbers if n in FUNCTIONS]
    if shown:
        writer.body.append(f'<div class="in-code">In the library: {"; ".join(shown)}</div>')
    raise nodes.SkipNode


def code_link(writer, name: str) -> str:
    module = name.partition(".")[0]
    page = writer.builder.get_relative_uri(writer.builder.current_docname, f"api/{module}")
    place = f"lecture_lib.{name}" if "." in name else f"module-lecture_lib.{name}"
    return f'<a href="{page}#{place}"><code>{name}</code></a>'


def anchor(number: str) -> str:
    return f"eq-{number.replace('.', '-')}"


def link_citations(app, doctree, docname):
    """Make links of the equation numbers in citations, and of names of the library in code type."""
    for text in list(doctree.findall(nodes.Text)):
        if not within(text, nodes.literal, nodes.literal_block, nodes.reference, nodes.title, nodes.raw, nodes.math):
            pieces = linked(app, docname, str(text))
            if len(pieces) > 1:
                text.parent.replace(text, pieces)
    names = {name: page for name, (page, *_) in app.env.domains["py"].objects.items()}
    for literal in list(doctree.findall(nodes.literal)):
        name = f"lecture_lib.{literal.astext().removeprefix('lecture_lib.').partition('(')[0]}"
        if name in names and not within(literal, nodes.reference, nodes.title):
            place = name if names[name] != f"api/{name.removeprefix('lecture_lib.')}" else f"module-{name}"
            page = app.builder.get_relative_uri(docname, names[name])
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), internal=True, refuri=f"{page}#{place}"))


def within(node, *kinds) -> bool:
    while node := node.parent:
        if isinstance(node, kinds):
            return True
    return False


def linked(app, docname: str, text: str) -> list[nodes.Node]:
    pieces, end = [], 0
    for citation in equations.CITATION.finditer(text):
        for number in re.finditer(r"\((\d+\.\d+)\)", citation[0]):
            lecture = LECTURES.get(int(number[1].split(".")[0]))
            if lecture is None:  # of an example
                continue
            start, stop = (citation.start() + at for at in number.span())
            page = app.builder.get_relative_uri(docname, f"notebooks/{lecture}")
            link = nodes.reference("", number[0], internal=True, refuri=f"{page}#{anchor(number[1])}")
            pieces += [nodes.Text(text[end:start]), link]
            end = stop
    return [*pieces, nodes.Text(text[end:])]


def plain_docstring(app, what, name, obj, options, lines):
    """Docstrings are plain text with `code`: no character but the backtick means anything."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    lines[:] = "\n\n".join(map(as_rst, paragraphs)).splitlines()


def as_rst(paragraph: str) -> str:
    if paragraph.startswith(" "):
        return "::\n\n" + "\n".join(f"    {line}" for line in paragraph.splitlines())
    if paragraph.startswith(">>>"):
        return paragraph
    if any(line.startswith(" ") and not paragraph.startswith("- ") for line in paragraph.splitlines()):
        return "\n".join(f"| {escaped(line.strip())}" for line in paragraph.splitlines())
    return escaped(paragraph)


def escaped(text: str) -> str:
    parts = re.split(r"`+([^`\n]+)`+", text)
    return "".join(f"``{part}``\\ " if i % 2 else re.sub(r"([\\*|_`])", r"\\\1", part) for i, part in enumerate(parts))


def own_files(app, config):
    config.html_static_path = [str(Path(app.srcdir) / "_static")]


def setup(app):
    app.connect("config-inited", own_files)
    app.add_html_math_renderer("course", inline_renderers=(inline_math, None), block_renderers=(displayed_math, None))
    app.add_js_file(None, body=MATHJAX, priority=100)
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("doctree-resolved", link_citations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
