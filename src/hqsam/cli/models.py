"""The model that a command works with, and the word to the user about which it is."""

from typing import TYPE_CHECKING

import typer

from hqsam.cli.weights import progress_bar

if TYPE_CHECKING:
    from hqsam.predict.segmenter import Segmenter


def load_segmenter(model: str, device: str = "auto", precision: str = "auto") -> "Segmenter":
    """Load a model, downloaded with a bar if need be; says on stderr which it is and, for `auto`, why that one."""
    import hqsam
    from hqsam import hardware
    from hqsam.weights.load import locate

    hardware.limit_torch_threads()
    model, reason = _choose() if model == "auto" else (model, "")
    with progress_bar(model) as on_progress:
        locate(model, on_progress)
    segmenter = hqsam.load(model, device=device, precision=precision)
    typer.echo(f"model: {model}" + (f" ({reason})" if reason else ""), err=True)
    return segmenter


def _choose() -> tuple[str, str]:
    from hqsam.weights.choose import SMALLEST, choose_model

    with progress_bar(SMALLEST) as on_progress:
        choice = choose_model(on_progress)
    return choice.name, choice.reason
