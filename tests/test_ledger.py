r"""The derivation ledger: every numbered line of a lecture is in it, holds, and would fail if changed anywhere.

A lecture's displayed formulas are tagged, one relation a tag, and shown with their check:

    $$\begin{align} a &= b \tag{4.3} \\ &= c \tag{4.4} \end{align}$$

    ledger.check(derivation.LINES, "4.3", "4.4")
"""

import ast
import copy
import importlib
import inspect
import itertools
import pkgutil
import re
import types
from pathlib import Path

import pytest
import torch
from nbformat import v4

from lecture_lib import derivations, ledger, notebook_format, notebooks

ROOT = Path(__file__).parents[1]
LECTURES = {path.stem: path for path in notebooks.listing(ROOT / "notebooks")}
MODULES = {
    stem: importlib.import_module(f"lecture_lib.derivations.{stem[3:]}")
    for stem in LECTURES
    if stem[3:] in {module.name for module in pkgutil.iter_modules(derivations.__path__)}
}
LINES = [(stem, line) for stem, module in MODULES.items() for line in module.LINES]
TAG = re.compile(r"\\tag\{([^}]*)\}")
COMMENT = re.compile(r"<!--\s*\(([\d.]+)\) (?:has no function:|is a definition\b)")
STATES = re.compile(r"(?<![:\w])=|\\(?:le|ge|leq|geq|approx|equiv|propto|sim)(?![a-zA-Z])")
NESTED = re.compile(r"\\begin\{(\w*(?:cases|matrix|array))\}.*?\\end\{\1\}", re.DOTALL)


# --- what a lecture shows ---


def displays(text: str) -> list[str]:
    """The displayed formulas of some Markdown, an aligned one as its lines."""
    found = []
    for block in re.findall(r"\$\$(.*?)\$\$", text, re.DOTALL):
        aligned = re.search(r"\\begin\{align(?:ed)?\*?\}(.*)\\end\{align(?:ed)?\*?\}", block, re.DOTALL)
        inner = NESTED.sub(lambda match: match[0].replace(r"\\", r"\cr"), aligned[1] if aligned else block)
        found += re.split(r"\\\\(?:\[[^]]*\])?", inner) if aligned else [inner]
    return [line for line in found if line.strip()]


def normalized(formula: str) -> str:
    """LaTeX without tags, alignment, spaces and the full stop or comma at its end."""
    text = re.sub(r"\\[,;! ]|\s|&", "", TAG.sub("", formula.replace(r"\\", r"\cr")))
    return text.rstrip(".,")


def complaints(nb, lines: list[ledger.Line]) -> list[str]:
    """Where a lecture and its ledger differ."""
    prose = "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")
    exempt, shown = set(COMMENT.findall(prose)), displays(prose)
    found = [f"an untagged formula: {line.strip()}" for line in shown if STATES.search(line) and not TAG.search(line)]
    found += [f"two tags on one line: {line.strip()}" for line in shown if len(TAG.findall(line)) > 1]
    formulas = {TAG.findall(line)[0]: normalized(line) for line in shown if TAG.search(line)}
    expected, tags = [tag for tag in formulas if tag not in exempt], [line.tag for line in lines]
    found += [f"({tag}) is not in the ledger" for tag in expected if tag not in tags]
    found += [f"({tag}) is in the ledger, not in the lecture" for tag in tags if tag not in expected]
    if not found and tags != expected:
        found.append("the ledger has another order")
    for line in lines:
        if line.tag in formulas and formulas[line.tag] != normalized(line.formula):
            found.append(f"({line.tag}) reads {formulas[line.tag]}, in the ledger {normalized(line.formula)}")
    return found + unchecked(nb, tags)


def unchecked(nb, tags: list[str]) -> list[str]:
    """Lines that no cell after their formula checks, or more than one."""
    times, place, found = dict.fromkeys(tags, 0), {}, []
    for i, cell in enumerate(nb.cells):
        place |= dict.fromkeys(TAG.findall(cell.source), i) if cell.cell_type == "markdown" else {}
    for i, cell in enumerate(nb.cells):
        for call in re.findall(
            r"ledger\.check\(\w+\.LINES, ([^)]*)\)", cell.source if cell.cell_type == "code" else ""
        ):
            first, *last = ast.literal_eval(f"({call},)")
            if {first, *last} - set(tags):
                found.append(f"a cell checks {call}, which is not in the ledger")
                continue
            for tag in tags[tags.index(first) : tags.index(last[0] if last else first) + 1]:
                times[tag] += 1
                if place.get(tag, i) > i:
                    found.append(f"({tag}) is checked before it is shown")
    return found + [f"({tag}) is checked by {n} cells, not one" for tag, n in times.items() if n != 1]


