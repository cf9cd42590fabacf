"""Find, download and load the model that a command works with."""

from typing import TYPE_CHECKING

import typer

from hqsam.cli.progress import download_bar

if TYPE_CHECKING:
    from hqsam.predict.segmenter import Segmenter


def load_segmenter(model: str, device: str = "auto", precision: str = "auto") -> "Segmenter":
    """Load a model, downloaded first if need be; prints on stderr which it is and, for `auto`, why."""
    check_hardware(device, precision)
    return load_fetched(fetch_model(model), device, precision)


def check_hardware(device: str, precision: str) -> None:
    """Refuse a device or a precision that is not here, before a model is downloaded for it."""
    from hqsam import hardware

    hardware.pick_precision(precision, hardware.pick_device(device))


def load_fetched(name: str, device: str, precision: str) -> "Segmenter":
    """Load a model by the name that `fetch_model` returned."""
    from hqsam import hardware
    from hqsam.predict.segmenter import load

    hardware.limit_torch_threads()
    return load(name, device=device, precision=precision)


def fetch_model(model: str) -> str:
    """Make sure that a model is on this machine, printing which it is on stderr; return the name to load it by."""
    from hqsam.weights.load import locate

    model, reason = _choose() if model == "auto" else (model, "")
    with download_bar(model) as on_progress:
        locate(model, on_progress)
    typer.echo(f"model: {model}" + (f" ({reason})" if reason else ""), err=True)
    return model


def _choose() -> tuple[str, str]:
    from hqsam.weights.default_model import SMALLEST, choose_default_model

    with download_bar(SMALLEST) as on_progress:
        chosen = choose_default_model(on_progress)
    return chosen.name, chosen.reason
