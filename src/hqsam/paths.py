"""Folders: the user's, for fetched weights, compiled kernels and annotations, and that of the example photos."""

import os
from pathlib import Path

import platformdirs

from hqsam.errors import InputError


def user_cache_folder() -> Path:
    """Return the folder for what can be fetched or made again: checkpoints and compiled kernels.

    Returns:
        `$HQSAM_HOME` if it is set, else hqsam's part of this system's cache folder, such as `~/.cache/hqsam` on Linux.
        A folder that is there already in `$XDG_CACHE_HOME` or `~/.cache` is used on every system.
    """
    if chosen := os.environ.get("HQSAM_HOME"):
        return Path(chosen).expanduser()
    folder = platformdirs.user_cache_path("hqsam", appauthor=False)
    xdg_folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hqsam"
    return xdg_folder if xdg_folder.is_dir() and not folder.is_dir() else folder


def user_data_folder() -> Path:
    """Return the folder for what only the user can replace, such as annotations.

    Returns:
        `$HQSAM_DATA` if it is set, else hqsam's part of this system's data folder, such as `~/.local/share/hqsam` on
        Linux.
    """
    if chosen := os.environ.get("HQSAM_DATA"):
        return Path(chosen).expanduser()
    return platformdirs.user_data_path("hqsam", appauthor=False)


def examples_folder() -> Path:
    """Return the folder of the example photos: in the installed package, or in a clone of the repository.

    Raises:
        InputError: they are in neither place.
    """
    package = Path(__file__).parent
    places = [package / "examples", package.parents[1] / "examples"]
    found = next((place for place in places if (place / "coffee.jpg").is_file()), None)
    if found is None:
        raise InputError(f"the example images are missing; they should be in {places[0]}: install hqsam again")
    return found
