import json

import pytest

from hqsam.errors import CheckpointError, DownloadError
from hqsam.weights import hub
from hqsam.weights.convert import convert
from hqsam.weights.load import load_model
from tests.tiny import tiny_config
from tests.weights.checkpoints import our_file
from tests.weights.mirror import mirror

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def empty_hub_cache(tmp_path, monkeypatch):
    from huggingface_hub import constants

    for name in ("HQSAM_OFFLINE", "HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)


def hub_with(repo: str, files: dict[str, bytes]):
    """Answers as the Hub does, as far as a snapshot needs it."""

    def answer(handler):
        path = handler.path.partition("?")[0]
        if path.startswith(f"/api/models/{repo}/tree/"):
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0"} for name, data in files.items()]
            return reply(handler, json.dumps(tree).encode())
        if path.startswith(f"/api/models/{repo}"):
            listed = {"id": repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            return reply(handler, json.dumps(listed).encode())
        name = path.rpartition(f"/{repo}/resolve/{COMMIT}/")[2]
        if name not in files:
            return handler.send_error(404)
        return reply(handler, files[name], {"ETag": f'"{hash(name):x}"', "X-Repo-Commit": COMMIT})

    return answer


def reply(handler, data: bytes, headers: dict[str, str] | None = None) -> None:
    handler.send_response(200)
    for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(data)


def test_a_repo_in_transformers_format_is_loaded_and_then_needs_no_network(tiny_models, tmp_path, monkeypatch):
    folder = convert(our_file(tmp_path), tmp_path / "theirs")
    files = {path.name: path.read_bytes() for path in folder.iterdir()} | {"README.md": b"not needed"}
    with mirror(hub_with("us/tiny", files)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        assert load_model("us/tiny").config == tiny_config("vit")
        asked = len(server.ranges)
        monkeypatch.setenv("HQSAM_OFFLINE", "1")
        assert load_model("us/tiny").config == tiny_config("vit")
        assert len(server.ranges) == asked


def test_a_repo_that_does_not_exist(monkeypatch):
    with mirror(hub_with("us/tiny", {})) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(DownloadError, match="no such Hugging Face repo"):
            hub.fetch_repo("us/other")


def test_a_repo_that_is_not_here_and_no_network(monkeypatch):
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    with pytest.raises(DownloadError, match="the network is forbidden"):
        load_model("us/tiny")
    monkeypatch.delenv("HQSAM_OFFLINE")
    monkeypatch.setattr(hub.connectivity, "is_reachable", lambda _: False)
    with pytest.raises(DownloadError, match=r"huggingface\.co cannot be reached"):
        load_model("us/tiny")


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["config.json", "model.safetensors", "pytorch_model.bin"], "model.safetensors"),
        (["model-00001-of-00002.safetensors", "model.safetensors.index.json"], "model.safetensors.index.json"),
        (["README.md", "weights/sam_hq_vit_b.pth"], "weights/sam_hq_vit_b.pth"),
    ],
)
def test_which_file_of_a_repo_is_the_checkpoint(names, chosen):
    assert hub.choose_file("us/tiny", names) == chosen


def test_a_repo_of_many_checkpoints_is_not_guessed_at():
    with pytest.raises(CheckpointError, match=r"several checkpoints \(sam_hq_vit_b\.pth, sam_hq_vit_l\.pth\)"):
        hub.choose_file("lkeab/hq-sam", ["sam_hq_vit_l.pth", "sam_hq_vit_b.pth"])
    with pytest.raises(CheckpointError, match="no checkpoint"):
        hub.choose_file("us/tiny", ["README.md"])


@pytest.mark.parametrize("source", ["vit_b", "a/b/c", "/a/b", "a/b.pth", "./a", "../a", "owner/", "a b/c"])
def test_what_is_no_name_of_a_repo(source):
    assert not hub.is_repo(source)
