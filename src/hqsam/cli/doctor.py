"""`hqsam doctor`: report what is installed, what the machine can do, and which checkpoints are here."""

import importlib.metadata
import platform

import typer

from hqsam.version import __version__

PACKAGES = ("torch", "numpy", "opencv-python-headless", "pillow", "safetensors", "huggingface_hub", "pycocotools")


def doctor() -> None:
    """Print versions, device, precision, threads, memory and the checkpoints on this machine."""
    from hqsam import hardware

    _print("Versions", _versions())
    _print("Extras", _extras())
    _print("Machine", hardware.report() | {"kernels": _kernels()})
    _print("Weights", _weights())


def _versions() -> dict[str, str]:
    ours = {"hqsam": __version__, "Python": platform.python_version()}
    return ours | {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _extras() -> dict[str, str]:
    """Return for each extra whether its packages are here, and else which are missing and how to install them."""
    from packaging.requirements import Requirement

    if _version("hqsam") == "not installed":
        return {"unknown": "hqsam is imported from a folder, and is not installed"}
    wanted: dict[str, list[str]] = {}
    for line in importlib.metadata.requires("hqsam") or []:
        need = Requirement(line)
        for extra in importlib.metadata.metadata("hqsam").get_all("Provides-Extra") or []:
            if need.marker and need.marker.evaluate({"extra": extra}) and not need.marker.evaluate({"extra": ""}):
                wanted.setdefault(extra, []).append(need.name)
    return {extra: _missing(extra, packages) for extra, packages in wanted.items() if extra != "dev"}


def _missing(extra: str, packages: list[str]) -> str:
    missing = [package for package in packages if _version(package) == "not installed"]
    return f'without {", ".join(missing)}: pip install "hqsam[{extra}]"' if missing else "installed"


def _kernels() -> str:
    from hqsam.engines.kernels.build import compiled_kernels
    from hqsam.errors import HqsamError

    try:
        compiled_kernels()
    except HqsamError as error:
        return f"PyTorch's, which are slower: {str(error).splitlines()[0]}"
    return "compiled for this processor"


def _weights() -> dict[str, str]:
    from hqsam.paths import user_cache_folder
    from hqsam.weights import cache, default_model

    network = "not used: HQSAM_OFFLINE or HF_HUB_OFFLINE is set" if cache.is_offline() else "used when needed"
    chosen = default_model.choose_default_model_offline()
    return {
        "folder": str(user_cache_folder()),
        "here": ", ".join(cache.available_names()) or "none",
        "network": network,
        "--model auto": f"{chosen.name}: {chosen.reason}",
    }


def _print(title: str, lines: dict[str, str]) -> None:
    typer.secho(title, bold=True)
    for label, value in lines.items():
        typer.echo(f"  {label:<24}{value}")
