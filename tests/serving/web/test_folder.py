"""A folder of images: what is to do, where one was, classes of the whole project, annotations from files."""

import json

import numpy as np
import pytest

from hqsam.masks.rle import encode
from tests.serving.servers import TOKEN
from tests.serving.web.annotator import Annotator


@pytest.fixture(autouse=True)
def _fresh(site):
    """All images to do, without notes; no class."""
    for image in site.client.images():
        site.ask("PATCH", f"/v1/images/{image['id']}", {"status": "todo", "note": ""})


def draw(annotator, row: int, name: str) -> None:
    """Make an object with the brush: the same pixels each time."""
    annotator.press("p")
    annotator.drag((100, row), (200, row))
    annotator.press("n")
    annotator.page.keyboard.type(name)
    annotator.press("Enter", "c")


def shown(annotator) -> list[str]:
    """The names in the strip."""
    return annotator.page.locator("#gallery ol button").evaluate_all("all => all.map(({ title }) => title)")


def progress(annotator) -> str:
    return annotator.page.locator("#progress-text").text_content()


def test_images_are_done_to_review_or_rejected_and_have_a_note(annotator, site):
    image = annotator.look("app.store.image.id")
    assert progress(annotator).startswith("0 of 3 done")
    annotator.press("f")
    annotator.until("app.store.image.name === 'coffee 10.jpg'")
    annotator.press("r")
    annotator.until("app.store.image.name === 'more/cat.jpg'")
    assert progress(annotator) == "1 of 3 done, 1 to review"
    annotator.page.click("#state")
    annotator.page.locator("#note").fill("two cats?")
    annotator.page.locator("#state-panel input[value='rejected']").check()
    annotator.until("app.store.image.status === 'rejected'")
    annotator.page.keyboard.press("Escape")
    states = {one["name"]: (one["status"], one["note"]) for one in site.client.images()}
    assert states == {
        "coffee 2.jpg": ("done", ""),
        "coffee 10.jpg": ("to_review", ""),
        "more/cat.jpg": ("rejected", "two cats?"),
    }
    assert annotator.page.locator("#done").inner_text() == "Rejected"
    annotator.show("coffee 2.jpg")
    annotator.press("f")
    annotator.until("app.store.image.status === 'todo'")
    assert annotator.look("app.store.image.id") == image


def test_a_status_stays_chosen_when_the_note_before_it_is_answered(annotator, site):
    held = []

    def hold_the_status(route):
        held.append(route) if "rejected" in (route.request.post_data or "") else route.continue_()

    annotator.page.route(lambda url: "/v1/images/" in url, hold_the_status)
    annotator.page.click("#state")
    annotator.page.locator("#note").fill("blurred")
    rejected = annotator.page.locator("#state-panel input[value='rejected']")
    rejected.click()
    annotator.until("app.store.image.note === 'blurred'")
    assert rejected.is_checked()
    while not held:
        annotator.page.wait_for_timeout(20)
    held[0].continue_()
    annotator.until("app.store.image.status === 'rejected'")
    (image,) = (one for one in site.client.images() if one["name"] == "coffee 2.jpg")
    assert (image["status"], image["note"]) == ("rejected", "blurred")


def test_the_last_filter_counts_also_where_an_earlier_one_is_answered_later(annotator):
    draw(annotator, 100, "spoon")
    late = []

    def hold_the_first(route):
        late.append(route) if not late else route.continue_()

    annotator.page.route(lambda url: "/images?" in url, hold_the_first)
    annotator.page.select_option("#filter-status", "done")
    annotator.page.select_option("#filter-status", "todo")
    annotator.until("app.gallery.images.length === 3")
    late[0].continue_()
    annotator.page.wait_for_timeout(300)
    assert len(shown(annotator)) == 3


