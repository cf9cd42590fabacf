"""What somebody does who labels a folder of images: done, copies, corners, a look at what is there."""

from itertools import pairwise

import numpy as np

from hqsam.masks.rle import decode

CUP = (300, 60)


def paint(annotator, row: int) -> None:
    """Make an object with the brush: the same pixels each time."""
    annotator.press("p")
    annotator.drag((100, row), (200, row))
    annotator.press("Enter", "c")


def test_done_keeps_the_object_in_the_making(annotator, site):
    image = annotator.look("app.store.image.id")
    annotator.click(*CUP)
    drawn = annotator.draft
    annotator.press("f")
    annotator.until(f"app.store.image.id !== {image}")
    [kept] = site.client.annotations(image)
    assert np.array_equal(decode(kept["rle"]), drawn)
    assert site.ask("GET", f"/v1/images/{image}").json["status"] == "done"
    site.ask("PATCH", f"/v1/images/{image}", {"status": "todo"})


def test_done_waits_for_a_click_that_has_no_mask_yet(annotator):
    annotator.page.route("**/masks", lambda route: None)  # an answer that does not come
    annotator.page.mouse.click(*annotator.at(*CUP))
    annotator.page.keyboard.press("f")
    annotator.until("document.querySelector('#failures li')")
    assert "no mask yet" in annotator.failures
    assert annotator.look("app.store.image.status") == "todo"
    assert annotator.look("app.draftEditor.draft.points.length") == 1


def test_a_click_that_nobody_could_answer_waits_through_a_reload(annotator):
    refusal = {"error": {"code": "token", "message": "this page is from an earlier start"}}
    annotator.page.route("**/masks", lambda route: route.fulfill(status=401, json=refusal))
    annotator.page.mouse.click(*annotator.at(*CUP))
    annotator.until("document.querySelector('#failures li')")
    annotator.page.unroute("**/masks")
    annotator.page.wait_for_timeout(400)
    annotator.page.reload()
    annotator.until("app.store.image")
    annotator.settle()
    assert annotator.look("app.draftEditor.draft.points") == [list(CUP)]
    assert annotator.draft.any()


def test_objects_are_copied_from_the_image_before_once_and_in_one_step(annotator, site, tmp_path):
    from PIL import Image

    paint(annotator, 100)
    paint(annotator, 200)
    Image.new("RGB", (600, 400), "teal").save(tmp_path / "next.png")
    annotator.page.locator("#gallery .add-images").set_input_files(tmp_path / "next.png")
    annotator.until("app.gallery.images.some(({ name }) => name === 'next.png')")
    annotator.show("next.png")
    annotator.press("g")
    assert "before" in annotator.said or "size" in annotator.said  # the cat lies between, of another size
    annotator.page.evaluate(
        """async () => {
            const { app } = await import("/web/main.js");
            app.gallery.images.splice(1, app.gallery.images.length - 2);
        }"""
    )
    annotator.press("g")
    annotator.until("app.store.objects.length === 2")
    annotator.press("g")
    assert len(annotator.names) == 2, "what is there already is left out"
    annotator.press("Control+z")
    assert annotator.names == []
    site.client.request("DELETE", f"/v1/images/{annotator.look('app.store.image.id')}")


def test_a_corner_is_moved_by_hand_and_all_else_stays_pixel_for_pixel(annotator):
    annotator.press("l")
    annotator.drag((100, 100), (200, 100), (200, 200), (100, 200), (100, 101))
    before = annotator.draft
    annotator.press("u")
    annotator.drag((200, 200), (260, 240))
    after = annotator.draft
    assert after[230, 245]
    assert not before[230, 245]
    assert np.array_equal(after[:150, :150], before[:150, :150])
    annotator.press("Control+z")
    assert np.array_equal(annotator.draft, before)
    annotator.click(200, 200, button="right")  # the corner goes: a triangle stays
    assert not annotator.draft[190, 190]
    assert annotator.draft[120, 120]


def test_an_edge_that_is_dragged_gets_a_corner(annotator):
    annotator.press("l")
    annotator.drag((100, 100), (200, 100), (200, 200), (100, 200), (100, 101))
    annotator.press("u")
    annotator.drag((150, 200), (150, 260))
    assert annotator.draft[240, 150]
    assert not annotator.draft[240, 110]


def test_a_hole_grows_where_its_corner_is_moved_outwards(annotator):
    annotator.press("l")
    annotator.drag((100, 100), (300, 100), (300, 300), (100, 300), (100, 101))
    annotator.drag((150, 150), (250, 150), (250, 250), (150, 250), (150, 151), button="right")
    assert not annotator.draft[200, 200]
    annotator.press("u")
    annotator.drag((250, 250), (280, 280))
    assert not annotator.draft[262, 262]
    assert annotator.draft[290, 290]


def test_masks_and_image_are_shown_as_one_likes(annotator):
    paint(annotator, 100)
    window = slice(140, 160), slice(98, 102)
    bare = slice(300, 320), slice(300, 304)
    masked, image = annotator.pixels("below", *window), annotator.pixels("below", *bare)
    annotator.page.click("[popovertarget='view-panel']")
    annotator.page.locator("#view-panel [name='opacity']").fill("0.8")
    annotator.page.wait_for_timeout(100)
    assert not np.array_equal(annotator.pixels("below", *window), masked)
    assert np.array_equal(annotator.pixels("below", *bare), image)
    annotator.page.locator("#view-panel [name='brightness']").fill("2")
    annotator.page.wait_for_timeout(100)
    assert annotator.pixels("below", *bare).sum() > image.sum()
    annotator.page.locator("#view-panel input[value='object']").check()
    annotator.page.click("#view-reset")
    annotator.page.locator("#view-panel input[value='class']").check()
    annotator.page.wait_for_timeout(100)
    assert np.array_equal(annotator.pixels("below", *window), masked)


def test_notices_stand_below_each_other(annotator):
    annotator.page.evaluate(
        """async () => {
            const { app } = await import("/web/main.js");
            const { connection } = await import("/web/api.js");
            for (const word of ["one", "two"]) app.notices.fail(word);
            connection.emit("offline");
            app.notices.say("three");
        }"""
    )
    shown = ["#connection-notice", "#status", "#failures li:nth-child(1)", "#failures li:nth-child(2)"]
    boxes = sorted((annotator.page.locator(one).bounding_box() for one in shown), key=lambda box: box["y"])
    assert all(above["y"] + above["height"] <= below["y"] for above, below in pairwise(boxes))
    annotator.page.locator("#failures button").first.click()
    assert annotator.failures == "two"
