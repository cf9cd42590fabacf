"""Objects by words on the page, with a detector whose answers are known."""

import pytest

from hqsam.masks.boundary import iou
from hqsam.masks.rle import decode
from tests import needs
from tests.serving.known_boxes import KnownBoxes
from tests.serving.servers import photos_in, running, settings_in
from tests.serving.web.test_access import faults


@pytest.fixture(scope="module")
def site(_nano, tmp_path_factory):
    home = tmp_path_factory.mktemp("words")
    with running(settings_in(home, folder=photos_in(home / "photos"), detector=KnownBoxes())) as server:
        yield server


def look_for(annotator, words):
    annotator.press('"')
    annotator.until("document.activeElement.closest('.words')")
    annotator.page.keyboard.type(words)
    annotator.page.keyboard.press("Enter")


def test_words_become_named_objects_with_both_scores(annotator, site):
    look_for(annotator, "cup, spoon")
    annotator.until("app.store.proposals.length === 2")
    assert "2 objects found" in annotator.page.locator("#proposals-bar").text_content()
    shown = annotator.page.locator(".words [role=group] button").all_text_contents()
    assert [one.split(" · ")[0] for one in shown] == ["cup 0.83", "spoon 0.41"]
    annotator.page.click("#keep-all")
    annotator.settle()
    assert sorted(annotator.names) == ["cup", "spoon"]
    image = annotator.look("app.store.image.id")
    kept = {one["class_name"]: one for one in site.client.annotations(image)}
    assert kept["cup"]["prompts"] == [{"text": "cup", "score": 0.83}]
    plain = site.client.segment(image, box=[170, 15, 412, 210])
    assert iou(decode(kept["cup"]["rle"]), plain.mask(0)) > 0.99
    assert abs(kept["cup"]["score"] - plain.scores[0]) < 0.01
    assert {"cup", "spoon"} <= {one["name"] for one in site.client.request("GET", "/v1/classes")}


def test_one_is_kept_by_the_keyboard_alone_and_undone(annotator):
    look_for(annotator, "cup, spoon")
    annotator.until("app.store.proposals.length === 2")
    annotator.page.locator(".words [role=group] button").nth(1).focus()
    annotator.press("Enter")
    assert annotator.names == ["spoon"]
    assert annotator.page.locator(".words [role=group] button").count() == 1
    annotator.press("Control+z")
    assert annotator.names == [] and annotator.page.locator(".words [role=group] button").count() == 2


def test_nothing_of_that_name_and_what_the_server_refuses_are_told(annotator):
    look_for(annotator, "a ship")
    annotator.until("document.querySelector('#status').textContent === 'Found nothing.'")
    annotator.page.locator(".words input").fill("x" * 300)
    annotator.page.keyboard.press("Enter")
    annotator.until("document.querySelector('#failures li')")
    assert "200" in annotator.failures
    assert annotator.look("app.store.proposals.length") == 0


def test_escape_gives_the_keys_back(annotator):
    annotator.press('"')
    annotator.press("Escape")
    assert annotator.look("document.activeElement.id") == "canvas"


def test_a_phone_has_the_field_among_the_objects(phone):
    phone.page.click("#show-objects")
    assert phone.page.locator(".words input").is_visible()
    box = phone.page.locator(".words").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390


def test_the_field_has_no_serious_fault(annotator):
    look_for(annotator, "cup, spoon")
    annotator.until("app.store.proposals.length === 2")
    needs.package("axe_playwright_python", install="pip install axe-playwright-python")
    from axe_playwright_python.sync_playwright import Axe

    assert faults(Axe(), annotator.page) == []
