"""What could lose, double or mislabel work without a word: lost answers, full storage, two windows, hasty keys."""

import numpy as np
import pytest

from hqsam.masks.rle import decode
from tests.serving.servers import TOKEN
from tests.serving.web.annotator import Annotator

CUP = (300, 60)


@pytest.fixture
def other(annotator, site):
    """A second window of the same browser."""
    window = Annotator(annotator.page.context.new_page(), site.address)
    window.page.goto(f"{site.address}/?token={TOKEN}")
    window.until("app.store.image && app.renderer.bitmap")
    window.show("coffee 2.jpg")
    return window


def paint(annotator, row: int) -> None:
    """Make an object with the brush."""
    annotator.page.keyboard.press("p")
    annotator.page.mouse.move(*annotator.at(100, row))
    annotator.page.mouse.down()
    annotator.page.mouse.move(*annotator.at(200, row), steps=4)
    annotator.page.mouse.up()
    annotator.page.keyboard.press("Enter")


def cut_off(annotator) -> None:
    """Let no new object reach the server."""
    annotator.page.route("**/annotations", lambda route: route.abort() if is_post(route) else route.continue_())
    annotator.page.route("**/v1/health", lambda route: route.abort())


def is_post(route) -> bool:
    return route.request.method == "POST"


def lose_answers(annotator) -> None:
    """Let new objects reach the server, whose answers do not come back."""

    def lose(route):
        route.fetch()
        route.abort()

    annotator.page.route("**/annotations", lambda route: lose(route) if is_post(route) else route.continue_())
    annotator.page.route("**/v1/health", lambda route: route.abort())
    paint(annotator, 100)
    annotator.until("!document.querySelector('#connection-notice').hidden")


def find_answers_again(annotator) -> None:
    annotator.page.unroute_all(behavior="wait")
    annotator.settle()


def test_a_name_that_was_changed_while_an_answer_was_lost_reaches_the_server(annotator, site):
    lose_answers(annotator)
    annotator.look("app.store.rename([app.store.objects[0].key], 'mug')")
    find_answers_again(annotator)
    [stored] = site.client.annotations(annotator.look("app.store.image.id"))
    assert stored["class_name"] == "mug"


def test_an_object_that_was_taken_back_while_an_answer_was_lost_does_not_come_back(annotator, site):
    lose_answers(annotator)
    annotator.page.keyboard.press("Control+z")
    find_answers_again(annotator)
    assert site.client.annotations(annotator.look("app.store.image.id")) == []


def test_objects_are_saved_though_the_browsers_storage_is_full(annotator, site):
    annotator.look("localStorage.setItem('filling', 'x'.repeat(5 * 1024 * 1024 - 1200))")
    cut_off(annotator)
    for row in (100, 200, 300):
        paint(annotator, row)
    annotator.until("document.querySelector('#failures li')")
    assert "storage" in annotator.failures and len(annotator.names) == 3
    find_answers_again(annotator)
    assert len(site.client.annotations(annotator.look("app.store.image.id"))) == 3


def test_two_windows_keep_what_each_of_them_could_not_send(annotator, other, site):
    for window in (annotator, other):
        cut_off(window)
    paint(annotator, 100)
    annotator.until("!document.querySelector('#connection-notice').hidden")
    paint(other, 200)
    other.until("!document.querySelector('#connection-notice').hidden")
    annotator.page.reload()
    annotator.page.unroute("**/annotations")
    annotator.page.unroute("**/v1/health")
    other.page.close()
    annotator.until("app.store.image && app.renderer.bitmap")
    annotator.settle()
    assert len(site.client.annotations(annotator.look("app.store.image.id"))) == 2


def test_a_key_that_is_held_marks_one_image(annotator, site):
    annotator.page.keyboard.down("f")
    for _ in range(8):
        annotator.page.wait_for_timeout(150)
        annotator.page.keyboard.down("f")
    annotator.page.keyboard.up("f")
    annotator.settle()
    done = [image["id"] for image in site.client.images() if image["status"] == "done"]
    for image in site.client.images():
        site.ask("PATCH", f"/v1/images/{image['id']}", {"status": "todo"})
    assert len(done) == 1


def test_two_hasty_strokes_of_one_key_do_not_take_done_back(annotator, site):
    first = annotator.look("app.store.image.id")
    annotator.look(
        """await (async () => {
            const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
            const next = app.gallery.nextTodo.bind(app.gallery);
            app.gallery.nextTodo = async (image) => (await pause(400), next(image)); // as in a long folder
            const second = pause(200).then(() => app.navigation.mark("done"));
            await Promise.all([app.navigation.mark("done"), second]);
        })()"""
    )
    annotator.settle()
    status = site.ask("GET", f"/v1/images/{first}").json["status"]
    for image in site.client.images():
        site.ask("PATCH", f"/v1/images/{image['id']}", {"status": "todo"})
    assert status == "done"


