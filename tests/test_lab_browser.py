"""The lectures as a student meets them: JupyterLab in a real browser, with a kernel.

Every lecture is opened, and all that it stores is shown. The cells that its interactive parts take something from are
run one by one, as a student would, but training is brief; those in RUN whole, from the menu, to the end. No
cell fails. Then a slider of each interactive part is dragged with the mouse and moved with a key, and the picture is
seen to change. `RUN_ALL_LECTURES=1 pytest tests/test_lab_browser.py` runs all twelve whole, with all their training.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import browser
import pytest

from lecture_lib import notebook_format, notebooks
from lecture_lib.grading import bindings, needs

ROOT = Path(__file__).parents[1]
LECTURES = notebooks.listing(ROOT / "notebooks")
RUN = {"04_gaussian_kl"}
ALL = bool(os.environ.get("RUN_ALL_LECTURES"))
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},  # else what is out of sight is not there
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
BRIEF = """import functools
from lecture_lib import training

def brief(model, loss_fn, x, whole=training.train, **options):
    return whole(model, loss_fn, x[:4000], **options | {"epochs": 1})

training.train = functools.wraps(training.train)(brief)
"""
DONE = """() => {
  const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map(e => e.textContent);
  if (document.querySelector("[data-mime-type='application/vnd.jupyter.error']")) return true;
  return prompts.length > 0 && prompts.every(text => /\\[\\d+\\]/.test(text));
}"""
HARMLESS = ("favicon", "Failed to load resource: the server responded with a status of 404")


def whole(path: Path) -> bool:
    """Whether all of this lecture is run."""
    return ALL or path.stem in RUN


def needed(cells) -> list[int]:
    """The places of the cells with an interactive part, and of those that bind a name which these take, and so on."""
    kept, wanted = [], set()
    for i, cell in reversed([(i, cell) for i, cell in enumerate(cells) if cell.cell_type == "code"]):
        binds = {*bindings.bound(cell.source), *bindings.imported(cell.source)}
        if "_explorer(" in cell.source or binds & wanted:
            kept.append(i)
            wanted = wanted - binds | needs.taken(cell.source)
    return kept[::-1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab on copies of the lectures, with settings, kernels and files of its own."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
    for name, values in SETTINGS.items():
        file = folder / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    if not ALL:
        start = folder / "ipython" / "profile_default" / "startup" / "brief.py"
        start.parent.mkdir(parents=True)
        start.write_text(BRIEF)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    command += [f"--LabApp.user_settings_dir={folder}/settings", f"--LabApp.workspaces_dir={folder}/workspaces"]
    own = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    own["IPYTHONDIR"] = str(folder / "ipython")
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(command, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, log: Path) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"JupyterLab does not answer at {address}:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def context():
    with browser.chromium(viewport={"width": 1280, "height": 1000}) as opened:
        yield opened


def open_lecture(context, lab, path):
    page = context.new_page()
    record = browser.watch(page)
    page.goto(f"{lab}/lab/tree/notebooks/{path.name}?reset")
    cells = len(notebook_format.read(path).cells)
    page.wait_for_function(f"document.querySelectorAll('.jp-Notebook .jp-Cell').length === {cells}", timeout=60_000)
    return page, record


IDLE = ".jp-Notebook-ExecutionIndicator[data-status='idle']"
STARTED, ENDED = r"/\[[*\d]/", r"/\[\d/"


def prompt(pattern: str) -> str:
    """A question to the page: does the prompt of the cell at some place match?"""
    cell = "document.querySelectorAll('.jp-Notebook .jp-Cell')[place]"
    return f"place => {pattern}.test({cell}.querySelector('.jp-InputPrompt').textContent)"


def run_cells(page, places: list[int], minutes: float) -> None:
    """Run cells one after the other with the keyboard, and wait for each."""
    page.wait_for_selector(IDLE, state="attached", timeout=120_000)
    for place in places:
        for _ in range(10):  # the first keys may come before they are understood
            page.locator(".jp-Notebook .jp-Cell").nth(place).locator(".jp-InputPrompt").click()
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(200)
            if page.evaluate(prompt(STARTED), place):
                break
        page.wait_for_function(prompt(ENDED), arg=place, timeout=60_000 * minutes)


def run_all(page, minutes: float) -> None:
    """Run all cells from the menu, and wait for the last."""
    page.wait_for_selector(IDLE, state="attached", timeout=120_000)
    for _ in range(10):  # the menu is there before it can do anything
        page.locator(".jp-Notebook .jp-Cell").first.click()
        page.locator(".lm-MenuBar-item", has_text="Run").first.click()
        page.locator(".lm-Menu-item", has_text="Run All Cells").first.click()
        page.wait_for_timeout(2000)
        if page.locator(".jp-InputPrompt", has_text="*").count():
            break
        page.keyboard.press("Escape")
    page.wait_for_function(DONE, timeout=60_000 * minutes)


def picture(figure) -> str:
    image = figure.locator("img.widget-image")
    image.evaluate("image => image.decode()")
    return image.evaluate("""image => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      canvas.getContext("2d").drawImage(image, 0, 0);
      return canvas.toDataURL();
    }""")


def changed(page, figure, before: str) -> bool:
    for _ in range(50):
        if picture(figure) != before:
            return True
        page.wait_for_timeout(100)
    return False


def still(page, element) -> None:
    """Bring an element into sight and wait until the page has stopped moving; outputs above it may still grow."""
    place = None
    for _ in range(50):
        element.scroll_into_view_if_needed()
        last, place = place, element.bounding_box()
        if place == last:
            return
        page.wait_for_timeout(300)


def try_slider(page, figure) -> list[str]:
    """Drag the first slider of a figure, then press a key on it: what goes wrong."""
    handle = figure.locator(".noUi-handle").first
    still(page, handle)
    rail = figure.locator(".noUi-target").first.bounding_box()
    place, before, found = handle.bounding_box(), picture(figure), []
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    left = place["x"] < rail["x"] + rail["width"] / 2
    page.mouse.move(rail["x"] + rail["width"] * (0.9 if left else 0.1), place["y"] + place["height"] / 2, steps=8)
    page.mouse.up()
    found += [] if changed(page, figure, before) else ["dragging its slider does not change its picture"]
    page.wait_for_timeout(500)  # the last of the drag
    before = picture(figure)
    handle.press("ArrowLeft" if left else "ArrowRight")  # back from the end
    return found + ([] if changed(page, figure, before) else ["an arrow key does not change its picture"])


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_in_jupyterlab(context, lab, path):
    page, record = open_lecture(context, lab, path)
    cells = notebook_format.read(path).cells
    stored = sum(len(cell.get("outputs", [])) for cell in cells)
    assert page.locator(".jp-OutputArea-child").count() == stored
    assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    parts = needed(cells)
    if whole(path):
        run_all(page, minutes=8)
    elif parts:
        run_cells(page, parts, minutes=4)
    assert page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts() == []
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    figures = page.locator(".widget-vbox", has=page.locator("img.widget-image"))
    assert figures.count() == sum(cell.source.count("_explorer(") for cell in cells if cell.cell_type == "code")
    for i in range(figures.count()):
        assert try_slider(page, figures.nth(i)) == []
    assert [line for line in record.console if not any(words in line for words in HARMLESS)] == []
    assert record.outside == []
    page.close(run_before_unload=False)
