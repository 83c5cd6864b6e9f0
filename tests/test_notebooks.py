"""What a notebook of the course must be like, beyond giving the outputs it stores (which `make test` compares).

Every rule is a small function from a notebook to a list of complaints. It is applied to all notebooks, and to small
made-up ones that break it.
"""

import ast
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nbformat import NotebookNode, v4
from nbval.plugin import get_sanitize_patterns

from lecture_lib import frames, notebook_format, notebooks, publishing

ROOT = Path(__file__).parents[1]
LECTURES = notebooks.listing(ROOT / "notebooks")
SOLUTIONS = notebooks.listing(ROOT / "solutions")

# Cells whose outputs are not compared, because they are live widgets: {"notebooks/03_elbo": {"id of the cell"}}.
EXEMPT: dict[str, set[str]] = {
    "notebooks/01_autoencoders": {"explore-codes"},
    "notebooks/03_elbo": {"gap-explorer"},
    "notebooks/04_gaussian_kl": {"divergence-explorer"},
    "notebooks/06_vae_on_mnist": {"explorer"},
    "notebooks/07_convolutional_vae": {"digit-explorer"},
    "notebooks/08_pca": {"components-explorer"},
    "notebooks/09_intrinsic_dimension": {"dimension-explorer"},
    "notebooks/10_density_estimation": {"density-explorer"},
    "notebooks/11_capstone": {"prior-explorer"},
}
NOT_COMPARED = {"nbval-ignore-output", "nbval-skip", "raises-exception"}
LONGEST_CELL = 15
LARGEST_FILE = 4_000_000


def code_cells(nb: NotebookNode) -> list[tuple[str, NotebookNode]]:
    """The code cells, each with what a message calls it."""
    return [(notebook_format.describe(nb, i), cell) for i, cell in enumerate(nb.cells) if cell.cell_type == "code"]


def tree_of(cell: NotebookNode) -> ast.Module:
    """The syntax tree of a cell; empty where it is no plain Python, which `plain_python` complains about."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.parse("")


def is_exempt(cell: NotebookNode) -> bool:
    return bool(NOT_COMPARED & set(cell.metadata.get("tags", []))) or "NBVAL_" in cell.source


def opening(nb: NotebookNode, promises: tuple[str, ...] = ("?", "able to", "minutes")) -> list[str]:
    """The first cell has a heading, the question, what the reader will be able to do, and the minutes it takes."""
    first = nb.cells[0] if nb.cells else NotebookNode(cell_type="", source="")
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        return ["the first cell must be Markdown and start with a heading"]
    return [f"the first cell does not say {words!r}" for words in promises if words not in first.source]


def opening_of_solution(nb: NotebookNode) -> list[str]:
    """An exercise needs a heading and the minutes it takes."""
    return opening(nb, ("minutes",))


def imports_first(nb: NotebookNode) -> list[str]:
    """The second cell holds the imports, and no other does."""
    if len(nb.cells) < 2 or nb.cells[1].cell_type != "code":
        return ["the second cell must hold the imports"]
    kinds = ast.Import | ast.ImportFrom
    late = [name for name, cell in code_cells(nb)[1:] if any(isinstance(n, kinds) for n in ast.walk(tree_of(cell)))]
    return [f"{name}: imports belong to the second cell" for name in late]


def plain_python(nb: NotebookNode) -> list[str]:
    """No magics, nothing to type, no line that ends in ";" to hide its output."""
    found = []
    for name, cell in code_cells(nb):
        try:
            calls = [ast.unparse(n.func) for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Call)]
        except SyntaxError:
            found.append(f"{name}: is no plain Python (%magics and !commands run only in some places)")
            continue
        if not cell.source.strip():
            found.append(f"{name}: is empty")
        if {"input", "get_ipython"} & set(calls):
            found.append(f"{name}: needs somebody to type, or IPython's commands")
        if re.search(r";\s*(#.*)?$", cell.source, re.MULTILINE):
            found.append(f"{name}: a line ends in ';'")
    return found


def short_cells(nb: NotebookNode) -> list[str]:
    sources = [(name, publishing.without_fetching(cell.source).splitlines()) for name, cell in code_cells(nb)]
    counts = [(name, sum(bool(line.strip()) for line in lines)) for name, lines in sources]
    return [f"{name}: {n} lines, more than {LONGEST_CELL}" for name, n in counts if n > LONGEST_CELL]


def executed(nb: NotebookNode) -> list[str]:
    """Cells count 1, 2, ...: nbval passes over a cell without a number, whatever it stores."""
    counts = [cell.execution_count for _, cell in code_cells(nb)]
    return [] if counts == list(range(1, len(counts) + 1)) else [f"not executed top to bottom: counts are {counts}"]


def shows_something(cell: NotebookNode) -> bool:
    """Whether a cell prints, draws, or ends with an expression, as far as one can tell without executing it."""
    body = tree_of(cell).body
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    nodes = [node for statement in body if not isinstance(statement, kinds) for node in ast.walk(statement)]
    calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    return bool(calls & {"print", "display", "plots.show"}) or (bool(body) and isinstance(body[-1], ast.Expr))


def outputs_stored(nb: NotebookNode) -> list[str]:
    """What should show something has outputs; the set-up cell may end with a call that gives nothing."""
    silent = [name for name, cell in code_cells(nb)[1:] if shows_something(cell) and not cell.outputs]
    return [f"{name}: stores no output (refresh it; or give a result that nobody needs to _)" for name in silent]


def clean_outputs(nb: NotebookNode) -> list[str]:
    """No errors, no stderr, nothing of one machine or one day."""
    found = notebook_format.problems(nb)
    for name, cell in code_cells(nb):
        text = "\n".join(map(notebook_format.shown_text, cell.outputs))
        if date := re.search(r"\b20\d\d-[01]\d-[0-3]\d\b|\b[0-2]?\d:[0-5]\d:[0-5]\d\b", text):
            found.append(f"{name}: prints the date or time {date[0]!r}")
    return found


class Pictures(HTMLParser):
    """Collects the alternative text of every picture in some HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.alts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "")


