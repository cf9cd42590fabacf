"""What `pip install` brings works without the repository around it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from PIL import Image

import hqsam
from tests import needs
from tests.nano import nano_file

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """An environment with the wheel in it; torch and the like are those of this one."""
    needs.package("hatchling", install="pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    (wheel,) = folder.glob(f"hqsam-{hqsam.__version__}-*.whl")
    venv.create(folder / "env", with_pip=False)
    python = _programs(folder / "env") / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    _run([*pip, str(wheel)], cwd=folder)
    packages = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], cwd=folder))
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    nano = packages / "hqsam" / "weights" / "nano.safetensors"
    if not nano.exists():
        shutil.copy(nano_file(folder), nano)
    return folder / "env"


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder that knows nothing of the repository, with a photo."""
    shutil.copy(ROOT / "examples" / "coffee.jpg", tmp_path)
    return tmp_path


def test_the_package_is_the_installed_one_and_brings_licences_and_photos(environment, elsewhere):
    script = "import hqsam, hqsam.paths; print(hqsam.__file__); print(hqsam.paths.examples_folder())"
    home, photos = _run([str(_programs(environment) / "python"), "-c", script], cwd=elsewhere).splitlines()
    assert Path(home).is_relative_to(environment) and Path(photos).is_relative_to(environment)
    licences = {path.name for path in environment.rglob("*.dist-info/licenses/*")}
    assert {"LICENSE", "NOTICE"} <= licences


def test_segment_works_with_nano_from_another_folder(environment, elsewhere):
    words = ["segment", "coffee.jpg", "--box", "170,15,412,308", "--model", "nano", "--format", "png,overlay,cutout"]
    _run([str(_programs(environment) / "hqsam"), *words], cwd=elsewhere)
    assert {path.name for path in (elsewhere / "out").iterdir()} == {
        f"coffee_{kind}.png" for kind in ("mask", "overlay", "cutout")
    }
    with Image.open(elsewhere / "out" / "coffee_mask.png") as mask, Image.open(elsewhere / "coffee.jpg") as photo:
        assert mask.size == photo.size


def _programs(environment: Path) -> Path:
    return environment / ("Scripts" if os.name == "nt" else "bin")


def _run(command: list[str], cwd: Path) -> str:
    """Run without network and without this environment's import paths; what was printed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HQSAM"))}
    clean |= {"HQSAM_OFFLINE": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    finished = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert finished.returncode == 0, f"{command}\n{finished.stdout}{finished.stderr}"
    return finished.stdout.strip()
