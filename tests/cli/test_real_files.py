"""Folders as people have them: what is passed over is told, and nothing ends a run."""

import io
import json
import os
import socket
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from hqsam.cli import models
from hqsam.errors import InputError
from tests.cli.test_segment import raising, written

PROMPT = ("--box", "20,30,300,200", "--format", "png")


def test_heic_beside_jpegs_is_told_with_what_to_do(segment, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (photos / "phone").mkdir()
    (photos / "cat.jpg").rename(photos / "phone" / "a.jpg")
    (photos / "phone" / "IMG_0001.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(90))
    (photos / "phone" / "raw.CR2").write_bytes(b"II*\0")
    finished = segment("phone", *PROMPT)
    assert finished.code == 0 and written(photos / "out") == ["a_mask.png"]
    assert 'left out: 1 x HEIC image (IMG_0001.HEIC); pip install "hqsam[heif]"' in finished.err
    assert "1 x image of a kind that hqsam does not read (raw.CR2)" in finished.err
    for asked in ("phone/IMG_0001.HEIC", "phone/*.HEIC"):
        finished = segment(asked, *PROMPT)
        assert finished.code != 0 and 'pip install "hqsam[heif]"' in finished.err


def test_of_a_stack_the_page_is_told_and_can_be_chosen(segment, photos):
    shades = [np.full((30, 40), shade, np.uint8) for shade in (0, 90, 180)]
    tifffile.imwrite(photos / "stack.tif", np.stack(shades), photometric="minisblack")
    finished = segment("stack.tif", "--point", "9,9", "--json")
    assert "note: stack.tif: page 1 of 3 was read, no other" in finished.err
    assert "page 1 of 3" in json.loads(finished.out)["notes"][0]
    finished = segment("stack.tif", "--point", "9,9", "--page", 2, "--format", "overlay,png")
    assert finished.code == 0 and "page" not in finished.err
    assert abs(int(np.median(np.asarray(Image.open("out/stack_overlay.png")))) - 90) < 60
    assert "has 3 pages and page 4" in segment("stack.tif", "--point", "9,9", "--page", 4).err


def test_a_narrow_range_is_told_once_for_many_images_and_can_be_set(segment, photos):
    for name in "abcde":
        Image.fromarray(np.linspace(800, 1000, 1200).reshape(30, 40).astype(np.uint16)).save(photos / f"{name}.png")
    asked = [f"{name}.png" for name in "abcde"]
    finished = segment(*asked, "--point", "9,9", "--format", "png,overlay")
    assert finished.err.count("its uint16 values from 800 to 1000") == 3 and "the same of 2 more" in finished.err
    finished = segment(*asked, "--point", "9,9", "--format", "overlay", "--value-range", "0,4095")
    assert finished.code == 0 and "note" not in finished.err
    assert np.median(np.asarray(Image.open("out/a_overlay.png"))) < 120
    for wrong in ("9", "9,1", "a,b", "5,5"):
        assert segment("a.png", "--point", "9,9", "--value-range", wrong).code == 2


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_links_are_followed_and_those_that_cannot_be_are_told(segment, photos):
    store = photos / "store" / "inner"
    store.mkdir(parents=True)
    (photos / "coffee.jpg").rename(store / "coffee.jpg")
    asked = photos / "asked"
    asked.mkdir()
    (photos / "cat.jpg").rename(asked / "real.jpg")
    (asked / "link.jpg").symlink_to("../store/inner/coffee.jpg")
    (asked / "sub").symlink_to("../store/inner")
    (asked / "again").symlink_to("../asked")
    (asked / "gone.jpg").symlink_to("nowhere.jpg")
    finished = segment("asked", *PROMPT)
    assert finished.code == 0
    assert written(photos / "out") == ["link_mask.png", "real_mask.png", "sub/coffee_mask.png"]
    assert "left out: 1 x link that leads nowhere (gone.jpg)" in finished.err
    assert "left out: 1 x link to a folder around it (again)" in finished.err


def test_results_of_a_run_are_not_images_for_the_next(segment, photos):
    formats = ("--format", "png,overlay,cutout,label_map")
    first = segment(".", "--point", "100,100", *formats)
    assert first.code == 0
    there = written(photos)
    second = segment(".", "--point", "100,100", *formats)
    assert second.code == 0 and written(photos) == there
    assert "image that hqsam wrote" in second.err
    beside = segment(".", "--point", "100,100", *formats, "--out", ".")
    there = written(photos)
    assert beside.code == 0 and segment(".", "--point", "100,100", *formats, "--out", ".").code == 0
    assert written(photos) == there
    assert segment("out/cat_mask.png", "--point", "1,1", "--out", "more").code == 0  # asked for by name


def test_somebody_else_s_masks_are_images_as_before(segment, photos):
    Image.open("cat.jpg").save(photos / "cat_mask.png")
    finished = segment("cat*", *PROMPT)
    assert written(photos / "out") == ["cat_mask.png", "cat_mask_mask.png"] and "wrote" not in finished.err


def test_a_folder_of_a_run_is_no_folder_of_images(segment, photos):
    (photos / "runs").mkdir()
    for name in ("run.json", "metrics.jsonl"):
        (photos / "runs" / name).touch()
    (photos / "cat.jpg").rename(photos / "runs" / "worst.jpg")
    (photos / ".hidden").mkdir()
    (photos / "coffee.jpg").rename(photos / ".hidden" / "coffee.jpg")
    finished = segment(".", *PROMPT)
    assert not {"worst_mask.png", "coffee_mask.png"} & set(written(photos / "out"))
    assert "1 x folder of results of hqsam (runs)" in finished.err and "1 x hidden folder (.hidden)" in finished.err
    assert segment("runs", *PROMPT, "--out", "o2").code == 0 and written(photos / "o2") == ["worst_mask.png"]
    assert "worst" not in segment("**/*.jpg", *PROMPT, "--out", "o3").out


def test_a_geotiff_says_that_its_place_is_not_kept(segment, photos):
    place = [(33550, 12, 3, (1.0, 1.0, 0.0), True), (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True)]
    tifffile.imwrite(photos / "map.tif", np.asarray(Image.open("cat.jpg")), photometric="rgb", extratags=place)
    finished = segment("map.tif", *PROMPT)
    assert (
        finished.code == 0
        and "map.tif: it is a GeoTIFF; these results are in pixels and do not keep its place" in finished.err
    )


class Cp1252(io.TextIOWrapper):
    """A terminal of Windows, or a file that its output goes to."""

    def __init__(self):
        super().__init__(io.BytesIO(), encoding="cp1252", errors="strict", write_through=True)

    def text(self):
        return self.buffer.getvalue().decode("cp1252")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_name_that_the_terminal_cannot_print_ends_nothing(segment, photos, monkeypatch, more):
    (photos / "asked").mkdir()
    for name, new in (("cat.jpg", "1_写真.jpg"), ("coffee.jpg", "2_😀.jpg"), ("rocket.jpg", "3.jpg")):
        (photos / name).rename(photos / "asked" / new)
    (photos / "asked" / "4_写.jpg").write_bytes(b"no image")
    out, err = Cp1252(), Cp1252()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    segment("asked", *PROMPT, *more, "--out", "out")
    assert written(photos / "out") == ["1_写真_mask.png", "2_😀_mask.png", "3_mask.png"]
    assert "4_\\u5199.jpg" in err.text()
    if more:
        named = [json.loads(line)["image"].split("_")[-1] for line in out.text().splitlines()]
        assert named[:2] == ["写真.jpg", "😀.jpg"]
    else:
        assert "1_\\u5199\\u771f_mask.png" in out.text() and "3_mask.png" in out.text()


@pytest.mark.parametrize("words", [("gone.jpg",), ("text.jpg",), ("gone.jpg", "text.jpg")])
@pytest.mark.parametrize("command", ["segment", "everything", "tiles"])
def test_no_model_is_loaded_for_images_that_cannot_be_opened(hqsam, photos, monkeypatch, command, words):
    def loaded(*_):
        raise AssertionError("a model was asked for")

    monkeypatch.setattr(models, "load_segmenter", loaded)
    (photos / "text.jpg").write_text("no image")
    finished = hqsam(command, *words, *(("--point", "1,1") if command == "segment" else ()), "--model", "vit_l")
    assert finished.code == 1
    assert "no such file" in finished.err or "not an image" in finished.err


def test_a_missing_extra_is_told_before_a_model_is_loaded(hqsam, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    monkeypatch.setattr(models, "load_segmenter", lambda *_: pytest.fail("a model was asked for"))
    finished = hqsam("tiles", "cat.jpg", "--model", "vit_l")
    assert finished.code == 1 and 'pip install "hqsam[tiles]"' in finished.err


def test_a_folder_that_cannot_be_written_is_told_before_a_model_is_loaded(hqsam, photos, monkeypatch):
    monkeypatch.setattr(models, "load_segmenter", lambda *_: pytest.fail("a model was asked for"))
    (photos / "taken").touch()
    for command, more in (("segment", ("--point", "1,1")), ("everything", ()), ("tiles", ()), ("demo", ())):
        images = () if command == "demo" else ("cat.jpg",)
        finished = hqsam(command, *images, *more, "--out", "taken/deep", "--model", "vit_l")
        assert finished.code == 1 and "a part of the path is a file" in finished.err


def test_serving_says_what_of_the_folder_is_not_shown_before_a_model_is_fetched(hqsam, photos, monkeypatch):
    monkeypatch.setattr(models, "fetch_model", lambda *_: pytest.fail("a model was asked for"))
    (photos / "served").mkdir()
    (photos / "served" / "away.jpg").symlink_to(photos / "cat.jpg")
    (photos / "served" / "raw.nef").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = hqsam("serve", "served", "--port", port, "--no-browser", "--data", "data")
    assert finished.code == 1 and "take another --port" in finished.err
    monkeypatch.setattr(models, "fetch_model", lambda _: raising(InputError("far enough"))())
    finished = hqsam("serve", "served", "--port", port, "--no-browser", "--data", "data")
    assert "link that leads out of the folder (away.jpg); --follow-links shows them" in finished.err
    assert "raw.nef" in finished.err


def test_evaluating_and_training_look_at_all_that_can_be_wrong_before_a_model_is_loaded(hqsam, photos, monkeypatch):
    monkeypatch.setattr(models, "load_segmenter", lambda *_: pytest.fail("a model was asked for"))
    for folder in ("images", "masks"):
        (photos / folder).mkdir()
        Image.new("L", (8, 8), 255).save(photos / folder / "a.png")
    (photos / "taken").touch()
    folder = ("evaluate", "folder", "--data", photos, "--model", "vit_l")
    for words, said, code in (
        (("--out", "taken/deep"), "a part of the path is a file", 1),
        (("--source", "best"), "unknown source 'best'", 2),
        (("--prompt", "detector:gone.json"), "gone.json: there is no such file or folder", 1),
    ):
        finished = hqsam(*folder, *words)
        assert said in finished.err and finished.code == code
    train = ("train", "finetune", "--data", photos, "--out")
    assert "a part of the path is a file" in hqsam(*train, "taken/deep").err
    for package in ("faster_coco_eval", "peft", "tensorboard"):
        monkeypatch.setitem(sys.modules, package, None)
    assert 'pip install "hqsam[evaluate]"' in hqsam("evaluate", "coco", "--data", photos).err
    assert 'pip install "hqsam[train]"' in hqsam(*train, "run", "--train", "lora").err
    assert 'pip install "hqsam[train]"' in hqsam(*train, "run", "--tensorboard").err
    assert not (photos / "run").exists()


def test_a_device_that_is_not_here_is_told_before_a_model_is_fetched(hqsam, photos, monkeypatch):
    monkeypatch.setattr(models, "fetch_model", lambda *_: pytest.fail("a model was fetched"))
    finished = hqsam("segment", "cat.jpg", "--point", "1,1", "--model", "vit_l", "--device", "cuda:99")
    assert finished.code == 2 and "cuda:99" in finished.err


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names here are always Unicode")
def test_names_that_are_no_utf_8_are_checked_measured_and_found_again_by_our_own_coco(
    hqsam, segment, photos, tiny_file
):
    name = os.fsdecode(b"caf\xe9")
    for folder, suffix in (("images", "jpg"), ("masks", "png")):
        (photos / folder).mkdir()
        shade = np.zeros((60, 80), np.uint8)
        shade[10:40, 20:60] = 255
        Image.fromarray(shade).save(photos / folder / f"{name}.{suffix}")
    checked = hqsam("data", "check", photos, "--json", "check.json")
    assert checked.code == 0 and "1 image in 1 set can be used" in checked.out
    words = ("--model", tiny_file, "--device", "cpu", "--precision", "float32", "--out", "ev")
    measured = hqsam("evaluate", "folder", "--data", photos, *words)
    assert measured.code == 0, measured.err
    assert segment(f"images/{name}.jpg", "--box", "20,10,60,40", "--format", "coco", "--out", "images").code == 0
    assert "1 image in 1 set can be used" in hqsam("data", "check", f"images/{name}_coco.json").out


def test_a_conversion_that_cannot_be_written_fetches_nothing(hqsam, photos, monkeypatch):
    monkeypatch.setattr("hqsam.weights.convert.locate", lambda *_: pytest.fail("a model was fetched"))
    (photos / "taken").touch()
    finished = hqsam("weights", "convert", "vit_l", "--to", "taken/vit_l.pth")
    assert finished.code == 1 and "a part of the path is a file" in finished.err


@pytest.mark.parametrize("prompt", [("--box", "5000,10,6000,90"), ("--point", "999,9"), ("--mask", "small.png")])
def test_a_prompt_that_fits_no_image_is_told_before_a_model_is_loaded(hqsam, photos, monkeypatch, prompt):
    Image.new("L", (9, 9), 255).save(photos / "small.png")
    monkeypatch.setattr(models, "load_segmenter", lambda *_: pytest.fail("a model was asked for"))
    finished = hqsam("segment", "cat.jpg", "coffee.jpg", *prompt, "--model", "vit_l")
    assert finished.code == 2 and "2 of 2 images failed" in finished.err