@pytest.mark.parametrize("stem", LECTURES)
def test_a_lecture_and_its_ledger_agree(stem):
    lines = MODULES[stem].LINES if stem in MODULES else []
    assert complaints(notebook_format.read(LECTURES[stem]), lines) == []


def test_every_ledger_belongs_to_a_lecture():
    parts = {stem.name for stem in pkgutil.iter_modules(derivations.__path__)} - {stem[3:] for stem in MODULES}
    assert [part for part in parts if not any(part.startswith(f"{stem[3:]}_") for stem in MODULES)] == []


@pytest.mark.parametrize(("stem", "line"), LINES, ids=[line.tag for _, line in LINES])
def test_a_line_holds(stem, line):
    ledger.verify(line, n_points=50)


GOES_ON = re.compile(r"=|\\(?:le|ge|leq|geq|approx)(?![a-zA-Z])")


@pytest.mark.parametrize("stem", MODULES)
def test_a_line_that_goes_on_starts_with_what_the_line_above_ended_with(stem):
    lines = MODULES[stem].LINES
    assert not lines or not GOES_ON.match(lines[0].formula)
    broken = [b.tag for a, b in itertools.pairwise(lines) if GOES_ON.match(b.formula) and b.left is not a.right]
    assert broken == []


# --- every line would fail if it were wrong ---


SIDES = {"left": 3, "right": 4}
SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}


def line_calls(tree: ast.Module) -> list[ast.Call]:
    """The calls of ledger.Line, in order."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in ("ledger.Line", "Line")]


def side_of(call: ast.Call, name: str) -> ast.expr:
    """The expression that a call of Line gives for "left" or "right"."""
    by_name = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return by_name[0] if by_name else call.args[SIDES[name]]


def mutants_of(expression: ast.AST):
    """Functions that each change one place of the tree below `expression`, with what they do."""
    for parent in ast.walk(expression):
        if isinstance(parent, ast.BinOp):
            if (swap := SWAPPED.get(type(parent.op))) is not None:
                yield f"{type(parent.op).__name__} -> {swap.__name__}", parent, "op", swap()
            for side in ("left", "right"):
                operand = getattr(parent, side)
                if isinstance(operand, ast.Constant) and type(operand.value) in (int, float):
                    yield f"{operand.value} changed", parent, side, ast.Constant(2 * operand.value or 1)
        for name, value in ast.iter_fields(parent):
            minus = isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub)
            if minus and not (isinstance(value.operand, ast.Constant) and isinstance(parent, ast.Call)):  # sum(-1)
                yield "minus dropped", parent, name, value.operand


def sides(tree: ast.Module) -> list[tuple[str, str, ast.AST]]:
    """(tag, side, what computes it) for every line: a lambda, or a function of the module given by its name."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = []
    for call in line_calls(tree):
        tag = ast.literal_eval(call.args[0] if call.args else side_of(call, "tag"))
        for name in SIDES:
            expression = side_of(call, name)
            if isinstance(expression, ast.Name):
                expression = functions.get(expression.id)
            if expression is not None:
                found.append((tag, name, expression))
    return found


def survivors(source: str, module: str) -> list[str]:
    """The mutants of a ledger's lines that no line notices."""
    tree, alive, seen = ast.parse(source), [], set()
    users = {}
    for tag, _, expression in sides(tree):
        users.setdefault(id(expression), []).append(tag)
    for tag, name, expression in sides(tree):
        if id(expression) in seen:
            continue
        seen.add(id(expression))
        for what, parent, field, value in list(mutants_of(expression)):
            original = getattr(parent, field)
            setattr(parent, field, value)
            if not notices(tree, module, users[id(expression)]):
                alive.append(f"({tag}) {name}, line {parent.lineno}, {what}: {ast.unparse(expression)[:120]}")
            setattr(parent, field, original)
    return alive


