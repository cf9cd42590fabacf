"""The page for everybody: axe looks at its main states, light and dark, wide and narrow."""

import pytest

from tests import needs


@pytest.fixture
def axe():
    needs.package("axe_playwright_python", install="pip install axe-playwright-python")
    from axe_playwright_python.sync_playwright import Axe

    return Axe()


def faults(axe, page) -> list[str]:
    """What axe calls serious or critical. It comes in by the debugger, since the page takes no scripts."""
    found = axe.run(page).response
    assert len(found["passes"]) > 10, "axe has looked"
    serious = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}" for one in serious for node in one["nodes"]
    ]


def fill(annotator) -> None:
    """An object in the list, another in the making."""
    annotator.click(300, 60)
    annotator.press("Enter")
    annotator.drag((120, 150), (515, 390))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_desk_has_no_serious_fault(annotator, axe, scheme):
    annotator.page.emulate_media(color_scheme=scheme)
    fill(annotator)
    assert faults(axe, annotator.page) == []
    for key in "?xa":
        annotator.page.keyboard.press(key)
        assert faults(axe, annotator.page) == [], key
        annotator.page.keyboard.press("Escape")
    for opener in ("#classes", "#state", "[popovertarget='view-panel']"):
        annotator.page.click(opener)
        annotator.page.wait_for_timeout(100)
        assert faults(axe, annotator.page) == [], opener
        annotator.page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_no_serious_fault(phone, axe, scheme):
    phone.page.emulate_media(color_scheme=scheme)
    phone.page.touchscreen.tap(*phone.at(300, 60))
    phone.settle()
    for sheet in ("settings", "objects", "gallery"):
        phone.page.locator(f"#show-{sheet}").tap()
        assert faults(axe, phone.page) == [], sheet


def test_what_happens_is_told_to_screen_readers(annotator):
    status = annotator.page.locator("#status")
    assert (status.get_attribute("role"), status.get_attribute("aria-live")) == ("status", "polite")
    annotator.press("s")
    assert status.text_content().startswith("HQ")


def test_a_server_without_a_detector_shows_no_field_for_words(annotator):
    assert annotator.page.locator(".words").count() == 0
    annotator.press('"')
    assert annotator.failures == ""
