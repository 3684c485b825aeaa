"""A browser without a window, and pages opened in it as files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
IN_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None,
        reason="no Chromium is there: apt-get install chromium, or say where: CHROMIUM=…",
    ),
]
"""Marks of tests that need a browser."""


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Return Chromium, which stays until the module's last test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without its sandbox, which needs rights that containers don't give; the pages are ours.
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def opened(browser) -> Iterator[Callable[..., object]]:
    """Return a function that opens a file; at the end, nothing failed and nothing was fetched."""
    problems: list[str] = []
    contexts = []

    def asked(request) -> None:
        if not request.url.startswith(("file:", "blob:")):
            problems.append(request.url)

    def open_file(file: Path, *, address: str = "", ready: str = "true", **options: object):
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text))
        page.on("request", asked)
        page.goto(file.absolute().as_uri() + address)
        page.locator("body[data-ready]").wait_for(timeout=60_000)
        assert page.locator("body").get_attribute("data-ready") == ready
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert not problems
