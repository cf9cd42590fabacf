"""Tests that want more than Python: skipped with a line that says what to install, and failed in CI, which has it."""

import importlib.util
import os
import shutil

import pytest


def program(name: str, *, install: str) -> None:
    """Skip the test if a program is missing; `install` is the command that brings it."""
    if shutil.which(name) is None:
        _missing(f"the program {name}", install)


def package(name: str, *, install: str) -> None:
    """Skip the test if a Python package is missing."""
    if importlib.util.find_spec(name) is None:
        _missing(f"the package {name}", install)


def _missing(what: str, install: str) -> None:
    line = f"needs {what}; install it with: {install}"
    if os.environ.get("HQSAM_TEST_ALL"):
        pytest.fail(line)
    pytest.skip(line)
