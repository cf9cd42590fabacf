"""Masks of what words name: a detector's boxes, settled, and a mask for each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.errors import OptionError
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import ImageLike, name_of, read_placed
from hqsam.masks.instances import Instances
from hqsam.predict.image_reference import ImageReference
from hqsam.predict.on_map import on_map
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source
from hqsam.text.crops import detect_in_crops
from hqsam.text.detector import MAX_OVERLAP, Detections, Detector, check_labels, check_share, settled


def segment_text(
    segmenter: Segmenter,
    image: ImageLike,
    labels: str | Sequence[str],
    *,
    detector: Any = None,
    threshold: float | None = None,
    max_overlap: float = MAX_OVERLAP,
    crops: int = 0,
    source: str | None = None,
    detail: bool = False,
    snap: bool = False,
    max_pixels: int | None = None,
    value_range: tuple[float, float] | None = None,
    page: int | None = None,
    bands: tuple[int, ...] | None = None,
    stretch: tuple[float, float] | None = None,
    channels: tuple[int | str, ...] | None = None,
    z: int | None = None,
    t: int | None = None,
) -> Instances:
    """Segment every object that one of the labels names; see `Segmenter.segment_text`."""
    words = check_labels(labels)
    chosen = check_source(source, segmenter.config)
    reading: dict[str, Any] = {"max_pixels": max_pixels, "value_range": value_range, "page": page}
    reading |= {"bands": bands, "stretch": stretch, "channels": channels, "z": z, "t": t}
    options = ReadOptions(**reading)
    placed = read_placed(image, options)
    pixels = placed.pixels
    boxes = find_boxes(detector_of(detector, str(segmenter.device)), pixels, words, threshold, max_overlap, crops)
    about: dict[str, Any] = {"metadata": {"source": chosen}, "image_name": name_of(image)}
    if not len(boxes):
        empty = Instances.empty((pixels.shape[0], pixels.shape[1]))
        about |= {"columns": {"prompt_score": np.zeros(0)}, "image": ImageReference(image, pixels, options)}
        return on_map(replace(empty, **about), placed.georeference, None)
    session = segmenter.open(image, **reading)
    found = session.segment(boxes=boxes.boxes, source=source, detail=detail, snap=snap)
    about["metadata"] = found.metadata | about["metadata"]  # with the place of a map
    return replace(found, labels=boxes.labels, columns={"prompt_score": boxes.scores}, **about)


def find_boxes(
    detector: Detector,
    pixels: np.ndarray,
    labels: Sequence[str],
    threshold: float | None = None,
    max_overlap: float = MAX_OVERLAP,
    crops: int = 0,
) -> Detections:
    """Return the boxes of all labels in an image [H, W, 3], best first, duplicates settled.

    Raises:
        OptionError: a threshold is not from 0 to 1, or the number of layers of crops is negative.
        PromptError: a label is longer than the detector reads.
    """
    check_share("threshold", threshold)
    check_share("max_overlap", max_overlap)
    found = detect_in_crops(detector, pixels, labels, threshold, crops)
    return settled(found, (pixels.shape[0], pixels.shape[1]), max_overlap)


def detector_of(detector: Any, device: str = "auto") -> Detector:
    """Return a detector, loaded if it is named.

    Raises:
        OptionError: it is neither a name nor a detector.
        MissingExtra, CheckpointError, DownloadError: as for `load_detector`.
    """
    from hqsam.text.transformers_detector import DEFAULT, load_detector

    if detector is None or isinstance(detector, str | Path):
        return load_detector(detector or DEFAULT, device)
    if not isinstance(detector, Detector):
        raise OptionError(f"detector is a {type(detector).__name__}; give a folder, a repo, or an object with `detect`")
    return detector
