"""A folder of graphs: an encoder, a decoder and, under our own names, masks of one model.

They are ONNX, OpenVINO or Core ML files.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch.export import Dim

from hqsam import storage
from hqsam.errors import OptionError
from hqsam.graphs.coreml.folder import SUFFIX as COREML
from hqsam.graphs.coreml.folder import write_coreml
from hqsam.graphs.decoder import Candidates, DecoderGraph
from hqsam.graphs.description import Description, ImageInput, Names
from hqsam.graphs.encoder import EncoderGraph, feature_names, feature_shapes
from hqsam.graphs.image_ops import masks_graph, prepare_graph
from hqsam.graphs.onnx_file import prepend, trace, write_program, write_proto
from hqsam.graphs.openvino_file import convert_graph
from hqsam.graphs.segment_anything import write_segment_anything
from hqsam.graphs.weights_beside import weights_beside
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam, Source
from hqsam.paths import user_cache_folder
from hqsam.version import __version__
from hqsam.weights.digest import digest_of_model
from hqsam.weights.registry import CHECKPOINTS

ENCODER, DECODER, MASKS = "encoder.onnx", "decoder.onnx", "masks.onnx"
ROLES = "encoder", "decoder", "masks"
"""The graphs of a folder, by the names of their files without suffix."""
FileFormat = Literal["onnx", "openvino", "coreml"]
SUFFIXES: dict[FileFormat, str] = {"onnx": ".onnx", "openvino": ".xml", "coreml": COREML}
PROMPT_INPUTS = ("points", "labels", "mask_input", "has_mask", "image_size")


@dataclass(frozen=True, kw_only=True)
class GraphOptions:
    """Choices about the graphs of a model."""

    image_input: ImageInput = "image"
    source: Source | None = None
    """The mask's source, if it is fixed; None: an input of the decoder, for models that have a choice. Under the names
    of segment-anything it is always fixed, and None is "sum"."""
    candidates: Candidates = "all"
    names: Names = "hqsam"
    file_format: FileFormat = "onnx"
    whole_square: bool = False
    """Images are padded to the whole square, also where the encoder could do with less. Tracing is quicker, and the
    masks of an encoder that sees how far its padding goes are a little different."""


def write_graphs(model: HQSam, folder: Path, options: GraphOptions | None = None) -> Description:
    """Write the graphs of a model as files, each with a description inside.

    ONNX's checker has passed those that are ONNX files, or are made of such.

    Args:
        model: the model, in float32 on the CPU.
        folder: where they go; it is made.
        options: choices about their inputs and outputs, and about the files.

    Returns:
        The description of the encoder's graph.

    Raises:
        OptionError: the model has no such source, or has no place in the names.
        OutputError: a file cannot be written.
        MissingExtra: the packages of hqsam[export], of hqsam[openvino] or of hqsam[coreml] are not installed.
    """
    options = options or GraphOptions()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage.output_error(folder, error) from error
    if options.file_format == "coreml":
        source = _checked_source(options.source, model.config)
        description = _describe(model, options, source, any_size=False)
        write_coreml(model, folder, description, source, PROMPT_INPUTS)
        return description
    if options.file_format == "onnx":
        return _write_onnx(model, folder, options)
    with storage.scratch_folder(folder / "onnx") as onnx_folder:
        description = _write_onnx(model, onnx_folder, options)
        for graph in sorted(onnx_folder.glob("*.onnx")):
            convert_graph(graph, folder / f"{graph.stem}{SUFFIXES[options.file_format]}")
    return description


def _write_onnx(model: HQSam, folder: Path, options: GraphOptions) -> Description:
    source = _checked_source(options.source, model.config)
    if options.names == "segment-anything":
        description = _describe(model, options, source or "sum", any_size=False)
        write_segment_anything(model, folder / ENCODER, folder / DECODER, description)
        return description
    encoder = EncoderGraph(model, options.whole_square)
    description = _describe(model, options, source, encoder.any_size)
    example = _write_encoder(encoder, folder / ENCODER, description)
    _write_decoder(model, example, encoder.any_size, source, folder / DECODER, replace(description, role="decoder"))
    write_proto(masks_graph(model.config), folder / MASKS, replace(description, role="masks").to_metadata())
    return description


def cached_graphs(model: HQSam, file_format: FileFormat, folder: Path | None = None) -> Path:
    """Return the folder with a model's graphs, in the cache or as given; they are exported if they are not there."""
    folder = folder or _cache_folder(model)
    if not _has_graphs(folder, file_format):
        write_graphs(model, folder, GraphOptions(image_input="tensor", file_format=file_format))
        sizes = {file.name: file.stat().st_size for file in _files(folder, file_format)}
        storage.write_text(folder / f"{file_format}.json", json.dumps(sizes, indent=1) + "\n")
    return folder


