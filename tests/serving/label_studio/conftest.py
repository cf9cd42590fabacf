"""A server that Label Studio may ask."""

import base64

import pytest

import hqsam
from tests.serving.servers import EXAMPLES, running, settings_in


@pytest.fixture(scope="session")
def _backend(_nano, tmp_path_factory):
    with running(settings_in(tmp_path_factory.mktemp("label_studio"), label_studio=True)) as server:
        yield server


@pytest.fixture
def backend(_backend):
    """A running server with Label Studio's routes."""
    return _backend


@pytest.fixture
def ask(backend):
    """Send a request with the password, and return the answer."""
    password = backend.service.settings.label_studio_password
    basic = {"Authorization": f"Basic {base64.b64encode(f'hqsam:{password}'.encode()).decode()}"}

    def send(path, body=None, headers=basic):
        return backend.ask("POST" if body is not None else "GET", path, body, headers)

    return send


@pytest.fixture(scope="session")
def session(_nano):
    """The same photo, without a server."""
    return hqsam.load("nano").open(EXAMPLES / "coffee.jpg")
