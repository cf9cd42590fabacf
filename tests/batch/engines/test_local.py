import json
import signal
import subprocess
import sys

import pytest

from hqsam.batch.engines import local
from hqsam.batch.run_batch import BatchRun
from hqsam.batch.sources import find_items
from hqsam.cli import main
from hqsam.errors import OptionError
from tests.batch.engines import dying
from tests.batch.test_run_batch import results

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


@pytest.fixture
def items(archive):
    return find_items([str(archive)], f"{archive}.json")


@pytest.fixture
def whole(job, items, tmp_path):
    """The results of a run that nothing disturbs."""
    BatchRun(chunk_size=3)(job("whole"), items)
    return results(tmp_path / "whole")


def test_two_processes_make_what_one_does_and_a_killed_one_is_replaced(job, items, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "work_on_chunks", dying.dies_once)
    summary = BatchRun(chunk_size=3, workers=2)(job(), items)
    assert (tmp_path / "has-died").exists() and summary["masks"] == 18
    assert results(tmp_path / "out") == whole


@pytest.mark.slow  # four processes, one after the other
def test_an_image_that_kills_its_process_twice_is_given_up(job, items, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "work_on_chunks", dying.dies_on_one_image)
    summary = BatchRun(chunk_size=3, workers=2)(job(), items)
    [failure] = [json.loads(line) for line in (tmp_path / "out" / "failed.jsonl").read_text().splitlines()]
    assert (
        failure["image"] == "day/0005.png" and "died 2 times" in failure["reason"] and "signal 9" in failure["reason"]
    )
    assert (summary["images_failed"], summary["masks"]) == (1, 16)


def test_what_stops_a_worker_stops_the_run(job, items, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "work_on_chunks", dying.has_another_model)
    with pytest.raises(OptionError, match="give every machine the same weights"):
        BatchRun(chunk_size=3, workers=2)(job(), items)


_KILLED_AT_A_REPORT = """
import os, signal, sys
from hqsam.batch.run_state import RunState
finish_chunk = RunState.finish_chunk
def die(self, report):
    if sys.argv[1] == "after":
        finish_chunk(self, report)
    os.kill(os.getpid(), signal.SIGKILL)
RunState.finish_chunk = die
from hqsam.cli import main
main(sys.argv[2:])
"""


def test_a_killed_run_goes_on_with_nothing_lost_and_nothing_twice(job, archive, whole, tiny_file, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["batch", archive, "--prompts", f"{archive}.json", "--model", tiny_file, "--format", "coco", "--out", out]
    words = [*map(str, words), "--shard-size", "3", "--device", "cpu", "--precision", "float32"]
    # The second process dies when all of a shard's results are written, but not its report: the shard is done again.
    for when in ("after", "before"):
        killed = subprocess.run([sys.executable, "-c", _KILLED_AT_A_REPORT, when, *words], check=False)
        assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in out.glob("run/chunk-*.json")] == ["chunk-000000.json"]
    assert (out / "run" / "coco-000001.jsonl").exists() and not (out / "summary.json").exists()
    with pytest.raises(SystemExit) as left:
        main(words)
    assert not left.value.code and "10 images, 18 masks, 0 failures" in capsys.readouterr().out
    assert results(out) == whole
