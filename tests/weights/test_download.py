import functools
import hashlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hqsam import storage
from hqsam.errors import CheckpointError, DownloadError, OptionError, OutputError
from hqsam.weights import cache, connectivity, download, registry, transfer
from hqsam.weights.registry import Checkpoint
from tests.weights.mirror import Handler, breaking, failing, honest, mirror

DATA = bytes(range(256)) * 1000
OTHER = DATA[::-1]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in ("HQSAM_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(transfer, "RETRY_PAUSE_SECONDS", 0.01)
    return tmp_path / "home"


def checkpoint(*urls: str, data: bytes = DATA) -> Checkpoint:
    digest = hashlib.sha256(data).hexdigest()
    return Checkpoint(name="m", file="model.pth", origin="us", mirrors=urls, bytes=len(data), sha256=digest)


def visible_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def part_of(wanted: Checkpoint) -> Path:
    return download._part_path(wanted)


def test_a_file_is_fetched_once_with_its_progress(home):
    seen: list[tuple[int, int]] = []
    with mirror(honest(DATA)) as server:
        for _ in range(2):
            path = download.download(checkpoint(server.url), lambda done, total: seen.append((done, total)))
    assert path == home / "model.pth"
    assert path.read_bytes() == DATA
    assert server.ranges == [None]
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_connection_that_breaks_midway_is_resumed_where_it_stopped():
    with mirror(breaking(DATA, after=100_000)) as server:
        path = download.download(checkpoint(server.url))
    assert path.read_bytes() == DATA
    assert server.ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_what_an_earlier_process_received_is_used():
    with mirror(honest(DATA)) as server:
        wanted = checkpoint(server.url)
        storage.write_bytes(part_of(wanted), DATA[:1000])
        assert download.download(wanted).read_bytes() == DATA
    assert server.ranges == ["bytes=1000-"]


def test_a_part_that_is_whole_already_only_needs_its_name():
    with mirror(failing(500)) as server:
        wanted = checkpoint(server.url)
        storage.write_bytes(part_of(wanted), DATA)
        assert download.download(wanted).read_bytes() == DATA
    assert server.ranges == []


def test_a_server_that_refuses_ranges_sends_all_again():
    pieces = [1000, None]
    with mirror(lambda handler: handler.send(DATA, cut_after=pieces.pop(0))) as server:
        assert download.download(checkpoint(server.url)).read_bytes() == DATA
    assert server.ranges == [None, "bytes=1000-"]


def test_a_server_that_refuses_ranges_and_always_breaks_is_given_up(home):
    answer = functools.partial(Handler.send, data=DATA, cut_after=1000)
    with mirror(answer) as server, pytest.raises(DownloadError, match="stopped before the end"):
        download.download(checkpoint(server.url))
    assert len(server.ranges) < 10
    assert visible_names(home) == []


def test_a_file_that_changes_between_two_pieces_is_fetched_again_from_the_start():
    versions = [(OTHER, 1000), (DATA, None), (DATA, None)]

    def change(handler):
        data, cut_after = versions.pop(0)
        handler.send(data, start=handler.start, cut_after=cut_after)

    with mirror(change) as server:
        assert download.download(checkpoint(server.url)).read_bytes() == DATA
    assert server.ranges == [None, "bytes=1000-", None]


def test_a_wrong_file_never_gets_the_name_and_the_next_mirror_is_asked(home):
    with mirror(honest(OTHER)) as wrong, mirror(honest(DATA)) as right:
        with pytest.raises(DownloadError, match="whose sha256 is not"):
            download.download(checkpoint(wrong.url))
        assert visible_names(home) == []
        assert download.download(checkpoint(wrong.url, right.url)).read_bytes() == DATA
    assert wrong.ranges == [None, None]


def test_a_file_of_another_length_is_not_even_begun():
    with mirror(honest(DATA + b"more")) as server:
        with pytest.raises(DownloadError, match=r"offers a file of 256,004 bytes, not of 256,000"):
            download.download(checkpoint(server.url))
        assert not part_of(checkpoint()).exists()


def test_a_file_longer_than_promised_is_given_up_and_does_not_taint_the_next_mirror():
    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(OTHER)
        time.sleep(0.05)
        handler.wfile.write(OTHER)

    with mirror(endless) as long, mirror(honest(DATA)) as right:
        assert download.download(checkpoint(long.url, right.url)).read_bytes() == DATA


@pytest.mark.parametrize("code", [403, 404, 500, 503])
def test_a_mirror_that_fails_is_named_in_the_error(code):
    with mirror(failing(code)) as server, pytest.raises(DownloadError) as caught:
        download.download(checkpoint(server.url))
    assert server.url in str(caught.value)
    assert f"HTTP {code}" in str(caught.value)
    assert "by hand" in str(caught.value)


def test_a_busy_mirror_is_asked_a_second_time():
    answers = [failing(503), honest(DATA)]
    with mirror(lambda handler: answers.pop(0)(handler)) as server:
        assert download.download(checkpoint(server.url)).read_bytes() == DATA


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(transfer, "READ_TIMEOUT_SECONDS", 0.5)
    done = threading.Event()
    with mirror(lambda _: bool(done.wait(60)) and None) as silent, mirror(honest(DATA)) as right:
        with pytest.raises(DownloadError, match="timed out"):
            download.download(checkpoint(silent.url))
        assert download.download(checkpoint(silent.url, right.url)).read_bytes() == DATA
        done.set()


def test_a_server_that_falls_silent_midway_is_resumed(monkeypatch):
    monkeypatch.setattr(transfer, "READ_TIMEOUT_SECONDS", 0.5)
    done = threading.Event()

    def stall_once(handler):
        if handler.start:
            handler.send(DATA, start=handler.start)
        else:
            handler.send(DATA, cut_after=1000)
            done.wait(60)

    with mirror(stall_once) as server:
        assert download.download(checkpoint(server.url)).read_bytes() == DATA
        done.set()


def test_a_redirect_is_followed_with_its_range():
    with mirror(breaking(DATA, after=200_000)) as server:

        def redirect(handler):
            handler.send_response(302)
            handler.send_header("Location", server.url)
            handler.end_headers()

        with mirror(redirect) as front:
            assert download.download(checkpoint(front.url)).read_bytes() == DATA
    assert server.ranges == [None, "bytes=200000-"]


PROGRAM = """
import sys
from hqsam.weights.download import download
from hqsam.weights.registry import Checkpoint
from tests.weights.mirror import Handler, breaking, failing, honest, mirror
url, size, digest = sys.argv[1:]
row = Checkpoint(name="m", file="model.pth", origin="us", mirrors=(url,), bytes=int(size), sha256=digest)
seen = []
download(row, lambda done, total: seen.append(done))
print(seen[-1] if seen else "nothing")
"""


def test_of_two_processes_at_once_one_downloads_and_both_get_the_file(home):
    def slowly(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        for start in range(0, len(DATA), len(DATA) // 10):
            handler.wfile.write(DATA[start : start + len(DATA) // 10])
            time.sleep(0.2)

    with mirror(slowly) as server:
        wanted = checkpoint(server.url)
        command = [sys.executable, "-c", PROGRAM, server.url, str(wanted.bytes), str(wanted.sha256)]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        for process in processes:
            output, _ = process.communicate(timeout=300)
            assert process.returncode == 0, output
    assert server.ranges == [None]
    assert visible_names(home) == ["model.pth"]


def test_a_kill_midway_leaves_no_file_of_that_name_and_the_next_process_goes_on(home):
    held = threading.Event()

    def hold(handler):
        if handler.start:
            handler.send(DATA, start=handler.start)
        else:
            handler.send(DATA, cut_after=100_000)
            held.wait(60)

    with mirror(hold) as server:
        wanted = checkpoint(server.url)
        command = [sys.executable, "-c", PROGRAM, server.url, str(wanted.bytes), str(wanted.sha256)]
        process = subprocess.Popen(command)
        deadline = time.monotonic() + 300
        while not part_of(wanted).exists() or not part_of(wanted).stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
        process.wait()
        held.set()
        assert visible_names(home) == []
        assert download.download(wanted).read_bytes() == DATA
    assert len(server.ranges) == 2 and server.ranges[1] is not None


class TestWithoutANetwork:
    def test_it_is_noticed_within_seconds_even_if_no_name_server_answers(self, monkeypatch):
        given_up = threading.Event()

        def hang(*_, **__):
            given_up.wait(60)
            raise OSError("no route to host")

        monkeypatch.setattr(socket, "create_connection", hang)
        began = time.monotonic()
        with pytest.raises(DownloadError, match=r"no network: huggingface.co cannot be reached"):
            download.fetch("vit_tiny")
        assert time.monotonic() - began < 20  # 3, and patience with a busy machine
        given_up.set()
        assert connectivity.CONNECT_SECONDS <= 3

    def test_hosts_that_refuse_are_noticed_at_once(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/model.pth"
            with pytest.raises(DownloadError, match="no network"):
                download.download(checkpoint(url))

    @pytest.mark.parametrize("variable", ["HQSAM_OFFLINE", "HF_HUB_OFFLINE"])
    def test_when_it_is_forbidden_no_host_is_asked(self, monkeypatch, variable):
        monkeypatch.setenv(variable, "1")
        with mirror(honest(DATA)) as server, pytest.raises(DownloadError, match="forbidden"):
            download.download(checkpoint(server.url))
        assert server.ranges == []

    def test_a_file_that_is_here_needs_none(self, home, monkeypatch):
        monkeypatch.setenv("HQSAM_OFFLINE", "1")
        storage.write_bytes(home / "model.pth", DATA)
        assert download.download(checkpoint("http://nowhere.invalid/model.pth")) == home / "model.pth"

    def test_a_proxy_is_knocked_at_in_place_of_the_host(self, monkeypatch):
        with mirror(honest(DATA)) as proxy:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
            assert connectivity.is_reachable(["http://nowhere.invalid/model.pth"])
            wanted = checkpoint("http://nowhere.invalid/model.pth")
            assert download.download(wanted).read_bytes() == DATA


class TestTheDisk:
    def test_too_little_room_is_said_before_the_download(self, monkeypatch):
        monkeypatch.setattr(download.shutil, "disk_usage", lambda _: Disk())
        with mirror(honest(DATA)) as server, pytest.raises(OutputError, match="set HQSAM_HOME"):
            download.download(checkpoint(server.url))
        assert server.ranges == []

    def test_a_cache_folder_that_cannot_be_made_is_an_output_error(self, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "file"))
        with mirror(honest(DATA)) as server, pytest.raises(OutputError, match="cannot write"):
            download.download(checkpoint(server.url))


class Disk:
    free = 10


class TestTheTable:
    def test_an_unknown_name_is_answered_with_the_known_ones(self):
        with pytest.raises(OptionError, match=r"'vit_bb'.*did you mean 'vit_b'.*mobile_sam"):
            download.fetch("vit_bb")

    def test_a_model_without_a_hash_is_not_fetched_but_its_address_is_told(self):
        with pytest.raises(OptionError, match=r"no hash.*072824/sam2_hiera_tiny\.pt"):
            download.fetch("sam2_hiera_t")

    def test_a_model_that_nobody_has_trained_yet_says_how_to(self):
        with pytest.raises(OptionError, match=r"hqsam train hq_sam2 --base sam2\.1_hiera_t"):
            download.fetch("hq_sam2_hiera_t")

    def test_every_row_has_a_model_and_every_model_a_row(self):
        from hqsam.model.config import MODELS

        by_path = {"nano_1"}  # the bundled weights of 0.1: who has the file can load it
        assert {*registry.CHECKPOINTS, *registry.WITHOUT_HASH, *registry.ONLY_TRAINED} == set(MODELS) - by_path

    @pytest.mark.parametrize("row", registry.CHECKPOINTS.values(), ids=lambda row: row.name)
    def test_every_fetched_row_can_be_checked(self, row):
        if not row.is_bundled:
            assert len(row.sha256) == 64 and set(row.sha256) <= set("0123456789abcdef")
            assert row.bytes > 1e7
            assert all(url.startswith("https://") for url in row.urls)

    @pytest.mark.parametrize("named", ["https://hub.example/", "hub.example"])
    def test_a_mirror_of_the_hub_is_used_for_the_hubs_addresses_alone(self, monkeypatch, named):
        monkeypatch.setenv("HF_ENDPOINT", named)
        assert registry.find("vit_tiny").urls == ("https://hub.example/lkeab/hq-sam/resolve/main/sam_hq_vit_tiny.pth",)
        assert registry.find("sam_vit_b").urls[0].startswith("https://dl.fbaipublicfiles.com/")

    def test_a_bundled_model_that_is_missing_is_said_so(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cache, "_BUNDLED", tmp_path)
        with pytest.raises(CheckpointError, match=r"bundled model nano is missing.*install hqsam again"):
            download.fetch("nano")

    def test_what_is_here_is_known_by_its_size(self, home):
        storage.write_bytes(home / "mobile_sam.pt", b"of another size")
        assert "mobile_sam" not in cache.available_names()
