"""The Ray engine on a real cluster of two nodes here; `test_ray` runs these tests in a process of their own."""

import json
import os
import signal
import time
from typing import Any

import psutil
import pytest

from hqsam.batch import image_work
from hqsam.batch.engines import ray as engine
from hqsam.batch.engines.ray import RayOptions
from hqsam.batch.run_batch import BatchRun
from hqsam.batch.sources import find_items
from hqsam.errors import OptionError, OutputError
from tests.batch.engines import dying
from tests.batch.test_run_batch import results

ray = pytest.importorskip("ray")
_NICENESS = "RAY_worker_niceness"
pytestmark = [
    pytest.mark.slow,
    # Ray's own code: files that it leaves open, and settings that it is about to change.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of one processor each, and the second node, which tests may kill."""
    from ray.cluster_utils import Cluster

    # Ray's workers are nice, and would wait for whatever else this machine does.
    os.environ[_NICENESS] = "0"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    del os.environ[_NICENESS]


@pytest.fixture
def items(archive):
    return find_items([str(archive)], f"{archive}.json")


def run_on(cluster, **settings):
    options: dict[str, Any] = {"chunk_size": 1, "workers": 2} | settings
    return BatchRun(engine="ray", ray=RayOptions(address=cluster.address), **options)


def test_two_nodes_make_what_one_process_does(cluster, job, items, archive, tmp_path):
    (archive / "day" / "0003.png").write_bytes(b"no image")
    actors = []
    summary = run_on(cluster)(job(), items, lambda _: actors or actors.extend(_actors(2)))
    assert (summary["masks"], summary["failures"]) == (16, 1)
    BatchRun(chunk_size=1)(job("whole"), items)
    assert results(tmp_path / "out") == results(tmp_path / "whole")
    assert run_on(cluster)(job(), items)["was_finished"]


def test_the_process_that_starts_a_run_loads_no_model_and_actors_have_their_processors_threads(
    cluster, job, items, tmp_path, monkeypatch
):
    monkeypatch.setattr(image_work, "load", lambda *_: pytest.fail("it loaded the model"))
    assert run_on(cluster)(job(threads=None), items)["masks"] == 18
    assert engine.RayEngine(RayOptions(cpus=4, workers=64)).threads == 4


def test_too_many_failures_stop_it_and_the_next_run_works(cluster, job, items, archive, tmp_path):
    images = {path: path.read_bytes() for path in archive.rglob("*.png")}
    for path in images:
        path.write_bytes(b"no image")
    with pytest.raises(OutputError, match="more than --max-failures 2"):
        run_on(cluster, max_failures=2)(job(), items)
    assert not (tmp_path / "out" / "summary.json").exists()
    for path, image in images.items():
        path.write_bytes(image)
    assert run_on(cluster)(job("again"), items)["masks"] == 18


def test_an_actor_and_a_node_that_die_lose_nothing(cluster, job, items, tmp_path):
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    died = []

    def kill(now):
        if now.images_here >= 2 and not died:
            died.append("actor")
            os.kill(_actors(1)[0], signal.SIGKILL)
        if now.images_here >= 4 and len(died) == 1:
            died.append("node")
            cluster.remove_node(node, allow_graceful=False)

    summary = run_on(cluster, workers=3)(job(), items, kill)
    assert died == ["actor", "node"] and summary["masks"] == 18
    BatchRun(chunk_size=1)(job("whole"), items)
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def test_an_image_that_kills_its_actor_twice_is_given_up(cluster, job, items, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ChunkActor", dying.DyingActor)
    summary = run_on(cluster, chunk_size=5)(job(), items)
    [failure] = [json.loads(line) for line in (tmp_path / "out" / "failed.jsonl").read_text().splitlines()]
    assert failure["image"] == "day/0005.png" and "died 2 times" in failure["reason"]
    assert (summary["images_failed"], summary["masks"]) == (1, 16)


def test_an_actor_with_another_version_of_hqsam_stops_the_run(cluster, job, items, monkeypatch):
    monkeypatch.setattr(engine, "__version__", "0.0.1")  # of this process, and not of the actors'
    with pytest.raises(OptionError, match=r"this machine has hqsam .* and the job is of 0\.0\.1; install the same"):
        run_on(cluster)(job(), items)


def test_a_cluster_that_is_not_there_is_named(job, items):
    ray.shutdown()
    with pytest.raises(OptionError, match=r"cannot work with the Ray cluster 127\.0\.0\.1:1"):
        BatchRun(engine="ray", ray=RayOptions(address="127.0.0.1:1"))(job(), items)


def _actors(wanted: int) -> list[int]:
    """The processes of actors, when there are as many as wanted."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        processes = psutil.process_iter(["name", "cmdline"])
        found = [p.pid for p in processes if "MapWorker" in " ".join(p.info["cmdline"] or [])]
        if len(found) >= wanted:
            return found
    raise AssertionError(json.dumps([p.name() for p in psutil.process_iter()]))
