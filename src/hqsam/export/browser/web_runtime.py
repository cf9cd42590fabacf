"""The files of onnxruntime-web, which runs graphs in a browser: found on this machine, or fetched by npm once."""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from hqsam import storage
from hqsam.errors import DownloadError, OptionError
from hqsam.paths import user_cache_folder
from hqsam.weights import cache

VERSION = "1.30.0"
"""The version that the page is tested with."""

PROCESSOR_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
GPU_FILES = ("ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm")
FILES = (*PROCESSOR_FILES, *GPU_FILES)


def find_web_runtime(given: Path | None = None) -> Path:
    """Return a folder with `FILES`.

    Args:
        given: the folder, or a package or project of npm that has it; None: a `node_modules` here or above, else what
            was fetched before, else npm fetches the package into the cache.

    Raises:
        OptionError: the given folder does not have them.
        DownloadError: it would have to be fetched, and there is no npm, or no network.
    """
    if given is not None:
        found = _first_complete(_places_in(given))
        if found is None:
            raise OptionError(
                f"{given} does not have the files of onnxruntime-web: {', '.join(FILES)}. Give the folder `dist` of "
                f"the npm package, version {VERSION} or near it"
            )
        return found
    here = Path.cwd()
    cached = user_cache_folder() / f"onnxruntime-web-{VERSION}"
    projects = [place / "node_modules" / "onnxruntime-web" / "dist" for place in (here, *here.parents)]
    return _first_complete([*projects, cached]) or _fetch(cached)


def _places_in(folder: Path) -> list[Path]:
    return [folder, folder / "dist", folder / "node_modules" / "onnxruntime-web" / "dist"]


def _first_complete(folders: list[Path]) -> Path | None:
    return next((folder for folder in folders if all((folder / name).is_file() for name in FILES)), None)


def _fetch(folder: Path) -> Path:
    """Let npm fetch and check the package, and keep the six files."""
    package = f"onnxruntime-web@{VERSION}"
    by_hand = f"install it elsewhere (npm install {package}) and give its folder: --runtime FOLDER"
    if cache.is_offline():
        raise DownloadError(f"the page needs {package} and the network is forbidden by HQSAM_OFFLINE; {by_hand}")
    npm = shutil.which("npm")
    if npm is None:
        raise DownloadError(f"the page needs the npm package {package}, and there is no npm here; {by_hand}")
    with tempfile.TemporaryDirectory() as temporary:
        done = subprocess.run(
            [npm, "pack", package, "--silent", "--pack-destination", temporary],
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        [*archives] = Path(temporary).glob("*.tgz")
        if done.returncode or not archives:
            said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
            raise DownloadError(f"npm could not fetch {package}: {said[-1]}; {by_hand}")
        _unpack(archives[0], folder)
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as package:
        for name in FILES:
            try:
                member = package.extractfile(f"package/dist/{name}")
            except KeyError:
                member = None
            if member is None:
                raise DownloadError(f"onnxruntime-web {VERSION} has no dist/{name}, which the page needs")
            with storage.replacing(folder / name) as temporary, temporary.open("wb") as file:
                shutil.copyfileobj(member, file)
