"""The exported page in chromium, beside Python."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from hqsam.formats import svg
from hqsam.graphs.folder import DECODER, ENCODER
from hqsam.paths import examples_folder
from tests import needs
from tests.export.browser.page import Page, iou, served

pytestmark = pytest.mark.slow

COFFEE, CAT = examples_folder() / "coffee.jpg", examples_folder() / "cat.jpg"
CUP = (170, 15, 412, 210)


def test_a_click_and_its_corrections_give_python_s_masks(page, python):
    session = python(CAT)
    page.open(CAT)
    page.click(172, 115)
    cat = session.segment(points=[(172, 115)], labels=[1])
    assert iou(page.mask, cat.masks[0]) >= 0.98
    page.click(30, 30, button="right")
    corrected = session.segment(points=[(30, 30)], labels=[0], refine=cat)
    assert iou(page.mask, corrected.masks[0]) >= 0.98
    page.page.keyboard.press("Control+z")
    assert iou(page.mask, cat.masks[0]) >= 0.98


def test_a_box_gives_python_s_mask_cutout_and_outline(page, python):
    session = python(COFFEE)
    page.open(COFFEE)
    page.draw_box(*CUP)
    box = page.look("app.prompt.step.box")
    assert np.abs(np.array(box) - CUP).max() <= 1
    cup = session.segment(box=box)
    mask = page.mask
    assert iou(mask, cup.masks[0]) >= 0.98
    name, data = page.save("cutout")
    assert name == "coffee_cutout.png"
    cutout = np.asarray(Image.open(io.BytesIO(data)))
    assert cutout.shape == (*mask.shape, 4)
    assert ((cutout[..., 3] > 127) == mask).all()
    assert np.abs(cutout[..., 3] / 255 - cup.soft_alpha(0)).mean() < 0.01
    solid = cutout[..., 3] == 255
    with Image.open(COFFEE) as image:
        photo = np.asarray(image.convert("RGB"))
    assert np.abs(cutout[solid, :3].astype(int) - photo[solid]).mean() < 3  # two decoders of JPEG


def test_the_outline_is_the_mask(page, tmp_path):
    page.open(COFFEE)
    page.draw_box(*CUP)
    name, data = page.save("svg")
    (tmp_path / name).write_bytes(data)
    [found] = svg.read(tmp_path / name)
    assert name == "coffee.svg" and found.image_name == "coffee.jpg"
    assert (found.masks[0] == page.mask).all()


def test_hovering_shows_what_a_click_would_give(page):
    page.open(CAT)
    page.page.mouse.move(*page.at(172, 115))
    page.until("app.renderer.preview && !app.renderer.preview.isEmpty")
    page.click(172, 115)
    assert page.look("app.renderer.preview === null")


def test_the_keyboard_does_all_of_it(page):
    page.open(CAT)
    page.page.keyboard.press("Shift+ArrowLeft")
    page.page.keyboard.press("Space")
    page.until("app.prompt.step.points.length === 1")
    page.answered()
    width, height = page.look("[app.photo.width, app.photo.height]")
    [[x, y]] = page.look("app.prompt.step.points")
    assert abs(x - width / 2) <= 2 and abs(y - height / 2) <= 40
    page.page.keyboard.press("Escape")
    assert page.look("app.prompt.isBlank")


def test_it_works_without_its_host_once_it_was_loaded(browser, folder, python):
    context = browser.new_context()
    with served(folder) as (address, _):
        online = Page(context.new_page(), address)
        assert "works without a network" in online.page.locator("#offline").text_content()
        assert online.look("crossOriginIsolated"), "the service worker adds the headers that allow threads"
        online.page.close()
    offline = Page(context.new_page(), address)
    offline.open(COFFEE)
    offline.draw_box(*CUP)
    assert iou(offline.mask, python(COFFEE).segment(box=offline.look("app.prompt.step.box")).masks[0]) >= 0.98
    offline.page.locator(".open").first.wait_for()
    context.close()


def test_without_a_service_worker_it_computes_with_one_thread(browser, host, python):
    context = browser.new_context(service_workers="block")
    page = Page(context.new_page(), host)
    assert page.look("app.model.threads") == 1 and not page.look("crossOriginIsolated")
    page.open(CAT)
    page.click(172, 115)
    assert iou(page.mask, python(CAT).segment(points=[(172, 115)], labels=[1]).masks[0]) >= 0.98
    context.close()


def test_nobody_else_is_asked_for_anything(page, host):
    page.open(CAT)
    page.click(172, 115)
    assert {url for url in page.asked if not url.startswith((host, "blob:", "data:"))} == set()


def test_a_broken_photo_is_explained(page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(COFFEE.read_bytes()[:100])
    page.page.set_input_files("#file", broken)
    page.until("document.querySelector('#failures li')")
    assert "broken.jpg cannot be read" in page.failures


def test_a_photo_that_is_turned_by_its_tag_is_upright(page, python, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(CAT) as photo:
        width, height = photo.size
        photo.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    page.open(tmp_path / "turned.jpg")
    assert page.look("[app.photo.width, app.photo.height]") == [height, width]
    x, y = height - 1 - 115, 172
    page.click(x, y)
    assert iou(page.mask, python(tmp_path / "turned.jpg").segment(points=[(x, y)], labels=[1]).masks[0]) >= 0.98


def test_axe_finds_nothing_in_light_or_dark(page):
    needs.package("axe_playwright_python", install="pip install axe-playwright-python")
    from axe_playwright_python.sync_playwright import Axe

    page.open(CAT)
    page.click(172, 115)
    for scheme in ("light", "dark"):
        page.page.emulate_media(color_scheme=scheme)
        found = Axe().run(page.page)
        assert found.violations_count == 0, found.generate_report()
        page.page.locator("#help").click()
        found = Axe().run(page.page)
        assert found.violations_count == 0, found.generate_report()
        page.page.keyboard.press("Escape")


def test_the_model_is_small_and_described(folder):
    about = json.loads((folder / "model" / "model.json").read_text())
    assert sum((folder / "model" / name).stat().st_size for name in (ENCODER, DECODER)) < 15_000_000
    assert about["name"] == "nano" and "non-commercial" in about["notice"]
    found = (folder / "README.md").read_text(encoding="utf-8")
    [row] = [line for line in found.splitlines() if line.startswith("| coffee.jpg")]
    assert float(row.split("|")[4]) >= 0.99, "mean IoU of float16 weights beside float32"
