"""A folder of Core ML packages: encoder, decoder and masks of one model."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim

from hqsam.graphs.coreml.masks import masks_program
from hqsam.graphs.coreml.modules import CoreMlDecoder, CoreMlEncoder, takes_size
from hqsam.graphs.coreml.package import write_package
from hqsam.graphs.coreml.torch_program import trace_for_coreml
from hqsam.graphs.decoder import Candidates
from hqsam.graphs.description import Description
from hqsam.graphs.encoder import feature_names
from hqsam.model.hq_sam import HQSam, Source

SUFFIX = ".mlpackage"
MOST = 64
"""The largest number of prompts in one call, and of points in a prompt: Core ML wants to know one."""


def write_coreml(
    model: HQSam,
    folder: Path,
    description: Description,
    source: Source | None,
    prompt_inputs: Sequence[str],
) -> None:
    """Write the packages, each with its description.

    Args:
        model: the model, in float32 on the CPU.
        folder: where they go.
        description: the encoder's.
        source: the mask's source, if it is fixed; None: an input of the decoder.
        prompt_inputs: names of the decoder's inputs between features and source.

    Raises:
        OutputError: a package cannot be written.
        MissingExtra: coremltools is not installed.
    """
    features = _write_encoder(model, folder, description)
    _write_decoder(model, features, source, prompt_inputs, folder, replace(description, role="decoder"))
    masks = masks_program(model.config)
    write_package(masks, folder / f"masks{SUFFIX}", replace(description, role="masks"), most=MOST)


def _write_encoder(model: HQSam, folder: Path, description: Description) -> list[Tensor]:
    config = model.config
    graph = CoreMlEncoder(model, description.image_input).eval()
    is_image, side = description.image_input == "image", config.image_size
    example: tuple[Tensor, ...] = (torch.zeros(1, 3, side, side),)
    inputs = ["image" if is_image else "pixels"]
    if takes_size(config, description.image_input):
        example, inputs = (*example, torch.tensor([side, side])), [*inputs, "resized_size"]
    program = trace_for_coreml(graph, example, None)
    names = feature_names(config)
    path = folder / f"encoder{SUFFIX}"
    write_package(program, path, description, inputs, names, image="image" if is_image else None)
    with torch.no_grad():
        return [feature.contiguous() for feature in graph(*example)]


def _write_decoder(
    model: HQSam,
    features: list[Tensor],
    source: Source | None,
    prompt_inputs: Sequence[str],
    folder: Path,
    description: Description,
) -> None:
    config = model.config
    candidates: Candidates = description.candidates  # pyright: ignore[reportAssignmentType]
    prompts, points, side = 2, 3, config.mask_size
    example: tuple[Any, ...] = (
        features,
        torch.rand(prompts, points, 2) * config.image_size,
        torch.tensor([[1, 2, 3], [0, 1, -1]]),
        torch.zeros(prompts, 1, side, side),
        torch.zeros(prompts),
        torch.tensor([300, 400]),
    )
    prompt, point = Dim("prompts", min=1, max=MOST), Dim("points", min=1, max=MOST)
    shapes: tuple[Any, ...] = (
        [None] * len(features), {0: prompt, 1: point}, {0: prompt, 1: point}, {0: prompt}, {0: prompt}, None,
    )  # fmt: skip
    inputs = [*feature_names(config), *prompt_inputs]
    if source is None:
        example, shapes, inputs = (*example, torch.tensor([0])), (*shapes, None), [*inputs, "source"]
    outputs = ["logits", "scores", *(["object_scores"] if config.decoder.object_score else [])]
    program = trace_for_coreml(CoreMlDecoder(model, source, candidates), example, shapes)
    write_package(program, folder / f"decoder{SUFFIX}", description, inputs, outputs)
