"""Pages from made-up notebooks, decks that hold all they need, and the metadata of every lecture."""

import json
import re
from pathlib import Path

import pytest
from nbformat import NotebookNode, v4

from lecture_lib import deck, notebook_format, notebooks, slides

ROOT = Path(__file__).parents[1]
LECTURES = notebooks.listing(ROOT / "notebooks")
TYPES = {"slide", "subslide", "fragment", "skip", "-"}
OPENING = "# 03 · Codes\n\n**The question.** How small?\n\n**Time.** 5 minutes.\n\nAnd more."


def words(text: str, kind: str = "-", notes: str = "") -> NotebookNode:
    return v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind, "notes": notes}})


def code(source: str, *outputs: NotebookNode, kind: str = "-") -> NotebookNode:
    return v4.new_code_cell(source, outputs=list(outputs), metadata={"slideshow": {"slide_type": kind}})


def printed(text: str) -> NotebookNode:
    return v4.new_output("stream", name="stdout", text=text)


def pages(*cells: NotebookNode) -> list[deck.Page]:
    """The pages of a notebook that begins with the opening above; without the two that it makes."""
    return deck.pages(v4.new_notebook(cells=[words(OPENING, "slide"), *cells]))[2:]


def test_the_first_cell_is_a_title_with_its_question_and_a_page_with_the_rest():
    title, rest = deck.pages(v4.new_notebook(cells=[words(OPENING, "slide")]))
    assert title.kind == "title" and "How small?" in title.parts[0] and "5 minutes" not in title.parts[0]
    assert "5 minutes" in rest.parts[0] and "And more." in rest.parts[0]


def test_cells_stand_on_the_page_at_hand_until_one_opens_another():
    first, second = pages(words("A", "slide"), words("B"), words("C", "fragment"), words("D", "slide"))
    assert [re.sub("<.*?>", "", part).strip() for part in first.parts] == ["A", "B", "C"]
    assert ["fragment" in part for part in first.parts] == [False, False, True]
    assert len(second.parts) == 1


def test_a_subslide_stands_below_and_takes_what_follows():
    (page,) = pages(words("A", "slide"), words("B", "subslide"), words("C"))
    assert len(page.parts) == 1 and len(page.below) == 1 and len(page.below[0].parts) == 2


def test_what_a_cell_shows_is_on_the_page_and_its_source_one_step_below():
    (page,) = pages(words("A", "slide"), code("x = 1\nprint(x)", printed("one < two")), words("B"))
    assert "one &lt; two" in page.parts[1] and "B" in page.parts[2]
    assert [below.kind for below in page.below] == ["source"] and "print" in page.below[0].parts[0]


def test_a_cell_that_shows_nothing_has_its_source_below():
    (page,) = pages(words("A", "slide"), code("def f():\n    return 1"))
    assert len(page.parts) == 1 and len(page.below) == 1


def test_a_check_of_formulas_needs_no_source():
    (page,) = pages(words("A", "slide"), code('ledger.check(LINES, "3.1")', printed("✓"), kind="fragment"))
    assert page.below == [] and "fragment" in page.parts[1]


def test_skipped_cells_are_nowhere():
    assert pages(code("import torch", printed("1"), kind="skip")) == []


def test_a_cell_after_a_subslide_that_opens_a_page_is_on_the_right():
    first, second = pages(words("A", "slide"), words("B", "subslide"), words("C", "slide"))
    assert len(first.below) == 1 and len(second.parts) == 1


def test_a_page_names_its_section():
    first, second = pages(words("## 1 · Squares\n\nA", "slide"), words("B", "slide"))
    assert 'class="where"' not in deck.section(first)
    assert '<div class="where">1 · Squares</div>' in deck.section(second)


def test_notes_are_for_the_speaker_alone():
    (page,) = pages(words("A", "slide", notes="Ask <whom>?"))
    html = deck.section(page)
    assert '<aside class="notes"><p>Ask &lt;whom&gt;?</p></aside>' in html and "Ask" not in "".join(page.parts)
    nb = v4.new_notebook(cells=[words(OPENING, "slide"), words("## 1 · Squares", "slide", notes="Ask them.")])
    assert slides.speaker_notes(nb) == "1 · Squares\n  - Ask them."


