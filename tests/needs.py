"""Tests that want more than Python: skipped with a line that says what to install, and failed in CI, which has it."""

import importlib.util
import os
import shutil
import sys
from glob import glob
from pathlib import Path

import pytest


def program(name: str, *, install: str, beside: str = "") -> Path:
    """Skip the test if a program is missing; `install` is the command that brings it.

    Returns the folder that it is in: one of the PATH, or one that `beside` is a pattern of.
    """
    found = shutil.which(name) or next(iter(sorted(glob(f"{beside}/{name}"))), None)  # noqa: PTH207  (takes absolute ones)
    if found is None:
        _missing(f"the program {name}", install)
    return Path(str(found)).parent


def compiler() -> None:
    """Skip the test if there is no C++ compiler; on other systems than Linux kernels are not compiled."""
    if sys.platform != "linux":
        pytest.skip("kernels are compiled on Linux only")
    program("g++", install="apt-get install g++")


def package(name: str, *, install: str) -> None:
    """Skip the test if a Python package is missing."""
    if importlib.util.find_spec(name) is None:
        _missing(f"the package {name}", install)


def npm_package(name: str) -> Path:
    """Skip the test if a package of npm is missing; returns its folder, in build/browser as .ci/run makes it."""
    folder = Path(__file__).parents[1] / "build" / "browser" / "node_modules" / name
    if not folder.is_dir():
        _missing(f"npm's {name}", f"npm install --no-save --ignore-scripts --prefix build/browser {name}")
    return folder


def _missing(what: str, install: str) -> None:
    line = f"needs {what}; install it with: {install}"
    if os.environ.get("HQSAM_TEST_ALL"):
        pytest.fail(line)
    pytest.skip(line)