def notices(tree: ast.Module, module: str, tags: list[str]) -> bool:
    """Whether one of the lines `tags` fails in a module of this source."""
    namespace = types.ModuleType(module).__dict__
    try:
        exec(compile(ast.fix_missing_locations(copy.deepcopy(tree)), module, "exec"), namespace)
        for line in namespace["LINES"]:
            if line.tag in tags:
                ledger.verify(line, n_points=4)
    except Exception:
        return True
    return False


FILES = {
    module.name: importlib.import_module(f"lecture_lib.derivations.{module.name}")
    for module in pkgutil.iter_modules(derivations.__path__)
}


@pytest.mark.filterwarnings("ignore")  # of mutants: divisions by zero, logs of negative numbers
@pytest.mark.parametrize("name", FILES)
def test_whatever_is_changed_in_a_line_is_noticed(name):
    assert survivors(inspect.getsource(FILES[name]), name) == []


@pytest.mark.parametrize("name", FILES)
def test_the_sides_of_all_lines_are_open_to_these_changes(name):
    """A side is a lambda, or a function of its module: not something imported, which no mutant reaches."""
    tree = ast.parse(inspect.getsource(FILES[name]))
    assert len(sides(tree)) == 2 * len(line_calls(tree))


BROKEN_ON_PURPOSE = [  # module, line, what it says, what it then says wrongly
    ("elbo_bayes", "3.18", "v.model.log_evidence(v.x) - (", "v.model.log_evidence(v.x) + ("),  # a sign, as in the notes
    ("elbo_bayes", "3.21", "- expect(v, lambda z: v.posterior", "+ expect(v, lambda z: v.posterior"),  # as in the notes
    ("elbo_decoder", "3.30", "-squares(v, v.z)", "squares(v, v.z)"),  # a minus, as in the notes
    ("latent_variables_oracle", "2.44", "v.var * torch", "torch"),  # sigma^2 forgotten
    ("latent_variables_oracle", "2.47", "r - v.W @", "r + v.W @"),  # a sign
    ("latent_variables_oracle", "2.50", "- kl_div", "+ kl_div"),  # a sign
    ("gaussian_kl_univariate", "4.2", "v.q.log_prob(z) - v.p.log_prob(z)", "v.p.log_prob(z) - v.q.log_prob(z)"),
    ("gaussian_kl_univariate", "4.3", "/ v.sigma**2", "/ v.sigma"),  # sigma for sigma^2
    ("gaussian_kl_univariate", "4.6", "(1 + LOG_2PI", "(LOG_2PI"),  # a constant forgotten
    ("gaussian_kl_full", "4.25", "x - v.mu_q, v.inverse_q", "v.mu_p - v.mu_q + 0 * x, v.inverse_q"),  # as in the notes
    ("gaussian_kl_full", "4.34", "v.inverse_p @ v.cov_q", "v.inverse_q @ v.cov_p"),  # arguments swapped
    ("gaussian_kl_full", "4.34", "torch.trace(v.inverse_p @ v.cov_q)", "(v.inverse_p @ v.cov_q).det()"),  # no trace
    ("reparameterization_path", "5.16", "v.sigma * v.eps", "v.sigma**2 * v.eps"),  # sigma^2 for sigma
    ("reparameterization_path", "5.24", "1 / 2 * v.sigma", "v.sigma"),  # a half
    (
        "vae_on_mnist",
        "6.4",
        "kl_divergence(Normal(v.mu, v.sigma), Normal(torch.zeros_like(v.mu), 1.0))",
        "kl_divergence(Normal(torch.zeros_like(v.mu), 1.0), Normal(v.mu, v.sigma))",
    ),  # KL of p and q
    ("vae_on_mnist", "6.15", "- math.log(256)", "+ math.log(256)"),  # a sign
    ("convolutional_vae_layers", "7.4", "(v.F**2 * v.D1 + 1)", "(v.F**2 * v.D1)"),  # the biases forgotten
    ("convolutional_vae_layers", "7.10", "- 2 * v.P", "- v.P"),  # padding on one side
    ("convolutional_vae_conditional", "7.16", "- mean_log(v.y, v.y)", "+ mean_log(v.y, v.y)"),  # a sign
    ("pca_axes", "8.11", "torch.cov(v.x.T, correction=0)", "torch.corrcoef(v.x.T)"),  # as in the notes
    ("pca_probabilistic", "8.35", "(v.eigenvalues - v.c)", "v.eigenvalues"),  # the noise not subtracted
    ("intrinsic_dimension_counting", "9.3", "v.rho * sliced(v.d) * v.r", "v.rho * v.r"),  # no volume, as in the notes
    ("intrinsic_dimension_likelihood", "9.31", "(v.N - 1)", "v.N"),  # a bias
    ("capstone_prior", "11.7", "v.var.sum(0).diag() / 3 + ", ""),  # the posteriors' own variance forgotten
    ("capstone_prior", "11.9", "- STANDARD.log_prob(GRID)).exp()", ").exp()"),  # both priors at once
    ("capstone_two_sample", "11.14", "v.n * (v.n - 1) + v.m", "v.n * v.n + v.m"),  # a point as its own neighbor
    ("intrinsic_dimension_neighborhoods", "9.39", "v.N * (v.k - 1) / (v.r", "v.N * (v.k - 2) / (v.r"),  # corrections
]


