"""Ray ends the process that its driver runs in when the cluster goes: not one that has other tests to run."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")


@pytest.mark.slow
def test_the_ray_engine_on_two_nodes():
    tests = Path(__file__).with_name("ray_on_two_nodes.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "slow", tests]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
