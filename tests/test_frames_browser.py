"""Interactive parts without a kernel, in a real browser: as a page by itself, as nbconvert makes one, and in a deck."""

import io

import browser
import ipywidgets
import numpy as np
import pytest
from nbconvert import HTMLExporter
from nbformat import v4
from PIL import Image

from lecture_lib import deck, frames, gaussian_widgets, plots, widgets

ALT = "Two Gaussians, and the integrands of both divergences between them"


@pytest.fixture(scope="module")
def figures():
    """The outputs of two figures, which have different frames."""
    return [
        gaussian_widgets.divergence_explorer(q, alt=ALT)._repr_mimebundle_()["text/html"]
        for q in ((0.7, 0.6), (-1.0, 0.4))
    ]


@pytest.fixture(scope="module")
def context():
    with browser.chromium(viewport={"width": 1280, "height": 900}) as opened:
        yield opened


def notebook(figures):
    cells = [v4.new_markdown_cell("# Two figures", metadata={"slideshow": {"slide_type": "slide"}})]
    for figure in figures:
        output = v4.new_output("display_data", {"text/html": figure, "text/plain": f"Figure: {ALT}"})
        cells.append(v4.new_code_cell("f()", outputs=[output], metadata={"slideshow": {"slide_type": "slide"}}))
    return v4.new_notebook(cells=cells)


def opened(context, folder, html: str):
    (folder / "page.html").write_text(html, encoding="utf-8")
    page = context.new_page()
    record = browser.watch(page)
    page.goto((folder / "page.html").as_uri())
    return page, record


def source(box) -> str:
    return box.locator("img").get_attribute("src")


def test_a_key_and_a_drag_change_the_picture_of_their_own_figure_and_what_is_said_of_it(context, figures, tmp_path):
    page, record = opened(context, tmp_path, "".join(figures) + figures[0])  # one of them twice
    boxes = [page.locator("[data-frames]").nth(i) for i in range(3)]
    before = [source(box) for box in boxes]
    slider = boxes[0].get_by_role("slider", name="μ of q")
    slider.focus()
    page.keyboard.press("ArrowRight")
    after = [source(box) for box in boxes]
    assert after[0] != before[0] and after[1:] == before[1:]
    said = slider.get_attribute("aria-valuetext")
    assert said.startswith("μ of q") and said in boxes[0].locator("img").get_attribute("alt")
    assert boxes[0].locator("output").inner_text() in said
    place = slider.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    seen = set()
    for step in range(8):
        page.mouse.move(place["x"] + place["width"] * (step + 1) / 10, place["y"] + place["height"] / 2)
        seen.add(source(boxes[0]))
    page.mouse.up()
    assert len(seen) >= 5
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 100)")
    assert record.console == [] and record.outside == []


def test_back_at_rest_the_first_words_are_said_again(context, figures, tmp_path):
    page, _ = opened(context, tmp_path, figures[0])
    page.get_by_role("slider").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("img").get_attribute("alt") != ALT
    page.keyboard.press("ArrowRight")
    assert page.locator("img").get_attribute("alt") == ALT


def test_it_moves_in_a_page_that_nbconvert_makes(context, figures, tmp_path):
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook(figures[:1]))
    page, _ = opened(context, tmp_path, html)
    before = source(page.locator("[data-frames]"))
    page.get_by_role("slider").press("End")
    assert source(page.locator("[data-frames]")) != before


def test_in_a_deck_it_moves_and_keeps_the_arrow_keys(context, figures, tmp_path):
    page, record = opened(context, tmp_path, deck.to_html(notebook(figures)))
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.evaluate("Reveal.slide(1, 0)")
    slider = page.locator("section.present [data-frames]").get_by_role("slider").first
    before = page.evaluate("Reveal.getIndices().h"), source(page.locator("[data-frames]").first)
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == before[0]
    assert source(page.locator("[data-frames]").first) != before[1]
    assert record.console == [] and record.outside == []


def test_with_scripts_off_the_picture_stands_alone(context, figures, tmp_path):
    quiet = context.browser.new_context(java_script_enabled=False)
    page, _ = opened(quiet, tmp_path, figures[0])
    assert page.locator("img").count() == 1 and page.get_by_role("slider").count() == 0
    quiet.close()


def test_two_sliders_of_one_figure_move_the_picture_together(context, tmp_path):
    """The pixels on the page are those that are drawn for both values."""

    def draw(left, right):
        pixels = np.zeros((40, 60, 3), dtype=np.uint8)
        pixels[:, :30], pixels[:, 30:] = 2 * left, 2 * right
        return Image.fromarray(pixels)

    controls = {name: ipywidgets.IntSlider(value=60, min=0, max=120, description=name) for name in ("left", "right")}
    tag = plots.image_tag(widgets.Figure(controls, draw, caption="", alt=ALT, moves=("left",)).picture.value, ALT, 0.6)
    page, record = opened(context, tmp_path, frames.html(tag, controls, draw, ("left", "right")))
    left, right = page.get_by_role("slider", name="left"), page.get_by_role("slider", name="right")
    for slider, key in ((left, "End"), (right, "Home"), (right, "ArrowRight"), (left, "ArrowLeft")):
        slider.press(key)
        values = [int(page.locator("output").nth(i).inner_text()) for i in range(2)]
        page.evaluate("document.querySelector('img').decode()")
        with Image.open(io.BytesIO(page.locator("img").screenshot())) as image:
            seen = np.asarray(image.convert("RGB")).astype(int)[20]
        assert abs(seen[10] - 2 * values[0]).max() <= 4 and abs(seen[50] - 2 * values[1]).max() <= 4
        assert (
            page.locator("img").get_attribute("alt").startswith(f"left: {values[0]}, right: {values[1]}. At left: 60")
        )
    assert values == [110, 10]
    assert record.console == [] and record.outside == []
