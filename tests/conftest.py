"""In tests, every annotated shape and type of hqsam is checked when a function is called."""

import ctypes
import gc
import os
import platform

import psutil
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

from tests import shared

# As type checkers have it, an int will do where a float is asked for.
install_import_hook("hqsam", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# A busy machine is no failure.
settings.register_profile("hqsam", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hqsam")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(shared)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow tests out of everyday runs; `-m slow` and HQSAM_TEST_ALL=1 ask for them."""
    if config.option.markexpr or os.environ.get("HQSAM_TEST_ALL"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow, or set HQSAM_TEST_ALL=1"))


_least = 0.0
"""Bytes of this process after it has given back what was free."""


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Give back what a test has freed: trainings alone leave a gigabyte of holes, which the next tests do not fill."""
    global _least
    if psutil.Process().memory_info().rss < _least + 150e6 or platform.libc_ver()[0] != "glibc":
        return
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    _least = psutil.Process().memory_info().rss


@pytest.fixture(scope="session")
def tiny_model():
    """A whole HQ-SAM of a few hundred kB; `tests.tiny` has the other kinds."""
    from tests.tiny import tiny_model  # after the hook above, so that its shapes are checked too

    return tiny_model()


@pytest.fixture(scope="session")
def tiny_segmenter():
    """The same, ready to open images."""
    from tests.tiny import tiny_segmenter

    return tiny_segmenter()
