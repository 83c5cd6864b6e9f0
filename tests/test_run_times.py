"""What notebooks state, what they take, the page, and the guard in conftest.py, tried on made-up notebooks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from nbformat import v4

from lecture_lib import notebook_format, notebooks, run_times

ROOT = Path(__file__).parents[1]
TIMES = run_times.Times(12.4, 400_000_000, "2 · Training", 9.6)


def stating(words: str):
    return v4.new_notebook(cells=[v4.new_markdown_cell(f"# 01 · Title\n\n**Time.** {words}")])


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Less than a minute of computing on a CPU, 15 minutes to read.", 60),
        ("About 2 minutes of computing on a CPU, an hour to read.", 120),
        ("About half a minute of computing on two CPU cores; 90 minutes of reading.", 30),
        ("Half a minute of computing", 30),
        ("About 20 seconds of computing on two CPU cores", 20),
        ("About one minute of computing on two CPU cores, ninety minutes to read.", 60),
        ("About 110 minutes, one of them for computing. **Points.** 30.", 60),
        ("About 110 minutes, less than one of them for computing.", 60),
        ("About 110 minutes, a few seconds of them for computing.", 10),
        ("About 120 minutes, one or two of them for computing.", 120),
        ("About 100 minutes, half a minute of it for computing.", 30),
        ("90 minutes to read.", run_times.UNSTATED),
    ],
)
def test_what_a_first_cell_states(words, seconds):
    assert run_times.budget(stating(words)) == seconds


def test_words_that_say_no_number_are_refused():
    with pytest.raises(ValueError, match="states 'Hardly any time' of computing; write, for example"):
        run_times.budget(stating("Hardly any time of computing."))


@pytest.mark.parametrize("path", notebooks.listing(ROOT / "notebooks", ROOT / "solutions"), ids=str)
def test_every_notebook_states_what_it_takes(path):
    text = notebook_format.read(path).cells[0].source
    assert run_times.COMPUTING.search(text), "say in the first cell: **Time.** About 2 minutes of computing ..."
    assert run_times.budget(notebook_format.read(path)) <= 180


def test_a_notebook_is_measured_cell_by_cell(tmp_path):
    cells = [
        v4.new_markdown_cell("# 01 · Title"),
        v4.new_code_cell("x = bytearray(300_000_000)"),
        v4.new_code_cell("del x"),
    ]
    cells += [v4.new_markdown_cell("## 2 · Sleep"), v4.new_code_cell("import time\ntime.sleep(4)")]
    notebook_format.write(tmp_path / "01_a.ipynb", v4.new_notebook(cells=cells))
    times = run_times.measure(tmp_path / "01_a.ipynb")
    assert (times.slowest, 4 <= times.slowest_seconds <= times.seconds) == ("2 · Sleep", True)
    assert sys.platform != "linux" or 3e8 < times.peak < 6e8


def test_a_row_replaces_its_own_and_keeps_the_others_and_other_machines():
    first, second = run_times.row("notebooks/01_a", 60, TIMES), run_times.row("notebooks/00_b", 30, TIMES)
    page = run_times.written("# Run times\n\nWords.\n", "a laptop", "Old.", {"notebooks/01_a": first})
    page = run_times.written(page, "a GPU", "Fast.", {"notebooks/01_a": first})
    page = run_times.written(page, "a laptop", "Older.", {"notebooks/00_b": second})
    changed = first.replace("| 12 |", "| 13 |")
    page = run_times.written(page, "a laptop", "New.", {"notebooks/01_a": changed})
    laptop, accelerator = run_times.HEAD + second + changed, run_times.HEAD + first
    assert page == f"# Run times\n\nWords.\n\n## On a laptop\n\nNew.\n\n{laptop}\n## On a GPU\n\nFast.\n\n{accelerator}"
    assert first == "| notebooks/01_a | 60 | 12 | 400 | 2 · Training: 10 s |\n"


def test_the_readme_gives_the_measured_minutes_and_the_page_has_every_notebook():
    page = (ROOT / run_times.PAGE).read_text(encoding="utf-8")
    section = page.partition("\n## On 2 CPU cores")[2].partition("\n## ")[0]
    rows = {match[1]: match[0].split("|") for match in run_times.ROW.finditer(section)}
    assert sorted(rows) == [
        f"{folder}/{path.stem}" for folder in ("notebooks", "solutions") for path in notebooks.listing(ROOT / folder)
    ]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"\]\((notebooks/\w+)\.ipynb\) \|[^|]*\| ([\d.]+) \|", readme))
    assert said == {
        name: f"{max(float(cells[3]) / 60, 0.1):.1f}" for name, cells in rows.items() if name.startswith("notebooks/")
    }


def nbval(folder: Path, source: str, words: str) -> subprocess.CompletedProcess:
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text().replace("SPARE = 60.0", "SPARE = 3.0"))
    (folder / "pytest.ini").write_text("[pytest]\n")
    nb = stating(words)
    nb.cells += [v4.new_code_cell("1", outputs=[], execution_count=1), v4.new_code_cell(source, execution_count=2)]
    notebook_format.write(folder / "01_a.ipynb", notebook_format.normalize(nb))
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider"]
    return subprocess.run([*command, "-n", "1", "01_a.ipynb"], cwd=folder, capture_output=True, text=True)


BUSY = "import time\nwhile time.process_time() < 6:\n    pass"


def test_a_notebook_that_takes_more_than_twice_what_it_states_fails_the_run_and_is_named(tmp_path):
    done = nbval(tmp_path, BUSY, "About 1 second of computing.")
    assert done.returncode == 1
    assert re.search(
        r"OVER BUDGET: 01_a.ipynb states 1 s and used \d+ s of the processor, \d s in .*Cell 1", done.stdout
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [(BUSY, "About 5 seconds of computing."), ("import time\ntime.sleep(6)", "About 1 second of computing.")],
)
def test_one_that_keeps_to_it_or_only_waits_passes(tmp_path, source, words):
    done = nbval(tmp_path, source, words)
    assert (done.returncode, "OVER BUDGET" in done.stdout) == (0, False), done.stdout