@pytest.mark.parametrize(("name", "tag", "right", "wrong"), BROKEN_ON_PURPOSE)
def test_a_line_that_is_broken_on_purpose_is_caught(name, tag, right, wrong):
    source = inspect.getsource(FILES[name])
    calls = {ast.literal_eval(call.args[0]): call for call in line_calls(ast.parse(source))}
    entry = ast.get_source_segment(source, calls[tag])
    assert entry.count(right) == 1
    namespace = types.ModuleType(name).__dict__
    exec(source.replace(entry, entry.replace(right, wrong)), namespace)
    (broken,) = [line for line in namespace["LINES"] if line.tag == tag]
    with pytest.raises(ledger.FalseLine, match=re.escape(f"({tag}) does not hold")):
        ledger.verify(broken)


# --- the ledger itself ---


def numbers(generator):
    return types.SimpleNamespace(a=torch.rand(3, dtype=torch.float64, generator=generator) + 1)


def line(left, right, relation="=", **settings):
    return ledger.Line("4.1", "a = b", numbers, left, right, relation, **settings)


def test_a_true_line_holds():
    ledger.verify(line(lambda v: v.a + v.a, lambda v: 2 * v.a))
    ledger.verify(line(lambda v: v.a, lambda v: 2 * v.a, "<="))
    ledger.verify(line(lambda v: v.a**2, lambda v: v.a, ">="))


@pytest.mark.parametrize(
    ("left", "right", "relation", "message"),
    [
        (lambda v: v.a, lambda v: v.a * (1 + 1e-9), "=", r"\(4.1\) does not hold, left 1\..*, right 1\..*: a = b"),
        (lambda v: v.a, lambda v: v.a / 2, "<=", "does not hold"),
        (lambda v: v.a, lambda v: 2 * v.a, ">=", "does not hold"),
        (lambda v: v.a * torch.nan, lambda v: v.a * torch.nan, "=", "left nan"),
        (lambda v: v.a, lambda v: v.a * torch.nan, "<=", "right nan"),
        (lambda v: v.a, lambda v: v.a * torch.inf, "<=", "right inf"),
        (lambda v: v.a * torch.inf, lambda v: v.a * torch.inf, "=", "left inf, right inf"),
        (lambda v: v.a.sum(), lambda v: v.a, "=", r"left is \(\) torch.float64, right \(3,\)"),
        (lambda v: v.a.float(), lambda v: v.a.float(), "=", "both must be float64"),
    ],
)
def test_a_false_line_is_told_with_its_numbers(left, right, relation, message):
    with pytest.raises(ledger.FalseLine, match=message):
        ledger.verify(line(left, right, relation))


def test_an_inequality_that_is_never_tight_fails_where_it_should_be():
    loose = line(lambda v: v.a, lambda v: 2 * v.a, "<=", tight=numbers)
    with pytest.raises(ledger.FalseLine):
        ledger.verify(loose)
    zero = line(lambda v: v.a, lambda v: v.a, "<=", tight=numbers)
    ledger.verify(zero)