def figures(nb: NotebookNode) -> list[str]:
    """Every figure comes from `plots.show`, with an alternative text that says what is to be seen."""
    found = []
    for name, cell in code_cells(nb):
        data = [output.data for output in cell.outputs if "data" in output]
        raw = [mime for bundle in data for mime in bundle if mime.startswith("image/")]
        found += [f"{name}: a figure of type {mime}; show it with plots.show(fig, alt)" for mime in raw]
        alts = [alt for bundle in data for alt in Pictures(bundle.get("text/html", "")).alts]
        found += [f"{name}: the alternative text {alt!r} says too little" for alt in alts if len(alt.strip()) < 20]
        if is_exempt(cell) and not alts:
            found.append(f"{name}: is not compared, so it must store a picture that stands without a kernel")
    return found


def normal_form(nb: NotebookNode) -> list[str]:
    normal = notebook_format.dumps(notebook_format.normalize(nb)) == notebook_format.dumps(nb)
    return [] if normal else ["not in normal form: python -m lecture_lib.notebooks refresh"]


EVERYWHERE = [imports_first, plain_python, executed, outputs_stored, clean_outputs, figures, normal_form]
CASES = [(path, rule) for path in LECTURES for rule in [opening, short_cells, *EVERYWHERE]]
CASES += [(path, rule) for path in SOLUTIONS for rule in [opening_of_solution, *EVERYWHERE]]


@pytest.mark.parametrize(
    ("path", "rule"), CASES, ids=lambda x: getattr(x, "__name__", None) or f"{x.parent.name}/{x.stem}"
)
def test_the_notebooks_keep_the_rules(path, rule):
    assert rule(notebook_format.read(path)) == []


def test_only_the_cells_listed_above_are_not_compared():
    found = {}
    for path in [*LECTURES, *SOLUTIONS]:
        if ids := {cell.id for _, cell in code_cells(notebook_format.read(path)) if is_exempt(cell)}:
            found[f"{path.parent.name}/{path.stem}"] = ids
    assert found == EXEMPT


