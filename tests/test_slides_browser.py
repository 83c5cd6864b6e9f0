"""Every page of every lecture's deck in a real browser, at 1280 × 720; and decks that break a rule.

A page must hold all that is on it with type of 18 pixels or more and the contrast of WCAG 2.2 (1.4.3), show its
formulas and its pictures, and ask for nothing outside its file: in the light, in the dark, and on paper.
"""

from pathlib import Path

import browser
import pytest
from nbformat import v4

from lecture_lib import deck, notebook_format, notebooks, slides

ROOT = Path(__file__).parents[1]
LECTURES = notebooks.listing(ROOT / "notebooks")
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# Goes to every page in turn, all its fragments shown, and says what is wrong with it.
INSPECT = r"""() => [...document.querySelectorAll("section.page")].flatMap((page, number) => {
  if (window.Reveal && Reveal.isReady()) {
    const at = Reveal.getIndices(page);
    Reveal.slide(at.h, at.v, 99);
  }
  const all = what => [...page.querySelectorAll(what)];
  const box = element => element.getBoundingClientRect();
  const type = element => parseFloat(getComputedStyle(element).fontSize);
  const frame = box(page), text = all(".part").map(part => part.innerText).join(" ").trim();
  const beyond = b => b.width && b.height && (b.left < frame.left - 2 || b.right > frame.right + 2 ||
    b.top < frame.top - 2 || b.bottom > frame.bottom + 2);
  const raw = [];
  const words = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const plain = !words.currentNode.parentElement.closest("pre, code, script, style, mjx-container");
    if (plain && /\$|\\(begin|frac|tag|mathbb)/.test(words.currentNode.data)) raw.push(words.currentNode.data);
  }
  const shade = color => color.match(/[\d.]+/g).slice(0, 3).reduce((sum, v, i) => {
    const c = v / 255, linear = c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    return sum + [0.2126, 0.7152, 0.0722][i] * linear;
  }, 0.05);
  const behind = e => {
    const color = getComputedStyle(e).backgroundColor;
    return e === document.documentElement || !/, 0\)$/.test(color) ? color : behind(e.parentElement);
  };
  const faint = e => {
    const own = [...e.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const [low, high] = [shade(getComputedStyle(e).color), shade(behind(e))].sort((a, b) => a - b);
    const large = type(e) >= 24 || type(e) >= 18.66 && getComputedStyle(e).fontWeight >= 700;
    return own && high / low < (large ? 3 : 4.5);
  };
  const visible = all(".part, .part *, .where").filter(e => !e.closest("mjx-assistive-mml, script, style"));
  const rules = {
    "is not shown": !frame.width || getComputedStyle(page).visibility !== "visible",
    "something reaches beyond the page": visible.some(e => beyond(box(e))),
    "words are too faint": visible.some(faint),
    "a line is cut off": all(".part, pre").some(e => e.scrollWidth > e.clientWidth + 1),
    "type is smaller than 18 pixels": type(page) < 18,
    "code is smaller than 13 pixels": all("pre").some(e => type(e) < 13),
    "a formula is broken": all("mjx-merror, [data-mjx-error]").length ||
      all("mjx-container").some(e => !e.querySelector("svg") || !box(e.querySelector("svg")).width),
    "a formula is not typeset": raw.length,
    "a picture is missing": all("img").some(e => !e.naturalWidth || box(e).height < 30),
    "is empty": !text && !all("img").length,
  };
  const where = `page ${number + 1}, ${text.slice(0, 50)}`;
  return Object.keys(rules).filter(rule => rules[rule]).map(rule => `${where}: ${rule}`);
})"""


@pytest.fixture(scope="module")
def context():
    with browser.chromium(viewport={"width": 1280, "height": 720}, color_scheme="light") as opened:
        yield opened


def problems(context, path: Path) -> list[str]:
    """What is wrong with the pages of a deck, light, dark and as paper; its console; the addresses it asks for."""
    page = context.new_page()
    try:
        record, found = browser.watch(page), []
        for how in ("", "?print"):
            page.goto(path.as_uri() + how)
            page.wait_for_function("window.deckReady === true", timeout=60_000)
            found += page.evaluate(INSPECT)
            if not how:
                page.keyboard.press("d")
                found += [f"in the dark, {line}" for line in page.evaluate(INSPECT)]
        return [*found, *record.console, *record.outside]
    finally:
        page.close()


