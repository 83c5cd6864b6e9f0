"""Submissions that are broken rather than hostile: odd files, odd notebooks, code that fails.

What they deserve follows one rule: a right answer that can be read without guessing deserves its points, whatever else is
wrong with the file, and a cell that fails costs only the exercises that need it.
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
SLOW = r"(?i)second|time"


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


def kernel(**spec) -> dict:
    """An honest notebook for this kernel."""
    return setting(metadata={"kernelspec": spec})


GOOD = course.encode(course.honest())
NOTHING = course.nothing()

# ---------------------------------------------------------------------------------------------- kernels
add("kernel-r", "Python cells in a notebook for R.", kernel(display_name="R", language="R", name="ir"))
add(
    "kernel-julia",
    "A kernel that is not installed.",
    kernel(display_name="Julia 1.9", language="julia", name="julia-1.9"),
)
add("kernel-python2", "The kernel of Python 2.", kernel(display_name="Python 2", language="python", name="python2"))
add("kernel-missing", "No kernelspec.", setting(metadata={}), subset=True)
add("kernel-number", "A kernelspec that is a number.", setting(metadata={"kernelspec": 3, "language_info": []}))
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
add("utf-8-bom", "UTF-8 with a byte order mark.", b"\xef\xbb\xbf" + GOOD)
add("utf-16", "Saved as UTF-16.", GOOD.decode().encode("utf-16"))
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
add("many-cells", "5000 empty cells.", changed(lambda nb: nb["cells"].extend([course.cell("code", "", "x")] * 5000)))
add(
    "json-nan",
    "NaN and Infinity in the JSON.",
    GOOD.replace(b'"kernelspec"', b'"x": [NaN, -Infinity], "kernelspec"', 1),
)
add("duplicate-keys", "Keys twice in the JSON.", GOOD.replace(b'"nbformat": 4', b'"nbformat": 4, "nbformat": 4'))
add("huge-number", "A number of 5000 digits in the metadata.", setting(nbformat_minor=5) | {"x": 1e308, "y": 10**4000})
add("crlf-file", "The file with Windows line ends.", GOOD.replace(b"\n", b"\r\n"))
add("one-line", "The JSON on one line with escapes.", json.dumps(course.honest()).encode(), subset=True)
add(
    "invalid-utf-8",
    "A written answer in Latin 1 in a file of UTF-8.",
    GOOD.replace("The exponential distribution".encode(), b"Die Exponentialverteilung f\xfcr"),
    None,
    ANY,
)
add(
    "raw-surrogate",
    "A written answer with a surrogate, encoded as no UTF-8 may be.",
    GOOD.replace(b"The exponential distribution", b"\xed\xa0\x80 one"),
    None,
    ANY,
)
add(
    "escaped-surrogate",
    "A written answer with half a surrogate pair as JSON escapes it.",
    GOOD.replace(b"The exponential distribution", b"\\ud83d one"),
)

# ---------------------------------------------------------------------------------------------- folders


def beside(name: str) -> Callable[[Path, course.Place], None]:
    """Lays out an honest notebook under another name."""

    def lay(folder: Path, place: course.Place) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(place.fill(GOOD))

    return lay


def untidy(folder: Path, place: course.Place) -> None:
    """A folder as students have them."""
    beside(".ipynb_checkpoints/04_gaussians-checkpoint.ipynb")(folder, place)
    (folder / "__pycache__").mkdir()
    (folder / ".DS_Store").write_bytes(bytes(100))
    (folder / "notes with spaces.txt").write_text("nothing")


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
add("untidy-folder", "Checkpoints and caches beside the notebook.", course.honest(), lay=untidy)

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


add("format-3", "Notebook format 3, with worksheets.", old(course.honest(), 3), None, ANY)
add("format-2", "Notebook format 2, without metadata of cells.", old(course.honest(), 2), None, ANY)
add(
    "format-4.0",
    "Notebook format 4.0, without ids.",
    changed(lambda nb: [c.pop("id") for c in nb["cells"]]) | {"nbformat_minor": 0},
)
add("format-4.99", "A minor version to come.", setting(nbformat_minor=99))
add("format-99", "A major version to come.", setting(nbformat=99), None, ANY)
add("format-string", "The version as a string.", setting(nbformat="4", nbformat_minor=None))
add("format-absent", "No version.", {k: v for k, v in course.honest().items() if not k.startswith("nbformat")})
add("source-lists", "Sources as lists of lines.", each(split_lines))
add("source-null", "A source that is null.", only_kl(source=None), course.without("kl"), ANY)
add("source-number", "A source that is a number.", only_kl(source=42), course.without("kl"), ANY)
add(
    "source-mixed",
    "A source that is a list with other things than lines.",
    only_kl(source=["def kl", 1, None, {}]),
    course.without("kl"),
    ANY,
)
add("source-missing", "No source.", changed(lambda nb: course.find(nb, "kl").pop("source")), course.without("kl"), ANY)
add(
    "odd-cells",
    "Cells that are no cells.",
    changed(lambda nb: nb["cells"].extend([None, 1, "kl", [], {}, {"cell_type": "quantum"}])),
    None,
)
add(
    "cell-type-missing",
    "One cell without type.",
    changed(lambda nb: nb["cells"].insert(3, {"source": "1 / 0", "metadata": {}})),
)
add("metadata-null", "All metadata of cells null.", each(lambda c: c.update(metadata=None)), None, MATCHED)
add("metadata-list", "All metadata of cells lists.", each(lambda c: c.update(metadata=[1, 2])), None, MATCHED)
add("metadata-string", "All metadata of cells strings.", each(lambda c: c.update(metadata="nbgrader")), None, MATCHED)
add(
    "nbgrader-number",
    "nbgrader's metadata a number.",
    each(lambda c: c.update(metadata={"nbgrader": 7})),
    None,
    MATCHED,
)
add(
    "grade-id-odd",
    "grade_ids that are lists.",
    each(lambda c: c["metadata"].update(nbgrader={"grade_id": ["kl"]})),
    None,
    MATCHED,
)
add("notebook-metadata-null", "The notebook's metadata null.", setting(metadata=None))
add("notebook-metadata-list", "The notebook's metadata a list.", setting(metadata=["kernelspec"]))
add("same-cell-ids", "All cells have one id.", each(lambda c: c.update(id="a")))
add("odd-cell-ids", "Ids that no notebook may have.", each(lambda c: c.update(id={"../../x": " "})))

# ---------------------------------------------------------------------------------------------- cells


def swap(nb: dict) -> None:
    """The answers of two cells change places."""
    one, other = course.find(nb, "kl"), course.find(nb, "standardize")
    one["source"], other["source"] = other["source"], one["source"]


def copied(first: str, second: str) -> dict:
    """An answer cell twice, metadata and all, with these texts."""

    def change(nb: dict) -> None:
        cell = course.find(nb, "rows")
        cell["source"] = first
        nb["cells"].insert(nb["cells"].index(cell) + 1, cell | {"source": second, "id": "copy"})

    return changed(change)


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
    text = "\n\n".join(course.ANSWERS[name] for name in course.TESTS_OF)
    course.find(nb, "standardize")["source"] = text
    delete(*list(course.TESTS_OF)[:-1])(nb)


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
add(
    "one-stub",
    "One exercise not begun.",
    course.honest(running=course.find(course.exercise(), "running")["source"]),
    course.without("running"),
)
add("wrong-answers", "Wrong answers everywhere.", course.cheat(), NOTHING, subset=True)
add(
    "partly-right",
    "Divides by zero for constant columns, forgets the empty mean.",
    course.honest(
        standardize="def standardize(x):\n    return (x - x.mean(0)) / x.std(0, correction=0)",
        running=course.ANSWERS["running"].replace('raise ValueError("there is no mean of nothing")', "return 0.0"),
    ),
    course.without("test-empty", test_standardize=2.0),
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
add(
    "copy-stub-first",
    "An answer cell copied: the stub, then the answer.",
    copied(course.find(course.exercise(), "rows")["source"], course.ANSWERS["rows"]),
    None,
    MATCHED,
)
add(
    "copy-stub-last",
    "An answer cell copied: the answer, then the stub.",
    copied(course.ANSWERS["rows"], course.find(course.exercise(), "rows")["source"]),
    None,
    MATCHED,
)
add(
    "copy-wrong-first",
    "An answer cell copied: an attempt, then the answer.",
    copied(course.WRONG["rows"], course.ANSWERS["rows"]),
    None,
    MATCHED,
)
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
add("split", "One answer over two cells.", changed(split))
add("setup-edited", "An import added to the set-up cell.", changed(edit_setup))
add("setup-deleted", "The set-up cell deleted.", changed(lambda nb: nb["cells"].pop(1)))
add("given-broken", "The given cell, which is locked, deleted.", changed(delete("given")))
add("tests-deleted", "All test cells deleted.", changed(delete(*course.POINTS)))
add("tests-edited", "Test cells that fail, loop or leave.", changed(edit_tests))
add("answer-deleted", "One answer cell deleted.", changed(delete("rows")), course.without("rows"), MATCHED)

# ---------------------------------------------------------------------------------------------- code that fails
add(
    "syntax-error",
    "A syntax error in one answer.",
    course.honest(kl="def kl(mu, log_var)\n    return 0"),
    course.without("kl"),
    subset=True,
)
add(
    "indentation",
    "Tabs and spaces mixed so that Python refuses.",
    course.honest(rows="def row_distances(x, c):\n\tif 1:\n        return 0"),
    course.without("rows"),
)
add(
    "name-error",
    "An answer that uses a name that is not there.",
    course.honest(
        running=course.ANSWERS["running"] + "\nRunningmean()",
        rows="def row_distances(x, center):\n    return distances",
    ),
    course.without("rows"),
)
add("null-byte", "A null byte in an answer.", course.honest(kl=course.ANSWERS["kl"] + "\n# \x00"), course.without("kl"))
add(
    "surrogate-in-code",
    "Half a surrogate pair in the code of an answer.",
    course.encode(course.honest(kl="'@@'\n" + course.ANSWERS["kl"].replace("mu**2", "0"))).replace(b"@@", b"\\ud83d"),
    course.without("kl"),
)
add("error-in-own-cell", "A cell of the student's own fails.", course.honest(first=["1 / 0"], last=["undefined"]))
add(
    "loop-in-cell",
    "An endless loop before one answer.",
    course.honest(rows="while True:\n    pass\n" + course.ANSWERS["rows"]),
    course.without("rows"),
    SLOW,
)
add(
    "loop-in-own-cell",
    "An endless loop in a cell of the student's own.",
    course.honest(first=["while True:\n    pass"]),
    None,
    SLOW,
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
    "sleep",
    "One answer sleeps for hours.",
    course.honest(standardize="import time\ndef standardize(x):\n    time.sleep(10000)"),
    course.without("standardize"),
    SLOW,
)
add(
    "input",
    "One answer asks its user.",
    course.honest(rows="def row_distances(x, center):\n    return float(input('distances? '))", last=["input()"]),
    course.without("rows"),
)
for word, code in {
    "exit": "exit()",
    "quit": "quit",
    "sys-exit": "import sys\nsys.exit(0)",
    "system-exit": "raise SystemExit",
    "interrupt": "raise KeyboardInterrupt",
}.items():
    add(word, f"{code.splitlines()[-1]} in a cell of its own.", course.honest(first=[code], last=[code]))
add("os-exit", "os._exit in a cell of its own.", course.honest(first=["import os\nos._exit(0)"]), None, STOPPED)
add(
    "segfault",
    "A crash of the interpreter in a cell of its own.",
    course.honest(first=["import ctypes\nctypes.string_at(0)"]),
    None,
    STOPPED,
)
add(
    "abort-in-answer",
    "One answer aborts the process.",
    course.honest(
        running=course.ANSWERS["running"].replace(
            "return self.total", "import os; os.abort()\n        return self.total"
        )
    ),
    course.without("test-running"),
    STOPPED,
)
add(
    "recursion",
    "One answer recurses without end.",
    course.honest(kl="def kl(mu, log_var):\n    return kl(mu, log_var)"),
    course.without("kl"),
)
add(
    "too-large",
    "One answer asks for more memory than there is.",
    course.honest(kl="def kl(mu, log_var):\n    return torch.zeros(10**15)"),
    course.without("kl"),
)
add(
    "memory",
    "One answer eats memory.",
    course.honest(rows="def row_distances(x, center):\n    return [bytes(range(256)) * 400_000 for _ in range(60)]"),
    course.without("rows"),
    r"(?i)memory",
)
add(
    "flood",
    "Prints 300 MB in a cell of its own.",
    course.honest(first=["for _ in range(300):\n    print('x' * 1_000_000)"]),
)
add(
    "flood-lines", "Prints three million short lines.", course.honest(last=["for i in range(3_000_000):\n    print(i)"])
)
add(
    "returns-none",
    "Answers that return nothing.",
    course.honest(kl="def kl(mu, log_var):\n    print(0.5)", standardize="def standardize(x):\n    x - x.mean(0)"),
    course.without("kl", "standardize"),
)
add(
    "not-callable",
    "Answers of the wrong kind.",
    course.honest(kl="kl = 0.5", running="RunningMean = 3", answer="def n_parameters():\n    return 33"),
    course.without("kl", "running", "answer"),
)
add(
    "wrong-arguments",
    "Functions with other arguments.",
    course.honest(kl="def kl(mu):\n    return 0", decoder="class Decoder(nn.Module):\n    pass"),
    course.without("kl", "decoder"),
)
add(
    "wrong-shapes",
    "Right numbers in a wrong shape.",
    course.honest(
        kl=course.ANSWERS["kl"].replace(".sum(-1)", ".sum(-1, keepdim=True)"),
        rows="def row_distances(x, center):\n    return np.sqrt(((x - center) ** 2).sum(1))[:, None]",
    ),
    course.without("test-kl-batch", "rows"),
)
add(
    "wrong-type",
    "A number as text.",
    course.honest(answer="n_parameters = '33'", kl="def kl(mu, log_var):\n    return str(0.5)"),
    course.without("kl", "answer"),
)
add(
    "no-gradients",
    "The decoder works, but nothing can be trained.",
    course.honest(
        decoder=course.ANSWERS["decoder"].replace("    def forward", "    @torch.no_grad()\n    def forward")
    ),
    course.without("test-gradient"),
)
add(
    "no-super-init",
    "The decoder forgets super().__init__().",
    course.honest(decoder=course.ANSWERS["decoder"].replace("        super().__init__()\n", "")),
    course.without("decoder"),
)
add(
    "same-samples",
    "A sampler that sets the seed.",
    course.honest(
        sampler="def sample_exponential(n, rate=1.0):\n    torch.manual_seed(0)\n    return -torch.rand(n).log() / rate"
    ),
    course.without("sampler"),
    subset=True,
)
add(
    "wrong-rate",
    "A sampler that takes the rate for the mean.",
    course.honest(sampler="def sample_exponential(n, rate=1.0):\n    return -torch.rand(n).log() * rate"),
    course.without("sampler"),
    subset=True,
)
add(
    "half-normal",
    "A sampler of the right mean, but another distribution.",
    course.honest(sampler="def sample_exponential(n, rate=1.0):\n    return torch.randn(n).abs() / 0.7979 / rate"),
    course.without("sampler"),
)

# ---------------------------------------------------------------------------------------------- odd, but right
add("default-dtype", "Changes torch's default type.", course.honest(first=["torch.set_default_dtype(torch.float64)"]))
add(
    "seeds",
    "Sets all seeds in a cell of its own.",
    course.honest(first=["import random\nrandom.seed(0); np.random.seed(0); torch.manual_seed(0)"]),
)
add(
    "warnings",
    "Warns a lot.",
    course.honest(
        first=[
            "import warnings\nwarnings.simplefilter('always')\nfor i in range(1000):\n    warnings.warn(f'careful {i}')"
        ],
        rows="def row_distances(x, center):\n    warnings.warn('slow')\n    np.log(np.zeros(2))\n    return np.sqrt(((x - center) ** 2).sum(1))",
    ),
)
add(
    "warnings-as-errors",
    "Turns warnings into errors.",
    course.honest(first=["import warnings\nwarnings.simplefilter('error')"]),
)
add("crlf", "Windows line ends in the cells.", each(lambda c: c.update(source=c["source"].replace("\n", "\r\n"))))
add("tabs", "Tabs in the cells.", each(lambda c: c.update(source=c["source"].replace("    ", "\t"))))
add(
    "trailing-space",
    "Spaces, form feeds and empty lines about.",
    each(lambda c: c.update(source="\n \n" + c["source"] + "  \n\x0c\n\n")),
)
add(
    "own-patches",
    "Patches things of its own harmlessly.",
    course.honest(
        first=[
            "import functools, builtins\nbuiltins.print = functools.partial(print, flush=True)\ntorch.Tensor.total = lambda self: self.sum(-1)\ntorch.set_printoptions(precision=3)\nnp.set_printoptions(suppress=True)"
        ],
        kl="def kl(mu, log_var):\n    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).total()",
    ),
)
add(
    "names-reused",
    "Uses the names of the tests for other things.",
    course.honest(
        first=["points = x = expected = mean = got = earned = model = z = 'mine'"],
        last=["list = [1]\nsum = 0\nmax = min = str = None\nabs = print"],
    ),
)
add(
    "stdout-closed",
    "Closes its standard output.",
    course.honest(first=["import sys, os\nsys.stdout.flush()\nos.close(1)\nos.close(2)"]),
)
add(
    "stdout-replaced",
    "Redirects its output to a file and forgets.",
    course.honest(
        first=["import sys\nsys.stdout = sys.stderr = open('log.txt', 'w')"],
        kl="def kl(mu, log_var):\n    print('called')\n    return 0.5 * (mu**2 + log_var.exp() - 1 - log_var).sum(-1)",
    ),
)
add(
    "stdin-read",
    "Reads its standard input.",
    course.honest(first=["import sys, os\nos.read(0, 100)\nsys.stdin.read()"]),
)
add(
    "other-folder",
    "Works in another folder.",
    course.honest(first=["import os, tempfile\nos.chdir(tempfile.mkdtemp())"]),
)
add(
    "gc-and-threads",
    "Turns threads and garbage collection off.",
    course.honest(first=["import gc\ngc.disable()\ntorch.set_num_threads(1)\ntorch.set_grad_enabled(True)"]),
)
add(
    "pip-install",
    "Installs packages in a cell.",
    course.honest(first=["%pip install --quiet --disable-pip-version-check --retries 0 --timeout 1 numpy"]),
)
add(
    "thread-left",
    "A thread of the student's own goes on for ever.",
    course.honest(
        first=[
            "import threading, time\n\ndef tick():\n    while True:\n        time.sleep(0.1)\n\nthreading.Thread(target=tick).start()"
        ]
    ),
)
add(
    "slow",
    "Takes seconds where others take none.",
    course.honest(first=["import time\ntime.sleep(2)"], answer="time.sleep(1)\nn_parameters = 33"),
)
