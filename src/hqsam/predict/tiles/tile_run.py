"""Work on a large image tile by tile: what each tile holds is stored at once, and a killed run goes on where it was."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hqsam.errors import ImageError
from hqsam.formats.stack_labels import DEFAULT_LABELS
from hqsam.images.raster_source import is_remote
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.stacks.zarr_stack import described
from hqsam.images.windows import Windows, open_windows
from hqsam.masks.columns import DEFAULT_LABEL
from hqsam.masks.instances import Instances
from hqsam.predict.everything import Progress
from hqsam.predict.on_map import on_map
from hqsam.predict.tiles.results import TiledResult, check_label_map, check_tiled_formats, write_results
from hqsam.predict.tiles.seams import Part, join, whole
from hqsam.predict.tiles.tile_grid import Tile, TileGrid
from hqsam.storage import Journal

Look = Callable[[UInt8[np.ndarray, "height width 3"]], Iterable[Instances]]
"""A function that finds the objects of a tile."""
_MOST_PIXELS = 1 << 32
"""COCO's run lengths are numbers of 32 bits."""


@dataclass(frozen=True, kw_only=True)
class TileOptions:
    """How an image is cut into tiles and read, and what is written of it."""

    side: int = 1024
    """Side of a tile, in the image's pixels."""
    overlap: float = 0.25
    """Share of its side that a tile shares with the next."""
    reading: ReadOptions = DEFAULTS
    """Which page, bands or plane, and which values become black and white."""
    formats: Sequence[str] = ()
    """Names of further `hqsam.formats.FORMATS` to write."""
    writing: Mapping[str, Any] | None = None
    """Options of these formats, such as `simplify`."""
    labels: str = DEFAULT_LABELS
    """Name of the label image in an OME-Zarr."""
    progress: Progress | None = None
    """Called after each tile with how many are done and how many there are; may raise, to stop."""


def run_tiles(image: Path, folder: Path, look: Look, about: Mapping[str, Any], options: TileOptions) -> TiledResult:
    """Look at every tile of an image of any size, join objects across seams, and write the results.

    Args:
        image: the file; a TIFF is read in windows.
        folder: where results go, and until they are written the journal of what is done.
        look: finds the objects of a tile. With a column `prompt_score` they keep it, and their labels.
        about: the model and the settings, by which a run goes on with the work of an earlier one.
        options: how the image is cut into tiles and read, and what is written.

    Raises:
        ImageError: the image cannot be read, or not in parts.
        OptionError: tiles that are too small, or overlap by too much or too little.
        OutputError: the folder has the journal of a run with other settings, or cannot be written.
    """
    check_tiled_formats(options.formats)
    check_label_map(image, folder, options.labels)
    journal_path = folder / f"{image.stem}_tiles.journal"
    with open_windows(image, options.reading) as windows, Journal(journal_path) as journal:
        grid = TileGrid(windows.size_hw, options.side, options.overlap)
        check_size(image, windows)
        done = {tuple(record["tile"]) for record in journal.resume(heading(image, grid, about))}
        _look_at_the_rest(look, windows, grid, journal, done, options.progress or (lambda done, total: None))
        found = on_map(_joined(image, list(_parts(journal)), grid), windows.georeference, None)
        result = write_results(
            image, folder, found, options.formats, options.writing or {}, reading=options.reading, labels=options.labels
        )
    journal_path.unlink()
    return result


def heading(image: Path, grid: TileGrid, about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run has to have in common with an earlier one to go on with its work."""
    size, written = _written(image)
    return {
        "photo": image.name,
        "bytes": size,
        "written": written,
        "size_hw": list(grid.size_hw),
        "side": grid.side,
        "overlap": grid.overlap,
        **about,
    }


def _look_at_the_rest(
    look: Look,
    windows: Windows,
    grid: TileGrid,
    journal: Journal,
    done: set[Tile],
    progress: Progress,
) -> None:
    rest = [tile for tile in grid.tiles if tile not in done]
    progress(len(grid.tiles) - len(rest), len(grid.tiles))
    for left, tile in zip(reversed(range(len(rest))), rest, strict=True):
        valid = windows.valid(*grid.window(tile))
        found: Iterable[Instances] = ()
        if valid is None or valid.any():  # a tile without data is not looked at
            found = look(np.ascontiguousarray(windows.read(*grid.window(tile))))
        kept = (one for each in found for one in on_map(each, None, valid))
        journal.append({"tile": tile, "objects": [_to_json(one) for one in kept if one.areas[0]]})
        progress(len(grid.tiles) - left, len(grid.tiles))


def _to_json(one: Instances) -> list[Any]:
    plain = [one.rle[0]["counts"], round(float(one.scores[0]), 4)]
    if "prompt_score" not in one.columns:
        return plain
    return [*plain, one.labels[0], round(float(one.columns["prompt_score"][0]), 4)]


def _parts(journal: Journal) -> Iterator[Part]:
    """Yield all that was found, tile by tile in reading order."""
    heading, *records = journal
    side, overlap, size = heading["side"], heading["overlap"], tuple(heading["size_hw"])
    grid = TileGrid(size, side, overlap)
    for record in sorted(records, key=lambda record: record["tile"]):
        down, across = record["tile"]
        size_hw = list(grid.tile_size_hw((down, across)))
        for counts, score, *words in record["objects"]:
            part = Part((down, across), {"size": size_hw, "counts": counts}, score, *words)
            if part.area:  # journals of older versions may have masks without pixels
                yield part


def _joined(image: Path, parts: list[Part], grid: TileGrid) -> Instances:
    groups = join(parts, grid)
    named = [max(group, key=lambda part: part.prompt_score or 0) for group in groups]
    columns: dict[str, Any] = {"tiles": [len({part.tile for part in group}) for group in groups]}
    if any(part.prompt_score is not None for part in named):
        columns["prompt_score"] = [part.prompt_score for part in named]
    return Instances.from_rle(
        (whole(group, grid).to_rle(grid.size_hw) for group in groups),
        grid.size_hw,
        scores=[_mean_score(group) for group in groups],
        labels=[part.label or DEFAULT_LABEL for part in named],
        columns=columns,
        image_name=image.name,
    )


def _mean_score(parts: list[Part]) -> float:
    return round(float(np.average([part.score for part in parts], weights=[part.area for part in parts])), 4)


def _written(image: Path) -> tuple[int, int]:
    """Return how long a file is, and when it was written; zeros for an address."""
    if is_remote(image):
        return 0, 0
    about = described(image).stat()
    return about.st_size, about.st_mtime_ns


def check_size(image: Path, windows: Windows) -> None:
    """Refuse an image of which run lengths cannot be stored.

    Raises:
        ImageError: it has too many pixels.
    """
    height, width = windows.size_hw
    if height * width >= _MOST_PIXELS:
        raise ImageError(f"{image} has {width} x {height} pixels; masks of more than 4,294,967,295 cannot be stored")
