"""Segment what the features of a vector file point at, in a map larger than memory: each in the tile around it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.geo.vector_prompts import PixelPrompt, VectorPrompts, pixel_prompts
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.windows import Windows, open_windows
from hqsam.masks.rle import Rle, decode
from hqsam.masks.runs import runs_from_parts
from hqsam.masks.windows import Window, grow_window, tile_starts
from hqsam.predict.everything import Progress
from hqsam.predict.segment_features import instances_of, segment_pixel_prompts
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source
from hqsam.predict.tiles.results import TiledResult, write_results
from hqsam.predict.tiles.tile_grid import TileGrid
from hqsam.predict.tiles.tile_run import check_size

_MARGIN = 0.25
"""What is seen around a feature that is larger than a tile, as a share of its longer side."""


def features_in_tiles(
    segmenter: Segmenter,
    image: str | Path,
    vector: VectorPrompts,
    folder: str | Path,
    *,
    tile: int = 1024,
    overlap: float = 0.25,
    progress: Progress | None = None,
    reading: ReadOptions = DEFAULTS,
    formats: Sequence[str] = (),
    writing: Mapping[str, Any] | None = None,
    **how: Any,
) -> TiledResult:
    """Return a mask for each feature that lies on a map of any size, at the map's own resolution.

    >>> result = features_in_tiles(segmenter, "city.tif", read_vector_prompts("boxes.gpkg"), "out", formats=["gpkg"])

    Args:
        segmenter: the model.
        image: a file or address with a place on a map.
        vector: the features; their attributes become columns of the result.
        folder: where results go: a label map, COCO, and `formats`.
        tile: how wide and high tiles are, in pixels. A larger feature is seen whole, in a window of its own.
        overlap: the share of that by which they overlap, at least; features up to this size are whole in some tile.
        progress: called after each tile with how many are done and how many there are; may raise, to stop.
        reading: bands, stretch and the like.
        formats: names of further `hqsam.formats.FORMATS`.
        writing: options of `hqsam.formats.write`, such as `simplify` and `orthogonal`.
        how: `source`, `detail` and `snap`, as for `Session.segment`.

    Raises:
        DataError: the image has no place, or no feature lies on it.
        ImageError: the image cannot be read.
        OptionError: tiles that are too small, or overlap by too much or too little.
        OutputError: a result cannot be written.
    """
    path = Path(image)
    with open_windows(path, reading) as windows:
        check_size(path, windows)
        TileGrid(windows.size_hw, tile, overlap)  # checks both
        prompts = pixel_prompts(vector, windows.georeference, windows.size_hw, path.name)
        rles, scores = _in_windows(segmenter, windows, prompts, (tile, overlap), how, progress)
        place, size_hw = windows.georeference, windows.size_hw
    found = instances_of(prompts, rles, scores, size_hw, path.name)
    source = check_source(how.get("source"), segmenter.config)
    found = replace(found, metadata={"georeference": place, "source": source})
    return write_results(path, Path(folder), found, formats, writing or {})


def _in_windows(
    segmenter: Segmenter,
    windows: Windows,
    prompts: Sequence[PixelPrompt],
    tiling: tuple[int, float],
    how: Mapping[str, Any],
    progress: Progress | None,
) -> tuple[list[Rle], list[float]]:
    by_window: dict[tuple[int, int, int, int], list[int]] = {}
    for number, prompt in enumerate(prompts):
        rows, columns = window_for(prompt, windows.size_hw, *tiling)
        by_window.setdefault((rows.start, rows.stop, columns.start, columns.stop), []).append(number)
    rles: dict[int, Rle] = {}
    scores: dict[int, float] = {}
    for done, ((top, bottom, left, right), numbers) in enumerate(sorted(by_window.items()), start=1):
        window = slice(top, bottom), slice(left, right)
        session = segmenter.open(np.ascontiguousarray(windows.read(*window)))
        parts, found = segment_pixel_prompts(session, [prompts[number].moved(left, top) for number in numbers], **how)
        valid = windows.valid(*window)
        for number, part, score in zip(numbers, parts, found, strict=True):
            mask = decode(part) if valid is None else decode(part) & valid
            rles[number] = runs_from_parts([(mask, top, left)], windows.size_hw[0]).to_rle(windows.size_hw)
            scores[number] = score
        if progress:
            progress(done, len(by_window))
    return [rles[number] for number in range(len(prompts))], [scores[number] for number in range(len(prompts))]


def window_for(prompt: PixelPrompt, size_hw: tuple[int, int], side: int, overlap: float) -> Window:
    """Return the tile in which a prompt is furthest from the rim, or if none holds it a window around it."""
    x0, y0, x1, y1 = prompt.extent
    rows = _best_tile(y0, y1, size_hw[0], side, overlap)
    columns = _best_tile(x0, x1, size_hw[1], side, overlap)
    if rows and columns:
        return rows, columns
    around = slice(int(y0), int(np.ceil(y1))), slice(int(x0), int(np.ceil(x1)))
    margin = int(_MARGIN * max(x1 - x0, y1 - y0)) + 1
    return grow_window(around, margin, size_hw)


def _best_tile(start: float, stop: float, length: int, side: int, overlap: float) -> slice | None:
    """Return along one axis the tile that holds a stretch with the most room; the image's own rim is none."""
    starts = tile_starts(length, side, overlap)
    ends = np.minimum(starts + side, length)
    before = np.where(starts == 0, np.inf, start - starts)
    after = np.where(ends == length, np.inf, ends - stop)
    before = np.where(start < starts, -1, before)
    after = np.where(stop > ends, -1, after)
    room = np.minimum(before, after)
    best = int(room.argmax())
    return slice(int(starts[best]), int(ends[best])) if room[best] >= 0 else None
