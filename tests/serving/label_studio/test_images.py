"""Images of tasks, fetched over HTTP from small servers that note what they were asked."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hqsam.errors import ImageError
from hqsam.serving.http.label_studio import images
from hqsam.serving.http.label_studio.addresses import LabelStudio, addresses_of, origin_of
from hqsam.serving.http.label_studio.images import TaskImage
from hqsam.serving.http.label_studio.projects import Projects
from tests.serving.servers import EXAMPLES

PHOTO = (EXAMPLES / "coffee.jpg").read_bytes()
PERSONAL = "head.body.signature"


class Host:
    """A server on this machine."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []
        self.responses: dict[str, tuple[int, dict[str, str], bytes]] = {"/photo.jpg": (200, {}, PHOTO)}
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def hosted() -> Iterator[Host]:
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            host.asked.append((self.command, self.path, self.headers.get("Authorization")))
            status, headers, body = host.responses.get(self.path, (404, {}, b"nothing here"))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    host.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def studio():
    """Stands in for Label Studio."""
    with hosted() as host:
        yield host


@pytest.fixture
def other():
    """Another host on the local network."""
    with hosted() as host:
        yield host


def fetch(url, studio=None, key="legacy", **more):
    server = LabelStudio() if studio is None else LabelStudio(studio.address, key)
    options = {"task": 7, "server": server, "max_bytes": 1_000_000} | more
    return TaskImage(url, **options).source().read()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/data/upload/1/3a-cup.jpg", "/data/upload/1/3a-cup.jpg"),
        ("upload/1/3a-cup.jpg", "/data/upload/1/3a-cup.jpg"),
        ("/data/local-files/?d=photos/cup%201.jpg", "/data/local-files/?d=photos/cup%201.jpg"),
        ("s3://bucket/cup.jpg", "/tasks/7/presign/?fileuri=czM6Ly9idWNrZXQvY3VwLmpwZw%3D%3D"),
        ("gs://bucket/cup.jpg", "/tasks/7/presign/?fileuri=Z3M6Ly9idWNrZXQvY3VwLmpwZw%3D%3D"),
    ],
)
def test_label_studios_own_paths_are_asked_of_it_with_its_key(studio, url, path):
    studio.responses[path] = (200, {}, PHOTO)
    assert fetch(url, studio) == PHOTO
    assert studio.asked == [("GET", path, "Token legacy")]


def test_an_address_of_label_studio_itself_gets_the_key_too(studio):
    assert fetch(f"{studio.address}/photo.jpg", studio) == PHOTO
    assert studio.asked == [("GET", "/photo.jpg", "Token legacy")]


def test_a_personal_key_is_exchanged_for_a_short_lived_one(studio):
    studio.responses["/api/token/refresh/"] = (200, {}, json.dumps({"access": "short"}).encode())
    assert fetch("/photo.jpg", studio, PERSONAL) == PHOTO
    assert [(method, sent) for method, _, sent in studio.asked] == [("POST", None), ("GET", "Bearer short")]


def test_uploads_that_are_in_a_cloud_are_found_at_the_other_address(studio):
    stored = "/storage-data/uploaded/?filepath=upload/1/cup.jpg"
    studio.responses[stored] = (200, {}, PHOTO)
    assert fetch("/data/upload/1/cup.jpg", studio) == PHOTO
    assert [path for _, path, _ in studio.asked] == ["/data/upload/1/cup.jpg", stored]


def test_what_label_studio_signs_is_followed_without_the_key(studio, other):
    signed = "/tasks/7/presign/?fileuri=czM6Ly9iL2MuanBn"
    studio.responses[signed] = (303, {"Location": f"{other.address}/photo.jpg?signature=x"}, b"")
    other.responses["/photo.jpg?signature=x"] = (200, {}, PHOTO)
    assert fetch("s3://b/c.jpg", studio) == PHOTO
    assert other.asked == [("GET", "/photo.jpg?signature=x", None)]


