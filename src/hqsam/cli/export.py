"""`hqsam export`: a model as graphs for other runtimes."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hqsam.cli.arguments import Source

if TYPE_CHECKING:
    from hqsam.export.verify import PhotoDifference


class ExportFormat(str, Enum):
    """File formats of exported graphs, or a page that runs them in the browser."""

    onnx = "onnx"
    openvino = "openvino"
    coreml = "coreml"
    browser = "browser"


class Quantize(str, Enum):
    """Precisions of fewer bits for the encoder."""

    int8 = "int8"


class ImageInput(str, Enum):
    """The input of the exported encoder: an image of any size, or a tensor that is resized and normalised already."""

    image = "image"
    tensor = "tensor"


class Candidates(str, Enum):
    """Masks that the decoder's graph gives for each prompt."""

    all = "all"
    one = "1"
    three = "3"


class Names(str, Enum):
    """The convention for inputs and outputs of the graphs."""

    hqsam = "hqsam"
    segment_anything = "segment-anything"
    transformers_js = "transformers.js"


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name of `hqsam weights list`, a file, or owner/repo.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    format_: Annotated[
        ExportFormat, typer.Option("--format", help="Graphs, or a page that segments photos in the browser.")
    ] = ExportFormat.onnx,
    image_input: Annotated[
        ImageInput, typer.Option("--input", help="Images as RGB bytes of any size, or as prepared tensors.")
    ] = ImageInput.image,
    source: Annotated[
        Source | None, typer.Option(help="Fix the mask's source.  [default: an input of the decoder]")
    ] = None,
    candidates: Annotated[
        Candidates, typer.Option(help="Masks for each prompt: mask 0, the three of an ambiguous prompt, or all four.")
    ] = Candidates.all,
    names: Annotated[
        Names,
        typer.Option(
            help="Inputs and outputs: ours, those of Meta's exporter, for AnyLabeling and others, or transformers.js'."
        ),
    ] = Names.hqsam,
    quantize: Annotated[
        Quantize | None, typer.Option(help="The encoder in int8; layers that cost too much of the masks stay float.")
    ] = None,
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(metavar="PHOTOS", help="With --quantize: photos, a folder, or data with masks; repeatable."),
    ] = None,
    verify: Annotated[
        list[Path] | None, typer.Option(metavar="PHOTO", help="Compare with our own engine on this photo; repeatable.")
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="For the browser: where the files of onnxruntime-web are.  [default: a node_modules here, else npm "
            "fetches them once]",
        ),
    ] = None,
) -> None:
    """Write a model as graphs that other runtimes, and `hqsam --model DIR`, can run; or as a page for the browser."""
    from hqsam.errors import OptionError

    if quantize and not calibrate:
        raise OptionError("--quantize int8 needs photos of the kind that the model is for: --calibrate PHOTOS")
    if calibrate and not quantize:
        raise OptionError("--calibrate names photos for --quantize int8; give both, or leave both out")
    given = {
        "--source": source,
        "--quantize": quantize,
        "--input": image_input != ImageInput.image,
        "--candidates": candidates != Candidates.all,
    }
    if names == Names.transformers_js:
        others = {"--format": format_ != ExportFormat.onnx, "--verify": verify, "--runtime": runtime}
        _check_alone(f"--names {names.value}", given | others)
        from hqsam.export.transformers_js import export_transformers_js

        export_transformers_js(model, out)
        typer.echo(out)
        return
    if format_ == ExportFormat.browser:
        _check_alone(f"--format {format_.value}", given | {"--names": names != Names.hqsam})
        from hqsam.export.browser.export_browser import export_browser

        _print(export_browser(model, out, runtime=runtime, verify=verify or ()), out)
        return
    if runtime is not None:
        raise OptionError("--runtime is where onnxruntime-web is, for --format browser; leave it out")
    from hqsam.export.export_model import export_model
    from hqsam.graphs.folder import GraphOptions

    chosen: dict[str, Any] = {
        "image_input": image_input.value,
        "source": source.value if source else None,
        "candidates": candidates.value,
        "names": names.value,
        "file_format": format_.value,
    }
    done = export_model(model, out, options=GraphOptions(**chosen), calibrate=calibrate or (), verify=verify or ())
    if done.int8:
        typer.echo(done.int8)
    _print(done.differences, out)


def _check_alone(what: str, others: dict[str, Any]) -> None:
    from hqsam.errors import OptionError

    given = [name for name, value in others.items() if value]
    if given:
        raise OptionError(f"{what} has graphs of its own kind: leave out {', '.join(given)}")


def _print(differences: list["PhotoDifference"], out: Path) -> None:
    for each in differences:
        typer.echo(f"{each.photo}: logits within {each.largest_logit:.2g}, mask IoU at least {each.least_iou:.4f}")
    typer.echo(out)
