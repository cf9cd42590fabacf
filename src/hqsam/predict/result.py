"""What a prompt gave: masks with their scores, in the pixels of the upright image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, UInt8

from hqsam.errors import OptionError
from hqsam.formats.coco import to_coco
from hqsam.formats.document import Document, MaskedObject
from hqsam.formats.saving import names_of, save
from hqsam.images.cutout import cutout
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.overlay import overlay
from hqsam.images.reading import ImageLike, read_image_of_size
from hqsam.masks import regions
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.polygons import Polygon, to_polygons
from hqsam.masks.rle import Rle, encode
from hqsam.model.hq_sam import Source
from hqsam.predict.multiscale_logits import MultiscaleLogits, Patch
from hqsam.predict.soft_edge import add_soft_edge
from hqsam.prompts import Prompts


@dataclass(frozen=True, eq=False, repr=False)
class Segmentation:
    """N masks: one row each in every array, ordered by prompt. Arrays keep their rank, whatever N is.

    Only small logits are held: of the whole, and of the parts that `detail` made finer. Masks of the image's size
    are made when they are first asked for; `to_rle`, `to_polygons`, `save` and iterating make them one at a time.
    """

    logits: Float32[np.ndarray, "mask mask_size mask_size"]
    """At the decoder's resolution, in the model's square; above 0 is inside. What `mask=` takes."""
    scores: Float32[np.ndarray, "mask"]
    """Predicted IoU of each mask, by SAM's own head; it was not trained on HQ masks."""
    prompt_index: Int[np.ndarray, "mask"]
    """Which prompt of the call each mask is for."""
    prompts: Prompts
    """All prompts of the call."""
    source: Source
    """Whose masks: "sum", "hq" or "sam"."""
    image_name: str = "image"
    """What the image's file is called; files that are written take their names from it."""
    patches: tuple[tuple[Patch, ...], ...] = ()
    """For each mask, the parts of it that were encoded again and are finer than `logits`; () if none has any."""
    changed_masks: Bool[np.ndarray, "mask height width"] | None = None
    """Masks that differ from the logits, made by `remove_specks` and `fill_holes`."""

    @cached_property
    def masks(self) -> Bool[np.ndarray, "mask height width"]:
        """All masks at the image's size."""
        if self.changed_masks is not None:
            return self.changed_masks
        return self._masks_by_logits(slice(None))

    @cached_property
    def boxes(self) -> Int[np.ndarray, "mask 4"]:
        """The smallest box x0, y0, x1, y1 around each mask, x1 and y1 one past its last pixel; zeros where empty."""
        boxes = [box_of_mask(mask) for mask in self._each_mask()]
        return np.stack(boxes) if boxes else np.zeros((0, 4), np.int64)

    @property
    def image_size_hw(self) -> tuple[int, int]:
        """Height and width of the upright image."""
        return self.prompts.frame.image_size_hw

    def __len__(self) -> int:
        return len(self.logits)

    def __getitem__(self, index: Any) -> "Segmentation":
        """Some of the masks, by number, slice, list or bool array; one mask keeps its row."""
        rows = self._rows(index)
        changed = None if self.changed_masks is None else self.changed_masks[rows]
        patches = tuple(self.patches[row] for row in np.arange(len(self))[rows]) if self.patches else ()
        part = replace(
            self,
            logits=self.logits[rows],
            scores=self.scores[rows],
            prompt_index=self.prompt_index[rows],
            patches=patches,
            changed_masks=changed,
        )
        if "masks" in self.__dict__:  # made already, so not to be made again
            part.__dict__["masks"] = self.masks[rows]
        return part

    def __repr__(self) -> str:
        height, width = self.image_size_hw
        scores = np.array2string(self.scores, precision=2, separator=", ", threshold=6)
        return f"Segmentation({len(self)} masks of {width} x {height}, source={self.source!r}, scores={scores})"

    def __iter__(self) -> Iterator["Segmentation"]:
        return (self[row] for row in range(len(self)))

    def best(self) -> "Segmentation":
        """For each prompt its mask of the highest score; for HQ-SAM, the official `multimask_output=True`."""
        order = np.lexsort((-self.scores, self.prompt_index))
        _, first = np.unique(self.prompt_index[order], return_index=True)
        return self[order[first]]

    def remove_specks(self, min_area: int) -> "Segmentation":
        """The same masks without their pieces of fewer than `min_area` pixels; the largest piece stays."""
        return self._with_masks(lambda mask: regions.remove_specks(mask, min_area))

    def fill_holes(self, max_area: int | None = None) -> "Segmentation":
        """The same masks with their holes of at most `max_area` pixels filled, or all holes."""
        return self._with_masks(lambda mask: regions.fill_holes(mask, max_area))

    def to_rle(self) -> list[Rle]:
        """Each mask as COCO's compressed run-length encoding."""
        return [encode(mask) for mask in self._each_mask()]

    def to_polygons(self, tolerance: float = 0) -> list[list[Polygon]]:
        """Each mask as polygons with their holes, exact, or simplified by at most `tolerance` pixels."""
        return [to_polygons(mask, tolerance) for mask in self._each_mask()]

    def to_document(self, image: ImageLike | None = None, labels: str | Sequence[str] = "object") -> Document:
        """What `hqsam.formats` writes. `labels` names the masks, one name for each or one for all.

        Raises:
            ImageError: the image cannot be read, or is of another size.
            OptionError: there are not as many labels as masks.
        """
        names = names_of(labels, len(self))
        objects = [
            MaskedObject.of(mask, name, float(score))
            for mask, name, score in zip(self._each_mask(), names, self.scores, strict=True)
        ]
        pixels = None if image is None else read_image_of_size(image, self.image_size_hw)
        return Document(
            self.image_name, self.image_size_hw, tuple(objects), pixels, self._marks(), soft_alpha=self.soft_alpha
        )

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
        """Write the masks, and return the files.

        A path with a suffix is a file: `save("cup.png")` a black and white mask, "cup.json" COCO, "cup.svg" or
        "cup.geojson" outlines, "cup.txt" YOLO, "cup.csv" a table; `save("cup.png", "cutout", image=photo)` another
        format of that suffix. Any other path is a folder: `save("out", "png", "overlay", "coco", image=photo)`.

        Raises:
            OptionError: there is no such format, it has another suffix, or it is a picture and needs `image`.
            OutputError: a file cannot be written; nothing half-written was left.
        """
        return save(self.to_document(image, labels), path, formats)

    def overlay(
        self, image: ImageLike, prompts: Literal["shown", "hidden"] = "shown"
    ) -> UInt8[np.ndarray, "height width 3"]:
        """The photo with the masks on it in colours, and the boxes and clicks that they came from.

        Raises:
            ImageError: the image cannot be read, or is of another size.
            OptionError: `prompts` is another word.
        """
        if prompts not in ("shown", "hidden"):
            raise OptionError(f"prompts is {prompts!r}; choose 'shown' or 'hidden'")
        marks = self._marks() if prompts == "shown" else None
        return overlay(read_image_of_size(image, self.image_size_hw), self.masks, marks)

    def cutout(self, image: ImageLike) -> UInt8[np.ndarray, "height width 4"]:
        """The photo where any of the masks is, transparent elsewhere, with an edge as soft as the logits place it.

        Raises:
            ImageError: the image cannot be read, or is of another size.
        """
        return cutout(read_image_of_size(image, self.image_size_hw), self.soft_alpha())

    def soft_alpha(self, row: int | None = None) -> Float32[np.ndarray, "height width"]:
        """How much of each pixel belongs to a mask, 0 to 1, or to any of them."""
        alpha = np.zeros(self.image_size_hw, np.float32)
        for one in self if row is None else [self[row]]:
            add_soft_edge(alpha, one.masks[0], one.multiscale_logits(0))
        return alpha

    def multiscale_logits(self, row: int) -> MultiscaleLogits:
        """All that is known of one mask's logits: the whole, and the finer parts over it."""
        return MultiscaleLogits(self.prompts.frame, self.logits[row], self.patches[row] if self.patches else ())

    def _rows(self, index: Any) -> Any:
        """The same rows as an index that keeps the rank, and that shares memory where it can."""
        if isinstance(index, slice):
            return index
        rows = np.atleast_1d(np.arange(len(self))[index])
        return slice(rows[0], rows[0] + 1) if len(rows) == 1 else rows

    def _marks(self) -> DrawnPrompts:
        used = self.prompts.select(np.unique(self.prompt_index))
        boxes = np.zeros((0, 4)) if self.prompts.boxes is None else self.prompts.boxes[self.prompt_index]
        return DrawnPrompts(boxes=boxes, points=used.points.reshape(-1, 2), labels=used.labels.reshape(-1))

    def _masks_by_logits(self, rows: slice) -> Bool[np.ndarray, "mask height width"]:
        if self.patches:
            return self._masks_by_patches(range(*rows.indices(len(self))))
        return self.prompts.frame.masks_in_image(torch.from_numpy(self.logits[rows])).numpy()

    def _masks_by_patches(self, rows: range) -> Bool[np.ndarray, "mask height width"]:
        masks = np.empty((len(rows), *self.image_size_hw), bool)
        for mask, row in zip(masks, rows, strict=True):
            mask[:] = self.multiscale_logits(row).mask()
        return masks

    def _each_mask(self) -> Iterator[Bool[np.ndarray, "height width"]]:
        if self.changed_masks is not None or "masks" in self.__dict__:
            yield from self.masks
        else:
            for row in range(len(self)):
                yield self._masks_by_logits(slice(row, row + 1))[0]

    def _with_masks(self, change: Callable[[np.ndarray], np.ndarray]) -> "Segmentation":
        masks = np.empty((len(self), *self.image_size_hw), bool)
        for row, mask in enumerate(self._each_mask()):
            masks[row] = change(mask)
        return replace(self, changed_masks=masks)
