"""The page with `nano`, in a browser, and the same photo opened in Python."""

import subprocess
import sys
from pathlib import Path

import pytest

import hqsam
from hqsam.paths import examples_folder
from tests import needs
from tests.chromium import chromium
from tests.export.browser.page import Page, served


@pytest.fixture(scope="package")
def folder(tmp_path_factory) -> Path:
    """The exported folder, of a process of its own: the check of shapes in this one would be traced, too."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        needs.package(package, install='pip install "hqsam[export]"')
    runtime = needs.npm_package("onnxruntime-web")
    folder = tmp_path_factory.mktemp("page")
    words = ["export", "nano", "--format", "browser", "--out", str(folder), "--runtime", str(runtime)]
    words += ["--verify", str(examples_folder() / "coffee.jpg")]
    subprocess.run([sys.executable, "-m", "hqsam", *words], check=True)
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def host(folder):
    with served(folder) as (address, _):
        yield address


@pytest.fixture(scope="module")
def loaded_page(browser, host):
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = Page(context.new_page(), host)
    yield page
    context.close()


@pytest.fixture
def page(loaded_page):
    """The page as it is when its service worker has started; a test opens a photo first, which forgets all else."""
    yield loaded_page
    assert loaded_page.faults == [], "the page reported errors"


@pytest.fixture(scope="package")
def python():
    """Opens a photo by our own engine, in float32."""
    segmenter = hqsam.load("nano", precision="float32")
    return lambda photo: segmenter.open(photo)
