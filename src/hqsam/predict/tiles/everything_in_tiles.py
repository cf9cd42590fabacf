"""Find everything in a large image: every tile by itself, what it found stored at once, and in the end one result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.engines import Engine
from hqsam.formats.stack_labels import DEFAULT_LABELS
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.predict.everything import Progress, find_everything
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.tiles.results import TiledResult
from hqsam.predict.tiles.tile_run import run_tiles


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
    formats: Sequence[str] = (),
    writing: Mapping[str, Any] | None = None,
    labels: str = DEFAULT_LABELS,
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
        formats: names of further `hqsam.formats.FORMATS` to write.
        writing: their options.
        labels: the name of the label image in an OME-Zarr.

    Raises:
        ImageError: the image cannot be read, or not in parts.
        OptionError: tiles that are too small, or overlap by too much or too little.
        OutputError: the folder has the journal of a run with other settings, or cannot be written.
    """
    return run_tiles(
        image,
        folder,
        lambda pixels: find_everything(engine, pixels, config),
        journal_settings(engine, config, reading),
        side=side,
        overlap=overlap,
        progress=progress,
        reading=reading,
        formats=formats,
        writing=writing,
        labels=labels,
    )


def journal_settings(engine: Engine, config: MaskGeneratorConfig, reading: ReadOptions) -> dict[str, str]:
    """Return the model and the settings as a journal names them, by which a run goes on with an earlier one's work."""
    # repr leaves out the middle of large arrays
    points = [np.asarray(grid).tobytes().hex() for grid in config.point_grids or ()]
    # As the first journals have it, which know no snap.
    named = repr(config).replace(type(config).__name__, "Search").replace("snap=False, ", "")
    settings = json.dumps([named, points, *([] if reading == DEFAULTS else [_named(reading)])])
    return {
        "model": f"{engine.config.name} {engine.device.type} {engine.digest()}",
        "settings": hashlib.sha256(settings.encode()).hexdigest()[:16],
    }


def _named(reading: ReadOptions) -> str:
    """Return the options of reading as the first journals have them, which know neither bands nor channels."""
    named = repr(reading).replace("channels=None, z=None, t=None, ", "")
    return named.replace("bands=None, stretch=None, ", "")
