"""Open photos: bounded in memory and on disk, encoded once however many ask, again when they were let go."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hqsam.serving.scheduler import models
from hqsam.serving.scheduler.feature_cache import FeatureCache
from tests.serving.servers import TOKEN, photos_in, running, settings_in, wait_until

CLICK = {"prompts": [{"points": [[100, 100]], "labels": [1]}]}


@pytest.fixture
def gate(monkeypatch):
    """Counts encodings, and holds them up while it is not set."""
    gate = threading.Event()
    gate.set()
    gate.passes = []
    real_load = models.load_engine

    def load(*arguments):
        engine = real_load(*arguments)
        real = engine.encode

        def encode(images):
            gate.passes.append(len(images))
            assert gate.wait(20)
            return real(images)

        engine.encode = encode
        return engine

    monkeypatch.setattr(models, "load_engine", load)
    return gate


@pytest.fixture
def small(gate, _nano, tmp_path):
    """A server that holds one photo in memory, and none on disk."""
    settings = settings_in(
        tmp_path, folder=photos_in(tmp_path / "photos"), feature_memory=1, feature_disk=0, max_queue=2
    )
    with running(settings) as server:
        yield server
        gate.set()


def images_of(server):
    return [one["id"] for one in server.client.images()]


def test_a_photo_that_was_let_go_is_encoded_again_by_itself(small, gate):
    one, two, _ = images_of(small)
    first = small.ask("POST", f"/v1/images/{one}/masks", CLICK).json
    small.ask("POST", f"/v1/images/{two}/masks", CLICK)
    assert len(small.service.sessions) == 1
    again = small.ask("POST", f"/v1/images/{one}/masks", CLICK).json
    assert again["masks"][0]["rle"] == first["masks"][0]["rle"]
    assert len(gate.passes) == 3


def test_many_who_ask_for_one_photo_wait_for_one_encoding(small, gate):
    image = images_of(small)[0]
    gate.clear()
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(small.ask, "POST", f"/v1/images/{image}/open", {}) for _ in range(4)]
        wait_until(lambda: gate.passes)
        time.sleep(0.2)
        gate.set()
        assert {one.result(20).status for one in answers} == {200}
    assert len(gate.passes) == 1


def test_prompts_for_an_open_photo_do_not_wait_for_the_encoding_of_another(small, gate):
    one, two, _ = images_of(small)
    small.client.open(one)
    gate.clear()
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(small.ask, "POST", f"/v1/images/{two}/open", {})
        wait_until(lambda: len(gate.passes) == 2)
        assert small.ask("POST", f"/v1/images/{one}/masks", CLICK).status == 200
        assert not opening.done()
        gate.set()
        assert opening.result(20).status == 200


def test_beyond_the_queue_it_is_503_with_a_time_to_come_again(small, gate):
    image = images_of(small)[0]
    gate.clear()
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(small.ask, "POST", f"/v1/images/{image}/open", {}) for _ in range(10)]
        wait_until(lambda: sum(one.done() for one in answers) == 10 - 4 - 2)
        gate.set()
        statuses = sorted(one.result(20).status for one in answers)
    assert statuses == [200] * 6 + [503] * 4
    refused = next(one.result() for one in answers if one.result().status == 503)
    assert refused.code == "busy" and int(refused.headers["retry-after"]) >= 1


def test_who_hangs_up_leaves_the_queue(small, gate):
    one, two, three = images_of(small)
    gate.clear()
    with ThreadPoolExecutor(2) as pool:
        opening = pool.submit(small.ask, "POST", f"/v1/images/{one}/open", {})
        wait_until(lambda: len(gate.passes) == 1)
        leaving = _begin(small.port, f"/v1/images/{two}/open")
        wait_until(lambda: len(small.service.encoder) == 1)
        leaving.close()
        wait_until(lambda: len(small.service.encoder) == 0)
        gate.set()
        assert opening.result(20).status == 200
    assert len(gate.passes) == 1
    assert small.client.open(three)["found_in"] == "encoder"


def test_another_who_waits_is_not_sent_away_with_the_one_who_left(small, gate):
    one, two, _ = images_of(small)
    gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(small.ask, "POST", f"/v1/images/{one}/open", {})
        wait_until(lambda: len(gate.passes) == 1)
        leaving = _begin(small.port, f"/v1/images/{two}/open")
        wait_until(lambda: len(small.service.encoder) == 1)
        staying = pool.submit(small.ask, "POST", f"/v1/images/{two}/open", {})
        time.sleep(0.2)
        leaving.close()
        time.sleep(0.2)
        gate.set()
        assert (first.result(20).status, staying.result(20).status) == (200, 200)


def test_after_a_restart_features_come_from_the_disk(gate, _nano, tmp_path):
    settings = settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))
    with running(settings) as server:
        image = images_of(server)[0]
        first = server.ask("POST", f"/v1/images/{image}/masks", CLICK).json
        wait_until(lambda: server.service.features.bytes > 0)
    with running(settings) as server:
        assert server.client.open(image)["found_in"] == "disk"
        again = server.ask("POST", f"/v1/images/{image}/masks", CLICK).json
    assert again["masks"][0]["rle"] == first["masks"][0]["rle"] and len(gate.passes) == 1


def test_the_disk_is_bounded_and_what_was_used_longest_ago_goes_first(tiny_segmenter, tmp_path):
    encoded = tiny_segmenter.open(np.zeros((50, 60, 3), np.uint8)).encoded
    cache = FeatureCache(tmp_path, max_bytes=int(3.5 * encoded.nbytes))
    keys = [cache.key("m", np.full((2, 2, 3), value, np.uint8)) for value in range(6)]
    for key in keys[:3]:
        cache.write(key, encoded)
        time.sleep(0.02)
    assert cache.read(keys[0], tiny_segmenter.device) is not None  # used, so not the oldest any more
    cache.write(keys[3], encoded)
    assert [cache.read(key, tiny_segmenter.device) is not None for key in keys[:4]] == [True, False, True, True]
    assert cache.bytes <= 3.5 * encoded.nbytes


def test_a_damaged_file_of_features_is_as_if_it_were_not_there(tiny_segmenter, tmp_path):
    encoded = tiny_segmenter.open(np.zeros((50, 60, 3), np.uint8)).encoded
    cache = FeatureCache(tmp_path, max_bytes=1 << 30)
    key = cache.key("m", np.zeros((2, 2, 3), np.uint8))
    cache.write(key, encoded)
    (file,) = tmp_path.rglob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    assert cache.read(key, tiny_segmenter.device) is None and not file.exists()


def _begin(port: int, path: str) -> socket.socket:
    """Send a request, and do not wait for the answer."""
    connection = socket.create_connection(("127.0.0.1", port))
    body = json.dumps({})
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(f"{head}{kind}{body}".encode())
    return connection
