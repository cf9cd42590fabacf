"""What is made once in a test run, for all its workers and their children."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

_PLACE = "HQSAM_TESTS_SHARED"


def shared_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder that the first process to ask for it has filled."""
    folder = Path(os.environ[_PLACE]) / name
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            begun = folder.with_suffix(".begun")
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir()
            fill(begun)
            begun.rename(folder)
    return folder


_made = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the place for it, in the process that starts the others."""
    if _PLACE not in os.environ:
        os.environ[_PLACE] = config.stash[_made] = tempfile.mkdtemp(prefix="hqsam-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if place := config.stash.get(_made, None):
        shutil.rmtree(place, ignore_errors=True)
        del os.environ[_PLACE]