def test_the_files_hold_the_normal_form_and_are_small():
    for path in [*LECTURES, *SOLUTIONS]:
        assert path.read_bytes().decode() == notebook_format.dumps(notebook_format.read(path)), path.name
        assert path.stat().st_size < LARGEST_FILE, path.name


def private_places(text: str) -> list[str]:
    """Folders of somebody's machine, and servers that only somebody's network knows."""
    folder = r"(?<![\w.])/(?:home|root|work|mnt|Users)/\w+"
    server = r"file://\S*|https?://(?!localhost)(?:[\w-]+[:/]|10\.|192\.168\.)\S*"
    return re.findall(f"{folder}|{server}", re.sub(r"data:image/[^\"']*", "", text))


def test_no_text_names_a_folder_or_server_of_its_author():
    for path in [ROOT / "README.md", *LECTURES, *SOLUTIONS, *(ROOT / "lecture_lib").rglob("*.py")]:
        assert private_places(path.read_text(encoding="utf-8")) == [], path.name


@pytest.mark.parametrize(
    "text", ["in /work/data", "(/home/ada/x)", "http://mirror/simple", "https://10.0.0.1/x", "file:///srv/wheels"]
)
def test_a_folder_or_server_of_somebody_is_seen(text):
    assert private_places(text)


def test_public_addresses_and_relative_folders_are_no_private_places():
    assert (
        private_places("https://download.pytorch.org/whl/cpu http://localhost:8888/lab ./work/home notebooks/work/")
        == []
    )


def test_nbval_compares_the_alternative_text_of_a_figure_and_not_its_pixels():
    ((pattern, replacement),) = get_sanitize_patterns((ROOT / "tests" / "nbval.cfg").read_text())
    image = '<img alt="{}" src="data:image/png;base64,{}" width="9">'
    one, other = re.sub(pattern, replacement, image.format("A", "iVB/+9=")), image.format("A", "iVBx0==")
    assert one == re.sub(pattern, replacement, other) == '<img alt="A" src="FIGURE" width="9">'


# --- the rules themselves, on made-up notebooks ---

FIGURE = v4.new_output(
    "display_data", {"text/html": '<img alt="A loss that falls to 3 nats" src="data:image/png;base64,/tmp/">'}
)
TITLE = "# Codes\n\nHow small? You will be able to encode. Takes 5 minutes."


def code(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = ()) -> NotebookNode:
    return v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)} if tags else {})


def text(words: str, name: str = "stdout") -> NotebookNode:
    return v4.new_output("stream", name=name, text=words)


def html(words: str) -> NotebookNode:
    return v4.new_output("display_data", {"text/html": words})


def notebook(*cells: NotebookNode, title: str = TITLE) -> NotebookNode:
    """A sound notebook with the cells given after title and set-up, executed and in normal form."""
    nb = v4.new_notebook(cells=[v4.new_markdown_cell(title), code("import torch\ntorch.set_num_threads(1)"), *cells])
    for count, (_, cell) in enumerate(code_cells(nb), start=1):
        cell.execution_count = count
    return notebook_format.normalize(nb)


@pytest.mark.parametrize(
    "rule", [opening, opening_of_solution, short_cells, *EVERYWHERE], ids=lambda rule: rule.__name__
)
def test_a_sound_notebook_gives_no_complaint(rule):
    cells = [
        code("print(1)", text("1\n")),
        code("plots.show(fig, alt)", FIGURE),
        code("def f():\n    print(2)"),
        code("x = f()"),
    ]
    live = code("widgets.explore()", FIGURE, tags=("nbval-ignore-output",))
    assert rule(notebook(*cells, live)) == []


