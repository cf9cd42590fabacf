from PIL import Image

from hqsam.cli.demo import EXAMPLES, examples_folder
from hqsam.geometry import Frame
from hqsam.prompts import check_prompts


def test_every_example_has_its_photo_small_and_every_photo_an_example():
    photos = {path.name: path for path in examples_folder().glob("*.jpg")}
    assert {example.photo for example in EXAMPLES} == photos.keys()
    assert all(path.stat().st_size <= 150_000 for path in photos.values())


def test_the_examples_ask_by_box_by_clicks_and_with_a_correction():
    asked = {key for example in EXAMPLES for key in example.prompt}
    assert {"box", "points"} <= asked
    assert any(example.correction for example in EXAMPLES)


def test_every_prompt_fits_its_photo():
    for example in EXAMPLES:
        with Image.open(examples_folder() / example.photo) as photo:
            frame = Frame((photo.height, photo.width), 512)
        for prompt in (example.prompt, example.correction):
            if prompt:
                check_prompts(frame, 128, **prompt)


def test_the_demo_writes_masks_overlays_cutouts_and_a_sheet_and_says_what_to_open(hqsam, tmp_path, tiny_file):
    finished = hqsam("demo", "--out", tmp_path / "out", "--model", tiny_file)
    assert finished.code == 0
    stems = [example.photo.removesuffix(".jpg") for example in EXAMPLES]
    expected = {f"{stem}_{kind}.png" for stem in stems for kind in ("mask", "overlay", "cutout")}
    assert {file.name for file in (tmp_path / "out").iterdir()} == expected | {"contact_sheet.png"}
    assert str(tmp_path / "out" / "contact_sheet.png") in finished.out