def test_another_host_on_the_local_network_is_not_asked_unless_that_was_said_to_be_fine(studio, other):
    url = f"{other.address}/photo.jpg"
    with pytest.raises(ImageError, match=r"on the local network; if that is fine.*--image-host 127\.0\.0\.1"):
        fetch(url, studio)
    assert other.asked == []
    for name in ("127.0.0.1", f"127.0.0.1:{other.port}"):
        assert fetch(url, studio, local_hosts=(name,)) == PHOTO
    assert {key for _, _, key in other.asked} == {None}


def test_a_name_for_this_machine_is_this_machine(other):
    with pytest.raises(ImageError, match="local network"):
        fetch(f"http://localhost:{other.port}/photo.jpg")
    assert other.asked == []


def test_a_host_that_is_fine_cannot_send_on_to_one_that_is_not(other):
    other.responses["/photo.jpg"] = (302, {"Location": f"http://localhost:{other.port}/secret"}, b"")
    with pytest.raises(ImageError, match="local network"):
        fetch(f"{other.address}/photo.jpg", local_hosts=("127.0.0.1",))
    assert [path for _, path, _ in other.asked] == ["/photo.jpg"]


def test_files_of_this_machine_are_not_read(studio):
    studio.responses["/photo.jpg"] = (302, {"Location": "file:///etc/passwd"}, b"")
    with pytest.raises(ImageError, match=r"302"):
        fetch("/photo.jpg", studio)
    with pytest.raises(ImageError, match="expected an http address"):
        fetch("file:///etc/passwd", studio)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_says_where_to_get_one(studio, status):
    studio.responses["/photo.jpg"] = (status, {}, b"")
    with pytest.raises(ImageError, match=rf"answered {status}.*LABEL_STUDIO_API_KEY"):
        fetch("/photo.jpg", studio)


def test_a_personal_key_that_is_refused_says_so_too(studio):
    studio.responses["/api/token/refresh/"] = (401, {}, b"")
    with pytest.raises(ImageError, match=r"answered 401.*LABEL_STUDIO_API_KEY"):
        fetch("/photo.jpg", studio, PERSONAL)


def test_a_page_to_log_in_is_told_apart_from_an_image(studio):
    studio.responses["/photo.jpg"] = (302, {"Location": "/user/login"}, b"")
    studio.responses["/user/login"] = (200, {}, b"\n<!DOCTYPE html><html>")
    with pytest.raises(ImageError, match=r"no image by its content; if it is a page to log in"):
        fetch("/photo.jpg", studio)


def test_an_image_that_is_too_large_is_not_read_to_its_end(studio):
    with pytest.raises(ImageError, match=r"more than the 0 MB"):
        fetch("/photo.jpg", studio, max_bytes=10_000)


def test_a_silent_host_is_given_up(monkeypatch):
    monkeypatch.setattr(images, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ImageError, match="timed out"):
        fetch(f"http://127.0.0.1:{silent.getsockname()[1]}/cup.jpg", local_hosts=("127.0.0.1",))


def test_an_image_is_known_by_its_address_and_its_label_studio(studio, other):
    one, two = (LabelStudio(host.address, "k") for host in (studio, other))
    stamps = {TaskImage(url, 1, server, 1).stamp for url in ("/a.jpg", "/b.jpg") for server in (one, two)}
    assert len(stamps) == 4


def test_origins_are_compared_as_browsers_do():
    assert origin_of("http://Studio.example:80/x") == origin_of("http://studio.example")
    assert origin_of("https://studio.example") != origin_of("http://studio.example")
    assert origin_of("http://user@studio.example:8080") == ("http", "studio.example:8080")


def test_what_the_server_was_started_with_counts_before_what_a_project_says():
    said = LabelStudio("http://said", "said-key")
    for configured, expected in (
        (LabelStudio(), said),
        (LabelStudio("", "own-key"), LabelStudio("http://said", "own-key")),
        (LabelStudio("http://own", ""), LabelStudio("http://own", "said-key")),
        (LabelStudio("http://own", "own-key"), LabelStudio("http://own", "own-key")),
    ):
        projects = Projects(configured)
        projects.remember("1.2", said)
        assert projects.server_of("1.2") == expected
    assert Projects(LabelStudio()).server_of(None) == LabelStudio()
    with pytest.raises(ImageError, match="LABEL_STUDIO_URL"):
        addresses_of("/data/upload/1/x.jpg", 1, LabelStudio())
