"""Tests that run graphs by OpenVINO: late in a process that had loaded much else, letting it go ended in a crash."""

from pathlib import Path

import pytest

from tests.alone import assert_passes_alone

pytest.importorskip("openvino")


@pytest.mark.parametrize("name", ["runtimes_alone.py", "openvino_alone.py"])
def test_graphs_run_in_each_runtime(name):
    assert_passes_alone(Path(__file__).with_name(name))