def test_images_are_searched_and_filtered(annotator):
    draw(annotator, 100, "spoon")
    annotator.press("/")
    annotator.page.keyboard.type("CAT")
    annotator.page.keyboard.press("Enter")
    annotator.until("app.store.image.name === 'more/cat.jpg'")
    assert shown(annotator) == ["more/cat.jpg"]
    annotator.press("f")
    annotator.until(
        "document.querySelector('#status').textContent.includes('last one to do')"
    )  # of those that are shown
    annotator.press("/", "Escape")
    annotator.until("app.gallery.images.length === 3")
    annotator.page.select_option("#filter-status", "todo")
    annotator.until("app.gallery.images.length === 2")
    assert "more/cat.jpg" not in shown(annotator)
    annotator.page.select_option("#filter-status", "")
    annotator.page.select_option("#filter-class", "spoon")
    annotator.until("app.gallery.images.length === 1")
    assert shown(annotator) == ["coffee 2.jpg"]
    assert "1 shown" in progress(annotator)


def test_the_page_opens_again_where_one_was(annotator, browser):
    annotator.show("more/cat.jpg")
    annotator.page.wait_for_timeout(300)
    another = Annotator(browser.new_context().new_page(), annotator.address)
    another.page.goto(f"{annotator.address}/?token={TOKEN}")
    another.until("app.store.image")
    assert another.look("app.store.image.name") == "more/cat.jpg"
    another.page.context.close()


def test_classes_are_added_renamed_merged_and_removed_everywhere(annotator, site):
    draw(annotator, 100, "weed")
    draw(annotator, 200, "grass")
    page = annotator.page
    page.click("#classes")
    page.fill("#new-class", "oak, elm")
    page.keyboard.press("Enter")
    annotator.until("app.classes.find('elm')?.number")
    page.get_by_label("Name of weed").fill("herb")
    annotator.look("app.classes.set(app.classes.list)")  # an answer comes while a name is typed
    assert page.get_by_label("Name of weed").input_value() == "herb"
    page.keyboard.press("Tab")
    annotator.until("app.store.objects[0].class_name === 'herb'")
    page.get_by_label("Merge grass into").select_option(label="herb")
    annotator.until("app.store.objects[1].class_name === 'herb'")
    assert "grass" not in [one["name"] for one in site.ask("GET", "/v1/classes").json]
    page.get_by_label("Remove elm").click()
    annotator.until("!app.classes.find('elm')")
    page.get_by_label("Remove herb").click()
    annotator.until("document.querySelector('#classes-dialog .message').textContent.includes('Delete them, too?')")
    page.get_by_text("Delete them", exact=True).click()
    annotator.until("app.store.objects.length === 0")
    page.keyboard.press("Escape")
    annotator.press("Control+z")
    annotator.until("app.store.objects.length === 2")
    annotator.press("Control+z")
    annotator.until("app.classes.find('elm')")
    annotator.press("Control+z")
    annotator.until("app.store.objects[1].class_name === 'grass'")
    assert annotator.names == ["herb", "grass"]


def test_a_new_name_or_colour_leaves_alone_what_others_did_to_the_classes_meanwhile(annotator, site):
    annotator.look("app.classes.add('bowl')")
    annotator.until("app.classes.find('bowl').number")
    number = annotator.look("app.classes.find('bowl').number")
    site.ask("PATCH", f"/v1/classes/{number}", {"name": "dish"})
    site.ask("POST", "/v1/classes", {"name": "jug"})
    annotator.look(
        "app.classes.recolour('bowl', '#010203'), app.classes.add('pan'), app.classes.recolour('pan', '#0a0b0c')"
    )
    annotator.until("app.classes.find('pan').number && app.classes.find('pan').colour === '#0a0b0c'")
    listed = {one["name"]: one["colour"] for one in site.ask("GET", "/v1/classes").json}
    assert {"dish", "jug"} <= set(listed) and "bowl" not in listed and listed["dish"] == "#010203"
    assert annotator.look("Boolean(app.classes.find('jug')) && !app.classes.find('bowl')")


