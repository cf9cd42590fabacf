"""Work on one image: segment it, write the results, and return the record. Loops and pools of processes run these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hqsam.batch.records import Record, record_of
from hqsam.formats import format_named, write
from hqsam.images.reading import read_image
from hqsam.images.tiff import has_place
from hqsam.images.to_rgb import note
from hqsam.masks.instances import Instances
from hqsam.predict.segmenter import Segmenter

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
        """Write masks, with a warning if the image has a place on Earth, which these files do not keep."""
        shown = any(format_named(name).needs_image for name in self.formats)
        image = read_image(path, **self.reading) if shown else None
        files = write(found, folder, self.formats, image=image, **self.writing)
        if files and has_place(path):
            note(str(path), "place", "it is a GeoTIFF; these results are in pixels and do not keep its place on Earth")
        return files


@dataclass(frozen=True, kw_only=True)
class SegmentTask(ImageTask):
    """Segments the same prompt in each image."""

    prompt: Mapping[str, Any]
    """Arguments of `Session.segment`."""

    def __call__(self, path: Path, folder: Path) -> Record:
        """Segment an image."""
        found = self.segmenter.open(path, **self.reading).segment(**self.prompt)
        files = self.write(found, path, folder)
        return record_of(path, found, files, self.segmenter.name, found.source, prompt=found.prompt_index.tolist())


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
class TilesTask(ImageTask):
    """Finds every object of images larger than memory."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `Segmenter.everything_in_tiles`."""

    def __call__(self, path: Path, folder: Path, progress: Progress | None = None) -> Record:
        """Find every object of an image, tile by tile."""
        found = self.segmenter.everything_in_tiles(path, folder, **self.options, **self.reading, progress=progress)
        files = [str(found.label_map), str(found.coco)]
        return {"image": str(path), "model": self.segmenter.name, "count": found.count, "files": files}
