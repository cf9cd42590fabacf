import pytest

from hqsam.errors import DownloadError, OutputError
from hqsam.weights import default_model
from hqsam.weights.registry import CHECKPOINTS


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path))
    for name in ("HQSAM_MODEL", "HQSAM_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def downloads(monkeypatch):
    """What was asked for, in place of downloading it."""
    asked = []
    monkeypatch.setattr(default_model, "fetch", lambda name, on_progress: asked.append(name))
    return asked


def fails(error):
    def fetch(name, on_progress):
        raise error

    return fetch


def put(cache, name):
    with (cache / CHECKPOINTS[name].file).open("wb") as file:
        file.truncate(CHECKPOINTS[name].bytes)


def test_the_environment_s_choice_comes_first_even_if_a_better_one_is_here(monkeypatch, empty_cache, downloads):
    put(empty_cache, "vit_tiny")
    monkeypatch.setenv("HQSAM_MODEL", "my/own.safetensors")
    chosen = default_model.choose_default_model()
    assert chosen.name == "my/own.safetensors" and "HQSAM_MODEL" in chosen.reason
    assert not downloads


@pytest.mark.parametrize("said", ["", " ", "auto"])
def test_an_environment_that_names_no_model_is_as_none(monkeypatch, downloads, said):
    monkeypatch.setenv("HQSAM_MODEL", said)
    assert default_model.choose_default_model().name == "vit_tiny"


def test_the_best_checkpoint_in_the_cache_is_taken_without_a_download(empty_cache, downloads):
    put(empty_cache, "vit_tiny")
    put(empty_cache, "vit_b")
    put(empty_cache, "sam_vit_b")
    chosen = default_model.choose_default_model()
    assert chosen.name == "vit_b" and str(empty_cache) in chosen.reason
    assert not downloads


def test_with_an_empty_cache_the_smallest_is_downloaded(downloads):
    chosen = default_model.choose_default_model()
    assert chosen.name == "vit_tiny" and "43 MB" in chosen.reason
    assert downloads == ["vit_tiny"]


@pytest.mark.parametrize("error", [DownloadError("no network: nowhere. Try again."), OutputError("the disk is full")])
def test_where_the_download_fails_the_bundled_model_is_taken_and_the_cause_is_told(monkeypatch, error):
    monkeypatch.setattr(default_model, "fetch", fails(error))
    chosen = default_model.choose_default_model()
    assert chosen.name == "nano"
    assert chosen.reason.endswith(str(error).partition(".")[0])


@pytest.mark.parametrize("variable", ["HQSAM_OFFLINE", "HF_HUB_OFFLINE"])
def test_no_download_is_tried_where_the_network_is_forbidden(monkeypatch, downloads, variable):
    monkeypatch.setenv(variable, "1")
    chosen = default_model.choose_default_model()
    assert chosen.name == "nano" and variable in chosen.reason
    assert not downloads


def test_what_doctor_says_downloads_nothing(downloads):
    chosen = default_model.choose_default_model_offline()
    assert chosen.name == "vit_tiny" and "nano" in chosen.reason
    assert not downloads
