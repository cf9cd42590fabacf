"""One server for all tests that do not need one of their own."""

import pytest

from hqsam.weights import cache
from tests.nano import nano_file
from tests.serving.servers import Running, photos_in, running, settings_in


@pytest.fixture(scope="session", autouse=True)
def _nano(tmp_path_factory):
    """Also in a clone without the bundled weights."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "_BUNDLED", nano_file(tmp_path_factory.mktemp("nano")).parent)
        patch.setenv("HQSAM_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HQSAM_DATA", str(tmp_path_factory.mktemp("user")))
        patch.setenv("HQSAM_OFFLINE", "1")
        yield


@pytest.fixture(scope="session")
def _shared_server(_nano, tmp_path_factory):
    home = tmp_path_factory.mktemp("server")
    with running(settings_in(home, folder=photos_in(home / "photos"))) as server:
        yield server


@pytest.fixture
def server(_shared_server) -> Running:
    """A server with three photos; tests leave photos and annotations of their own behind."""
    return _shared_server


@pytest.fixture
def coffee(server) -> int:
    """The number of a photo of 600 x 400."""
    return next(one["id"] for one in server.client.images() if one["name"] == "coffee 2.jpg")
