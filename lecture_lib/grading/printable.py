"""Text from a submission made harmless to look at: on a terminal, in a web page, in a spreadsheet."""

import re
import unicodedata

# Control characters, half-read bytes of file names, and the marks that turn the direction of writing or hide text.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\uffff\ud800-\udfff]"
)
FORMULA = "=+-@"  # a spreadsheet calculates a cell that begins with one of these


def visible(text: str, keep: str = "") -> str:
    """The text with everything that cannot be seen, or that hides something, written out; `keep` names exceptions."""
    return UNSEEN.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte of a file name that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters of the text; what was left out is counted."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit} more characters)"


def cell(text: str) -> str:
    """The text as a spreadsheet shows it and never calculates it: an apostrophe stands before a formula."""
    text = visible(text)
    first = unicodedata.normalize("NFKC", text[:1])
    return f"'{text}" if first and first[0] in FORMULA else text


def row(cells: list[str]) -> str:
    """One line of a CSV file; all but the plainest cells are quoted, so that no other separator can cut one."""
    plain = re.compile(r"[\w.:' -]*")
    return ",".join(c if plain.fullmatch(c) else '"' + c.replace('"', '""') + '"' for c in cells) + "\n"


def number(value: float) -> str:
    """A number of points as people write it: at most two decimals, none that say nothing."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
