"""Debian's chromium, driven by Playwright."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import needs


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a browser, and close it at the end; skip the test, or fail it in CI, where it is not installed."""
    needs.program("chromium", install="apt-get install chromium")
    needs.package("playwright", install="pip install playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()
