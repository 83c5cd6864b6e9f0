"""Submissions that are broken rather than hostile: odd files, odd notebooks, code that fails.

What they deserve follows one rule: a right answer that can be read without guessing deserves its points, whatever else
is wrong with the file, and a cell that fails costs only the exercises that need it.
"""

import copy
import json
from collections.abc import Callable
from pathlib import Path

from . import course

ENTRIES: list[course.Entry] = []
ANY = r"\w+ \w+"  # at least some sentence
UNREADABLE = r"(?i)json|read|notebook|unicode|utf|cells"
ABSENT = r"(?i)no (file|notebook|submission)|missing|not (found|handed in|there)|nothing|does not exist"
MATCHED = r"(?i)cell|grade_id|id\b|ids\b|name|order|metadata"
STOPPED = r"(?i)second|time|stopped|killed|ended|died|exit|crash|lost|memory|process"
SLOW = r"(?i)second|time|longer than"


def add(name: str, about: str, content, points: dict | None = None, note: str | None = None, **more) -> None:
    """Append one broken submission; by default it deserves everything."""
    points = course.full() if points is None else points
    ENTRIES.append(course.Entry(name, about, content, points, note, "broken", **more))


def changed(change: Callable[[dict], object], nb: dict | None = None) -> dict:
    """A copy of an honest notebook, changed in place."""
    nb = copy.deepcopy(nb or course.honest())
    change(nb)
    return nb


def each(cell_change: Callable[[dict], object]) -> dict:
    """An honest notebook with every cell changed."""
    return changed(lambda nb: [cell_change(c) for c in nb["cells"]])


def setting(**values) -> dict:
    """An honest notebook with these top-level entries."""
    return course.honest() | values


def only_kl(**values) -> dict:
    """An honest notebook in whose first answer cell these entries are changed."""
    return changed(lambda nb: course.find(nb, "kl").update(values))


GOOD = course.encode(course.honest())
NOTHING = course.nothing()

# ---------------------------------------------------------------------------------------------- kernels
add("kernel-missing", "No kernelspec.", setting(metadata={}), subset=True)
add(
    "kernel-r",
    "Python cells in a notebook for R, in format 4.0, without ids.",
    changed(lambda nb: [c.pop("id") for c in nb["cells"]])
    | {"nbformat_minor": 0, "metadata": {"kernelspec": {"display_name": "R", "language": "R", "name": "ir"}}},
)
add(
    "kernel-python2",
    "The kernel of Python 2, no version of the format.",
    {"cells": course.honest()["cells"], "metadata": {"kernelspec": {"language": "python", "name": "python2"}}},
)
add(
    "language-r",
    "Answers in R.",
    changed(
        lambda nb: nb["metadata"].update(kernelspec={"display_name": "R", "language": "R", "name": "ir"}),
        course.submit(dict.fromkeys(course.TESTS_OF, "kl <- function(mu, v) { sum(mu^2 + exp(v) - 1 - v) / 2 }")),
    ),
    NOTHING,
)

