"""Compiled by torch, a run learns the same."""

import json
import subprocess
import sys

import pytest

from tests import needs

STEPS = 2


@pytest.mark.slow
def test_compiled_the_losses_are_the_same(tmp_path, start):
    needs.program("g++", install="apt install g++")
    losses = {}
    for how in ("plain", "compiled"):  # in processes of their own: torch does not compile functions that check shapes
        command = [sys.executable, "-m", "tests.training.child", str(tmp_path / how), str(start), str(STEPS), how]
        subprocess.run(command, check=True, timeout=600)
        lines = (tmp_path / how / "metrics.jsonl").read_text().splitlines()
        losses[how] = [json.loads(line)["loss"] for line in lines]
    assert losses["compiled"] == pytest.approx(losses["plain"], rel=1e-3)
