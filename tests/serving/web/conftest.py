"""A browser, and a server with small photos, for the tests of the page."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chromium import chromium
from tests.serving.servers import Running, photos_in, running, settings_in
from tests.serving.web.annotator import Annotator


@pytest.fixture(scope="module")
def browser():
    """Debian's chromium; for each module anew, since Playwright keeps an event loop running."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(_nano, tmp_path_factory) -> Iterator[Running]:
    """A server that only this module's tests use."""
    home = tmp_path_factory.mktemp("site")
    with running(settings_in(home, folder=photos_in(home / "photos"))) as server:
        yield server


@pytest.fixture
def annotator(browser, site) -> Iterator[Annotator]:
    """The page as a desk has it, with nothing annotated yet."""
    with _page_of(browser, site, viewport={"width": 1280, "height": 800}) as annotator:
        yield annotator


@pytest.fixture
def phone(browser, site) -> Iterator[Annotator]:
    """The page on a phone."""
    with _page_of(browser, site, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as annotator:
        yield annotator


@contextmanager
def _page_of(browser, site: Running, **screen) -> Iterator[Annotator]:
    for image in site.client.images():
        for annotation in site.client.annotations(image["id"]):
            site.client.request("DELETE", f"/v1/annotations/{annotation['id']}")
    context = browser.new_context(**screen)
    annotator = Annotator(context.new_page(), site.address)
    annotator.enter()
    yield annotator
    context.close()
    assert annotator.faults == [], "the page reported errors"
