import pytest
from PIL import Image

import hqsam
from hqsam.cli.demo import EXAMPLES, segment_example
from hqsam.geometry import Frame
from hqsam.paths import examples_folder
from hqsam.prompts import check_prompts


def test_every_example_has_its_photo_small_and_every_photo_an_example():
    photos = {path.name: path for path in examples_folder().glob("*.jpg")}
    assert {example.image for example in EXAMPLES} == photos.keys()
    assert all(path.stat().st_size <= 150_000 for path in photos.values())


def test_the_examples_ask_by_box_by_clicks_and_with_a_correction():
    asked = {key for example in EXAMPLES for key in example.prompt}
    assert {"box", "points"} <= asked
    assert any(example.correction for example in EXAMPLES)


def test_every_prompt_fits_its_photo():
    for example in EXAMPLES:
        with Image.open(examples_folder() / example.image) as photo:
            frame = Frame((photo.height, photo.width), 512)
        for prompt in (example.prompt, example.correction):
            if prompt:
                check_prompts(frame, 128, **prompt)


def test_the_demo_writes_masks_overlays_cutouts_and_a_sheet_and_says_what_to_open(hqsam, tmp_path, tiny_file):
    finished = hqsam("demo", "--out", tmp_path / "out", "--model", tiny_file)
    assert finished.code == 0
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"cat_mask.png", "cat_overlay.png", "cat_cutout.png", "astronaut_mask_03.png"} <= names
    overlays = {example.image.replace(".jpg", "_overlay.png") for example in EXAMPLES}
    assert {name for name in names if name.endswith("_overlay.png")} == overlays
    assert str(tmp_path / "out" / "contact_sheet.png") in finished.out


@pytest.fixture(scope="module")
def answers():
    """The first and the last mask of each example, by the bundled model."""
    segmenter = hqsam.load("nano", device="cpu", precision="float32")
    found = {one.image: segment_example(segmenter, one, examples_folder() / one.image) for one in EXAMPLES}
    return {image: [answer.masks[0] for answer in both] for image, both in found.items()}


def test_the_bundled_model_sees_the_rocket_by_one_click(answers):
    _, rocket = answers["rocket.jpg"]
    assert rocket[120:415, 300:345].sum() / rocket.sum() > 0.9
    assert rocket[150, 322] and rocket[300, 322] and not rocket[250, 370]


def test_the_cup_has_its_lower_rim(answers):
    _, cup = answers["coffee.jpg"]
    assert cup[60, 290] and cup[235, 280] and not cup[330, 290]


def test_a_correction_takes_the_lawn_from_between_the_tripod_s_legs_and_leaves_the_legs(answers):
    before, after = answers["photographer.jpg"]
    assert before[430, 303] and not after[430, 303]
    for x, y in ((120, 300), (292, 280), (261, 420)):  # coat, post, leg
        assert before[y, x] and after[y, x], (x, y)
