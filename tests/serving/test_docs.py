"""What docs/serving.md shows of the API runs as it stands there."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import needs
from tests.docs.blocks import ROOT, blocks_of
from tests.serving.servers import EXAMPLES, TOKEN, running, settings_in

PAGE = ROOT / "docs" / "serving.md"
_HERE = "tests/serving/test_docs.py"


@pytest.fixture
def place(_nano, tmp_path, monkeypatch):
    """A reader's folder, and a server that has no photo yet."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    with running(settings_in(tmp_path)) as server:
        yield server


def test_the_curl_examples_run(place):
    needs.program("curl", install="apt-get install curl")
    needs.program("bash", install="apt-get install bash")
    classes, requests = (one for one in blocks_of(PAGE, ("sh",)) if _HERE in one.reason_not_to_run)
    said = run(classes.code, place)
    assert '"name":"fork"' in said and '"undone":0' in said
    said = run(requests.code, place)
    assert "event: done" in said and "hqsam_open_photos 1.0" in said
    assert Path("cup.svg").read_text().startswith("<svg")
    assert json.loads(Path("everything.json").read_text())["state"] == "done"


def run(code, server):
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        env={**os.environ, "SERVER": server.address, "HQSAM_TOKEN": TOKEN},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_client_examples_run(place, capsys):
    (block,) = [one for one in blocks_of(PAGE, ("python",)) if _HERE in one.reason_not_to_run]
    exec(compile(block.code, str(PAGE), "exec"), {"client": place.client})
    content = json.loads(Path("annotations.json").read_text())
    assert [one["name"] for one in content["categories"]] == ["cup"]
    score, area = capsys.readouterr().out.split()
    assert 0 < float(score) <= 1.1 and int(area) == content["annotations"][0]["area"]


def test_the_compose_file_and_the_dockerfile_name_options_that_exist():
    from typer.testing import CliRunner

    from hqsam.cli import app

    help_text = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200"}).output
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "compose.yaml").read_text() + PAGE.read_text()
    for option in ("--host", "--no-browser", "--log", "--data", "--database", "--moved", "--allow-host", "--memory"):
        assert option in text and option in help_text
    for variable in ("HQSAM_TOKEN", "HQSAM_DATABASE"):
        assert variable in text and variable in help_text
