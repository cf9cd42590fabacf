"""The API does what its own description says, whatever is sent: requests made by schemathesis."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import needs
from tests.serving.sequences import follow, frames_in, sequence_server
from tests.serving.servers import TOKEN, photos_in, running, settings_in

EXAMPLES = 60 if os.environ.get("HQSAM_TEST_ALL") else 8
"""Requests for each route, beside those at the borders of what it takes."""
_MINUTES = "/everything$|/load$|/events$"
"""Routes that start or watch work of minutes; `test_jobs` asks them."""
_NOT_CHECKED = "positive_data_acceptance,allow_header_conformance"
"""A description cannot say that a point has to lie inside a photo, so what it allows is refused at times; and FastAPI
names in `Allow` only one of an address's methods."""


@pytest.fixture
def own(_nano, tmp_path):
    """A server whose photos may be deleted."""
    with running(settings_in(tmp_path, folder=photos_in(tmp_path / "photos"), idle_timeout=2)) as server:
        server.client.annotate(1, np.ones((400, 600), bool))
        yield server


@pytest.fixture
def sequence(tmp_path):
    """A server with one sequence of three frames, and two objects that were followed through it."""
    truth = frames_in(tmp_path / "clip", 3)
    # Thousands of requests come at once: none of them is to be refused because others wait.
    with sequence_server(tmp_path, idle_timeout=2, max_queue=10_000) as server:
        first = next(server.client.images())["id"]
        for mask in truth[0]:
            server.client.annotate(first, mask)
        assert follow(server, first, frames=2)["state"] == "done"
        yield server


def keeps_to_its_description(server, folder, *chosen):
    needs.package("schemathesis", install="pip install schemathesis")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.address}/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {TOKEN}", *chosen),
            *("--exclude-checks", _NOT_CHECKED, "--max-examples", str(EXAMPLES), "--seed", "7"),
            *("--phases", "examples,coverage,fuzzing", "--no-color"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert server.ask("GET", "/v1/health").status == 200


def test_every_route_keeps_to_its_description(own, tmp_path):
    keeps_to_its_description(own, tmp_path, "--exclude-path-regex", _MINUTES)


@pytest.mark.slow  # half a minute
def test_the_routes_of_sequences_keep_to_it_where_there_is_one(sequence, tmp_path):
    keeps_to_its_description(sequence, tmp_path, "--include-path-regex", "/sequence|/follow$|/track$")
