"""The page in a real browser: from the first look to the file on disk."""

import numpy as np

from hqsam.masks.rle import decode, encode
from tests.serving.web.annotator import masks_in

CUP = (300, 60)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))


def test_a_folder_opens_with_its_photos_and_says_which_one_it_shows(annotator):
    assert annotator.page.locator("#gallery ol button").count() == 3
    assert annotator.page.title() == "coffee 2.jpg · hqsam"
    assert "1 of 3" in annotator.page.locator("#image-facts").text_content()


def test_hovering_shows_what_a_click_takes(annotator):
    annotator.point(*CUP)
    annotator.until("app.hoverPreview.mask")
    shown = annotator.mask("app.hoverPreview.mask")
    annotator.click(*CUP)
    assert shown.any()
    assert np.array_equal(annotator.draft, shown)


def test_leaving_the_photo_takes_the_preview_away(annotator):
    annotator.point(*CUP)
    annotator.until("app.hoverPreview.mask")
    annotator.page.mouse.move(5, 5)
    annotator.until("!app.hoverPreview.mask")


def test_a_right_click_corrects_and_undo_and_redo_walk_back_and_forth(annotator):
    annotator.click(*CUP)
    first = annotator.draft
    rows, columns = np.nonzero(first)
    middle = len(rows) // 3
    annotator.click(columns[middle] + 0.5, rows[middle] + 0.5, button="right")
    second = annotator.draft
    assert not np.array_equal(first, second)
    annotator.press("Control+z")
    assert np.array_equal(annotator.draft, first)
    annotator.press("Control+Shift+z")
    assert np.array_equal(annotator.draft, second)


def test_taking_away_from_nothing_is_refused_in_words(annotator):
    annotator.click(*CUP, button="right")
    assert "nothing to subtract" in annotator.said
    assert not annotator.draft.any()


def test_dragging_makes_a_box(annotator):
    annotator.drag((110, 5), (525, 395))
    inside = annotator.draft
    assert annotator.look("app.draftEditor.draft.box") == [110, 5, 525, 395]
    assert inside[5:395, 110:525].sum() > 0.95 * inside.sum() > 0


def test_a_box_by_two_clicks_on_its_corners(annotator):
    annotator.press("b")
    annotator.click(515, 390)
    annotator.click(120, 10)
    assert annotator.look("app.draftEditor.draft.box") == [120, 10, 515, 390]


def test_what_the_brush_did_stays_when_another_click_brings_another_mask(annotator):
    annotator.press("p")
    annotator.drag((20, 20), (60, 20))
    stroke = annotator.draft
    assert stroke[20, 20:60].all()
    assert 400 < stroke.sum() < 900
    annotator.press("c")
    annotator.click(*CUP)
    assert annotator.draft.sum() > stroke.sum()
    assert annotator.draft[stroke].all()


def test_the_eraser_and_the_right_button_of_the_brush_take_pixels_away(annotator):
    annotator.press("p")
    annotator.drag((20, 20), (80, 20))
    annotator.press("e")
    annotator.drag((35, 5), (35, 40))
    assert not annotator.draft[20, 32:38].any()
    annotator.press("p")
    annotator.drag((65, 5), (65, 40), button="right")
    assert not annotator.draft[20, 62:68].any()
    assert annotator.draft[20, 50]


def test_a_lasso_holds_the_pixels_whose_middles_are_inside(annotator):
    annotator.press("l")
    for corner in [(30, 30), (80, 30), (80, 60), (30, 60)]:
        annotator.click(*corner)
    annotator.press("Enter")
    expected = np.zeros((400, 600), bool)
    expected[30:60, 30:80] = True
    assert iou(annotator.draft, expected) > 0.97


def test_one_click_has_three_readings(annotator):
    annotator.click(*CUP)
    masks = []
    for _ in range(3):
        annotator.press("m")
        masks.append(annotator.draft)
    assert len({mask.tobytes() for mask in masks}) > 1
    chosen = annotator.look("app.draftEditor.draft.chosen")
    assert annotator.page.locator(f"[data-candidate='{chosen}']").get_attribute("aria-pressed") == "true"
    annotator.page.locator("[data-candidate='2']").click()
    assert annotator.look("app.draftEditor.draft.chosen") == 2