def test_links_become_words_and_formulas_stay():
    html = deck.markdown("See [lecture 04](04.ipynb): $a < b$ and\n\n$$ c \\tag{1.1} $$")
    assert "href" not in html and '<span class="cross">lecture 04</span>' in html
    assert "$a &lt; b$" in html and "\\tag{1.1}" in html


def test_a_deck_names_no_address_that_a_browser_would_load():
    html = deck.to_html(v4.new_notebook(cells=[words(OPENING + "\n\n[more](https://example.org)", "slide")]))
    markup = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert not re.findall(r"(?:href|src)\s*=\s*[\"'](?!data:|#)", markup)
    styles = "".join(re.findall(r"<style>.*?</style>", html, flags=re.DOTALL))
    assert "@import" not in styles and not re.findall(r"url\((?![\"']?data:)", styles)
    assert "MathJax" in html and "reveal.js" in html and html.count("</script>") == 5


def test_a_file_that_no_package_carries_is_named():
    with pytest.raises(FileNotFoundError, match=r"sphinx-revealjs carries no file nothing\.js"):
        deck.bundled(deck.REVEAL, "nothing.js")


def test_the_command_line_names_the_lectures_there_are(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    nb = v4.new_notebook(cells=[words(OPENING, "slide", notes="Who has seen one?")])
    notebook_format.write(tmp_path / "notebooks" / "03_codes.ipynb", nb)
    monkeypatch.chdir(tmp_path)
    assert slides.main(["notes", "3"]) == 0 and "Who has seen one?" in capsys.readouterr().out
    assert slides.main(["notes", "04"]) == 2 and "03_codes" in capsys.readouterr().err
    assert slides.main(["present"]) == 2 and "say which lecture" in capsys.readouterr().err


def test_a_build_without_a_browser_makes_the_deck_and_says_what_is_missing(tmp_path, monkeypatch, capsys):
    (tmp_path / "notebooks").mkdir()
    nb = v4.new_notebook(cells=[words(OPENING, "slide")])
    notebook_format.write(tmp_path / "notebooks" / "03_codes.ipynb", nb)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slides, "chromium", lambda: None)
    assert slides.main(["build"]) == 0
    assert "no PDFs" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "build" / "slides").iterdir()] == ["03_codes.html"]


def test_a_presentation_starts_jupyterlab_in_the_slideshow_with_settings_of_its_own(tmp_path, monkeypatch):
    seen = {}

    def start(command, cwd):
        folder = next(part for part in command if "user_settings_dir" in part).partition("=")[2]
        settings = Path(folder) / "jupyterlab-slideshow" / "plugin.jupyterlab-settings"
        seen.update(json.loads(settings.read_text()), command=command, cwd=cwd)
        return type("Done", (), {"returncode": 7})

    monkeypatch.setattr(slides.subprocess, "run", start)
    path = tmp_path / "notebooks" / "03_codes.ipynb"
    assert slides.present(path, ["--no-browser"]) == 7
    assert seen["active"] is True and seen["cwd"] == tmp_path and seen["command"][-1] == "--no-browser"
    assert any("/lab/tree/notebooks/03_codes.ipynb" in part for part in seen["command"])


@pytest.mark.parametrize("path", LECTURES, ids=lambda path: path.stem)
def test_a_lecture_makes_a_talk(path):
    cells = notebook_format.read(path).cells
    settings = [cell.metadata.get("slideshow", {}) for cell in cells]
    kinds = [each.get("slide_type", "-") for each in settings]
    assert set(kinds) <= TYPES and kinds[:2] == ["slide", "skip"]
    sections = [i for i, cell in enumerate(cells) if cell.source.startswith("## ")]
    assert all(kinds[i] == "slide" for i in sections)
    assert kinds.count("slide") >= len(cells) / 6
    asked = [each["notes"] for each in settings if each.get("notes")]
    assert len(asked) >= len(sections) - 1 and all(len(note) > 30 for note in asked)
