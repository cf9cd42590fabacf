"""Work on one image: segment it, write the results, and return the record. Loops and pools of processes run these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.batch.records import Record, record_of
from hqsam.formats import KEEP_PLACE, format_named, write
from hqsam.geo.map_prompts import prompt_in_pixels
from hqsam.geo.vector_prompts import VectorPrompts
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import read_image
from hqsam.images.tiff import has_place
from hqsam.images.to_rgb import note
from hqsam.masks.instances import Instances
from hqsam.predict.segment_features import segment_features
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.tiles.features_in_tiles import features_in_tiles
from hqsam.predict.tiles.results import TiledResult
from hqsam.text.everything_by_text import everything_by_text
from hqsam.text.text_in_tiles import segment_text_in_tiles

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ImageTask:
    """Settings of any work on an image."""

    segmenter: Segmenter
    formats: tuple[str, ...] = ()
    """Names of `hqsam.formats.FORMATS` to write."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """Options of `read_image`: `value_range` and `page`."""
    writing: Mapping[str, Any] = field(default_factory=dict)
    """Options of `hqsam.formats.write`, such as `tolerance`."""

    def write(self, found: Instances, path: Path, folder: Path) -> list[Path]:
        """Write masks, with a warning if the image has a place on Earth that was not read and so is not kept."""
        shown = any(format_named(name).needs_image for name in self.formats)
        image = read_image(path, **self.reading) if shown else None
        files = write(found, folder, self.formats, image=image, **self.writing)
        if files and not KEEP_PLACE.intersection(self.formats) and self._has_place(found, path):
            note(
                str(path),
                "place",
                "it is a GeoTIFF; these results are in pixels and do not keep its place on Earth: formats that do are "
                f"{', '.join(sorted(KEEP_PLACE))}",
            )
        return files

    def _has_place(self, found: Instances, path: Path) -> bool:
        return "georeference" in found.metadata or has_place(path)


@dataclass(frozen=True, kw_only=True)
class SegmentTask(ImageTask):
    """Segments the same prompt in each image."""

    prompt: Mapping[str, Any]
    """Arguments of `Session.segment`; boxes and points are in pixels, or in `crs`."""
    crs: str = ""
    """The coordinate reference system of boxes and points; "map" is the image's own; empty are pixels."""

    def __call__(self, path: Path, folder: Path) -> Record:
        """Segment an image."""
        session = self.segmenter.open(path, **self.reading)
        prompt = prompt_in_pixels(self.prompt, session.georeference, self.crs, str(path)) if self.crs else self.prompt
        found = session.segment(**prompt)
        files = self.write(found, path, folder)
        return record_of(path, found, files, self.segmenter.name, found.source, prompt=found.prompt_index.tolist())


@dataclass(frozen=True, kw_only=True)
class TextTask(ImageTask):
    """Segments what words name in each image."""

    options: Mapping[str, Any]
    """Arguments of `Segmenter.segment_text`."""

    def __call__(self, path: Path, folder: Path) -> Record:
        """Segment an image."""
        return self.record(self.segmenter.segment_text(path, **self.options, **self.reading), path, folder)

    def record(self, found: Instances, path: Path, folder: Path) -> Record:
        """Write masks, and return the record with their labels and the detector's scores."""
        return record_of(
            path, found, self.write(found, path, folder), self.segmenter.name, found.metadata["source"],
            label=list(found.labels), prompt_score=[_rounded(value) for value in found.columns["prompt_score"]],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FeaturesTask(ImageTask):
    """Segments what the features of a vector file point at, in each image that they lie on."""

    vector: VectorPrompts
    how: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of `Session.segment`: `source`, `detail` and `snap`."""

    def __call__(self, path: Path, folder: Path) -> Record:
        """Segment the features on an image."""
        found = segment_features(self.segmenter.open(path, **self.reading), self.vector, **self.how)
        files = self.write(found, path, folder)
        return record_of(path, found, files, self.segmenter.name, found.metadata["source"], label=list(found.labels))


@dataclass(frozen=True, kw_only=True)
class EverythingTask(ImageTask):
    """Finds every object of each image."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `Segmenter.everything`."""

    def __call__(self, path: Path, folder: Path, progress: Progress | None = None) -> Record:
        """Find every object of an image."""
        found = self.segmenter.everything(path, **self.options, **self.reading, progress=progress)
        return record_of(
            path, found, self.write(found, path, folder), self.segmenter.name, found.metadata["source"],
            stability=[round(float(value), 4) for value in found.columns["stability_score"]],
            point=[point[0].tolist() for point in found.columns["point_coords"]],
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EverythingByTextTask(TextTask):
    """Finds everything that words name in each image, in crops, too, and arranges it."""

    def __call__(self, path: Path, folder: Path) -> Record:
        """Find all that words name in an image."""
        found = everything_by_text(self.segmenter, path, **self.options, **self.reading)
        return self.record(found, path, folder)


@dataclass(frozen=True, kw_only=True)
class TilesTask(ImageTask):
    """Finds every object of images larger than memory."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `Segmenter.everything_in_tiles`."""

    def __call__(self, path: Path, folder: Path, progress: Progress | None = None) -> Record:
        """Find every object of an image, tile by tile."""
        found = self.segmenter.everything_in_tiles(path, folder, **self.options, **self.reading, progress=progress)
        return _record_of_tiles(path, found, self.segmenter.name)


@dataclass(frozen=True, kw_only=True)
class FeaturesInTilesTask(ImageTask):
    """Segments what the features of a vector file point at, in maps larger than memory."""

    vector: VectorPrompts
    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `features_in_tiles`."""

    def __call__(self, path: Path, folder: Path, progress: Progress | None = None) -> Record:
        """Segment the features on a map."""
        found = features_in_tiles(
            self.segmenter,
            path,
            self.vector,
            folder,
            **self.options,
            reading=ReadOptions(**self.reading),
            progress=progress,
        )
        return _record_of_tiles(path, found, self.segmenter.name)


@dataclass(frozen=True, kw_only=True)
class TextInTilesTask(ImageTask):
    """Segments what words name in images larger than memory."""

    options: Mapping[str, Any]
    """Arguments of `segment_text_in_tiles`."""

    def __call__(self, path: Path, folder: Path, progress: Progress | None = None) -> Record:
        """Segment what words name, tile by tile."""
        reading = ReadOptions(**self.reading)
        found = segment_text_in_tiles(
            self.segmenter, path, folder=folder, **self.options, reading=reading, progress=progress
        )
        return _record_of_tiles(path, found, self.segmenter.name)


def _rounded(value: float | None) -> float | None:
    """Return a score for a record; what filled a gap has none."""
    return None if value is None or np.isnan(value) else round(float(value), 4)


def _record_of_tiles(path: Path, found: TiledResult, model: str) -> Record:
    files = [str(file) for file in (found.label_map, found.coco, *found.more)]
    return {"image": str(path), "model": model, "count": found.count, "files": files}
