"""Ray ends the process of its driver when its cluster goes: not one that has other tests to run."""

import os
from pathlib import Path

import pytest

from tests.alone import assert_passes_alone

pytest.importorskip("ray")


@pytest.mark.slow
def test_the_ray_engine_on_two_nodes(monkeypatch):
    monkeypatch.setitem(os.environ, "HQSAM_TEST_ALL", "1")
    assert_passes_alone(Path(__file__).with_name("ray_alone.py"))
