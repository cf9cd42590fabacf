"""Tests that run graphs by OpenVINO, in processes of their own.

Late in a process that had run hundreds of other tests, a segmentation fault ended it there; why was not found."""

from pathlib import Path

import pytest

from tests.alone import assert_passes_alone

pytest.importorskip("openvino")


@pytest.mark.parametrize("name", ["runtimes_alone.py", "openvino_alone.py"])
def test_graphs_run_in_each_runtime(name):
    assert_passes_alone(Path(__file__).with_name(name))
