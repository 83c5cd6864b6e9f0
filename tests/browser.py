"""What the tests in a real browser share: Debian's or Ubuntu's Chromium, and a record of all that goes wrong in a page.

Never a downloaded browser: where no Chromium is installed, `chromium` skips the test and says so.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lecture_lib import slides

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STAYS_HERE = re.compile(
    r"(file|data|blob|about|chrome-error):|https?://(127\.0\.0\.1|localhost)[:/]|ws://127\.0\.0\.1:"
)


@dataclass
class Record:
    """What a page did that a sound page does not do: one line each."""

    console: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@contextlib.contextmanager
def chromium(**context) -> Iterator:
    """A Playwright browser context with an empty profile; `context` is passed to `new_context`. Skips without one."""
    path = slides.chromium()
    if not path:
        pytest.skip("there is no Chromium here: on Debian, apt-get install chromium, or set CHROMIUM to its path")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        try:
            yield browser.new_context(**context)
        finally:
            browser.close()


def watch(page) -> Record:
    """Record, from now on, errors on the page's console and requests that would leave the machine; they are refused."""
    record = Record()

    def refuse(route):
        record.outside.append(route.request.url)
        route.abort()

    page.on("console", lambda m: m.type == "error" and record.console.append(f"{m.text} ({m.location.get('url')})"))
    page.on("pageerror", lambda error: record.console.append(str(error)))
    page.route(lambda url: not STAYS_HERE.match(url), refuse)
    return record