def write(folder: Path, *cells) -> Path:
    """A deck of a title and of the cells given, each on a page of its own."""
    opening = v4.new_markdown_cell("# 03 · Codes\n\n**The question.** How small?")
    for cell in (opening, *cells):
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    path = folder / "deck.html"
    path.write_text(deck.to_html(v4.new_notebook(cells=[opening, *cells])), encoding="utf-8")
    return path


def shown(html: str):
    return v4.new_code_cell("f()", outputs=[v4.new_output("display_data", {"text/html": html})])


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_every_page_of_a_lecture_holds_what_is_on_it(path, context, tmp_path):
    target = tmp_path / f"{path.stem}.html"
    target.write_text(deck.to_html(notebook_format.read(path)), encoding="utf-8")
    assert problems(context, target) == []


def test_a_sound_deck_gives_no_complaint(context, tmp_path):
    picture = f'<img alt="One pixel" src="data:image/png;base64,{PIXEL}">'
    large = picture.replace("<img", '<img style="min-width:99px;min-height:99px"')
    cells = [v4.new_markdown_cell("Let $a = 1$:\n\n$$ a^2 = 1 \\tag{3.1} $$"), shown(large)]
    assert problems(context, write(tmp_path, *cells)) == []


SLIDER = f"""<div><img alt="A square" style="min-width: 99px; min-height: 99px"
src="data:image/png;base64,{PIXEL}"></div>
<script>(box => {{
  const slider = document.createElement("input");
  slider.type = "range";
  slider.setAttribute("aria-label", "width");
  slider.addEventListener("input", () => box.dataset.value = slider.value);
  box.append(slider);
}})(document.currentScript.previousElementSibling)</script>"""


def test_a_slider_in_an_output_moves_and_keeps_its_arrow_keys(context, tmp_path):
    path = write(tmp_path, shown(SLIDER), v4.new_markdown_cell("B"))
    page = context.new_page()
    page.goto(path.as_uri() + "#/1")
    page.wait_for_function("window.deckReady === true")
    page.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelector('[data-value]').dataset.value") == "51"
    assert page.evaluate("Reveal.getIndices().h") == 1
    page.close()


def test_the_keys_turn_pages_and_lights(context, tmp_path):
    page = context.new_page()
    page.goto(write(tmp_path, v4.new_markdown_cell("B")).as_uri() + "?theme=light")
    page.wait_for_function("window.deckReady === true")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.keyboard.press("d")
    assert page.evaluate(paper) == "rgb(20, 24, 29)"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 1
    page.close()


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        (v4.new_markdown_cell("A sentence that says little. " * 200), "reaches beyond the page"),
        (v4.new_markdown_cell("$$ " + "a + " * 200 + "b $$"), "reaches beyond the page"),
        (v4.new_markdown_cell("Let $\\frac{a}$ be."), "a formula is broken"),
        (v4.new_markdown_cell("Let $\\nosuchthing$ be."), "a formula is broken"),
        (v4.new_markdown_cell("It costs $ 5, not less."), "a formula is not typeset"),
        (shown('<img alt="Nothing" src="data:image/png;base64,iVBORw0">'), "a picture is missing"),
        (shown('<img alt="Nothing" src="https://example.org/a.png">'), "https://example.org/a.png"),
        (shown("<script>nowhere()</script><p>A</p>"), "nowhere is not defined"),
        (shown("<p> </p>"), "is empty"),
        (shown('<p style="color: #bbb">Hardly seen</p>'), "words are too faint"),
    ],
    ids=["long", "wide", "broken", "unknown", "dollar", "picture", "outside", "error", "empty", "faint"],
)
def test_a_deck_that_breaks_a_rule_is_found(cell, complaint, context, tmp_path):
    found = problems(context, write(tmp_path, cell))
    assert any(complaint in line for line in found), found


def test_a_pdf_has_one_page_for_each_of_the_deck(context, tmp_path):
    path = write(tmp_path, v4.new_markdown_cell("$$ a = 1 $$"), v4.new_markdown_cell("B"))
    slides.to_pdf(context.new_page(), path)
    assert path.with_suffix(".pdf").read_bytes().count(b"/Type /Page\n") == 3
