"""The part of `Instances` that turns masks into what others read: outlines, records, files and pictures.

Files and pictures are made in rooms above this one, see `masks.outputs`.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from hqsam.masks.columns import DEFAULT_LABEL, free_name, to_plain
from hqsam.masks.outputs import provided
from hqsam.masks.polygons import Corners, Polygon, to_polygons
from hqsam.masks.rle import Rle

Self = TypeVar("Self", bound="InstanceOutputs")

RECORD_KEYS = frozenset({"id", "segmentation", "bbox", "area", "predicted_iou", "label"})
"""Keys of SAM's records that are no columns."""


class InstanceOutputs:
    """N masks of one image in the forms of other code and of files."""

    scores: Float[np.ndarray, "mask"]
    labels: tuple[str, ...]
    columns: Mapping[str, Sequence[Any] | np.ndarray]

    if TYPE_CHECKING:  # `Instances` has these

        @cached_property
        def rle(self) -> tuple[Rle, ...]: ...
        @cached_property
        def boxes(self) -> Int[np.ndarray, "mask 4"]: ...
        @cached_property
        def areas(self) -> Int[np.ndarray, "mask"]: ...
        def __len__(self) -> int: ...
        def mask(self, row: int) -> Bool[np.ndarray, "height width"]: ...
        def with_labels(self: Self, labels: str | Sequence[str]) -> Self: ...
        def drawn_prompts(self) -> Any: ...

    def to_rle(self) -> list[Rle]:
        """Return each mask as COCO's compressed run lengths."""
        return list(self.rle)

    def to_polygons(self, tolerance: float = 0, corners: Corners = "pixel_edges") -> list[list[Polygon]]:
        """Return each mask as polygons with their holes, exact, or simplified by at most `tolerance` pixels.

        Args:
            tolerance: in pixels; 1 makes outlines that are pleasant to edit.
            corners: along "pixel_edges", or within the outermost pixels, for tools that draw outlines as well; see
                `masks.polygons.to_polygons`.

        Raises:
            OptionError: the tolerance is no number of pixels, or the corners are another word.
        """
        return [to_polygons(self.mask(row), tolerance, corners) for row in range(len(self))]

    def records(self) -> list[dict[str, Any]]:
        """Return the masks as SAM's mask generator does: a dict each, which JSON can hold.

        The keys are segmentation (COCO's run lengths), bbox (x, y, width, height), area, predicted_iou if the score is
        known, label if the class is, and all columns by their names; one that is named as a key gets `_given` added.
        """
        return [self._record(row) for row in range(len(self))]

    def column_values(self, row: int, own: Collection[str] = ()) -> dict[str, Any]:
        """Return the further columns of one mask as JSON can hold them, without those that are None.

        Args:
            row: the mask.
            own: fields of a file, in small letters; a column named so gets another name, see `masks.columns.free_name`.
        """
        values = {free_name(name, own): to_plain(column[row]) for name, column in self.columns.items()}
        return {name: value for name, value in values.items() if value is not None}

    def known_score(self, row: int) -> float | None:
        """Return the score of one mask, None if it is not known."""
        return None if np.isnan(self.scores[row]) else float(self.scores[row])

    def to_coco(self, labels: str | Sequence[str] | None = None) -> dict[str, Any]:
        """Return a whole COCO data set of this image: run lengths, boxes x, y, width, height, areas and scores.

        Raises:
            OptionError: there are not as many labels as masks.
        """
        return provided("to_coco")(self if labels is None else self.with_labels(labels))

    def to_supervision(self) -> Any:
        """Return the masks as a `supervision.Detections`; its CompactMask comes from run lengths, without pixels.

        Raises:
            MissingExtra: supervision is not installed.
        """
        return provided("to_supervision")(self)

    def save(
        self,
        path: str | PathLike[str],
        *formats: str,
        image: Any = None,
        labels: str | Sequence[str] | None = None,
        **options: Any,
    ) -> list[Path]:
        """Write the masks, and return the files.

        A path with a suffix is a file: `save("cup.png")` a black and white mask, "cup.json" COCO, "cup.svg" or
        "cup.geojson" outlines, "cup.txt" YOLO, "cup.csv" a table, "cup.gpkg" or "cup.parquet" outlines on a map;
        `save("cup.png", "cutout", image=image)` another format of that suffix. Any other path is a folder:
        `save("out", "png", "overlay", "coco", image=image)`.

        Args:
            path: a file or a folder.
            formats: names of `hqsam.formats.FORMATS`.
            image: the image itself, for formats that show it: anything that `segmenter.open` takes. By default the one
                that the masks were made from.
            labels: a class for each mask, or one for all, instead of their own.
            options: of `hqsam.formats.write`, such as `tolerance` to simplify outlines.

        Raises:
            OptionError: there is no such format or option, it has another suffix, or it needs `image`.
            ImageError: the image cannot be read, or is of another size.
            OutputError: a file cannot be written; nothing half-written was left.
        """
        labelled = self if labels is None else self.with_labels(labels)
        return provided("save")(labelled, path, formats, image, **options)

    def overlay(self, image: Any = None) -> UInt8[np.ndarray, "height width 3"]:
        """Draw the masks over their image in colours, small ones on top of large ones.

        Args:
            image: anything that `segmenter.open` takes; by default the one that the masks were made from.

        Raises:
            ImageError: the image cannot be read, or is of another size.
            OptionError: no image is given, and the masks were not made from one.
        """
        return provided("overlay")(self, image, self.drawn_prompts())

    def cutout(self, image: Any = None) -> UInt8[np.ndarray, "height width 4"]:
        """Return the image where any of the masks is, transparent elsewhere, in RGBA; `image` is as for `overlay`.

        Raises:
            ImageError: the image cannot be read, or is of another size.
            OptionError: no image is given, and the masks were not made from one.
        """
        return provided("cutout")(self, image)

    def _repr_html_(self) -> str:
        """Return a picture for a notebook: the masks over their image, or over grey where it is not at hand."""
        return provided("to_html")(self)

    def _record(self, row: int) -> dict[str, Any]:
        x0, y0, x1, y1 = self.boxes[row].tolist()
        record = {"segmentation": self.rle[row], "bbox": [x0, y0, x1 - x0, y1 - y0], "area": int(self.areas[row])}
        score, label = self.known_score(row), self.labels[row]
        record |= {} if score is None else {"predicted_iou": score}
        record |= {} if label == DEFAULT_LABEL else {"label": label}
        return record | self.column_values(row, RECORD_KEYS)
