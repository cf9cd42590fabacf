"""Many at a time: nobody gets an error but "busy", and the server's memory does not grow."""

import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import ServerError
from tests.serving.servers import photos_in
from tests.serving.test_kill import Process

CLIENTS = 32
SECONDS = float(os.environ.get("HQSAM_LOAD_SECONDS", "60"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_many_clients_for_a_minute(tmp_path):
    photos_in(tmp_path / "photos")
    server = Process(tmp_path)
    images = list(server.client.images())
    statuses, seconds, faults = Counter(), [], []
    end = time.monotonic() + SECONDS

    def work(seed):
        luck = random.Random(seed)
        while time.monotonic() < end:
            started = time.monotonic()
            try:
                do_something(server.client, luck.choice(images), luck)
                statuses["done"] += 1
                seconds.append(time.monotonic() - started)
            except ServerError as error:
                statuses[error.status] += 1
                if error.status != 503:
                    faults.append(str(error))
                time.sleep(0.2)

    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(CLIENTS)]
    for worker in workers:
        worker.start()
    memory = []
    while time.monotonic() < end:
        time.sleep(SECONDS / 20)
        memory.append(resident_megabytes(server.process.pid))
    for worker in workers:
        worker.join()
    assert server.end(signal.SIGTERM)[0] == 0
    report(statuses, seconds, memory)
    assert not faults, faults[:5]
    assert statuses["done"] > SECONDS
    early, late = max(memory[5:10]), max(memory[-5:])
    assert late < 1.15 * early + 50, memory


def do_something(client, image, luck):
    """Mostly clicks, as people do; some keep what they see, some look at the list."""
    width, height = image["width"], image["height"]
    point = [luck.randrange(width), luck.randrange(height)]
    choice = luck.random()
    if choice < 0.8:
        asked = {"prompts": [{"points": [point], "labels": [1]}], "keep": choice < 0.4}
        client.request("POST", f"/v1/images/{image['id']}/masks", asked)
    elif choice < 0.9:
        mask = np.zeros((height, width), bool)
        mask[: point[1] + 1, : point[0] + 1] = True
        made = client.annotate(image["id"], mask)
        client.request("DELETE", f"/v1/annotations/{made['id']}")
    elif choice < 0.95:
        list(client.images())
    else:
        client.open(image["id"])


def resident_megabytes(process):
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(statuses, seconds, memory):
    """For whoever runs it with -s."""
    found = np.percentile(seconds, [50, 90, 99]) * 1000
    lines = [
        f"{CLIENTS} clients, {SECONDS:g} s: {dict(statuses)}, {statuses['done'] / SECONDS:.0f} done a second",
        f"milliseconds: p50 {found[0]:.0f}, p90 {found[1]:.0f}, p99 {found[2]:.0f}",
        f"memory: {memory[0]:.0f} MB at first, {max(memory):.0f} at most, {memory[-1]:.0f} at last",
        f"each twentieth of the time: {', '.join(str(round(one)) for one in memory)} MB",
    ]
    os.write(1, ("\n" + "\n".join(lines) + "\n").encode())
