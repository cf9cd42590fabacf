"""A project has the same address after a restart, and its page opens the image that was open."""

import os
import socket

import numpy as np
import pytest
from typer.testing import CliRunner

from hqsam.cli import app
from hqsam.errors import OutputError
from hqsam.serving import server as server_module
from hqsam.serving.remembered import forget_address, with_remembered_address
from tests.serving.servers import TOKEN, photos_in, running, settings_in


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """A user's folder of the test's own."""
    monkeypatch.setenv("HQSAM_DATA", str(tmp_path / "user"))


@pytest.fixture
def settings(tmp_path):
    """Settings whose default port is free, and so are those after it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return settings_in(tmp_path, port=free.getsockname()[1])


def test_port_and_token_are_those_of_the_last_start(settings):
    first = with_remembered_address(settings, None, "")
    again = with_remembered_address(settings, None, "")
    assert (first.port, first.token) == (again.port, again.token) and first.token != settings.token


def test_a_given_port_is_remembered_and_a_given_token_is_not(settings):
    own = with_remembered_address(settings, settings.port, TOKEN)
    assert own.token == TOKEN and with_remembered_address(settings, None, "").port == own.port
    assert TOKEN not in "".join(file.read_text() for file in (settings.data.parent / "user").rglob("*.json"))
    forgotten = with_remembered_address(settings, None, "").token
    forget_address(settings.data)
    assert with_remembered_address(settings, None, "").token != forgotten


def test_another_project_gets_the_next_free_port_and_keeps_it(settings, tmp_path):
    with socket.create_server(("127.0.0.1", settings.port)):
        other = with_remembered_address(settings, None, "")
        assert settings.port < other.port < settings.port + 20
    assert with_remembered_address(settings, None, "").port == other.port
    with socket.create_server(("127.0.0.1", other.port)), pytest.raises(OutputError, match="another --port"):
        with_remembered_address(settings, None, "")


@pytest.mark.skipif(os.name != "posix", reason="other systems have other rights")
def test_only_the_user_may_read_the_token(settings, tmp_path):
    with_remembered_address(settings, None, "")
    (file,) = (tmp_path / "user" / "servers").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_command_takes_the_best_model_says_which_and_has_the_same_address_twice(tmp_path, monkeypatch):
    served = []
    monkeypatch.setattr(server_module, "serve", lambda settings, on_ready: served.append(settings))
    photos_in(tmp_path / "photos")
    command = ["serve", str(tmp_path / "photos"), "--data", str(tmp_path / "data"), "--no-browser"]
    for _ in range(2):
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert "model: nano (it comes with hqsam" in done.stderr
    first, second = served
    assert (first.port, first.token, first.model) == (second.port, second.token, "nano")


def test_the_project_remembers_the_image_that_was_open(_nano, tmp_path):
    settings = settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))
    with running(settings) as server:
        image = list(server.client.images())[1]["id"]
        project = server.ask("GET", "/v1/project").json
        assert project["name"] == "photos" and project["open_image"] is None
        assert server.ask("PATCH", "/v1/project", {"open_image": image}).json["open_image"] == image
        assert server.ask("PATCH", "/v1/project", {"open_image": 99}).status == 404
    with running(settings) as server:
        assert server.ask("GET", "/v1/project").json == {**project, "open_image": image}
        assert server.ask("PATCH", "/v1/project", {"open_image": None}).json["open_image"] is None
        page = server.ask("GET", f"/?token={TOKEN}", headers={})
        assert "max-age=" in page.headers["set-cookie"].lower()  # so that a browser that was closed has it still


def test_the_place_of_an_image_is_that_in_the_chosen_list(_nano, tmp_path):
    with running(settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))) as server:
        _, ten, cat = (one["id"] for one in server.client.images())
        assert server.ask("GET", f"/v1/images/{cat}/place").json == {"place": 2, "total": 3}
        assert server.ask("GET", f"/v1/images/{ten}/place?search=10").json == {"place": 0, "total": 1}
        assert server.ask("GET", f"/v1/images/{cat}/place?search=coffee").json == {"place": None, "total": 2}
        server.client.annotate(ten, np.ones((512, 512), bool), "face")
        assert b"coffee 10.jpg" in server.ask("GET", "/v1/export?format=coco&class_name=face").body
        assert server.ask("GET", "/v1/export?format=png&class_name=cup").status == 404
