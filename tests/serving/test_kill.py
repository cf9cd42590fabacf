"""A server that is killed, at any moment, has lost nothing that it answered."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import pytest

import hqsam
from hqsam.errors import ServerError
from tests.nano import nano_file
from tests.serving.servers import TOKEN, photos_in

SERVE = "from hqsam.cli import main; main()"


class Process:
    """`hqsam serve` as somebody runs it."""

    def __init__(self, home, **more):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        words = ["serve", str(home / "photos"), "--data", str(home / "data"), "--port", str(self.port), "--no-browser"]
        model = ["--model", str(nano_file(home))]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE, *words, *model],
            env={**os.environ, "HQSAM_TOKEN": TOKEN, "HQSAM_OFFLINE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""
        while "open http" not in self.said:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.said += line
        self.client = hqsam.Client(re.search(r"http\S+", self.said)[0], retries=0)
        self._wait()

    def end(self, how):
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, self.said + out, err

    def _wait(self):
        for _ in range(200):
            with suppress(ServerError):
                self.client.health()
                return
            time.sleep(0.05)
        raise AssertionError("it does not answer")


@pytest.fixture
def home(tmp_path):
    photos_in(tmp_path / "photos")
    return tmp_path


def test_a_kill_loses_nothing_that_was_answered(home):
    server = Process(home)
    image = next(server.client.images())["id"]
    kept, changed = {}, {}

    def annotate(worker):
        mask = np.zeros((400, 600), bool)
        with suppress(ServerError):
            for number in range(10_000):
                mask[worker * 40 + number % 40, : 1 + number % 600] = True
                made = server.client.annotate(image, mask, f"{worker}-{number}")
                kept[made["id"]] = made
                change = {"version": 1, "class_name": f"{worker}-{number}-changed"}
                after = server.client.request("PATCH", f"/v1/annotations/{made['id']}", change)
                changed[made["id"]] = after

    workers = [threading.Thread(target=annotate, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    time.sleep(1.5)
    assert server.end(signal.SIGKILL)[0] == -signal.SIGKILL
    for worker in workers:
        worker.join()
    assert len(kept) > 20

    again = Process(home)
    found = {one["id"]: one for one in again.client.annotations(image)}
    assert kept.keys() <= found.keys()
    for number, made in kept.items():
        assert found[number]["rle"] == made["rle"]
        assert found[number]["class_name"].startswith(made["class_name"])
    assert all(found[number] == one for number, one in changed.items())
    again.client.annotate(image, np.ones((400, 600), bool), "after")
    again.end(signal.SIGKILL)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_in_order_when_it_is_asked_to(home, how):
    server = Process(home)
    image = next(server.client.images())["id"]
    job = server.client.request("POST", f"/v1/images/{image}/everything", {"points_per_side": 64})
    assert job["state"] in ("queued", "running")
    code, said, complained = server.end(how)
    assert code == 0 and "Traceback" not in complained
    assert f"annotations: {home / 'data'}" in said


def test_a_port_that_is_taken_is_said_in_words(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["serve", "--data", str(home / "data"), "--port", str(taken.getsockname()[1]), "--no-browser"]
        done = subprocess.run(
            [sys.executable, "-c", SERVE, *words, "--model", str(nano_file(home))],
            capture_output=True,
            text=True,
            env={**os.environ, "HQSAM_OFFLINE": "1"},
            check=False,
        )
    assert done.returncode == 1 and "cannot listen on 127.0.0.1" in done.stderr and "Traceback" not in done.stderr
