"""Folders of this user where hqsam keeps files: fetched weights and compiled kernels, and annotations."""

import os
from pathlib import Path

import platformdirs


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