def test_random_draws_are_held_to_five_standard_errors():
    def draws(shift):
        noise = torch.randn(10_000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        return lambda v: v.a + noise - noise.mean(0) + shift * noise.std(0) / 100

    ledger.verify(line(draws(4.9), lambda v: v.a, "~"))
    with pytest.raises(ledger.FalseLine):
        ledger.verify(line(draws(5.1), lambda v: v.a, "~"))


def test_checked_lines_show_themselves_in_one_line():
    lines = [
        ledger.Line("4.1", "a", numbers, lambda v: v.a, lambda v: v.a),
        ledger.Line("4.2", "b", numbers, lambda v: v.a, lambda v: v.a),
        ledger.Line("4.3", "c", numbers, lambda v: v.a, lambda v: 2 * v.a, "<="),
    ]
    expected = (
        "✓ (4.1) and (4.2): both sides agree to 1e-10; (4.3): the left side is at most the right one (20 random inputs)"
    )
    assert repr(ledger.check(lines, "4.1", "4.3")) == expected
    assert expected in ledger.check(lines, "4.1", "4.3")._repr_html_()
    assert repr(ledger.check(lines, "4.2")).startswith("✓ (4.2): ")
    with pytest.raises(ValueError, match=r"first is '4.9', which is not in this ledger; it has 4.1, 4.2, 4.3"):
        ledger.check(lines, "4.9")
    with pytest.raises(ValueError, match="stands before first"):
        ledger.check(lines, "4.3", "4.1")


# --- the rules on a made-up lecture ---


TEXT = r"""Then
$$\begin{align} a &= b \tag{4.1} \\ &= \begin{cases} 1 \\ 2 \end{cases}. \tag{4.2} \end{align}$$
and $$ z \sim p \tag{4.3} $$ <!-- (4.3) has no function: a definition -->"""
CHECK = 'ledger.check(derivation.LINES, "4.1", "4.2")'


def made_up(text=TEXT, check=CHECK):
    return v4.new_notebook(cells=[v4.new_markdown_cell(text), v4.new_code_cell(check)])


def entries(second=r"= \begin{cases} 1 \\ 2 \end{cases}", tags=("4.1", "4.2")):
    formulas = ("a = b", second)
    return [ledger.Line(tag, formula, numbers, None, None) for tag, formula in zip(tags, formulas, strict=True)]


def test_a_sound_lecture_gives_no_complaint():
    assert complaints(made_up(), entries()) == []


@pytest.mark.parametrize(
    ("nb", "lines", "complaint"),
    [
        (made_up(TEXT.replace("a &= b", "a &= -b")), entries(), "(4.1) reads a=-b, in the ledger a=b"),
        (made_up(), entries(second="= 2"), "(4.2) reads"),
        (made_up(TEXT.replace(r"\tag{4.1}", "")), entries(), "an untagged formula: a &= b"),
        (made_up(TEXT + r"$$ c \le d \tag{4.4} $$"), entries(), "(4.4) is not in the ledger"),
        (made_up(TEXT.replace("<!-- (4.3)", "<!-- ")), entries(), "(4.3) is not in the ledger"),
        (made_up(), entries(tags=("4.1", "4.7")), "(4.7) is in the ledger, not in the lecture"),
        (made_up(), list(reversed(entries())), "another order"),
        (made_up(check='ledger.check(derivation.LINES, "4.1")'), entries(), "(4.2) is checked by 0 cells"),
        (made_up(check=f"{CHECK}\n{CHECK}"), entries(), "(4.1) is checked by 2 cells"),
        (made_up(check='ledger.check(d.LINES, "4.1", "4.9")'), entries(), "which is not in the ledger"),
        (
            v4.new_notebook(cells=[v4.new_code_cell(CHECK), v4.new_markdown_cell(TEXT)]),
            entries(),
            "(4.1) is checked before it is shown",
        ),
        (made_up(TEXT.replace(r"\tag{4.1} \\", r"\tag{4.1}")), entries(), "two tags on one line"),
    ],
)
def test_every_rule_finds_what_breaks_it(nb, lines, complaint):
    found = complaints(nb, lines)
    assert any(complaint in text for text in found), found