def test_the_sources_can_be_compared_by_key(annotator):
    annotator.click(*CUP)
    seen = {}
    for _ in range(3):
        annotator.press("s")
        source = annotator.look("app.models.source")
        annotator.until(f"app.draftEditor.draft.answers[0].source === {source!r}")
        seen[source] = annotator.draft
    assert set(seen) == {"sum", "hq", "sam"}
    assert not np.array_equal(seen["hq"], seen["sam"])


def test_a_closer_look_follows_each_click_and_goes_when_it_is_switched_off(annotator):
    asked = []
    annotator.page.on("request", lambda one: asked.append(one.post_data) if one.url.endswith("/masks") else None)
    annotator.press("d")
    annotator.click(*CUP)
    annotator.until("app.draftEditor.draft.isDetailed")
    assert '"detail":true' in asked[-1]
    annotator.press("d")
    annotator.until("!app.draftEditor.draft.isDetailed")


def test_a_kept_object_is_on_the_server_with_its_name_and_what_it_came_from(annotator, site):
    annotator.click(*CUP)
    drawn = annotator.draft
    annotator.page.fill("#draft-class", "cup")
    annotator.press("Enter")
    [kept] = site.client.annotations(annotator.look("app.store.image.id"))
    assert np.array_equal(decode(kept["rle"]), drawn)
    assert (kept["class_name"], kept["source"], kept["model"]) == ("cup", "sum", "nano")
    assert kept["prompts"][0]["points"] == [list(CUP)]
    annotator.page.locator("#objects .name").dblclick()
    annotator.page.locator("#objects .name").fill("saucer")
    annotator.press("Enter")
    assert site.client.annotations(kept["image_id"])[0]["class_name"] == "saucer"


def test_nothing_vanishes_when_the_page_is_loaded_again(annotator):
    annotator.click(*CUP)
    annotator.press("Enter")
    annotator.drag((120, 150), (515, 390))
    draft = annotator.draft
    annotator.page.reload()
    annotator.until("app.store.image && app.renderer.bitmap && app.store.objects.length === 1")
    annotator.settle()
    assert np.array_equal(annotator.draft, draft)
    annotator.press("Enter")
    assert len(annotator.names) == 2


def test_a_finished_object_can_be_corrected_and_given_up(annotator, site):
    annotator.click(*CUP)
    annotator.press("Enter")
    before = site.client.annotations(annotator.look("app.store.image.id"))[0]
    annotator.press("j", "Enter", "p")
    annotator.drag((20, 20), (60, 20))
    annotator.press("Escape")
    assert site.client.annotations(before["image_id"])[0]["version"] == before["version"]
    annotator.press("j", "Enter")
    annotator.drag((20, 20), (60, 20))
    annotator.press("Enter")
    [after] = site.client.annotations(before["image_id"])
    assert after["id"] == before["id"]
    assert decode(after["rle"])[20, 20:60].all()


def test_a_deleted_object_comes_back_by_undo(annotator, site):
    annotator.click(*CUP)
    annotator.press("Enter", "j", "Delete")
    image = annotator.look("app.store.image.id")
    assert site.client.annotations(image) == []
    annotator.press("Control+z")
    assert len(site.client.annotations(image)) == 1
    assert annotator.names == ["object"]


def test_a_locked_object_is_not_deleted_and_a_hidden_one_is_not_drawn(annotator):
    annotator.click(*CUP)
    annotator.press("Enter", "j", "o", "Delete")
    assert annotator.names == ["object"]
    assert "locked" in annotator.said
    window = slice(280, 300), slice(50, 70)
    shown = annotator.pixels("below", *window)
    annotator.press("i")
    annotator.page.wait_for_timeout(100)
    assert not np.array_equal(annotator.pixels("below", *window), shown)