def test_a_class_that_exists_is_merged_with_only_when_asked_and_keys_move(annotator):
    draw(annotator, 100, "one")
    draw(annotator, 200, "two")
    page = annotator.page
    page.click("#classes")
    page.get_by_label("Name of one").fill("two")
    page.keyboard.press("Tab")
    assert "Merge the two?" in page.locator("#classes-dialog .message").inner_text()
    key = annotator.look("app.classes.find('one').key")
    page.get_by_label("Key of two").select_option(key)
    annotator.until(f"app.classes.find('two').key === '{key}'")
    assert annotator.look("app.classes.find('one').key") != key
    page.keyboard.press("Escape")
    assert annotator.names == ["one", "two"]


def test_classes_come_from_a_file(annotator, tmp_path):
    (tmp_path / "classes.txt").write_text("apple\npear\n")
    annotator.page.click("#classes")
    annotator.page.locator("#classes-file").set_input_files(tmp_path / "classes.txt")
    annotator.until("app.classes.find('pear') || document.querySelector('#classes-dialog .message').textContent")
    assert (
        annotator.page.get_by_label("Name of pear").count()
        or "number" in annotator.page.locator(".message").inner_text()
    )


def coco_file(path, name: str, *, row: int):
    mask = np.zeros((400, 600), bool)
    mask[row : row + 40, 40:200] = True
    path.write_text(
        json.dumps(
            {
                "images": [{"id": 7, "file_name": name, "width": 600, "height": 400}],
                "categories": [{"id": 3, "name": "spoon"}],
                "annotations": [
                    {"id": 1, "image_id": 7, "category_id": 3, "segmentation": encode(mask), "area": 6400, "iscrowd": 1}
                    | {"bbox": [40, row, 160, 40]}
                ],
            }
        )
    )
    return path


def test_an_import_is_one_step_without_duplicates(annotator, tmp_path, site):
    files = [coco_file(tmp_path / f"{row}.json", "coffee 2.jpg", row=row) for row in (50, 150)]
    chooser = annotator.page.locator("#gallery .add-images")
    chooser.set_input_files(files)
    annotator.until("app.store.objects.length === 2")
    assert annotator.said.startswith("2 objects came from 2 files.")
    chooser.set_input_files(files[:1])
    annotator.until("document.querySelector('#status').textContent.includes('already')")
    assert "0 objects came from 50.json. 1 were here already." in annotator.said
    assert len(annotator.names) == 2
    annotator.show("more/cat.jpg")
    annotator.press("Control+z")
    annotator.show("coffee 2.jpg")
    annotator.until("app.store.objects.length === 0")  # one step, also from another image
    annotator.press("Control+y")
    annotator.until("app.store.objects.length === 2")


def test_labelme_files_become_objects(annotator, tmp_path):
    shape = {"label": "spoon", "shape_type": "polygon", "points": [[40, 50], [200, 50], [200, 90], [40, 90]]}
    content = {"version": "5.0.0", "flags": {}, "shapes": [shape], "imagePath": "coffee 2.jpg"}
    content |= {"imageData": None, "imageHeight": 400, "imageWidth": 600}
    (tmp_path / "coffee 2.json").write_text(json.dumps(content))
    annotator.page.locator("#gallery .add-images").set_input_files(tmp_path / "coffee 2.json")
    annotator.until("app.store.objects.length === 1")
    assert annotator.names == ["spoon"]


def test_another_project_does_not_go_on_with_the_class_of_the_last_one(annotator):
    draw(annotator, 100, "weed")
    annotator.page.reload()
    annotator.until("app.store.image")
    assert annotator.look("app.settings.get('className')") == "weed"
    annotator.page.evaluate("async () => (await import('/web/settings.js')).settings.set('project', 'another')")
    annotator.page.reload()
    annotator.until("app.store.image")
    assert annotator.look("app.settings.get('className')") == "object"


def test_what_is_brought_to_the_front_is_drawn_last_also_after_a_reload(annotator):
    draw(annotator, 100, "below")
    draw(annotator, 200, "above")
    annotator.press("j", "z")
    assert annotator.names == ["above", "below"]
    annotator.page.reload()
    annotator.until("app.store.objects?.length === 2")
    assert annotator.names == ["above", "below"]
    annotator.press("j", "k", "y")
    assert annotator.names == ["below", "above"]
