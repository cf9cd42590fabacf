"""Everything that was found in an image, and what can be made of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt8

from hqsam.formats.coco import to_coco
from hqsam.formats.document import Document
from hqsam.formats.overlay import picture_of
from hqsam.formats.saving import names_of, save
from hqsam.images.reading import ImageLike, read_image_of_size
from hqsam.masks.label_map import LabelMap, fill_gaps, paint, runs_of_labels
from hqsam.masks.lazy_masks import LazyMasks
from hqsam.masks.overlap import Order
from hqsam.masks.regions import innermost_point
from hqsam.masks.rle import Rle
from hqsam.masks.runs import Runs, runs_from_rle
from hqsam.model.hq_sam import Source
from hqsam.predict.found import Found

_SLIVER = 0.02
"""Gaps narrower than this share of the image's long side, or than six pixels, belong to their neighbours."""


@dataclass(frozen=True, eq=False, repr=False)
class Everything:
    """N objects, best first. Their masks are held as run lengths, so that a thousand of a large photo fit in memory."""

    found: tuple[Found, ...]
    image_size_hw: tuple[int, int]
    """Height and width of the upright image."""
    source: Source
    """Whose masks: "sum", "hq" or "sam"."""
    image_name: str = "image"
    """What the image's file is called; files that are written take their names from it."""

    @property
    def masks(self) -> LazyMasks:
        """Bool masks [H, W] by number, each made when it is looked at; `np.asarray` makes all at once."""
        return LazyMasks(self.to_rle(), self.image_size_hw)

    @property
    def boxes(self) -> Int[np.ndarray, "mask 4"]:
        """The smallest box x0, y0, x1, y1 around each mask, x1 and y1 one past its last pixel."""
        return np.array([one.box_xyxy for one in self.found], np.int64).reshape(-1, 4)

    @property
    def areas(self) -> Int[np.ndarray, "mask"]:
        """In pixels."""
        return np.array([one.area for one in self.found], np.int64)

    @property
    def scores(self) -> Float[np.ndarray, "mask"]:
        """Predicted IoU of each mask, by SAM's own head; 0 for what `cover` filled in."""
        return np.array([one.score for one in self.found], np.float64)

    @property
    def stability(self) -> Float[np.ndarray, "mask"]:
        """IoU of the masks cut a little above and a little below."""
        return np.array([one.stability for one in self.found], np.float64)

    @property
    def points(self) -> Float[np.ndarray, "mask 2"]:
        """The click x, y that each mask came from."""
        return np.array([one.point_xy for one in self.found], np.float64).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, index: Any) -> "Everything":
        """Some of the objects, by number, slice, list or bool array."""
        rows = np.atleast_1d(np.arange(len(self))[index])
        return replace(self, found=tuple(self.found[row] for row in rows))

    def __iter__(self) -> Iterator[Found]:
        return iter(self.found)

    def __repr__(self) -> str:
        height, width = self.image_size_hw
        return f"Everything({len(self)} masks of {width} x {height}, source={self.source!r})"

    def to_rle(self) -> list[Rle]:
        """Each mask as COCO's compressed run-length encoding."""
        return [one.rle for one in self.found]

    def label_map(self, order: Order = "small_on_top", cover: bool = False) -> LabelMap:
        """One number a pixel: i + 1 for mask i, 0 for none; `order` says who gets a pixel that several claim.

        With `cover` there is no 0: a narrow gap goes to the nearest mask, and each wide one has a number of its own
        beyond those of the masks.
        """
        labels = paint(self._runs(), self.image_size_hw, order)
        return fill_gaps(labels, max(6, _SLIVER * max(labels.shape))) if cover else labels

    def disjoint(self, order: Order = "small_on_top", cover: bool = False) -> "Everything":
        """The same without overlaps, as in `label_map`. Those of which nothing is left are gone.

        With `cover`, what had no mask is filled: the last objects, with a score of 0, are the wide gaps.
        """
        labels = self.label_map(order, cover)
        runs = runs_of_labels(labels, max(len(self), int(labels.max(initial=0))))
        parts = [one.with_runs(own) for one, own in zip(self.found, runs, strict=False) if own.area]
        return replace(self, found=(*parts, *(self._filled_in(own) for own in runs[len(self) :])))

    def records(self) -> list[dict[str, Any]]:
        """As SAM's generator gives them: segmentation (run lengths), area, bbox, predicted_iou, point_coords, ..."""
        return [one.to_record() for one in self.found]

    def to_document(self, image: ImageLike | None = None, labels: str | Sequence[str] = "object") -> Document:
        """What `hqsam.formats` writes. `labels` names the masks, one name for each or one for all.

        Raises:
            ImageError: the image cannot be read, or is of another size.
            OptionError: there are not as many labels as masks.
        """
        names = names_of(labels, len(self))
        objects = tuple(one.to_object(name) for one, name in zip(self.found, names, strict=True))
        pixels = None if image is None else read_image_of_size(image, self.image_size_hw)
        return Document(self.image_name, self.image_size_hw, objects, pixels)

    def to_coco(self, labels: str | Sequence[str] = "object") -> dict[str, Any]:
        """A whole COCO data set of this image: run lengths, boxes x, y, width, height, areas and scores."""
        return to_coco([self.to_document(labels=labels)])

    def save(
        self,
        path: str | PathLike[str],
        *formats: str,
        image: ImageLike | None = None,
        labels: str | Sequence[str] = "object",
    ) -> list[Path]:
        """Write the masks, and return the files; as `Segmentation.save`.

        Raises:
            OptionError: there is no such format, or it is a picture and needs `image`.
            OutputError: a file cannot be written; nothing half-written was left.
        """
        return save(self.to_document(image, labels), path, formats)

    def overlay(self, image: ImageLike) -> UInt8[np.ndarray, "height width 3"]:
        """The photo with the masks on it in colours, small ones on top of large ones.

        Raises:
            ImageError: the image cannot be read, or is of another size.
        """
        return picture_of(self.to_document(image))

    def _runs(self) -> list[Runs]:
        return [runs_from_rle(one.rle) for one in self.found]

    def _filled_in(self, runs: Runs) -> Found:
        """An object that nobody found: what was left between the others."""
        height, width = self.image_size_hw
        one = Found.of(
            runs, self.image_size_hw, score=0.0, stability=0.0, point_xy=(0.0, 0.0), crop_box=(0, 0, width, height)
        )
        x, y = innermost_point(one.mask)
        return replace(one, point_xy=(float(x), float(y)))
