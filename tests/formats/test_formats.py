import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hqsam.errors import ImageError, OptionError, OutputError
from hqsam.formats import FORMATS, write
from hqsam.formats.file_names import OutputPaths
from hqsam.geo.georeference import Georeference
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.masks.instances import Instances
from hqsam.optional import is_installed
from tests.formats.samples import named

DISC = np.hypot(*(np.indices((40, 48)) - np.array([20, 24])[:, None, None])) < 12
PHOTO = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
PLACE = {"georeference": Georeference((0.5, 0, 400_000, 0, -0.5, 5_200_000), "EPSG:32633")}
CUP = named(DISC, labels="cup", scores=[0.9], image_name="cup.jpg", metadata=PLACE)
MISSING = {name for name in ("measured", "measured_parquet") if not is_installed("skimage")}
MISSING |= {name for name, each in FORMATS.items() if each.needs_place and not is_installed("rasterio")}
MISSING |= {"ome_tiff"} if not is_installed("tifffile") else set()
WRITABLE = [name for name in FORMATS if name not in MISSING]


def test_every_format_can_be_written_at_once(tmp_path):
    paths = write(CUP, tmp_path / "new" / "folder", WRITABLE, image=PHOTO)
    assert sorted(path.name for path in paths) == sorted(path.name for path in (tmp_path / "new/folder").iterdir())
    assert {"cup_mask.png", "cup_overlay.png", "cup_cutout.png", "cup_coco.json", "cup.svg"} <= {p.name for p in paths}


def test_an_unknown_format_is_an_error_that_lists_the_known_before_anything_is_written(tmp_path):
    with pytest.raises(OptionError, match="'jpeg2000'; choose from png, overlay"):
        write(CUP, tmp_path, ["png", "jpeg2000"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.needs_place])
def test_an_image_without_a_place_on_a_map_is_an_error_before_anything_is_written(name, tmp_path):
    with pytest.raises(OptionError, match=f"cup.jpg has no place on a map .* {name} needs one; write"):
        write(dataclasses.replace(CUP, metadata={}), tmp_path, ["png", name])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.needs_image])
def test_a_picture_without_the_photo_is_an_error_before_anything_is_written(name, tmp_path):
    with pytest.raises(OptionError, match="needs the image"):
        write(CUP, tmp_path, ["png", name])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITABLE)
def test_a_folder_that_is_a_file_is_an_error_and_stays_as_it_was(name, tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError):
        write(CUP, tmp_path / "taken", [name], image=PHOTO)
    assert (tmp_path / "taken").read_text() == "mine"


class Prompted(Instances):
    """Masks of which prompts and a soft edge are known, as of those that come from logits."""

    def drawn_prompts(self):
        return DrawnPrompts(boxes=np.array([[12, 8, 36, 32]]), points=np.array([[24, 20]]), labels=np.array([1]))

    def soft_alpha(self, row=None):
        distance = np.hypot(*(np.indices((40, 48)) - np.array([20, 24])[:, None, None]))
        return np.clip((14 - distance) / 6, 0, 1)


PROMPTED = Prompted(**{field.name: getattr(CUP, field.name) for field in dataclasses.fields(CUP)})


def test_the_overlay_shows_the_prompts(tmp_path):
    pictures = []
    for instances in (CUP, PROMPTED):
        (path,) = write(instances, tmp_path, ["overlay"], image=PHOTO)
        with Image.open(path) as image:
            pictures.append(np.asarray(image))
    assert (pictures[0] != pictures[1]).any()


def test_a_cutout_is_soft_where_there_are_logits(tmp_path):
    with Image.open(write(PROMPTED, tmp_path, ["cutout"], image=PHOTO)[0]) as image:
        assert image.mode == "RGBA"
        assert np.array_equal(np.asarray(image)[..., 3], np.rint(PROMPTED.soft_alpha(0) * 255))


def test_an_image_of_another_size_is_an_error_before_anything_is_written(tmp_path):
    with pytest.raises(ImageError, match="48 x 40"):
        write(CUP, tmp_path, ["png", "overlay"], image=PHOTO[:5])
    assert not list(tmp_path.iterdir())


def test_an_option_goes_to_the_formats_that_have_it(tmp_path):
    exact = write(CUP, tmp_path / "exact", ["svg", "csv"])[0].stat().st_size
    assert write(CUP, tmp_path / "coarse", ["svg", "csv"], tolerance=1)[0].stat().st_size < exact
    with pytest.raises(OptionError, match="no format has the option 'tollerance'; choose from classes, colours"):
        write(CUP, tmp_path, ["svg"], tollerance=1)


def test_files_are_named_after_the_image_and_numbered_only_if_there_are_several(tmp_path):
    one = OutputPaths.of(named(DISC, image_name="holiday/IMG 1.tar.jpg"), Path("out"))
    assert one.path(".svg") == Path("out/IMG 1.tar.svg")
    assert one.mask_path("_mask.png", 0) == Path("out/IMG 1.tar_mask.png")
    assert OutputPaths.of(named(DISC, DISC), Path("out")).mask_path("_mask.png", 1) == Path("out/photo_mask_02.png")
