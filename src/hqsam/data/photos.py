"""Photos without masks, as data: a model answers prompts on them, and another learns from its answers."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hqsam.data.augment import AugmentConfig, augment
from hqsam.data.dataset import MaskDataset
from hqsam.data.folders import files_side_by_side, two_folders
from hqsam.data.images import downscaled, inspect_image, load_image, scaled_size
from hqsam.data.issues import DataIssue
from hqsam.data.random_streams import random_stream
from hqsam.data.sample import Sample
from hqsam.data.views import View
from hqsam.errors import DataError, DataWarning
from hqsam.images.walk import describe_skipped, images_in


@dataclass(frozen=True)
class Photo:
    """One photo of a data set without masks."""

    image: Path
    name: str
    """The dataset's name, a slash, and the file's path below the folder."""

    @property
    def truth_files(self) -> tuple[Path, ...]:
        """No file: a photo has no masks."""
        return ()

    def read(self, longest_side: int | None = None) -> Sample:
        """Read the photo as a sample with one object, which covers it whole.

        Raises:
            DataError: it cannot be read.
        """
        image = load_image(self.image)
        image = downscaled(image, scaled_size((image.shape[0], image.shape[1]), longest_side), smoothly=True)
        return whole_photo(image, self.name)

    def inspect(self) -> tuple[int, list[DataIssue]]:
        """Return 0 objects, and what is wrong."""
        try:
            inspect_image(self.image)
        except DataError as error:
            return 0, [DataIssue("unreadable_image", self.name, str(error))]
        return 0, []


def whole_photo(image: np.ndarray, name: str) -> Sample:
    """Return a photo as a sample with one object, which covers it whole, so that a view shows where padding begins."""
    return Sample(image, np.ones(image.shape[:2], np.uint16), name)


def open_photos(folder: Path) -> dict[str, MaskDataset]:
    """Open all photos in a folder and below as one data set, by its name. Masks that lie there are not looked at.

    Raises:
        DataError: there is no such folder, or no photo in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give a folder of photos, which need no masks")
    walk = images_in(folder)
    files = [path for path in walk.files if not _is_below_masks(path, folder)]
    beside = {path for paths in files_side_by_side(folder).masks.values() for path in paths}
    photos = [path for path in files if path not in beside]
    told = describe_skipped(walk.skipped)
    if len(photos) < len(walk.files):
        told.append(f"left out: {len(walk.files) - len(photos)} x mask beside its photo; photos are learnt from alone")
    for line in told:
        warnings.warn(DataWarning(f"{folder}: {line}"), stacklevel=2)
    if not photos:
        raise DataError(f"found no photos in {folder}; give a folder with JPEG, PNG or TIFF files in it or below")
    name = folder.resolve().name
    items = tuple(Photo(path, f"{name}/{path.relative_to(folder).as_posix()}") for path in photos)
    return {name: MaskDataset(name=name, items=items, about="photos without masks")}


def _is_below_masks(path: Path, root: Path) -> bool:
    """Return True for a file in a folder of masks that has a folder of their photos beside it."""
    for folder in path.relative_to(root).parents[:-1]:
        pair = two_folders((root / folder).parent)
        if pair is not None and pair[1] == root / folder:
            return True
    return False


class PhotoViews:
    """Augmented square views of photos. View n is a pure function of the seed and n; each round shows every photo."""

    def __init__(
        self, sets: Mapping[str, Sequence[Sample]], size: int, config: AugmentConfig, seed: int, rounds: int
    ) -> None:
        """Make views of `size` pixels a side, `rounds` of each photo; colours stay, and nothing is pasted."""
        self._photos = [(samples, number) for samples in sets.values() for number in range(len(samples))]
        self.size, self.seed, self.rounds = size, seed, rounds
        self.config = replace(config, paste=0.0, around=0.0, colour=0.0, gray=0.0, blur=0.0)

    def __len__(self) -> int:
        return self.rounds * len(self._photos)

    def view(self, number: int) -> View:
        """Return a view; its one mask is where the photo is, beside padding."""
        samples, place = self._photos[number % len(self._photos)]
        found = samples[place]
        photo = whole_photo(found.image, found.name)
        changed = augment(photo, photo, self.size, self.config, random_stream(self.seed, "photos.view", number))
        return View(changed.image, (changed.labels > 0)[None] * np.uint8(255))
