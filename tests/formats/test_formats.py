import numpy as np
import pytest
from PIL import Image

from hqsam.errors import OptionError, OutputError
from hqsam.formats import FORMATS, write
from hqsam.formats.document import Document, MaskedObject
from hqsam.images.draw_prompts import DrawnPrompts

DISC = np.hypot(*(np.indices((40, 48)) - np.array([20, 24])[:, None, None])) < 12
PHOTO = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
DOCUMENT = Document("cup.jpg", (40, 48), (MaskedObject.of(DISC, "cup", 0.9),), pixels=PHOTO)


def test_every_format_can_be_written_at_once(tmp_path):
    paths = write(DOCUMENT, tmp_path / "new" / "folder", list(FORMATS))
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "new/folder").iterdir())
    assert {"cup_mask.png", "cup_overlay.png", "cup_cutout.png", "cup_coco.json", "cup.svg"} <= {p.name for p in paths}


def test_an_unknown_format_is_an_error_that_lists_the_known_before_anything_is_written(tmp_path):
    with pytest.raises(OptionError, match="'jpeg2000'; choose from png, overlay"):
        write(DOCUMENT, tmp_path, ["png", "jpeg2000"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.needs_pixels])
def test_a_picture_without_the_photo_is_an_error_before_anything_is_written(name, tmp_path):
    with pytest.raises(OptionError, match="needs the photo"):
        write(Document("cup.jpg", (40, 48), DOCUMENT.objects), tmp_path, ["png", name])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_that_is_a_file_is_an_error_and_stays_as_it_was(name, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError):
        write(DOCUMENT, tmp_path / "taken", [name])
    assert (tmp_path / "taken").read_text() == "mine"


def test_the_overlay_shows_the_prompts(tmp_path):
    marks = DrawnPrompts(boxes=np.array([[12, 8, 36, 32]]), points=np.array([[24, 20]]), labels=np.array([1]))
    pictures = []
    for each in (None, marks):
        (path,) = write(Document("cup.jpg", (40, 48), DOCUMENT.objects, PHOTO, each), tmp_path, ["overlay"])
        with Image.open(path) as image:
            pictures.append(np.asarray(image))
    assert (pictures[0] != pictures[1]).any()


def test_a_cutout_is_soft_where_there_are_logits(tmp_path):
    alpha = np.clip((14 - np.hypot(*(np.indices((40, 48)) - np.array([20, 24])[:, None, None]))) / 6, 0, 1)
    document = Document("cup.jpg", (40, 48), DOCUMENT.objects, PHOTO, soft_alpha=lambda number: alpha)
    with Image.open(write(document, tmp_path, ["cutout"])[0]) as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image)[..., 3], np.rint(alpha * 255))
