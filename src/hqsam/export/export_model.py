"""`hqsam export`: a folder of graphs with a page that says how to use them, and how exact they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from hqsam import storage
from hqsam.engines.build import build_engine, load_engine
from hqsam.errors import OptionError
from hqsam.export.coreml_readme import coreml_readme
from hqsam.export.int8.quantize import Int8Report, quantize_folder
from hqsam.export.output_folder import README, export_folder, visible_names
from hqsam.export.readme import readme
from hqsam.export.segment_anything_readme import segment_anything_readme
from hqsam.export.verify import PhotoDifference, compare_engines
from hqsam.graphs.description import Description
from hqsam.graphs.folder import ROLES, SUFFIXES, FileFormat, GraphOptions, write_graphs
from hqsam.graphs.onnx_file import fits_one_file
from hqsam.graphs.segment_anything import ANYLABELING
from hqsam.images.reading import ImageLike
from hqsam.model.hq_sam import HQSam
from hqsam.weights.load import load_model

_RUNTIMES = {"onnx": "onnxruntime", "openvino": "openvino"}


@dataclass(frozen=True)
class Exported:
    """Measurements of exported graphs: agreement with our engine on photos, and size and IoU of an int8 encoder."""

    differences: list[PhotoDifference]
    """For each photo of `verify`, how much the graphs' logits and masks differ from our own engine's."""
    int8: Int8Report | None
    """Size and masks of the encoder in int8, if it was asked for."""


def export_model(
    name_or_path: str | Path,
    folder: str | Path,
    *,
    options: GraphOptions | None = None,
    calibrate: Sequence[Path] = (),
    verify: Sequence[ImageLike] = (),
) -> Exported:
    """Write a model as graphs into a folder that `hqsam.load` and other runtimes open.

    Args:
        name_or_path: the model, as for `hqsam.load`.
        folder: where the graphs and their page go; one that holds anything else is refused.
        options: choices about inputs and outputs of the graphs, and about their files.
        calibrate: photos, folders of photos, or data with masks, on which the encoder is brought to int8; none: it
            stays float32.
        verify: photos on which the graphs are compared with our own engine; the page gets the figures.

    Returns:
        What was measured on the photos.

    Raises:
        OptionError: the folder holds other files; or the model has no such source, or no place in the names that
            were asked for; or graphs of other names than ours are to be compared or quantised; or the encoder is too
            large to be quantised by onnxruntime.
        CheckpointError: the model cannot be loaded.
        OutputError: a file cannot be written.
        MissingExtra: the packages of hqsam[export], of hqsam[openvino] or of hqsam[coreml] are not installed.
    """
    folder, options = Path(folder), options or GraphOptions()
    if options.names == "transformers.js":
        raise OptionError("graphs for transformers.js are written by export_transformers_js, or by the command")
    if options.names != "hqsam" and (verify or calibrate):
        raise OptionError(f"--verify and --quantize work on graphs with --names hqsam, not with {options.names}")
    if options.file_format == "coreml" and (verify or calibrate):
        raise OptionError("--verify and --quantize run the graphs, which Core ML does on Apple's systems alone")
    if options.names == "segment-anything" and options.file_format != "onnx":
        raise OptionError("programs that know the names of segment-anything read ONNX; take --format onnx")
    _check_free(folder, options)
    storage.check_folder(folder)
    model = load_model(name_or_path)
    if calibrate and options.file_format == "onnx" and not fits_one_file(model.image_encoder):
        raise OptionError(
            f"the encoder of {model.config.name} is too large for onnxruntime's quantisation, which wants it in one "
            "file; take --format openvino, or leave --quantize out"
        )
    with export_folder(folder, _files_of_exports(options)) as fresh:
        return _written(model, fresh, options, calibrate, verify)


def _written(
    model: HQSam, folder: Path, options: GraphOptions, calibrate: Sequence[Path], verify: Sequence[ImageLike]
) -> Exported:
    """Write graphs and page into an empty folder."""
    description = write_graphs(model, folder, options)
    if options.names == "segment-anything":
        storage.write_text(folder / README, segment_anything_readme(description))
        return Exported([], None)
    if options.file_format == "coreml":
        storage.write_text(folder / README, coreml_readme(description))
        return Exported([], None)
    int8 = quantize_folder(folder, options.file_format, calibrate) if calibrate else None
    differences = _compared(model, folder, description, options.file_format, verify)
    storage.write_text(folder / README, readme(description, options.file_format, differences, int8))
    return Exported(differences, int8)


def _compared(
    model: HQSam, folder: Path, description: Description, file_format: FileFormat, photos: Sequence[ImageLike]
) -> list[PhotoDifference]:
    if not photos:
        return []
    cpu = torch.device("cpu")
    ours = build_engine(model, cpu, torch.float32)
    theirs = load_engine(folder, cpu, torch.float32, _RUNTIMES[file_format])
    return [compare_engines(ours, theirs, photo, description) for photo in photos]


def _check_free(folder: Path, options: GraphOptions) -> None:
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{folder} is a file; name a folder for the graphs")
    visible = set(visible_names(folder))
    there = {each for each, suffix in SUFFIXES.items() if visible & {f"{role}{suffix}" for role in ROLES}}
    strangers = sorted(visible - _files_of_exports(options) if there else visible)
    if strangers:
        held = f"other files ({', '.join(strangers[:3])})"
    elif there - {options.file_format}:
        held = f"graphs for {' and '.join(sorted(there))}"
    else:
        return
    raise OptionError(f"{folder} holds {held}; name an empty folder, or one that the same export wrote")


def _files_of_exports(options: GraphOptions) -> set[str]:
    """Return the names of all files that exports like this one may have written into their folder."""
    beside = (".bin", ".onnx.data")  # weights of OpenVINO's graphs, and of large ones for ONNX
    graphs = {f"{role}{suffix}" for role in ROLES for suffix in (*SUFFIXES.values(), *beside)}
    return {*graphs, README, *([ANYLABELING] if options.names == "segment-anything" else [])}