@pytest.mark.parametrize(
    ("rule", "nb", "complaint"),
    [
        (opening, v4.new_notebook(), "the first cell must be Markdown"),
        (opening, notebook(title="No heading?"), "start with a heading"),
        (opening, notebook(title=TITLE.replace("?", ".")), "does not say '?'"),
        (opening, notebook(title=TITLE.replace("able to", "going to")), "does not say 'able to'"),
        (opening, notebook(title=TITLE.replace("minutes", "hours")), "does not say 'minutes'"),
        (opening_of_solution, notebook(title="# Exercises"), "does not say 'minutes'"),
        (
            imports_first,
            notebook_format.normalize(v4.new_notebook(cells=[v4.new_markdown_cell(TITLE)])),
            "second cell must hold the imports",
        ),
        (imports_first, notebook(code("import math")), "cell [2], section 'Codes': import math: imports belong"),
        (imports_first, notebook(code("def f():\n    from a import b")), "imports belong to the second cell"),
        (plain_python, notebook(code("%matplotlib inline")), "no plain Python"),
        (plain_python, notebook(code("!pip install torch")), "no plain Python"),
        (plain_python, notebook(code("get_ipython().system('ls')")), "IPython's commands"),
        (plain_python, notebook(code("x = input()")), "somebody to type"),
        (plain_python, notebook(code("plt.plot(x);")), "ends in ';'"),
        (plain_python, notebook(code(" ")), "is empty"),
        (short_cells, notebook(code("x = 1\n\n" * 16)), "16 lines, more than 15"),
        (executed, v4.new_notebook(cells=[code("x = 1")]), "counts are [None]"),
        (executed, v4.new_notebook(cells=[v4.new_code_cell("x", execution_count=2)]), "counts are [2]"),
        (outputs_stored, notebook(code("x + 1")), "stores no output"),
        (outputs_stored, notebook(code("for i in x:\n    print(i)")), "stores no output"),
        (outputs_stored, notebook(code("plots.show(fig, alt)\nx = 1")), "stores no output"),
        (clean_outputs, notebook(code("f()", text("careful", "stderr"))), "writes on stderr: careful"),
        (clean_outputs, notebook(code("f()", v4.new_output("error", ename="E", evalue="x"))), "raises E: x"),
        (clean_outputs, notebook(code("f()", text("<f at 0x7f12ab34cd56>"))), "prints '0x7f12ab34cd56'"),
        (clean_outputs, notebook(code("f()", text(f"saved {Path.cwd()}/a"))), "prints "),
        (clean_outputs, notebook(code("f()", text("in /home/ada/runs"))), "prints '/home/'"),
        (clean_outputs, notebook(code("f()", text("in C:\\Users\\ada"))), "prints 'C:\\\\Users'"),
        (clean_outputs, notebook(code("f()", html("<p>/tmp/a</p>"))), "prints '/tmp"),
        (clean_outputs, notebook(code("f()", text("on 2031-05-06"))), "the date or time '2031-05-06'"),
        (clean_outputs, notebook(code("f()", text("at 10:31:05"))), "the date or time '10:31:05'"),
        (figures, notebook(code("f()", v4.new_output("display_data", {"image/png": "iVB"}))), "of type image/png"),
        (figures, notebook(code("f()", html('<img src="data:image/png;base64,iVB">'))), "'' says too little"),
        (figures, notebook(code("f()", html('<img alt="A plot" src="x">'))), "'A plot' says too little"),
        (figures, notebook(code("f()", text("1"), tags=("nbval-ignore-output",))), "must store a picture"),
        (figures, notebook(code("# NBVAL_IGNORE_OUTPUT\nf()", text("1"))), "must store a picture"),
        (normal_form, v4.new_notebook(cells=[code("x = 1")]), "not in normal form"),
    ],
    ids=lambda x: getattr(x, "__name__", None) or (x if isinstance(x, str) else ""),
)
def test_a_rule_finds_what_breaks_it(rule, nb, complaint):
    assert any(complaint in found for found in rule(nb)), rule(nb)


def test_the_pictures_of_interactive_parts_are_small_and_shown_by_the_present_script():
    cells = [cell for path in LECTURES for cell in notebook_format.read(path).cells]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    stored = [html for output in outputs if "data-frames" in (html := output.get("data", {}).get("text/html", ""))]
    assert len(stored) == sum("_explorer(" in cell.source for cell in cells if cell.cell_type == "code")
    for html in stored:
        told = re.search(r"const given = (\{.*?\});\n", html, re.DOTALL)[1]
        assert len(html) < (450_000 if len(json.loads(told)["controls"]) == 2 else 300_000)
        assert html.endswith(frames.SCRIPT.replace("DATA", told) + "</script>")
