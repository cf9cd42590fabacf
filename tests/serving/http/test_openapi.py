"""The API does what its own description says, whatever is sent: requests made by schemathesis."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import needs
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


def test_every_route_keeps_to_its_description(own, tmp_path):
    needs.package("schemathesis", install="pip install schemathesis")
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{own.address}/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {TOKEN}", "--exclude-path-regex", _MINUTES),
            *("--exclude-checks", _NOT_CHECKED, "--max-examples", str(EXAMPLES), "--seed", "7"),
            *("--phases", "examples,coverage,fuzzing", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert own.ask("GET", "/v1/health").status == 200
