"""Find everything in a large image: every tile by itself, what it found stored at once, and in the end one result."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.engines import Engine
from hqsam.errors import ImageError, OutputError
from hqsam.formats import coco
from hqsam.formats.file_names import OutputPaths
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.images.tiff import place_tags
from hqsam.images.windows import Windows, open_windows
from hqsam.masks.instances import Instances
from hqsam.predict.everything import Progress, find_everything
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.tiles.label_map import write_label_map
from hqsam.predict.tiles.seams import Part, join, whole
from hqsam.predict.tiles.tile_grid import Tile, TileGrid
from hqsam.storage import Journal

_MOST_PIXELS = 1 << 32
"""COCO's run lengths are numbers of 32 bits."""


@dataclass(frozen=True)
class TiledResult:
    """The files about everything that was found in a large image."""

    label_map: Path
    """A TIFF, 32 bits a pixel: 0 is no object, k is the k-th."""
    coco: Path
    """The objects with their exact masks, as COCO has them; the k-th has the id k."""
    count: int
    """The number of objects."""


def everything_in_tiles(
    engine: Engine,
    image: Path,
    folder: Path,
    *,
    config: MaskGeneratorConfig,
    side: int = 1024,
    overlap: float = 0.25,
    progress: Progress | None = None,
    reading: ReadOptions = DEFAULTS,
) -> TiledResult:
    """Find every object of an image of any size, with memory for a few tiles. A killed run goes on where it was.

    Args:
        engine: the model.
        image: the file; a TIFF is read in windows.
        folder: where results go, and until they are written the journal of what is done.
        config: what to look for in each tile.
        side: of a tile, in the image's pixels.
        overlap: the share of its side that a tile shares with the next.
        progress: called after each tile with how many are done and how many there are; may raise, to stop.
        reading: which page, and which values become black and white.

    Raises:
        ImageError: the image cannot be read, or not in parts.
        OptionError: tiles that are too small, or overlap by too much or too little.
        OutputError: the folder has the journal of a run with other settings, or cannot be written.
    """
    journal_path = folder / f"{image.stem}_tiles.journal"
    with open_windows(image, reading) as windows, Journal(journal_path) as journal:
        grid = TileGrid(windows.size_hw, side, overlap)
        _check_size(image, windows)
        done = _resume(journal, _heading(image, grid, engine, config, reading))
        _look_at_the_rest(engine, windows, grid, config, journal, done, progress or (lambda done, total: None))
        result = _write(image, folder, list(_parts(journal)), grid)
    journal_path.unlink()
    return result


def _look_at_the_rest(
    engine: Engine,
    windows: Windows,
    grid: TileGrid,
    config: MaskGeneratorConfig,
    journal: Journal,
    done: set[Tile],
    progress: Progress,
) -> None:
    rest = [tile for tile in grid.tiles if tile not in done]
    progress(len(grid.tiles) - len(rest), len(grid.tiles))
    for left, tile in zip(reversed(range(len(rest))), rest, strict=True):
        pixels = np.ascontiguousarray(windows.read(*grid.window(tile)))
        found = find_everything(engine, pixels, config)
        objects = [[one.rle[0]["counts"], round(float(one.scores[0]), 4)] for one in found]
        journal.append({"tile": tile, "objects": objects})
        progress(len(grid.tiles) - left, len(grid.tiles))


def _parts(journal: Journal) -> Iterator[Part]:
    """Yield all that was found, tile by tile in reading order."""
    heading, *records = journal
    side, overlap, size = heading["side"], heading["overlap"], tuple(heading["size_hw"])
    grid = TileGrid(size, side, overlap)
    for record in sorted(records, key=lambda record: record["tile"]):
        down, across = record["tile"]
        size_hw = list(grid.tile_size_hw((down, across)))
        for counts, score in record["objects"]:
            yield Part((down, across), {"size": size_hw, "counts": counts}, score)


def _write(image: Path, folder: Path, parts: list[Part], grid: TileGrid) -> TiledResult:
    groups = join(parts, grid)
    found = Instances.from_rle(
        (whole(group, grid).to_rle(grid.size_hw) for group in groups),
        grid.size_hw,
        scores=[_mean_score(group) for group in groups],
        columns={"tiles": [len({part.tile for part in group}) for group in groups]},
        image_name=image.name,
    )
    paths = OutputPaths.of(found, folder)
    label_map = write_label_map(paths.path("_labels.tif"), found, place_tags(image))
    [records] = coco.write(found, paths)
    return TiledResult(label_map, records, len(found))


def _mean_score(parts: list[Part]) -> float:
    return round(float(np.average([part.score for part in parts], weights=[part.area for part in parts])), 4)


def _heading(
    image: Path, grid: TileGrid, engine: Engine, config: MaskGeneratorConfig, reading: ReadOptions
) -> dict[str, Any]:
    """Return what a run has to have in common with an earlier one to go on with its work."""
    about = image.stat()
    # repr leaves out the middle of large arrays
    points = [np.asarray(grid).tobytes().hex() for grid in config.point_grids or ()]
    named = repr(config).replace(type(config).__name__, "Search")  # as the first journals have it
    settings = json.dumps([named, points, *([] if reading == DEFAULTS else [repr(reading)])])
    return {
        "photo": image.name,
        "bytes": about.st_size,
        "written": about.st_mtime_ns,
        "size_hw": list(grid.size_hw),
        "side": grid.side,
        "overlap": grid.overlap,
        "model": f"{engine.config.name} {engine.device.type} {engine.digest()}",
        "settings": hashlib.sha256(settings.encode()).hexdigest()[:16],
    }


def _resume(journal: Journal, heading: dict[str, Any]) -> set[Tile]:
    """Return the tiles that an earlier run of the same work has done."""
    records = list(journal)
    if len(records) <= 1 and records != [heading]:
        journal.clear()  # of another run that has done nothing yet
        journal.append(heading)
    elif records[0] != heading:
        changed = [name for name in heading if records[0].get(name) != heading[name]]
        raise OutputError(
            f"{journal.path} is of an unfinished run with other {', '.join(changed)}; finish that one, delete the "
            "file, or choose another folder"
        )
    return {tuple(record["tile"]) for record in records[1:]}


def _check_size(image: Path, windows: Windows) -> None:
    height, width = windows.size_hw
    if height * width >= _MOST_PIXELS:
        raise ImageError(f"{image} has {width} x {height} pixels; masks of more than 4,294,967,295 cannot be stored")
