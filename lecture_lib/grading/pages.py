"""What the HTML pages share: one file each, no script, nothing from outside, every text escaped, light and dark."""

import html
import re
from pathlib import Path

from lecture_lib.grading import printable, results

COLORS = re.compile(r"\x1b\[[0-9;:]*m")  # how terminals color text
SEAL = "<!-- sha256 {} -->\n"

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #5b6470; --paper: #ffffff; --card: #f6f7f9; --line: #d5dae1;
  --good: #0a6b3d; --part: #8a5a00; --bad: #b3261e; --wait: #1f5fae; --hint: #fff3cd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --quiet: #a6afba; --paper: #15181c; --card: #1e2329;
  --line: #3a424d; --good: #6fd39b; --part: #f0bf5b; --bad: #ff9d93; --wait: #8ab8f5; --hint: #4a3c0c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 52rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 0; }
h3 { font-size: .95rem; margin: 1rem 0 .25rem; }
p { margin: .5rem 0; } .quiet { color: var(--quiet); } .text { white-space: pre-wrap; }
.score { font-size: 2.1rem; font-weight: 650; margin: 1.25rem 0 .25rem; }
.bar { height: .6rem; border-radius: .3rem; background: var(--line); overflow: hidden; }
.bar span { display: block; height: 100%; background: var(--good); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 650; padding-bottom: .4rem; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { white-space: nowrap; } tbody th { font-weight: 400; } .nowrap { white-space: nowrap; } a { color: inherit; }
section { background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--line);
  border-radius: .5rem; padding: 1rem 1.25rem; margin: 1rem 0; }
section.good { border-left-color: var(--good); } section.part { border-left-color: var(--part); }
section.bad { border-left-color: var(--bad); } section.wait { border-left-color: var(--wait); }
.head { display: flex; gap: 1rem; justify-content: space-between; align-items: baseline; }
.points { white-space: nowrap; font-weight: 650; } .state { font-weight: 650; }
.good .state, .state.good { color: var(--good); } .part .state, .state.part { color: var(--part); }
.bad .state, .state.bad { color: var(--bad); } .wait .state, .state.wait { color: var(--wait); }
mark, .hint { color: inherit; background: var(--hint); } mark { padding: .1em .2em; border-radius: .2em; }
.hint { border-radius: .4rem; padding: .6rem .9rem; margin: .75rem 0; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: .4rem; padding: .75rem; margin: .25rem 0;
  max-height: 24rem; overflow: auto; white-space: pre-wrap; font: .85rem/1.45 ui-monospace, Consolas, monospace; }
svg { display: block; width: 100%; height: auto; max-width: 34rem; } svg text { fill: var(--ink); font-size: 11px; }
svg rect { fill: var(--wait); } svg line { stroke: var(--line); }
@media print { body { padding: 0; max-width: none; } section { break-inside: avoid; background: none; }
  pre { max-height: none; } }
"""


def text(value: str) -> str:
    """The value as HTML text of one paragraph: markup escaped, what cannot be seen written out."""
    return html.escape(printable.visible(value, keep="\n\t"))


def output(value: str, limit: int) -> str:
    """What a program printed, as HTML: without terminal colors, at most `limit` characters."""
    value = COLORS.sub("", value).replace("\r\n", "\n").strip("\n")
    return text(printable.shorten(value, limit))


def table(caption: str, header: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are HTML already; the first cell of a row is its heading."""
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>' for first, *rest in rows
    )
    return (
        f'<div class="scroll"><table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def page(title: str, body: str) -> str:
    """A complete document, which ends with a sum over itself: `intact` knows whether somebody edited it."""
    document = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    return document + SEAL.format(results.sha256(document.encode()))


def intact(data: bytes) -> bool:
    """Whether a file holds a page as it was written."""
    document = data[: -len(SEAL.format("0" * 64))]
    return data == document + SEAL.format(results.sha256(document)).encode()


def write(path: Path, content: str) -> Path | None:
    """Put a page at path unless it is there; the new name of a file that was there and is not ours, or was edited."""
    data, aside = content.encode(), None
    try:
        old = results.read_regular(path)
    except OSError:
        old = b""
    if old == data:
        return None
    if old is not None and not intact(old):
        aside = results.put_aside(path)
    results.write(path, data)
    return aside
