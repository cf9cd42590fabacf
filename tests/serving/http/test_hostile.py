"""Uploads and connections that mean harm: refused in words, and the server goes on."""

import io
import json
import os
import socket
import struct
import time
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from tests.serving.servers import EXAMPLES, TOKEN, photos_in, running, settings_in


@pytest.fixture(scope="module")
def strict(_nano, tmp_path_factory):
    """A server with narrow limits and little patience."""
    home = tmp_path_factory.mktemp("strict")
    photos = photos_in(home / "photos")
    (home / "secret.jpg").write_bytes((EXAMPLES / "rocket.jpg").read_bytes())
    (photos / "link.jpg").symlink_to(home / "secret.jpg")
    (photos / "away").symlink_to(home)
    (photos / "circle.jpg").symlink_to(photos / "circle.jpg")
    limits = {"upload_bytes": 300_000, "max_pixels": 2_000_000, "idle_timeout": 0.7}
    with running(settings_in(home, folder=photos, **limits)) as server:
        yield server


@pytest.fixture(autouse=True)
def _lives_on(strict):
    yield
    assert strict.ask("GET", "/v1/health").status == 200


def a_png(width, height, data=b"") -> bytes:
    """A PNG that says that it is so large."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data, 9)) + chunk(b"IEND", b"")


def photo(kind="PNG", size=(64, 48)) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("size", [(100_000, 100_000), (2_000_001, 1), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_what_it_says_of_itself(strict, size):
    answer = strict.upload(a_png(*size, b"\0" * 10_000_000))
    assert (answer.status, answer.code) == (422, "image")


def test_a_photo_that_is_cut_off_is_refused(strict):
    whole = (EXAMPLES / "coffee.jpg").read_bytes()
    for data in (whole[: len(whole) // 2], whole[:200], photo()[:-40], a_png(50, 50, b"too little")):
        answer = strict.upload(data)
        assert (answer.status, answer.code) == (422, "image"), answer.body


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(x) run",
        b"%PDF-1.4",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"\x80\x04\x95",
        b"PK\x03\x04",
    ],
)
def test_what_is_no_photo_by_its_content_is_refused_whatever_it_is_called(strict, data):
    answer = strict.upload(data, "photo.jpg")
    assert answer.status in (415, 422) and answer.code in ("type", "validation")


def test_a_photo_of_another_kind_than_its_name_says_is_taken_for_what_it_is(strict):
    made = strict.upload(photo("WEBP"), "photo.exe").json
    assert strict.ask("GET", f"/v1/images/{made['id']}/pixels").headers["content-type"] == "image/webp"


@pytest.mark.parametrize(
    "name", ["../../../etc/cron.d/x", "..\\..\\x.png", "/etc/passwd", "a/b/c.png", "..", ".", "\u202ex.png", "x" * 500]
)
def test_names_are_never_paths(strict, name):
    before = {path for path in strict.service.settings.data.parent.rglob("*") if path.is_file()}
    answer = strict.upload(photo(size=(40 + len(name) % 20, 31)), name)
    assert answer.status in (200, 201), answer.body
    called = answer.json["name"]
    assert "/" not in called and "\\" not in called and len(called) <= 200 and called.isprintable()
    new = {path for path in strict.service.settings.data.parent.rglob("*") if path.is_file()} - before
    assert all(path.parent.name == "uploads" or "annotations.db" in path.name for path in new)


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(strict):
    answer = strict.upload(b"\xff\xd8\xff" + os.urandom(400_000))
    assert (answer.status, answer.code) == (413, "too_large")


def test_a_body_without_a_length_is_counted(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(
            _head(
                "POST /v1/images",
                "Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked",
            )
        )
        with suppress(OSError):  # hung up on before the end
            part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            for _ in range(10):
                connection.sendall(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        assert b" 413 " in _all_of(connection)


@pytest.mark.parametrize(
    "path", ["/web/../service.py", "/web/%2e%2e/service.py", "/web/..%2fservice.py", "/web//etc/passwd"]
)
def test_files_beside_the_page_are_not_given(strict, path):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(_head(f"GET {path}", "Connection: close"))
        assert b" 404 " in _all_of(connection).partition(b"\r\n")[0]


def test_a_folder_is_served_inside_its_root_only(strict):
    names = [one["name"] for one in strict.client.images()]
    assert "coffee 2.jpg" in names and "more/cat.jpg" in names
    assert not [name for name in names if "secret" in name or "link" in name or "circle" in name or "away" in name]


def test_a_photo_that_becomes_a_link_out_of_the_folder_is_not_followed(strict):
    folder = strict.service.settings.folder
    name = "more/cat.jpg"
    image = next(one["id"] for one in strict.client.images() if one["name"] == name)
    (folder / name).unlink()
    (folder / name).symlink_to(folder.parent / "secret.jpg")
    for what in ("pixels", "thumbnail"):
        assert strict.ask("GET", f"/v1/images/{image}/{what}").status == 410
    assert strict.ask("POST", f"/v1/images/{image}/open", {}).status == 410


def test_masks_that_claim_gigabytes_are_refused_at_once(strict):
    image = strict.upload(photo(), "small.png").json["id"]
    huge = [9_000_000_000, 9_000_000_000]
    coco = {
        "images": [{"id": 1, "file_name": "small.png", "height": 48, "width": 64}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": {"size": huge, "counts": "0"}}],
        "categories": [],
    }
    started = time.monotonic()
    assert _left_out(strict, coco) == ["masks of another size than their image"]
    coco["annotations"][0]["segmentation"] = {"size": [48, 64], "counts": [2**62, 2**62, 2**63 - 1, 48 * 64 + 1]}
    assert _left_out(strict, coco) == ["damaged run lengths"]
    coco["annotations"][0]["segmentation"] = [[0, 0, 4e9, 0, 4e9, 4e9]]
    assert _left_out(strict, coco) == ["outlines that lead far out of their image"]
    mask = {"size": [48, 64], "counts": "ooooooooooo0" * 3}
    assert strict.ask("POST", f"/v1/images/{image}/annotations", {"rle": mask}).code == "prompt"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"", b"null", b"1e999", b'{"prompts": 1}']
)
def test_bodies_that_are_no_json_of_ours_are_refused(strict, body):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    image = next(strict.client.images())["id"]
    answer = strict.ask("POST", f"/v1/images/{image}/masks", body, headers)
    assert answer.status in (400, 422) and answer.json["error"]["message"]


def test_connections_that_say_nothing_are_closed_and_hold_nobody_up(strict):
    silent = [socket.create_connection(("127.0.0.1", strict.port), timeout=10) for _ in range(100)]
    halves = [socket.create_connection(("127.0.0.1", strict.port), timeout=10) for _ in range(20)]
    for connection in halves:
        connection.sendall(b"GET /v1/health HTTP/1.1\r\nHost: 127")
    assert strict.ask("GET", "/v1/health").status == 200
    for connection in [*silent, *halves]:
        assert connection.recv(1) == b""
        connection.close()


def test_a_body_that_stops_on_the_way_is_not_waited_for(strict):
    started = time.monotonic()
    with socket.create_connection(("127.0.0.1", strict.port), timeout=10) as connection:
        connection.sendall(_head("POST /v1/images/1/open", "Content-Type: application/json\r\nContent-Length: 100"))
        connection.sendall(b'{"model"')
        assert b" 408 " in _all_of(connection)
    assert time.monotonic() - started < 5  # and the connection is closed


def test_ten_thousand_requests_leave_nothing_behind(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=60) as connection:
        for _ in range(100):
            connection.sendall(_head("GET /v1/nothing", "") * 100)
            seen = 0
            while seen < 100:
                seen += connection.recv(1 << 20).count(b"HTTP/1.1 404")


def _head(line: str, more: str) -> bytes:
    more = f"{more}\r\n" if more else ""
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n{more}\r\n".encode()


def _all_of(connection: socket.socket) -> bytes:
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except OSError:  # reset, after what was said
        pass
    return b"".join(parts)


def _left_out(server, coco):
    """Import a file of which nothing can be taken; the reasons."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n' + json.dumps(coco).encode()
    kind = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "multipart/form-data; boundary=x"}
    said = server.ask("POST", "/v1/import", body + b"\r\n--x--\r\n", kind).json
    assert said["annotations"] == 0
    return [one["reason"] for one in said["left_out"]]
