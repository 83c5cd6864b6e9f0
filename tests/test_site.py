"""The site, built once and looked at: by its files, and page by page in a real browser.

In Chromium every page is opened at the width of a phone and inspected by axe-core: broken formulas, missing pictures,
errors, requests that leave the machine, anything wider than the page, contrast, names, alternative texts. Every other
page is inspected in the dark look, the rest in the light one. What all pages share (menus, colors of code, the insides
of formulas) is handed to axe-core on one page only, in both looks, since it takes several seconds there.
"""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import pytest

from lecture_lib import equations, notebooks, site, site_pages

ROOT = Path(__file__).parents[1]
LECTURES = notebooks.listing(ROOT / "notebooks")


class Page(HTMLParser):
    """The links, anchors and visible words of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.links, self.ids, self.sources = path, [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values[key] for key in ("id", "name") if values.get(key)}
        self.links += [values["href"]] if tag == "a" and values.get("href") else []
        self.sources += [values[key] for key in ("src", "href") if values.get(key) and tag in ("img", "script", "link")]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "site"
    command = [sys.executable, "-m", "lecture_lib.site", "--out", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(built):
    return {path: Page(path) for path in sorted(built.rglob("*.html")) if "_static" not in path.parts}


def broken(page: Page, pages: dict[Path, Page]) -> list[str]:
    """Links of a page that lead nowhere, inside the site."""
    found = []
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
        place = unquote(parts.fragment)
        if not target.exists() or (place and target in pages and place not in pages[target].ids):
            found.append(link)
    return found


def test_every_link_and_every_file_of_a_page_is_there(built, pages):
    assert len(pages) > 60
    assert {path.name: broken(page, pages) for path, page in pages.items() if broken(page, pages)} == {}
    missing = {
        source
        for page in pages.values()
        for source in page.sources
        if not source.startswith(("data:", "#")) and not (page.path.parent / urlsplit(source).path).exists()
    }
    assert missing == set()


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<p id="here"><a href="#here"></a><a href="#gone"></a><a href="b.html"></a></p>')
    page = Page(tmp_path / "a.html")
    assert broken(page, {page.path: page}) == ["#gone", "b.html"]


def test_nothing_but_links_names_an_outside_address(pages):
    assert [source for page in pages.values() for source in page.sources if urlsplit(source).netloc] == []


def test_every_lecture_and_exercise_has_a_page_and_no_solution_has_one(built, pages):
    names = {path.relative_to(built).with_suffix("").as_posix() for path in pages}
    wanted = [f"{folder}/{p.stem}" for folder in ("notebooks", "exercises") for p in notebooks.listing(ROOT / folder)]
    assert {*wanted, "docs/notation", "errata", "equations", "api/index", "search"} <= names
    assert not any("solution" in name for name in names)
    assert not any("BEGIN SOLUTION" in path.read_text(encoding="utf-8") for path in pages)


def test_every_numbered_equation_is_an_anchor_and_leads_to_its_functions_and_back(built, pages):
    functions, documented = site_pages.implementations(ROOT), site_pages.modules(ROOT)
    named = {module: "".join(texts.values()) for module, texts in documented.items()}  # not each one of a range
    for path in LECTURES:
        page = pages[built / "notebooks" / f"{path.stem}.html"]
        for number in equations.TAG.findall(site_pages.prose(path)):
            anchor = f"eq-{number.replace('.', '-')}"
            assert anchor in page.ids
            for name in functions.get(number, []):
                module = name.partition(".")[0]
                place = f"lecture_lib.{name}" if "." in name else f"module-lecture_lib.{name}"
                assert f"../api/{module}.html#{place}" in page.links
                back = f"../notebooks/{path.stem}.html#{anchor}"
                assert back in pages[built / "api" / f"{module}.html"].links or f"({number})" not in named[module]
    assert functions["4.3"] == ["gaussians.log_density"]


def test_every_name_of_the_library_in_the_notation_leads_to_its_reference(built, pages):
    text = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8")
    modules = "|".join(path.stem for path in (ROOT / "lecture_lib").glob("[a-z]*.py"))
    names = set(re.findall(rf"`((?:{modules})(?:\.\w+)*)[`(]", text))
    assert len(names) > 10
    for name in names:
        parts = name.split(".")
        place = f"lecture_lib.{name}" if parts[1:] else f"module-lecture_lib.{name}"
        assert f"../api/{parts[0]}.html#{place}" in pages[built / "docs" / "notation.html"].links


def test_every_public_function_is_in_the_reference(built, pages):
    for module, documented in site_pages.modules(ROOT).items():
        names = {f"lecture_lib.{module}.{name}" for name in documented if name}
        assert names <= pages[built / "api" / f"{module}.html"].ids


def test_the_errata_are_those_that_the_lectures_name():
    text = site_pages.errata(ROOT)
    named = sum(len(re.findall(r"\*\*.{0,12}in the notes\.\*\*", site_pages.prose(path))) for path in LECTURES)
    assert text.count("in the notes.**") == named > 10
    assert r"p(d \mid c)\, p(e \mid d)." in text  # the formula after a colon comes along


def test_a_second_build_keeps_what_did_not_change_and_drops_what_is_gone(built):
    source = built.with_name("site-source")
    (source / "stale.md").write_text("# Stale\n")
    before = {path: path.stat().st_mtime_ns for path in source.rglob("*") if path.name != "stale.md"}
    site.gather(ROOT, source)
    assert not (source / "stale.md").exists()
    assert all(path.stat().st_mtime_ns == time for path, time in before.items() if path.is_file())


def test_with_an_address_a_lecture_can_be_opened_on_colab_and_binder(tmp_path, built, pages):
    """A course of one lecture."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    (tmp_path / "docs" / "presenting.md").write_text("# Presenting\n")
    for folder, names in {"notebooks": ["04_gaussian_kl.ipynb"], "exercises": ["04_gaussian_kl.ipynb"]}.items():
        (tmp_path / folder).mkdir()
        for name in names:
            shutil.copy(ROOT / folder / name, tmp_path / folder)
    (tmp_path / "README.md").write_text("# A course\n")
    setting = '[tool.course]\nrepository = "https://github.com/owner/name"\nbranch = "main"\n'
    (tmp_path / "pyproject.toml").write_text(setting)
    command = [sys.executable, "-m", "lecture_lib.site", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    links = Page(tmp_path / "out" / "notebooks" / "04_gaussian_kl.html").links
    place = "main/notebooks/04_gaussian_kl.ipynb"
    assert f"https://colab.research.google.com/github/owner/name/blob/{place}" in links
    assert any(link.startswith("https://mybinder.org/v2/gh/owner/name/main?") for link in links)
    here = [link for page in pages.values() for link in page.links]
    assert not [link for link in here if "colab" in link or "mybinder" in link]  # this course has no address yet


def test_outside_the_course_the_command_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert site.main([]) == 2
    assert capsys.readouterr().err.strip()


# ------------------------------------------------------------------------------------------------ in a browser

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
SOUND = """() => {
  const all = what => [...document.querySelectorAll(what)];
  const raw = [], tex = /\\$[^ ]|\\\\(begin|frac|tag|mathbb|[()\\[\\]])/;
  const words = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const plain = !words.currentNode.parentElement.closest("pre, code, script, style, mjx-container");
    if (plain && tex.test(words.currentNode.data)) raw.push(words.currentNode.data);
  }
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return [
    ...all("mjx-merror, [data-mjx-error]").map(e => `broken formula: ${e.textContent.slice(0, 60)}`),
    ...raw.map(text => `not typeset: ${text.slice(0, 60)}`),
    ...all("main img").filter(e => !e.complete || !e.naturalWidth).map(e => `no picture: ${e.alt}`),
    ...all("main img").filter(e => !e.alt).map(e => "a picture without alternative text"),
    ...(wide > 1 ? [`${wide} pixels wider than a phone`] : []),
  ];
}"""
RULES = """([place, options]) => axe.run(place, {preload: false, ...options}).then(found => found.violations
  .filter(v => ["serious", "critical"].includes(v.impact))
  .map(v => `${v.id}: ${v.nodes.length} x ${v.nodes[0].html.slice(0, 150)}`))"""
SHORTEN = """() => {
  document.querySelectorAll("mjx-container").forEach(e => e.remove());
  document.querySelectorAll(".highlight pre").forEach(e => { e.textContent = e.textContent; });
}"""
COLORS = {"runOnly": ["color-contrast", "link-in-text-block"]}  # the rules that another look can break
WHOLE = "notebooks/04_gaussian_kl.html"


@pytest.fixture(scope="module")
def visitor(built):
    with browser.chromium(viewport={"width": 390, "height": 844}, color_scheme="light") as opened:
        page = opened.new_page()
        yield page, browser.watch(page)


def faults(page, record, place: str) -> list[str]:
    """What is wrong with the page at hand, in the light and in the dark; axe-core looks at a part of it."""
    page.emulate_media(color_scheme="light")
    found = page.evaluate(SOUND)
    if place == "main":
        page.evaluate(SHORTEN)
    page.evaluate(AXE)
    found += page.evaluate(RULES, [place, {}])
    page.emulate_media(color_scheme="dark")
    found += [f"in the dark, {line}" for line in page.evaluate(RULES, [place, COLORS])]
    found += record.console + record.outside
    record.console.clear()
    record.outside.clear()
    return found


def test_every_page_is_sound_on_a_phone_and_accessible(built, pages, visitor):
    page, record = visitor
    wrong = {}
    for path in pages:
        page.emulate_media(color_scheme="light")
        page.goto(path.as_uri())
        page.wait_for_function("window.mathReady === true", timeout=60_000)
        found = faults(page, record, "html" if path == built / WHOLE else "main")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        if "notebooks" in path.parts or path.name == "index.html":
            found += [] if dark != "rgb(255, 255, 255)" else ["it stays light in the dark"]
        wrong[path.relative_to(built).as_posix()] = found
    assert len(wrong) > 80
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_page_with_every_fault_is_found_out(visitor, tmp_path):
    page, record = visitor
    (tmp_path / "bad.html").write_text(
        '<html lang="en"><title>x</title><style>@media (prefers-color-scheme: dark) {'
        " b { color: #333; background: #000; } }</style><main><b>night</b>"
        '<p style="color:#ccc;background:#fff">\\(x\\)</p><img src="gone.png">'
        '<div style="width:900px">wide</div><mjx-merror>y</mjx-merror><script src="https://example.org/x.js"></script>'
    )
    page.goto((tmp_path / "bad.html").as_uri())
    found = "\n".join(faults(page, record, "main"))
    for words in (
        "not typeset",
        "broken formula",
        "no picture",
        "without alternative",
        "wider than",
        "\ncolor-contrast",
        "in the dark, color-contrast: 2",
        "example.org",
    ):
        assert words in found


def test_a_slider_moves_its_picture_and_the_search_finds_a_lecture(built, visitor):
    page, record = visitor
    page.goto((built / "notebooks" / "04_gaussian_kl.html").as_uri())
    box = page.locator("[data-frames]").first
    before = box.locator("img").get_attribute("src")
    box.get_by_role("slider").focus()
    page.keyboard.press("ArrowRight")
    assert box.locator("img").get_attribute("src") != before
    page.goto((built / "search.html").as_uri() + "?q=reparameterization")
    page.wait_for_selector("#search-results li a")
    links = page.locator("#search-results li a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert any("05_reparameterization" in link for link in links)
    assert record.outside == []
