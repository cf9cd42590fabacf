import json

import pytest

from hqsam.weights.registry import CHECKPOINTS


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HQSAM_OFFLINE", "1")


def test_list_names_every_checkpoint(hqsam):
    finished = hqsam("weights", "list")
    assert finished.code == 0
    assert all(name in finished.out for name in CHECKPOINTS)
    assert "DIS5K" in finished.out


def test_list_as_json_says_where_and_what(hqsam):
    rows = json.loads(hqsam("weights", "list", "--json").out)
    assert {row["name"]: row["sha256"] for row in rows} == {n: row.sha256 for n, row in CHECKPOINTS.items()}
    assert not any(row["here"] for row in rows if row["name"] != "nano")


def test_fetch_prints_the_path_of_what_is_here(hqsam, tmp_path):
    row = CHECKPOINTS["vit_tiny"]
    (tmp_path / "home").mkdir()
    with (tmp_path / "home" / row.file).open("wb") as file:
        file.truncate(row.bytes)
    assert hqsam("weights", "fetch", "vit_tiny").out.strip() == str(tmp_path / "home" / row.file)


def test_fetch_without_a_network_is_failed_work_and_an_unknown_name_bad_use(hqsam):
    offline = hqsam("weights", "fetch", "vit_b")
    assert (offline.code, offline.out) == (1, "")
    assert "HQSAM_OFFLINE" in offline.err
    unknown = hqsam("weights", "fetch", "vit_z")
    assert unknown.code == 2
    assert "known: vit_tiny" in unknown.err


def test_info_says_what_a_file_is(hqsam, tiny_file):
    assert "tiny_vit_of_the_tests" in hqsam("weights", "info", tiny_file).out
    described = json.loads(hqsam("weights", "info", tiny_file, "--json").out)
    assert described["model"] == "tiny_vit_of_the_tests"
    assert described["config"]["image_size"] == 128


def test_verify_says_that_a_file_is_whole_or_fails(hqsam, tiny_file, tmp_path):
    assert "is whole" in hqsam("weights", "verify", tiny_file).out
    (tmp_path / "cut.safetensors").write_bytes(tiny_file.read_bytes()[:-10])
    broken = hqsam("weights", "verify", tmp_path / "cut.safetensors")
    assert broken.code == 1
    assert "truncated" in broken.err


def test_convert_writes_the_file_and_prints_its_path(hqsam, tiny_file, tmp_path):
    target = tmp_path / "copy.safetensors"
    finished = hqsam("weights", "convert", tiny_file, "--to", target)
    assert finished.out.strip() == str(target)
    assert json.loads(hqsam("weights", "info", target, "--json").out)["model"] == "tiny_vit_of_the_tests"


def test_convert_to_what_does_not_exist_there_is_refused(hqsam, tiny_file, tmp_path):
    refused = hqsam("weights", "convert", tiny_file, "--to", tmp_path / "folder")
    assert refused.code == 1
    assert "no TinyViT" in refused.err
    assert hqsam("weights", "convert", tiny_file, "--to", tmp_path / "a.onnx").code == 2


def test_push_into_a_folder_shows_what_would_be_pushed(hqsam, tiny_file, tmp_path):
    options = ("--licence", "mit", "--base", "none", "--data", "noise", "--data-licence", "none", "--folder", tmp_path)
    assert hqsam("weights", "push", "us/cups", "--model", tiny_file, *options).code == 0
    assert (tmp_path / "masks.jpg").is_file()
    assert "license: mit" in (tmp_path / "README.md").read_text()


def test_push_says_what_the_card_lacks_and_that_the_network_is_forbidden(hqsam, tiny_file, tmp_path):
    lacking = hqsam("weights", "push", "us/cups", "--model", tiny_file, "--folder", tmp_path / "out")
    assert (lacking.code, "--data-licence" in lacking.err) == (2, True)
    offline = hqsam("weights", "push", "us/cups", "--model", tiny_file)
    assert (offline.code, "HQSAM_OFFLINE" in offline.err) == (1, True)
