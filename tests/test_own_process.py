"""Tests in processes of their own, in a little project of tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there these tests run as all others do")

TESTS = """
import os
import pytest

pytestmark = pytest.mark.own_process


@pytest.fixture(scope="module")
def place():
    print("fixture made")
    yield os.getpid()
    open("torn down", "a").write("once ")


def test_good(place):
    assert place == os.getpid() != int(os.environ["PARENT"])
    open("first", "w").write(str(place))


def test_same_process(place):
    assert int(open("first").read()) == os.getpid()


def test_bad(place):
    print("heard")
    assert place == 0


def test_skipped(place):
    pytest.skip("no reason")


def test_dies(place):
    os.write(2, b"last words")
    os.abort()


def test_after_it(place):
    assert place != int(open("first").read())
"""
CONFTEST = """
import os
from tests import own_process

os.environ.setdefault("PARENT", str(os.getpid()))


def pytest_configure(config):
    config.addinivalue_line("markers", "own_process: as here")
    config.pluginmanager.register(own_process)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:napari -p no:npe2\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(TESTS)
    (folder / "test_others.py").write_text("def test_here(): pass\n")
    around = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    around = {name: value for name, value in around.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-v", "-rA", "-p", "no:cacheprovider", "test_some.py", "test_others.py"]
    done = subprocess.run(command, cwd=folder, env=around, capture_output=True, text=True)
    assert (folder / "torn down").read_text() == "once ", done.stdout
    return done.stdout


def test_each_has_its_own_outcome(said):
    for name, outcome in {
        "some.py::test_good": "PASSED", "some.py::test_same_process": "PASSED", "some.py::test_bad": "FAILED",
        "some.py::test_skipped": "SKIPPED", "some.py::test_dies": "FAILED", "some.py::test_after_it": "PASSED",
        "others.py::test_here": "PASSED",
    }.items():  # fmt: skip
        assert f"test_{name} {outcome}" in said


def test_a_failure_and_a_death_are_told_with_what_was_said(said):
    assert "assert place == 0" in said and "heard" in said
    assert "the process of this test ended with -6" in said and "last words" in said