def has_cached_graphs(model: HQSam, file_format: FileFormat) -> bool:
    """Return True if `cached_graphs` has nothing to export."""
    return _has_graphs(_cache_folder(model), file_format)


def _has_graphs(folder: Path, file_format: FileFormat) -> bool:
    """Return True if all files that were written are there, as large as they were."""
    try:
        sizes = json.loads((folder / f"{file_format}.json").read_text(encoding="utf-8"))
        return bool(sizes) and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


def _files(folder: Path, file_format: FileFormat) -> list[Path]:
    """Return the files of graphs, with the weights that lie beside them."""
    graphs = [folder / f"{role}{SUFFIXES[file_format]}" for role in ROLES]
    return [file for graph in graphs for file in (graph, weights_beside(graph)) if file.exists()]


def _cache_folder(model: HQSam) -> Path:
    name = f"{model.config.name}-{digest_of_model(model)}-{__version__}".replace("/", "_")
    return user_cache_folder() / "graphs" / name


def _checked_source(source: Source | None, config: ModelConfig) -> Source | None:
    if source is not None and source not in config.sources:
        raise OptionError(f"{config.name} has no source {source!r}; it has {', '.join(config.sources)}")
    return "sam" if config.hq is None else source


def _describe(model: HQSam, options: GraphOptions, source: Source | None, any_size: bool) -> Description:
    row = CHECKPOINTS.get(model.config.name)
    config = model.config if any_size else replace(model.config, padding=None)
    return Description(
        role="encoder",
        config=config,
        weights=digest_of_model(model),
        image_input=options.image_input,
        source=source or "input",
        candidates=options.candidates,
        names=options.names,
        licence=row.licence if row else "",
        notice=row.notice if row else "",
        version=__version__,
    )


def _write_encoder(graph: EncoderGraph, path: Path, description: Description) -> list[torch.Tensor]:
    """Write the encoder, and return what it gives for an image, as an example for the decoder."""
    config = graph.config
    height = config.image_size - config.stride if graph.any_size else config.image_size  # no square, where it matters
    pixels = torch.zeros(1, 3, height, config.image_size)
    program = trace(graph, (pixels,), ["pixels"], feature_names(config), graph.dynamic_shapes())
    if description.image_input == "image":
        prepend(program, prepare_graph(config, graph.any_size))
    write_program(program, path, description.to_metadata())
    return [torch.zeros(shape) for shape in _feature_shapes(config, height)]


def _feature_shapes(config: ModelConfig, height: int) -> list[tuple[int, ...]]:
    rows, columns, width = height // config.stride, config.embedding_size, config.width
    shapes = {"image_embedding": (width, 1), "hq_features": (width // 8, 4), "skip_0": (width // 4, 2)}
    shapes["skip_1"] = (width // 8, 4)
    return [(1, shapes[name][0], rows * shapes[name][1], columns * shapes[name][1]) for name in feature_names(config)]


def _write_decoder(
    model: HQSam,
    features: list[torch.Tensor],
    any_size: bool,
    source: Source | None,
    path: Path,
    description: Description,
) -> None:
    graph = DecoderGraph(model, source, description.candidates, any_size)  # pyright: ignore[reportArgumentType]
    names = feature_names(model.config)
    inputs = [*names, *PROMPT_INPUTS]
    prompts, points, side = 2, 3, model.config.mask_size
    arguments: tuple[Any, ...] = (
        features,
        torch.rand(prompts, points, 2) * model.config.image_size,
        torch.tensor([[1, 2, 3], [0, 1, -1]]),
        torch.zeros(prompts, 1, side, side),
        torch.zeros(prompts),
        torch.tensor([300, 400]),
    )
    if source is None:
        inputs.append("source")
        arguments = (*arguments, torch.tensor([0]))
    outputs = ["logits", "scores", *(["object_scores"] if model.config.decoder.object_score else [])]
    shapes = _decoder_shapes(features, any_size, with_source=source is None)
    program = trace(graph, arguments, inputs, outputs, shapes)
    write_program(program, path, description.to_metadata())


def _decoder_shapes(features: list[torch.Tensor], any_size: bool, with_source: bool) -> tuple[Any, ...]:
    prompt, point = Dim("prompts", min=1), Dim("points", min=0)
    of_features = feature_shapes(features, any_size)
    shapes = (of_features, {0: prompt, 1: point}, {0: prompt, 1: point}, {0: prompt}, {0: prompt}, None)
    return (*shapes, None) if with_source else shapes
