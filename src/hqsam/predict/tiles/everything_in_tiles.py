"""Find everything in a large image: every tile by itself, what it found stored at once, and in the end one result."""

import hashlib
import json
from pathlib import Path

import numpy as np

from hqsam.engines import Engine
from hqsam.images.read_options import DEFAULTS, ReadOptions
from hqsam.predict.everything import find_everything
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.tiles.results import TiledResult
from hqsam.predict.tiles.tile_run import TileOptions, run_tiles


def everything_in_tiles(
    engine: Engine, image: Path, folder: Path, config: MaskGeneratorConfig, options: TileOptions
) -> TiledResult:
    """Find every object of an image of any size, with memory for a few tiles. A killed run goes on where it was.

    Args:
        engine: the model.
        image: the file; a TIFF is read in windows.
        folder: where results go, and until they are written the journal of what is done.
        config: what to look for in each tile.
        options: how the image is cut into tiles and read, and what is written.

    Raises:
        ImageError: the image cannot be read, or not in parts.
        OptionError: tiles that are too small, or overlap by too much or too little.
        OutputError: the folder has the journal of a run with other settings, or cannot be written.
    """
    about = journal_settings(engine, config, options.reading)
    return run_tiles(image, folder, lambda pixels: find_everything(engine, pixels, config), about, options)


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