def test_the_exported_mask_is_the_one_that_is_seen_pixel_for_pixel(annotator):
    annotator.click(*CUP)
    annotator.press("Enter", "v")
    annotator.page.keyboard.press("x")
    name, data = annotator.download(lambda: annotator.page.locator("#export-dialog button.main").click())
    [exported] = masks_in(name, data)
    rows, columns = np.nonzero(exported & ~np.roll(exported, 1, axis=0))
    row, column = int(rows[len(rows) // 2]), int(columns[len(rows) // 2])  # on an edge, where it matters
    for _ in range(8):
        annotator.page.mouse.move(*annotator.at(column, row))
        annotator.page.mouse.wheel(0, -200)
        annotator.page.wait_for_timeout(60)
    window = annotator.window_around(column, row)
    with_mask = annotator.pixels("below", *window)
    annotator.press("h")
    annotator.page.wait_for_timeout(100)
    seen = (with_mask != annotator.pixels("below", *window)).any(axis=2)
    expected = exported[window[1], window[0]]
    assert 0 < expected.mean() < 1
    assert np.array_equal(seen, expected)


def test_masks_come_in_from_files(annotator, tmp_path):
    from PIL import Image

    mask = np.zeros((400, 600), np.uint8)
    mask[100:200, 150:300] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    annotator.press("x")
    annotator.page.locator("#export-dialog input[type='file']").set_input_files(tmp_path / "mask.png")
    annotator.until("app.store.objects.length === 1")
    annotator.until("document.querySelector('#status').textContent.includes('1 objects came from mask.png')")
    assert annotator.look("app.store.objects[0].rle")["counts"] == encode(mask > 0)["counts"]


def test_a_new_photo_joins_the_strip_and_done_goes_on_to_what_is_to_do(annotator, tmp_path):
    from PIL import Image

    Image.new("RGB", (80, 60), "teal").save(tmp_path / "teal.png")
    annotator.page.locator("#gallery .add-images").set_input_files(tmp_path / "teal.png")
    annotator.until("app.gallery.images.length === 4")
    annotator.press("f")
    annotator.until("app.store.image.name === 'coffee 10.jpg'")
    assert annotator.page.locator("#gallery button[title='coffee 2.jpg']").get_attribute("data-status") == "done"
    annotator.press(",")
    annotator.until("app.store.image.name === 'coffee 2.jpg'")
    annotator.press("f")
    annotator.until("document.querySelector('#gallery button[title=\"coffee 2.jpg\"]').dataset.status === 'todo'")


def test_what_the_server_refuses_is_said_in_its_words(annotator, tmp_path):
    (tmp_path / "no photo.png").write_bytes(b"this is no photo")
    annotator.page.locator("#gallery .add-images").set_input_files(tmp_path / "no photo.png")
    annotator.until("document.querySelector('#failures li')")
    assert annotator.failures.startswith("no photo.png: ")


def test_everything_is_found_with_progress_and_kept_by_clicks(annotator, site):
    annotator.press("a")
    annotator.page.locator("#everything-dialog input[value='8']").check()
    annotator.page.locator("#everything-dialog button.main").click()
    annotator.until("app.store.proposals.length > 1")
    count = annotator.look("app.store.proposals.length")
    assert f"{count} objects found" in annotator.page.locator("#proposals-bar").text_content()
    wanted = annotator.mask("(await import('/web/masks/rle.js')).decode(app.store.proposals[0].rle)")
    x, y = inner_pixel(wanted)
    smallest = annotator.look(
        f"(await import('/web/state/object_masks.js')).smallestAt([{x}.5, {y}.5], app.store.proposals).rle.counts"
    )
    annotator.click(x, y)
    [kept] = site.client.annotations(annotator.look("app.store.image.id"))
    assert kept["rle"]["counts"] == smallest
    annotator.page.click("#keep-all")
    annotator.settle()
    assert len(annotator.names) == count
    annotator.press("Control+z")
    assert len(annotator.names) == 1


def test_everything_can_be_cancelled(annotator):
    annotator.page.keyboard.press("a")
    annotator.page.locator("#everything-dialog input[value='32']").check()
    annotator.page.locator("#everything-dialog button.main").click()
    annotator.until("!document.querySelector('#everything-dialog .progress').hidden")
    annotator.page.locator("#everything-dialog .cancel").click()
    annotator.until("document.querySelector('#status').textContent === 'Cancelled.'")
    assert annotator.look("app.store.proposals.length") == 0


def inner_pixel(mask: np.ndarray) -> tuple[int, int]:
    """A pixel x, y well inside."""
    rows, columns = np.nonzero(mask)
    return int(columns[len(rows) // 2]), int(rows[len(rows) // 2])
