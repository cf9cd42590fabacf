"""Objects that words name, found in an image larger than memory: tile by tile, and joined across seams."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.formats.stack_labels import DEFAULT_LABELS
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.masks.instances import Instances
from hqsam.predict.everything import Progress
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source
from hqsam.predict.tiles.results import TiledResult
from hqsam.predict.tiles.tile_run import TileOptions, run_tiles
from hqsam.text.detector import MAX_OVERLAP, check_labels, check_share
from hqsam.text.everything_by_text import everything_by_text
from hqsam.text.segment_text import detector_of


def segment_text_in_tiles(
    segmenter: Segmenter,
    image: str | Path,
    labels: str | Sequence[str],
    folder: str | Path,
    *,
    detector: Any = None,
    threshold: float | None = None,
    max_overlap: float = MAX_OVERLAP,
    tile: int = 1024,
    overlap: float = 0.25,
    progress: Progress | None = None,
    reading: ReadOptions = DEFAULTS,
    formats: Sequence[str] = (),
    writing: Mapping[str, Any] | None = None,
    label_image: str = DEFAULT_LABELS,
    **how: Any,
) -> TiledResult:
    """Segment every object that words name in an image of any size. A killed run goes on where it was.

    >>> result = segment_text_in_tiles(segmenter, "city.tif", "a car", "out", formats=["gpkg"])

    The detector sees each tile at the image's own resolution. Masks that two tiles agree about, whatever they call
    them, are one object, which keeps the label of the higher score; so an object may be larger than a tile.

    Args:
        segmenter: the model.
        image: a file or an address; a TIFF is read in windows.
        labels: as for `Segmenter.segment_text`, like `detector`, `threshold` and `max_overlap`.
        folder: where results go: a label map, COCO, and `formats`.
        tile: how wide and high tiles are, in the image's pixels.
        overlap: the share of that by which they overlap, at least.
        progress: called after each tile with how many are done and how many there are; may raise, to stop.
        reading: which page or bands, and which values become black and white.
        formats: names of further `hqsam.formats.FORMATS`.
        writing: their options, such as `simplify`.
        label_image: the name of the label image in an OME-Zarr.
        how: `source`, `detail`, `snap`, and `min_score` and `min_area` as for `everything_by_text`.

    Raises:
        PromptError: there is no label, or one is longer than the detector reads.
        OptionError: a threshold is not from 0 to 1, or tiles are too small or overlap by too much or too little.
        MissingExtra, CheckpointError, DownloadError: as for `Segmenter.segment_text`.
        ImageError: the image cannot be read, or not in parts.
        OutputError: a result cannot be written, or the folder has the journal of an unfinished, other run.
    """
    words = check_labels(labels)
    check_share("threshold", threshold)
    check_share("max_overlap", max_overlap)
    check_source(how.get("source"), segmenter.config)
    loaded = detector_of(detector, str(segmenter.device))
    options = {"threshold": threshold, "max_overlap": max_overlap, **how}

    def look(pixels: np.ndarray) -> Instances:
        return everything_by_text(segmenter, pixels, words, detector=loaded, **options)

    named = detector if isinstance(detector, str | Path) else type(loaded).__name__
    settings = json.dumps([words, str(named), sorted(options.items()), repr(reading)], default=str)
    about = {"model": segmenter.digest(), "settings": hashlib.sha256(settings.encode()).hexdigest()[:16]}
    tiles = TileOptions(
        side=tile, overlap=overlap, reading=reading, formats=formats, writing=writing, labels=label_image,
        progress=progress,
    )  # fmt: skip
    return run_tiles(Path(image), Path(folder), look, about, tiles)
