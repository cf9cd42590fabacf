"""The recipes by which others package hqsam say what pyproject.toml says; none of them is built here."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from typer.main import get_command

from hqsam.cli import app
from hqsam.version import __version__

try:
    import tomllib
except ImportError:  # Python 3.10
    tomllib = pytest.importorskip("tomli")

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"torch": "pytorch", "opencv-python-headless": "py-opencv"}
DOCKERFILES = ("Dockerfile", "Dockerfile.gpu")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def recipe():
    return yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text("utf-8"))


def test_the_conda_recipe_has_the_version_and_the_dependencies_of_the_project(project, recipe):
    assert recipe["context"]["version"] == __version__
    assert f">={recipe['context']['python_min']}" == project["requires-python"]
    wanted = {
        CONDA_NAMES.get(need.name, need.name): str(need.specifier) for need in map(Requirement, project["dependencies"])
    }
    run = dict(line.split(" ", 1) for line in recipe["requirements"]["run"])
    assert run.pop("python") == ">=${{ python_min }}"
    assert run == wanted
    assert recipe["build"]["python"]["entry_points"] == [f"hqsam = {project['scripts']['hqsam']}"]
    assert all((ROOT / name).is_file() for name in recipe["about"]["license_file"])


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_copies_what_is_there_and_installs_extras_that_there_are(name, project):
    lines = instructions(name)
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    for words in (shlex.split(rest) for what, rest in lines if what == "COPY"):
        assert all((ROOT / source).exists() and f"!{source}" in ignored for source in words[:-1])
    [extras] = re.findall(r'"\.\[([\w,]+)\]"', " ".join(rest for what, rest in lines if what == "RUN"))
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_starts_a_command_that_hqsam_has(name):
    said = dict(instructions(name))
    command = yaml.safe_load(said["ENTRYPOINT"]) + yaml.safe_load(said["CMD"])
    serve = get_command(app).commands["serve"]
    known = {option for parameter in serve.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert command[:2] == ["hqsam", "serve"]
    assert {word for word in command if word.startswith("--")} <= known


def test_the_compose_file_for_gpus_changes_a_service_of_the_other():
    usual, gpu = (yaml.safe_load((ROOT / name).read_text("utf-8")) for name in ("compose.yaml", "compose.gpu.yaml"))
    assert set(gpu["services"]) <= set(usual["services"])
    assert (ROOT / gpu["services"]["hqsam"]["build"]["dockerfile"]).is_file()


def instructions(name: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, with the rest of their line, and of those that go on after a backslash."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    found = [line.partition(" ")[::2] for line in text.splitlines() if line.strip()]
    assert {what for what, _ in found} <= {
        *("FROM", "RUN", "WORKDIR", "COPY", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL"),
        *("ENTRYPOINT", "CMD"),
    }
    return found
