import sys
from pathlib import Path

import platformdirs
import pytest

from hqsam import paths


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    for name in ("HQSAM_HOME", "HQSAM_DATA", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_may_name_both_folders(monkeypatch):
    monkeypatch.setenv("HQSAM_HOME", "~/models")
    monkeypatch.setenv("HQSAM_DATA", "~/labels")
    assert paths.user_cache_folder() == Path.home() / "models"
    assert paths.user_data_folder() == Path.home() / "labels"


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_cache_follows_the_xdg_convention(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.user_cache_folder() == tmp_path / "hqsam"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert paths.user_cache_folder() == Path.home() / ".cache" / "hqsam"


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_the_data_follow_the_xdg_convention(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert paths.user_data_folder() == tmp_path / "hqsam"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert paths.user_data_folder() == Path.home() / ".local" / "share" / "hqsam"


def test_a_cache_of_an_earlier_version_is_still_found_on_systems_with_folders_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda *_, **__: tmp_path / "Library" / "Caches" / "hqsam")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert paths.user_cache_folder() == tmp_path / "Library" / "Caches" / "hqsam"
    (tmp_path / ".cache" / "hqsam").mkdir(parents=True)
    assert paths.user_cache_folder() == tmp_path / ".cache" / "hqsam"