# ---------------------------------------------------------------------------------------------- files
add("no-notebook", "An empty folder.", None, NOTHING, ABSENT)
add("zero-bytes", "A file of no bytes.", b"", NOTHING, r"(?i)empty|json|byte")
add("spaces", "Only spaces and line ends.", b" \n" * 50, NOTHING, UNREADABLE + "|empty")
add("truncated", "The upload broke off half-way.", GOOD[: len(GOOD) // 2], NOTHING, UNREADABLE)
add("two-in-one", "The file was appended to itself.", GOOD + GOOD, NOTHING, UNREADABLE)
add("merge-conflict", "Markers of a version conflict in the JSON.", b"<<<<<<< HEAD\n" + GOOD, NOTHING, UNREADABLE)
add("binary", "Random bytes.", bytes(i * i % 251 for i in range(5000)), NOTHING, UNREADABLE)
add("zip", "A zip archive under the notebook's name.", b"PK\x03\x04" + bytes(200), NOTHING, UNREADABLE)
add(
    "html",
    "The web page of the notebook.",
    b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    NOTHING,
    UNREADABLE,
)
add("python-script", "The notebook exported as a script.", course.ANSWERS["kl"].encode(), NOTHING, UNREADABLE)
add("utf-16", "Saved as UTF-16.", GOOD.decode().encode("utf-16"))
add(
    "utf-8-bom",
    "UTF-8 with a byte order mark; in a written answer half a surrogate pair as JSON escapes it.",
    b"\xef\xbb\xbf" + GOOD.replace(b"The exponential distribution", b"\\ud83d one"),
)
add("json-list", "JSON, but a list.", b"[1, 2, 3]", NOTHING, UNREADABLE)
add("json-number", "JSON, but a number.", b"42", NOTHING, UNREADABLE)
add("json-null", "JSON, but null.", b"null", NOTHING, UNREADABLE)
add(
    "json-string",
    "JSON, but a string that holds the notebook.",
    json.dumps(GOOD.decode()).encode(),
    NOTHING,
    UNREADABLE,
)
add(
    "no-cells",
    "A notebook without cells.",
    course.encode({"metadata": {}, "nbformat": 4, "nbformat_minor": 5}),
    NOTHING,
    ANY,
)
add("cells-dict", "Cells in a dictionary.", setting(cells={"kl": 1}), NOTHING, ANY)
add("cells-empty", "A notebook with no cell in its list.", setting(cells=[]), NOTHING, ANY)
add("deep-json", "100 000 brackets.", b"[" * 100_000 + b"]" * 100_000, NOTHING, UNREADABLE + "|deep|nest")
add(
    "deep-metadata",
    "100 000 brackets in the metadata of a notebook.",
    lambda: GOOD.replace(b'"kernelspec"', b'"x": ' + b"[" * 100_000 + b"]" * 100_000 + b', "kernelspec"', 1),
    NOTHING,
    UNREADABLE + "|deep|nest",
)
add(
    "huge-outputs",
    "60 MB of stored outputs.",
    lambda: course.encode(
        only_kl(outputs=[{"output_type": "stream", "name": "stdout", "text": ["0123456789" * 100_000] * 60}])
    ),
)
add(
    "odd-json",
    "NaN, Infinity, keys twice and a number of 4000 digits, with Windows line ends.",
    GOOD.replace(b'"kernelspec"', b'"x": [NaN, -Infinity, ' + b"7" * 4000 + b'], "kernelspec"', 1)
    .replace(b'"nbformat": 4', b'"nbformat": 4, "nbformat": 4')
    .replace(b"\n", b"\r\n"),
)
add(
    "many-cells",
    "Two thousand empty cells, the JSON on one line with escapes.",
    json.dumps(changed(lambda nb: nb["cells"].extend([course.cell("code", "", "x")] * 2000))).encode(),
    subset=True,
)
add(
    "invalid-utf-8",
    "A written answer in Latin 1, with an encoded surrogate, in a file of UTF-8.",
    GOOD.replace(b"The exponential distribution", b"f\xfcr \xed\xa0\x80"),
    None,
    ANY,
)

# ---------------------------------------------------------------------------------------------- folders


def beside(name: str) -> Callable[[Path, course.Place], None]:
    """Lays out an honest notebook under another name."""

    def lay(folder: Path, place: course.Place) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(place.fill(GOOD))

    return lay


add("copy-1", 'A download named "04_gaussians (1).ipynb".', None, None, ANY, lay=beside(f"{course.NAME} (1).ipynb"))
add(
    "other-name",
    "The only notebook of the folder has another name.",
    None,
    None,
    ANY,
    lay=beside("Homework 4 final.ipynb"),
)
add(
    "subfolder",
    "The notebook lies in a folder within the folder.",
    None,
    None,
    ANY,
    lay=beside(f"handin/{course.NAME}.ipynb"),
)

# ---------------------------------------------------------------------------------------------- formats


def old(nb: dict, version: int) -> dict:
    """A notebook in format 2 or 3."""
    cells = []
    for c in nb["cells"]:
        code = {"input": c["source"], "language": "python", "outputs": [], "collapsed": False, "prompt_number": 1}
        cell = {"cell_type": c["cell_type"], **(code if c["cell_type"] == "code" else {"source": c["source"]})}
        cells.append(cell | ({"metadata": c["metadata"]} if version == 3 else {}))
    return {
        "metadata": {"name": ""},
        "nbformat": version,
        "nbformat_minor": 0,
        "worksheets": [{"cells": cells, "metadata": {}}],
    }


def split_lines(c: dict) -> None:
    """Source as a list of lines, as notebooks are stored."""
    c["source"] = c["source"].splitlines(keepends=True)


def odd_sources(nb: dict) -> None:
    """Four answers without text."""
    course.find(nb, "kl")["source"] = None
    course.find(nb, "rows")["source"] = 42
    course.find(nb, "running")["source"] = ["class", 1, None, {}]
    course.find(nb, "answer").pop("source")


def odd_metadata(nb: dict) -> None:
    """No cell keeps its metadata."""
    odd = [[1, 2], "nbgrader", {"nbgrader": 7}, {"nbgrader": {"grade_id": ["kl"]}}, 3.5, {"nbgrader": None}]
    for position, cell in enumerate(nb["cells"]):
        cell["metadata"] = odd[position % len(odd)]


add("format-3", "Notebook format 3, with worksheets.", old(course.honest(), 3), None, ANY)
add("format-2", "Notebook format 2, without metadata of cells.", old(course.honest(), 2), None, ANY)
add(
    "format-4.99",
    "A minor version to come, sources as lists of lines, all cells with one id.",
    each(lambda c: split_lines(c) or c.update(id="a")) | {"nbformat_minor": 99, "metadata": None},
)
add(
    "format-string",
    "The version as a string, ids that no notebook may have, odd metadata.",
    each(lambda c: c.update(id={"../../x": " "}))
    | {"nbformat": "4", "nbformat_minor": None, "metadata": {"kernelspec": 3, "language_info": []}},
)
add("format-99", "A major version to come.", setting(nbformat=99))
add(
    "odd-cells",
    "Cells that are no cells.",
    changed(
        lambda nb: nb["cells"].extend(
            [None, 1, "kl", [], {}, {"cell_type": "quantum"}, {"source": "1 / 0", "metadata": {}}]
        )
    ),
    None,
)
add(
    "odd-sources",
    "Sources that are null, a number, a list with other things than lines, or missing.",
    changed(odd_sources),
    course.only("decoder", "sampler", "standardize", "interval"),
)
add(
    "odd-metadata",
    "Metadata of cells that are lists, strings, numbers, or odd inside.",
    changed(odd_metadata),
    None,
    MATCHED,
)

# ---------------------------------------------------------------------------------------------- cells


def swap(nb: dict) -> None:
    """The answers of two cells change places."""
    one, other = course.find(nb, "kl"), course.find(nb, "standardize")
    one["source"], other["source"] = other["source"], one["source"]


def copy_answers(nb: dict) -> None:
    """Three answer cells twice, metadata and all: stub and answer, answer and stub, attempt and answer."""
    stubs = course.exercise()
    for grade_id, first in {
        "kl": None,
        "rows": course.find(stubs, "rows")["source"],
        "answer": "n_parameters = 3",
    }.items():
        cell = course.find(nb, grade_id)
        second = course.find(stubs, "kl")["source"] if first is None else cell["source"]
        cell["source"] = first or cell["source"]
        nb["cells"].insert(nb["cells"].index(cell) + 1, cell | {"source": second, "id": f"copy-{grade_id}"})


def delete(*grade_ids: str) -> Callable[[dict], None]:
    """Removes the cells with these ids."""

    def change(nb: dict) -> None:
        for grade_id in grade_ids:
            nb["cells"].remove(course.find(nb, grade_id))

    return change


def strip(nb: dict) -> None:
    """Removes all metadata and ids, and the text cells."""
    nb["cells"] = [
        {k: v for k, v in c.items() if k != "id"} | {"metadata": {}} for c in nb["cells"] if c["cell_type"] == "code"
    ]


def merge(nb: dict) -> None:
    """One cell with all code of the notebook."""
    text = "\n\n".join(c["source"] for c in nb["cells"] if c["cell_type"] == "code")
    nb["cells"] = [course.cell("code", text, "all")]


def merge_answers(nb: dict) -> None:
    """All answers in the cell of the last one, the others deleted."""
    *others, last = course.TESTS_OF
    course.find(nb, last)["source"] = "\n\n".join(course.ANSWERS[name] for name in course.TESTS_OF)
    delete(*others)(nb)


def split(nb: dict) -> None:
    """One answer goes on in a second cell without metadata."""
    cell = course.find(nb, "kl")
    cell["source"] = "def terms(mu, log_var):\n    return mu**2 + log_var.exp() - 1 - log_var"
    rest = "def kl(mu, log_var):\n    return 0.5 * terms(mu, log_var).sum(-1)"
    nb["cells"].insert(nb["cells"].index(cell) + 1, course.cell("code", rest, "rest"))


def rename_ids(nb: dict) -> None:
    """Every grade_id becomes another one."""
    for c in nb["cells"]:
        if "nbgrader" in c["metadata"]:
            c["metadata"]["nbgrader"]["grade_id"] = "cell-" + str(len(c["source"]))


def retype(kind: str) -> Callable[[dict], None]:
    """Turns one answer cell into a cell of another type."""

    def change(nb: dict) -> None:
        cell = course.find(nb, "kl")
        cell["cell_type"] = kind
        cell.pop("outputs"), cell.pop("execution_count")

    return change


def edit_setup(nb: dict) -> None:
    """A student's import in the set-up cell, used in an answer."""
    nb["cells"][1]["source"] += "\nimport itertools\nfrom math import *\n"
    course.find(nb, "answer")["source"] = "n_parameters = sum(itertools.chain([10, 5], [15, 3]))"


def edit_tests(nb: dict) -> None:
    """The student's copies of the tests fail, loop or leave."""
    course.find(nb, "test-kl")["source"] = "assert False"
    course.find(nb, "test-rows")["source"] = "while True:\n    pass"
    course.find(nb, "test-running")["source"] = "import os\nos._exit(3)"


add("untouched", "The exercise as it came.", course.exercise(), NOTHING, subset=True)
add("blank-answers", "All answer cells emptied.", course.submit(dict.fromkeys(course.ANSWERS, "")), NOTHING)
add("wrong-answers", "Wrong answers everywhere.", course.cheat(), NOTHING, subset=True)
add(
    "partly-right",
    "Divides by zero for constant columns, forgets the empty mean, leaves one exercise out.",
    course.honest(
        rows=course.find(course.exercise(), "rows")["source"],
        standardize="def standardize(x):\n    return (x - x.mean(0)) / x.std(0, correction=0)",
        running=course.ANSWERS["running"].replace('raise ValueError("there is no mean of nothing")', "return 0.0"),
    ),
    course.without("rows", "test-empty", test_standardize=2.0),
    subset=True,
)
add("grade-ids-lost", "nbgrader's metadata lost everywhere.", each(lambda c: c.update(metadata={})), None, MATCHED)
add("grade-ids-renamed", "Every grade_id another.", changed(rename_ids), None, MATCHED)
add("stripped", "Only code cells, no metadata, no ids.", changed(strip), None, MATCHED)
add(
    "all-one-id",
    "Every cell has the grade_id of one.",
    each(lambda c: c.update(metadata={"nbgrader": {"grade_id": "kl"}})),
    None,
    MATCHED,
)
add("copies", "Answer cells copied: stubs, attempts and answers in any order.", changed(copy_answers), None, MATCHED)
add("swapped", "Two answers in each other's cells.", changed(swap), None, MATCHED)
add("reversed", "All cells in reverse order.", changed(lambda nb: nb["cells"].reverse()))
add("as-markdown", "An answer cell turned into text.", changed(retype("markdown")), None, MATCHED)
add("merged", "The whole notebook in one cell.", changed(merge), None, MATCHED)
add(
    "merged-answers",
    "All answers in the last answer cell, the other cells deleted.",
    changed(merge_answers),
    None,
    MATCHED,
)
add("setup-deleted", "The set-up cell deleted.", changed(lambda nb: nb["cells"].pop(1)))
add(
    "split",
    "An import added to the set-up cell, one answer over two cells.",
    changed(lambda nb: [edit_setup(nb), split(nb)]),
)
add(
    "locked-deleted",
    "All test cells and the given cell deleted.",
    changed(delete("given", *course.POINTS)),
)
add("tests-edited", "Test cells that fail, loop or leave.", changed(edit_tests))
add("answer-deleted", "One answer cell deleted.", changed(delete("rows")), course.without("rows"), MATCHED)

# ---------------------------------------------------------------------------------------------- code that fails
add(
    "code-that-fails",
    "Syntax errors, mixed tabs, a null byte, half a surrogate pair and unknown names, each in another answer.",
    course.encode(
        course.honest(
            first=["1 / 0"],
            kl="def kl(mu, log_var)\n    return 0",
            rows="def row_distances(x, c):\n\tif 1:\n        return 0",
            running=course.ANSWERS["running"] + "\nRunningmean()",
            answer=course.ANSWERS["answer"] + "\n# \x00",
            sampler="'@@'\n" + course.WRONG["sampler"],
            standardize="def standardize(x):\n    return columns",
            last=["undefined"],
        )
    ).replace(b"@@", b"\\ud83d"),
    course.only("running", "decoder", "interval"),
    subset=True,
)
add(
    "loop-in-cell",
    "An endless loop before one answer.",
    course.honest(rows="while True:\n    pass\n" + course.ANSWERS["rows"]),
    course.without("rows"),
    SLOW,
)
add(
    "loop-in-own-cell",
    "An endless loop in a cell of the student's own, and an answer that sleeps for hours.",
    course.honest(
        first=["while True:\n    pass"],
        standardize="import time\ndef standardize(x):\n    time.sleep(10000)",
    ),
    course.without("standardize"),
    SLOW,
)
add(
    "exits",
    "Every way to leave a notebook in cells of their own; an answer and a cell that ask their user.",
    course.honest(
        first=["exit()", "quit", "import sys\nsys.exit(0)", "raise SystemExit", "raise KeyboardInterrupt"],
        rows="def row_distances(x, center):\n    return float(input('distances? '))",
        last=["input()", "exit(1)"],
    ),
    course.without("rows"),
)
add(
    "crashes",
    "Cells that end the process or crash it, and an answer that aborts.",
    course.honest(
        first=["import os\nos._exit(0)", "import ctypes\nctypes.string_at(0)"],
        running=course.ANSWERS["running"].replace("return self.total", "os.abort()\n        return self.total"),
        last=["os._exit(1)"],
    ),
    course.without("test-running"),
    STOPPED,
)
add(
    "loop-in-answer",
    "One answer never returns.",
    course.honest(
        running=course.ANSWERS["running"].replace("return self.total", "while True: pass\n        return self.total")
    ),
    course.without("test-running"),
    SLOW,
)
add(
    "memory",
    "One answer eats memory.",
    course.honest(rows="def row_distances(x, center):\n    return [b'x' * 100_000_000 for _ in range(60)]"),
    course.without("rows"),
    r"(?i)memory|longer than",
)
add(
    "flood",
    "Prints 300 MB in long lines, and a million short ones.",
    course.honest(
        first=["for _ in range(300):\n    print('x' * 1_000_000)"], last=["for i in range(1_000_000):\n    print(i)"]
    ),
)
add(
    "wrong-kinds",
    "Answers of the wrong kind: nothing, numbers for functions, functions for numbers, other arguments.",
    course.honest(
        kl="kl = 0.5",
        rows="def row_distances(x, center):\n    return np.sqrt(((x - center) ** 2).sum(1))[:, None]",
        running="RunningMean = 3",
        decoder="class Decoder(nn.Module):\n    pass",
        answer="def n_parameters():\n    return 33",
        standardize="def standardize(x):\n    x - x.mean(0)",
        sampler="""\
def sample_exponential(n, rate=1.0):
    torch.manual_seed(0)
    return -torch.rand(n).log() / rate""",
        interval="Interval = range",
    ),
    NOTHING,
    subset=True,
)
add(
    "wrong-shapes",
    "Right numbers in a wrong shape, numbers as text, a decoder that cannot be trained, the rate for the mean.",
    course.honest(
        kl=course.ANSWERS["kl"].replace(".sum(-1)", ".sum(-1, keepdim=True)"),
        rows="def row_distances(x, center):\n    return str(np.sqrt(((x - center) ** 2).sum(1)))",
        decoder=course.ANSWERS["decoder"].replace("    def forward", "    @torch.no_grad()\n    def forward"),
        answer="n_parameters = '33'",
        sampler="def sample_exponential(n, rate=1.0):\n    return -torch.rand(n).log() * rate",
    ),
    course.without("test-kl-batch", "rows", "test-gradient", "answer", "sampler"),
    subset=True,
)
add(
    "wrong-and-large",
    "Recursion without end, more memory than there is, no super().__init__(), another distribution of the right mean.",
    course.honest(
        kl="def kl(mu, log_var):\n    return kl(mu, log_var)",
        rows="def row_distances(x, center):\n    return torch.zeros(10**15)",
        decoder=course.ANSWERS["decoder"].replace("        super().__init__()\n", ""),
        sampler="def sample_exponential(n, rate=1.0):\n    return torch.randn(n).abs() / 0.7979 / rate",
    ),
    course.without("kl", "rows", "decoder", "sampler"),
)

# ---------------------------------------------------------------------------------------------- odd, but right
add(
    "settings",
    "Sets seeds, warns a lot, turns collection and threads off, patches things of its own, works in another folder.",
    course.honest(
        first=[
            "import random\nrandom.seed(0); np.random.seed(0); torch.manual_seed(0)",
            "import gc\ngc.disable()\ntorch.set_num_threads(1)\ntorch.set_grad_enabled(True)",
            """\
import warnings
warnings.simplefilter('always')
for i in range(1000):
    warnings.warn(f'careful {i}')""",
            "import functools, builtins\nbuiltins.print = functools.partial(print, flush=True)\n"
            "torch.Tensor.total = lambda self: self.sum(-1)\nnp.set_printoptions(suppress=True)",
            "import os, tempfile\nos.chdir(tempfile.mkdtemp())",
            "%pip install --quiet --disable-pip-version-check --retries 0 --timeout 1 numpy",
        ],
        kl="def kl(mu, log_var):\n    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).total()",
        rows="def row_distances(x, center):\n    warnings.warn('slow')\n    np.log(np.zeros(2))\n"
        "    return np.sqrt(((x - center) ** 2).sum(1))",
        answer="import time\ntime.sleep(2)\nn_parameters = 33",
    ),
)
add(
    "strict-settings",
    "Changes torch's default type and turns warnings into errors.",
    course.honest(first=["torch.set_default_dtype(torch.float64)", "import warnings\nwarnings.simplefilter('error')"]),
)
add(
    "names-reused",
    "Uses the names of the tests and of Python for other things; a thread goes on for ever.",
    course.honest(
        first=["points = x = expected = mean = got = earned = model = z = random_points = 'mine'"],
        last=[
            "import threading, time\n\ndef tick():\n    while True:\n        time.sleep(0.1)\n\n"
            "threading.Thread(target=tick).start()",
            "list = [1]\nsum = 0\nmax = min = str = None\nabs = print",
        ],
    ),
)
add(
    "white-space",
    "Windows line ends, tabs, form feeds, trailing spaces.",
    each(lambda c: c.update(source="\n \n" + c["source"].replace("    ", "\t").replace("\n", "\r\n") + "  \n\x0c\n\n")),
)
add(
    "stdout-closed",
    "Closes its standard output.",
    course.honest(first=["import sys, os\nsys.stdout.flush()\nos.close(1)\nos.close(2)"]),
)
add(
    "streams-replaced",
    "Reads its standard input, redirects its output to a file and forgets.",
    course.honest(
        first=["import sys, os\nos.read(0, 100)\nsys.stdin.read()", "sys.stdout = sys.stderr = open('log.txt', 'w')"],
        kl="def kl(mu, log_var):\n    print('called')\n    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)",
    ),
)
