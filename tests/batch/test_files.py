"""Images and results behind URLs: a local web server, fsspec's memory, and an object store where moto is installed."""

import functools
import json
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hqsam.batch.files import OutputStore, is_url, read_bytes
from hqsam.batch.items import Blob
from hqsam.batch.run_batch import BatchRun
from hqsam.batch.sources import find_items
from hqsam.errors import DataError, DataWarning, ImageError, OutputError
from tests.batch.test_run_batch import results

fsspec = pytest.importorskip("fsspec")
RUN = BatchRun(chunk_size=3)


@pytest.mark.parametrize(
    ("path", "expected"), [("s3://a/b", True), ("https://a", True), ("C:/a", False), ("a/b", False)]
)
def test_urls_are_told_from_paths(path, expected):
    assert is_url(path) is expected


def test_results_in_a_bucket_are_those_of_a_folder(job, archive, tmp_path):
    items = find_items([str(archive)], f"{archive}.json")
    store = OutputStore("memory://bucket/run")
    files = fsspec.filesystem("memory")
    try:
        RUN(job("whole", formats=("coco", "png")), items)
        in_bucket = job(formats=("coco", "png"))
        object.__setattr__(in_bucket, "out", store.root)
        RUN(in_bucket, items)
        whole = results(tmp_path / "whole")
        assert {name: files.cat_file(f"/bucket/run/{name}") for name in whole} == whole
        assert RUN(in_bucket, items)["was_finished"]
    finally:
        files.rm("/bucket", recursive=True)


def test_images_behind_a_web_server_are_read_and_missing_ones_are_failures(job, archive, tmp_path):
    pytest.importorskip("aiohttp")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(archive)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        root = f"http://127.0.0.1:{server.server_port}"
        (tmp_path / "list.txt").write_text("day/0001.png\nnight/0000.png\nday/gone.png\n")
        with pytest.warns(DataWarning, match="boxes of 7 images"):
            items = find_items([str(tmp_path / "list.txt")], f"{archive}.json", images=root)
        assert items[0].image.url == f"{root}/day/0001.png"
        assert (RUN(job(), items)["masks"], RUN(job(), items)["images_failed"]) == (4, 1)
        [failure] = [json.loads(line) for line in (tmp_path / "out" / "failed.jsonl").read_text().splitlines()]
        assert failure["image"] == "day/gone.png" and "there is no such file" in failure["reason"]
    finally:
        server.shutdown()
        server.server_close()


class Store(fsspec.AbstractFileSystem):
    """A store that refuses after some images, or breaks."""

    protocol = "failing"
    cachable = False
    reads, fails_after, error = [], 0, PermissionError("403")

    def cat_file(self, path, start=None, end=None, **more):
        Store.reads.append(path)
        if len(Store.reads) > Store.fails_after:
            raise Store.error
        return Path(path).read_bytes()


@pytest.fixture
def failing_store(archive, monkeypatch):
    """The items of the archive in a store that refuses all but the first four of them."""
    fsspec.register_implementation("failing", Store, clobber=True)
    for name, value in {"reads": [], "fails_after": 4, "error": PermissionError("403")}.items():
        monkeypatch.setattr(Store, name, value)
    items = find_items([str(archive)], f"{archive}.json")
    return [replace(item, image=Blob(f"failing://{item.image.url}")) for item in items]


def test_a_store_that_refuses_image_after_image_stops_the_run_and_it_goes_on(job, failing_store, tmp_path, monkeypatch):
    patient = job(readers=1, max_store_failures=3)
    with pytest.raises(DataError, match=r"failed for 3 images in a row, .*access is refused; check the .*credentials"):
        RUN(patient, failing_store)
    assert [path.name for path in (tmp_path / "out" / "run").glob("chunk-*")] == ["chunk-000000.json"]
    monkeypatch.setattr(Store, "fails_after", 100)
    summary = RUN(patient, failing_store)
    assert (summary["masks"], summary["failures"], summary["last_start"]["images"]) == (18, 0, 7)


def test_a_few_images_that_a_store_refuses_are_failures(job, failing_store, tmp_path):
    summary = RUN(job(readers=1, max_store_failures=7), failing_store)
    assert (summary["images_failed"], summary["masks"]) == (6, 8)


def test_a_store_out_of_reach_is_said_after_some_tries(monkeypatch):
    pytest.importorskip("aiohttp")
    monkeypatch.setattr("hqsam.batch.files._FIRST_PAUSE_S", 0.01)
    with pytest.raises(ImageError, match=r"cannot read http://127\.0\.0\.1:1/a\.png: "):
        read_bytes(Blob("http://127.0.0.1:1/a.png"))


def test_a_url_of_no_known_kind_is_refused():
    with pytest.raises(DataError, match="give a path, s3://, gs:// or https://"):
        OutputStore("nowhere://a/b")


@pytest.mark.filterwarnings("ignore")  # of botocore
def test_an_object_store_is_read_and_written_and_refuses_strangers(job, archive, tmp_path, monkeypatch):
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        files.mkdir("photos")
        files.put(str(archive), "photos/archive", recursive=True)
        items = find_items(["s3://photos/archive"], f"{archive}.json")
        assert [item.name for item in items[:2]] == ["day/0001.png", "day/0003.png"]
        local = job("whole")
        in_bucket = job()
        object.__setattr__(in_bucket, "out", "s3://photos/masks")
        RUN(in_bucket, items)
        RUN(local, find_items([str(archive)], f"{archive}.json"))
        assert files.cat_file("photos/masks/annotations.json") == (tmp_path / "whole" / "annotations.json").read_bytes()
        assert RUN(in_bucket, items)["was_finished"]
        with pytest.raises(OutputError, match=r"cannot write s3://no-such-bucket/"):
            OutputStore("s3://no-such-bucket/run").write_text("run.json", "")
        with pytest.raises(DataError, match="cannot list s3://no-such-bucket"):
            find_items(["s3://no-such-bucket/images"], "everything")
    finally:
        server.stop()