def test_letters_in_a_menu_that_has_the_focus_are_no_shortcuts(annotator):
    annotator.page.focus("#filter-status")
    annotator.page.keyboard.press("e")
    annotator.page.keyboard.press("q")
    annotator.page.wait_for_timeout(300)
    assert annotator.page.locator("[data-tool='eraser']").first.get_attribute("aria-pressed") == "false"
    assert annotator.look("app.store.image.status") == "todo"


def test_a_note_that_is_being_written_stays_when_an_earlier_answer_arrives(annotator, site):
    image, held = annotator.look("app.store.image.id"), []
    annotator.page.click("[popovertarget='state-panel']")
    annotator.page.route("**/v1/images/*", lambda route: held.append(route))
    annotator.page.locator("#state-panel input[value='to_review']").check()
    annotator.page.locator("#note").press_sequentially("blurred")
    for route in held:
        route.continue_()
    annotator.page.unroute("**/v1/images/*")
    annotator.until("app.store.image.status === 'to_review'")
    annotator.page.locator("#note").press("Tab")
    annotator.page.wait_for_timeout(500)
    note = site.ask("GET", f"/v1/images/{image}").json["note"]
    site.ask("PATCH", f"/v1/images/{image}", {"status": "todo", "note": ""})
    assert note == "blurred"


def test_a_click_whose_answer_is_on_its_way_is_part_of_what_is_kept(annotator, site):
    annotator.click(*CUP)
    before, held = annotator.draft, []
    annotator.page.route("**/masks", lambda route: held.append(route))
    annotator.page.mouse.click(*annotator.at(100, 300))
    annotator.page.keyboard.press("Enter")
    annotator.until("app.store.objects.length === 1")
    annotator.page.wait_for_timeout(300)
    for route in held:
        route.continue_()
    annotator.page.unroute("**/masks")
    annotator.page.wait_for_timeout(1000)
    annotator.settle()
    kept = annotator.mask("(await import('/web/state/object_masks.js')).objectMask(app.store.objects[0])")
    assert not np.array_equal(kept, before)
    [stored] = site.client.annotations(annotator.look("app.store.image.id"))
    assert np.array_equal(decode(stored["rle"]), kept) and len(stored["prompts"][0]["points"]) == 2
    annotator.press("Control+z", "Control+y")
    annotator.settle()
    assert np.array_equal(
        annotator.mask("(await import('/web/state/object_masks.js')).objectMask(app.store.objects[0])"), kept
    )


def test_what_a_busy_server_refused_is_sent_again_and_an_export_says_what_is_missing(annotator, site):
    answers = [{"status": 502, "headers": {"Retry-After": "3"}}]

    def refuse_once(route):
        route.fulfill(**answers.pop()) if is_post(route) and answers else route.continue_()

    annotator.page.route("**/annotations", refuse_once)
    paint(annotator, 100)
    annotator.until("document.querySelector('#failures li')")
    annotator.look("app.saveQueue.flush()")
    assert "502" in annotator.failures and "not in the file" in annotator.failures
    annotator.settle()
    assert len(site.client.annotations(annotator.look("app.store.image.id"))) == 1


def test_an_object_that_was_deleted_elsewhere_comes_back_with_the_change_that_is_made_here(annotator, site):
    paint(annotator, 100)
    annotator.settle()
    image = annotator.look("app.store.image.id")
    [stored] = site.client.annotations(image)
    site.ask("DELETE", f"/v1/annotations/{stored['id']}")
    annotator.look("app.store.rename([app.store.objects[0].key], 'mug')")
    annotator.settle()
    assert [(one["id"], one["class_name"]) for one in site.client.annotations(image)] == [(stored["id"], "mug")]


def test_objects_that_are_being_fetched_are_shown_though_the_image_gets_a_note_meanwhile(annotator, site):
    image, held = annotator.look("app.store.image.id"), []
    paint(annotator, 100)
    annotator.settle()
    annotator.page.route("**/annotations", lambda route: held.append(route))
    annotator.look("void app.navigation.show(app.store.image)")
    annotator.page.click("[popovertarget='state-panel']")
    annotator.page.locator("#note").fill("blurred")
    annotator.page.locator("#note").press("Tab")
    annotator.until("app.store.image.note === 'blurred'")
    for route in held:
        route.continue_()
    annotator.page.unroute("**/annotations")
    annotator.until("app.store.objects.length === 1")
    site.ask("PATCH", f"/v1/images/{image}", {"note": ""})
