"""The house that DESIGN describes: who may import whom, how long things are, what stays out of which floor.

Every rule is a small function from a module's source to a list of complaints. It is applied to the library, and to
made-up sources that break it.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[1] / "lecture_lib"

# Top to bottom. A module imports from lower rows only; within a row, only the pairs named below.
ROWS = [
    "grading",
    "notebooks notebook_format widgets frames gaussian_widgets dimension_widgets pca_widgets "
    "density_widgets conditional_widgets prior_widgets deck slides equations site site_pages run_times publishing",
    "plots gaussian_plots graph_plots dimension_plots convolution_plots pca_plots density_plots",
    "training records meters data downloads device checks derivations",
    "autoencoder vae convolution conditional reading aggregate two_sample",
    "intrinsic_dimension danco density histogram bandwidth mixture mixture_steps",
    "latent_variables monte_carlo graphs elbo gradients likelihoods pca concentration kernels kernel_sums",
    "gaussians quadrature ledger neighbors manifolds",
    "candidates pairwise gauss_sums quadratic_features clustering",
    "special integers observations",
]
ROW = {module: row for row, modules in enumerate(ROWS) for module in modules.split()}
WITHIN_A_ROW = {
    ("notebooks", "notebook_format"),
    ("deck", "notebook_format"),
    ("slides", "deck"),
    ("slides", "notebook_format"),
    ("slides", "notebooks"),
    ("publishing", "notebook_format"),
    ("publishing", "notebooks"),
    ("run_times", "notebook_format"),
    ("run_times", "notebooks"),
    ("publishing", "notebook_format"),
    ("publishing", "notebooks"),
    ("site", "deck"),
    ("site", "notebooks"),
    ("site", "site_pages"),
    ("site_pages", "equations"),
    ("site_pages", "notebook_format"),
    ("site_pages", "notebooks"),
    ("danco", "intrinsic_dimension"),
    ("density", "histogram"),
    ("density", "bandwidth"),
    ("histogram", "bandwidth"),
    ("mixture", "mixture_steps"),
    ("mixture", "bandwidth"),
    ("kernel_sums", "kernels"),
    ("training", "records"),
    ("training", "meters"),
    ("data", "downloads"),
    ("downloads", "meters"),
    ("vae", "autoencoder"),
    ("convolution", "autoencoder"),
    ("latent_variables", "graphs"),
    ("candidates", "pairwise"),
    ("latent_variables", "monte_carlo"),
    ("conditional", "vae"),
    ("reading", "conditional"),
    ("two_sample", "conditional"),
    ("graph_plots", "plots"),
    ("widgets", "frames"),
    ("gaussian_widgets", "widgets"),
    ("dimension_widgets", "widgets"),
    ("pca_widgets", "widgets"),
    ("density_widgets", "widgets"),
    ("conditional_widgets", "widgets"),
    ("prior_widgets", "widgets"),
    ("gaussian_plots", "plots"),
    ("dimension_plots", "plots"),
    ("pca_plots", "plots"),
    ("density_plots", "plots"),
    ("convolution_plots", "plots"),
}
DISPLAY = {"matplotlib", "IPython", "ipywidgets"}
OUTSIDE = {
    "urllib",
    "http",
    "socket",
    "ssl",
    "requests",
    "pathlib",
    "os",
    "io",
    "shutil",
    "tempfile",
    "gzip",
    "subprocess",
}
FILE_CALLS = {"open", "read_text", "write_text", "read_bytes", "write_bytes"}
FILE_FUNCTIONS = {
    f"{lib}.{name}" for lib in ("torch", "np", "numpy") for name in ("load", "save", "loadtxt", "savetxt")
}
# Modules other than `device` that may name one, and why.
NAMES_A_DEVICE = {"training": "asks by type which devices have a fused optimizer and a random state of their own"}

SOURCES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(LIBRARY.rglob("*.py"))
}


def imported(name: str, source: str) -> set[str]:
    """All that a module imports, at any depth: `from a import b` as "a.b", relative imports resolved."""
    package, found = ["lecture_lib", *name.split(".")[:-1]], set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            found |= {".".join([*start, *filter(None, [node.module]), alias.name]) for alias in node.names}
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "lecture_lib":
            found.add(f"lecture_lib.{node.attr}")
        elif isinstance(node, ast.Call) and re.search(r"\b(import_module|__import__)$", ast.unparse(node.func)):
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def placement(name: str, source: str) -> list[str]:
    module = name.split(".")[0]
    return (
        [] if module in ROW or module == "__init__" else [f"{module} is in no row: place it in ROWS of {__name__}.py"]
    )


def upward_imports(name: str, source: str) -> list[str]:
    module, found = name.split(".")[0], []
    for target in {other.split(".")[1] for other in imported(name, source) if other.startswith("lecture_lib.")}:
        if target == module or target.startswith("__"):
            continue
        if target not in ROW:
            found.append(f"{name} imports {target}, which is in no row")
        elif ROW[target] <= ROW.get(module, len(ROWS)) and (module, target) not in WITHIN_A_ROW:
            found.append(f"{name} imports {target}, which is not below it")
    return found


def outside_world(name: str, source: str) -> list[str]:
    row, packages = ROW.get(name.split(".")[0], -1), {other.split(".")[0] for other in imported(name, source)}
    found = [f"{name} imports {package}, below plots" for package in packages & DISPLAY if row > ROW["plots"]]
    if row > ROW["data"]:
        found += [f"{name} imports {package}, below data" for package in packages & OUTSIDE]
        calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        names = [ast.unparse(call) for call in calls]
        found += [f"{name} calls {call}, below data" for call in names if call.split(".")[-1] in FILE_CALLS]
        found += [f"{name} calls {call}, below data" for call in names if call in FILE_FUNCTIONS]
    return found


def lengths(name: str, source: str) -> list[str]:
    lines = len(source.splitlines())
    found = [f"{name} has {lines} lines, more than 200"] if lines > 200 else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (n := node.end_lineno - node.lineno + 1) > 40:
            found.append(f"{name}.{node.name} has {n} lines, more than 40")
    return found


def docstrings(name: str, source: str) -> list[str]:
    tree = ast.parse(source)
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    missing = [f"{name}.{node.name}" for node in public if not ast.get_docstring(node)]
    return [f"{thing} has no docstring" for thing in ([] if ast.get_docstring(tree) else [name]) + missing]


def device_names(name: str, source: str) -> list[str]:
    if name in {"device", *NAMES_A_DEVICE}:
        return []
    nodes = list(ast.walk(ast.parse(source)))
    words = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    words = [word for word in words if re.fullmatch(r"(cuda|mps|xpu)(:\d+)?", word)]
    words += [
        ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and node.attr in ("cuda", "mps", "xpu")
    ]
    return [f"{name} names a device: {word}" for word in words]


RULES = [placement, upward_imports, outside_world, lengths, docstrings, device_names]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", SOURCES)
def test_the_library_keeps_the_rules(name, rule):
    assert rule(name, SOURCES[name]) == []


@pytest.mark.parametrize(
    ("rule", "name", "source", "complaint"),
    [
        (placement, "attic", "", "attic is in no row"),
        (placement, "attic.chest", "", "attic is in no row"),
        (upward_imports, "elbo", "from lecture_lib import gaussians, plots", "elbo imports plots"),
        (upward_imports, "elbo", "import lecture_lib.training", "elbo imports training"),
        (upward_imports, "elbo", "import lecture_lib\nf = lecture_lib.vae.VAE", "elbo imports vae"),
        (upward_imports, "elbo", "from lecture_lib.vae import VAE", "elbo imports vae"),
        (upward_imports, "elbo", "from . import vae", "elbo imports vae"),
        (upward_imports, "elbo", "from .vae import VAE", "elbo imports vae"),
        (upward_imports, "elbo", "def f():\n    from lecture_lib import vae", "elbo imports vae"),
        (upward_imports, "elbo", "import importlib\nimportlib.import_module('lecture_lib.vae')", "elbo imports vae"),
        (upward_imports, "elbo", "from lecture_lib import *", "elbo imports *, which is in no row"),
        (upward_imports, "elbo", "from lecture_lib import pca", "elbo imports pca, which is not below it"),
        (upward_imports, "autoencoder", "from lecture_lib import vae", "autoencoder imports vae"),
        (upward_imports, "plots", "from .grading import check", "plots imports grading"),
        (upward_imports, "__init__", "from lecture_lib import gaussians", "__init__ imports gaussians"),
        (outside_world, "training", "import matplotlib.pyplot as plt", "training imports matplotlib, below plots"),
        (outside_world, "device", "def f():\n    from IPython.display import display", "device imports IPython"),
        (outside_world, "vae", "import urllib.request", "vae imports urllib, below data"),
        (outside_world, "vae", "from pathlib import Path", "vae imports pathlib, below data"),
        (outside_world, "vae", "open('weights')", "vae calls open, below data"),
        (outside_world, "vae", "torch.save(model, f)", "vae calls torch.save, below data"),
        (lengths, "vae", "x = 1\n" * 201, "vae has 201 lines"),
        (lengths, "vae", "def f():\n" + "    x = 1\n" * 40, "vae.f has 41 lines"),
        (lengths, "vae", "class A:\n    def f(self):\n" + "        x = 1\n" * 40, "vae.f has 41 lines"),
        (docstrings, "vae", "x = 1", "vae has no docstring"),
        (docstrings, "vae", '"""Doc."""\ndef f(): pass', "vae.f has no docstring"),
        (docstrings, "vae", '"""Doc."""\nclass A: pass', "vae.A has no docstring"),
        (device_names, "vae", "x.to('cuda:1')", "vae names a device: cuda:1"),
        (device_names, "vae", "x = 'mps'", "vae names a device: mps"),
        (device_names, "vae", "torch.cuda.synchronize()", "vae names a device: torch.cuda"),
    ],
)
def test_a_rule_finds_what_breaks_it(rule, name, source, complaint):
    found = rule(name, source)
    assert len(found) == 1
    assert found[0].startswith(complaint)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("elbo", '"""Doc."""\nfrom lecture_lib import gaussians\nimport torch\nx = "on a cuda device"\n'),
        ("vae", '"""Doc."""\nfrom lecture_lib import autoencoder, likelihoods, __version__\n'),
        ("grading.check", '"""Doc."""\nfrom . import report\nfrom .. import notebooks, plots\nopen("marks")\n'),
        ("plots", '"""Doc."""\nimport matplotlib\nfrom IPython.display import display\ndef _f(): pass\n'),
        ("data", '"""Doc."""\nimport urllib.request\nfrom pathlib import Path\n'),
    ],
)
def test_the_rules_let_pass_what_is_allowed(name, source):
    assert [complaint for rule in RULES for complaint in rule(name, source)] == []


@pytest.mark.parametrize(("module", "target"), sorted(WITHIN_A_ROW))
def test_a_pair_within_a_row_is_needed(module, target):
    assert ROW[module] == ROW[target]
    assert any(f"{name}.".startswith(f"lecture_lib.{target}.") for name in imported(module, SOURCES[module]))


@pytest.mark.parametrize("module", NAMES_A_DEVICE)
def test_a_module_that_may_name_a_device_does(module):
    assert device_names("any other", SOURCES[module])


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_library_is_quick_and_loads_nothing_heavy():
    clock = "import sys, time; t = time.perf_counter(); import lecture_lib; print(time.perf_counter() - t);"
    runs = [python(clock + "print(*sys.modules)").split("\n") for _ in range(5)]
    assert min(float(seconds) for seconds, *_ in runs) < 0.1
    assert not {"torch", "numpy", "matplotlib", "IPython"} & set(runs[0][1].split())


def test_a_misspelled_module_names_those_there_are():
    message = python("import lecture_lib\ntry: lecture_lib.gausians\nexcept AttributeError as error: print(error)")
    assert "'gausians'" in message
    assert "gaussians" in message.replace("'gausians'", "")


def test_dir_lists_every_module():
    modules = {name.split(".")[0] for name in SOURCES} - {"__init__"}
    assert modules <= set(python("import lecture_lib; print(*dir(lecture_lib))").split())
