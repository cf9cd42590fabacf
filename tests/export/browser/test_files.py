"""The page's own files: small, typed, and alone in the world."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from hqsam.errors import DownloadError, OptionError
from hqsam.export.browser import web_runtime
from hqsam.export.browser.export_browser import SHARED_WITH_THE_ANNOTATOR, export_browser, page_folder
from tests import needs

PAGE = page_folder()
CONFIG = Path(__file__).with_name("tsconfig.json")


def test_the_page_is_small_enough_for_the_wheel():
    assert sum(file.stat().st_size for file in PAGE.rglob("*") if file.is_file()) < 70_000


def test_nothing_comes_from_elsewhere():
    found = {
        (file.name, address)
        for file in PAGE.rglob("*.*")
        for address in re.findall(r"https?://[^\s\"')<,]+", file.read_text(encoding="utf-8"))
    }
    assert found == {("downloads.js", "http://www.w3.org/2000/svg"), ("index.html", "http://localhost:8000.")}


def test_every_module_that_is_imported_is_copied():
    files = [file for file in PAGE.rglob("*.js") if file.name != "service_worker.js"]
    shared = {f"web/{name}" for name in SHARED_WITH_THE_ANNOTATOR}
    for file in files:
        for name in re.findall(r'^import .*"(\..*)";$', file.read_text(encoding="utf-8"), re.M):
            target = (file.parent / name).resolve().relative_to(PAGE).as_posix()
            assert (PAGE / target).is_file() or target in shared, f"{file.name} imports {name}"


def test_every_call_has_the_types_that_it_says():
    tsc = needs.program("tsc", install="npm install --global typescript") / "tsc"
    checked = subprocess.run([tsc, "--project", CONFIG], capture_output=True, text=True)
    assert checked.stdout == ""
    assert checked.returncode == 0


@pytest.fixture
def runtime(tmp_path):
    """A folder of npm's with files of the runtime's names."""
    dist = tmp_path / "npm" / "node_modules" / "onnxruntime-web" / "dist"
    dist.mkdir(parents=True)
    for name in web_runtime.FILES:
        (dist / name).write_text(name)
    return dist


def test_the_runtime_is_found_where_npm_puts_it(runtime, tmp_path, monkeypatch):
    for given in (runtime, runtime.parent, tmp_path / "npm"):
        assert web_runtime.find_web_runtime(given) == runtime
    (tmp_path / "npm" / "below").mkdir()
    monkeypatch.chdir(tmp_path / "npm" / "below")
    assert web_runtime.find_web_runtime() == runtime


def test_a_runtime_that_is_not_complete_is_named(runtime):
    (runtime / web_runtime.FILES[0]).unlink()
    with pytest.raises(OptionError, match=r"does not have the files of onnxruntime-web: ort\.wasm\.min\.mjs"):
        web_runtime.find_web_runtime(runtime)


@pytest.fixture
def nothing_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HQSAM_OFFLINE", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.mark.usefixtures("nothing_here")
def test_without_npm_or_network_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DownloadError, match=r"there is no npm here; .* --runtime FOLDER"):
        web_runtime.find_web_runtime()
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    with pytest.raises(DownloadError, match="forbidden by HQSAM_OFFLINE"):
        web_runtime.find_web_runtime()


@pytest.mark.skipif(sys.platform == "win32", reason="its stand-in for npm is a shell script")
@pytest.mark.usefixtures("nothing_here")
def test_npm_fetches_the_runtime_once(runtime, tmp_path, monkeypatch):
    programs = tmp_path / "programs"
    programs.mkdir()
    archive = 'tar czf "$5/it.tgz" -C "$PACKAGED" package; echo $2 >> "$PACKAGED/asked"'
    (programs / "npm").write_text(f"#!/bin/sh\n{archive}\n")
    (programs / "npm").chmod(0o755)
    packaged = tmp_path / "packaged"
    (packaged / "package").mkdir(parents=True)
    runtime.rename(packaged / "package" / "dist")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("PACKAGED", str(packaged))
    for _ in range(2):
        found = web_runtime.find_web_runtime()
        assert {file.name: file.read_text() for file in found.iterdir()} == {name: name for name in web_runtime.FILES}
    assert (packaged / "asked").read_text().split() == [f"onnxruntime-web@{web_runtime.VERSION}"]


@pytest.mark.skipif(sys.platform == "win32", reason="its stand-in for npm is a shell script")
@pytest.mark.usefixtures("nothing_here")
def test_what_npm_complains_of_is_said(tmp_path, monkeypatch):
    (tmp_path / "npm").write_text("#!/bin/sh\necho 'npm error network: no route' >&2\nexit 1\n")
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(
        DownloadError, match=r"npm could not fetch .*: npm error network: no route; install it elsewhere"
    ):
        web_runtime.find_web_runtime()


def test_other_folders_and_models_are_refused_before_any_work(tmp_path, runtime):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds other files"):
        export_browser("nano", tmp_path, runtime=runtime)
