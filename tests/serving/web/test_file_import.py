"""Photos, objects and models that come to the page from elsewhere."""

import base64
import json

import numpy as np
import pytest
from PIL import Image

from hqsam.masks.rle import encode
from tests.serving.servers import EXAMPLES, TOKEN, running, settings_in
from tests.serving.web.annotator import Annotator

DROP = """async ([name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name));
    for (const kind of ["dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
    }
}"""


@pytest.fixture
def newcomer(browser, _nano, tmp_path):
    """Somebody whose server has no photo yet."""
    with running(settings_in(tmp_path)) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        annotator = Annotator(context.new_page(), server.address)
        annotator.page.goto(f"{server.address}/?token={TOKEN}")
        yield annotator
        context.close()


def drop(annotator, name: str, data: bytes) -> None:
    annotator.page.evaluate(DROP, [name, base64.b64encode(data).decode()])


def test_the_first_photo_is_dropped_and_can_be_clicked_at_once(newcomer):
    newcomer.until("!document.querySelector('#empty').hidden")
    drop(newcomer, "cup.jpg", (EXAMPLES / "coffee.jpg").read_bytes())
    newcomer.until("app.store.image?.name === 'cup.jpg' && app.renderer.bitmap")
    newcomer.settle()
    assert not newcomer.page.locator("#empty").is_visible()
    newcomer.click(300, 60)
    assert newcomer.draft.any()


def test_coco_json_that_is_dropped_becomes_objects_to_correct(annotator):
    mask = np.zeros((400, 600), bool)
    mask[50:90, 40:200] = True
    coco = {
        "images": [{"id": 7, "file_name": "coffee 2.jpg", "width": 600, "height": 400}],
        "categories": [{"id": 3, "name": "spoon"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "segmentation": encode(mask), "area": 6400, "iscrowd": 1}
            | {"bbox": [40, 50, 160, 40]}
        ],
    }
    drop(annotator, "objects.json", json.dumps(coco).encode())
    annotator.until("app.store.objects.length === 1")
    assert annotator.names == ["spoon"]
    annotator.press("j", "Enter")
    assert np.array_equal(annotator.draft, mask)


def test_a_model_that_cannot_be_downloaded_is_refused_in_words_and_the_old_one_stays(annotator):
    annotator.page.select_option("#model", "vit_b")
    about = annotator.page.locator("#model-dialog .about")
    assert "MB" in about.text_content()
    annotator.page.locator("#model-dialog button.main").click()
    annotator.until("document.querySelector('#failures li')")
    assert "HQSAM_OFFLINE" in annotator.failures or "offline" in annotator.failures.lower()
    annotator.until("document.querySelector('#model').value === 'nano'")


def test_a_photo_that_is_turned_by_its_camera_is_upright_and_so_are_its_masks(annotator, site, tmp_path):
    with Image.open(EXAMPLES / "coffee.jpg") as photo:
        exif = photo.getexif()
        exif[0x0112] = 6
        photo.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=92)
    annotator.page.locator("#gallery .add-images").set_input_files(tmp_path / "turned.jpg")
    annotator.until("app.gallery.images.some(({ name }) => name === 'turned.jpg')")
    annotator.show("turned.jpg")
    assert annotator.look("[app.renderer.bitmap.width, app.renderer.bitmap.height]") == [600, 400]
    annotator.click(300, 60)
    rows, columns = np.nonzero(annotator.draft)
    assert annotator.draft[60, 300]
    assert columns.max() > 400 > rows.max()


def test_no_key_does_harm_while_there_is_no_photo(newcomer):
    newcomer.until("!document.querySelector('#empty').hidden")
    for key in "cblpetv123sdjkrioh.,f+-w0[]":
        newcomer.page.keyboard.press(key)
    for key in ("Enter", "Delete", "Control+z", "Control+y", "ArrowUp", "Space", "Escape"):
        newcomer.page.keyboard.press(key)
    assert newcomer.faults == []
