"""The two graphs that transformers.js runs as its `Sam2Model`, under its names of files and tensors.

It gives every level of image features that the config counts from the encoder to the decoder, by name, and never looks
inside: so ours may be any tensors. It resizes and normalises photos; the graph pads them, so that the model sees as
much padding as in Python. Points and boxes come in inputs of their own, either of which may be empty; a small graph
before the decoder joins them in the order that SAM was trained on.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.export import Dim

from hqsam.graphs.decoder import DecoderGraph
from hqsam.graphs.description import Description
from hqsam.graphs.encoder import EncoderGraph, feature_shapes
from hqsam.graphs.image_ops import padding_graph, parsed
from hqsam.graphs.onnx_file import prepend, trace, write_proto
from hqsam.model.hq_sam import HQSam
from hqsam.optional import require

ENCODER, DECODER = "vision_encoder", "prompt_encoder_mask_decoder"


def write_transformers_js_graphs(model: HQSam, folder: Path, description: Description) -> int:
    """Write the graphs as `vision_encoder.onnx` and `prompt_encoder_mask_decoder.onnx`.

    Args:
        model: the model, in float32 on the CPU.
        folder: where they go; it is made.
        description: what the files say of themselves.

    Returns:
        The number of levels of image features.

    Raises:
        OutputError: a file cannot be written.
        MissingExtra: the packages of hqsam[export] are not installed.
    """
    config = model.config
    encoder = _FineFirst(EncoderGraph(model))
    any_size = encoder.encoder.any_size
    # No square, so that no side is taken for another.
    pixels = torch.zeros(1, 3, config.image_size - (config.stride if any_size else 0), config.image_size)
    with torch.no_grad():
        features = list(encoder(pixels))
    names = [f"image_embeddings.{level}" for level in range(len(features))]
    metadata = description.to_metadata()
    program = trace(encoder, (pixels,), ["pixels"], names, encoder.encoder.dynamic_shapes())
    prepend(program, padding_graph(config, any_size))
    write_proto(program.model_proto, folder / f"{ENCODER}.onnx", metadata)
    prompt, point = Dim("prompts", min=1), Dim("points", min=1)
    decoder = trace(
        _Decoder(model, any_size),
        (features, torch.rand(2, 3, 2) * config.image_size, torch.tensor([[1, 2, 3], [0, 1, -1]])),
        [*names, "points", "labels"],
        ["iou_scores", "pred_masks"],
        (feature_shapes(features, any_size), {0: prompt, 1: point}, {0: prompt, 1: point}),
    ).model_proto
    whole = _with_prompts(decoder, config.pad_boxes)
    write_proto(whole, folder / f"{DECODER}.onnx", {**metadata, "role": "decoder"})
    return len(features)


class _FineFirst(nn.Module):
    """The encoder: the fine features come first and the embedding last, as in SAM 2."""

    def __init__(self, encoder: EncoderGraph) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Float[Tensor, "1 3 height width"]) -> tuple[Tensor, ...]:
        embedding, *others = self.encoder(pixels)
        return *others, embedding


class _Decoder(nn.Module):
    """The decoder's three candidates, with transformers' shapes: one image, then prompts."""

    def __init__(self, model: HQSam, any_size: bool) -> None:
        super().__init__()
        self.decoder = DecoderGraph(model, "sum" if model.hq else "sam", "3", any_size)

    def forward(
        self, features: list[Tensor], points: Float[Tensor, "prompt point 2"], labels: Int[Tensor, "prompt point"]
    ) -> tuple[Float[Tensor, "1 prompt 3"], Float[Tensor, "1 prompt 3 mask_size mask_size"]]:
        logits, scores = self.decoder([features[-1], *features[:-1]], points, labels)[:2]
        return scores[None], logits[None]


def _with_prompts(decoder: Any, pad_boxes: bool) -> Any:
    """Put the `prompts_graph` before the decoder's."""
    compose = require("onnx.compose", extra="export")
    prompts = prompts_graph(pad_boxes)
    prompts.ir_version = decoder.ir_version
    return compose.merge_models(
        compose.add_prefix(prompts, "prompts/", rename_inputs=False, rename_outputs=False),
        decoder,
        io_map=[("points", "points"), ("labels", "labels")],
    )


def prompts_graph(pad_boxes: bool) -> Any:
    """Return the graph from clicks and boxes to points: clicks, then the box's corners or one padding point.

    There are as many prompts as rows of labels. Of boxes there are as many, or none.
    """
    padding = "padded = Constant <value = int64[1] {1}> ()" if pad_boxes else "padded = Sub (one, some)"
    return parsed(
        f"""
        prompts (float[batch, point_prompt, point, 2] input_points, int64[batch, prompt, point] input_labels,
                 float[batch, box, 4] input_boxes)
            => (float[prompt, all, 2] points, int64[prompt, all] labels) {{
            one = Constant <value = int64[1] {{1}}> ()
            two = Constant <value = int64[1] {{2}}> ()
            zero = Constant <value = int64[1] {{0}}> ()
            count = Shape <start = 1, end = 2> (input_labels)
            clicks = Shape <start = 2, end = 3> (input_labels)
            boxes = Shape <start = 1, end = 2> (input_boxes)
            some = Min (boxes, one)
            corners = Mul (some, two)
            {padding}

            click_shape = Concat <axis = 0> (count, clicks, two)
            first_points = Squeeze (input_points, zero)
            click_points = Expand (first_points, click_shape)
            click_labels = Squeeze (input_labels, zero)

            box_shape = Concat <axis = 0> (count, corners, two)
            box_points = Reshape <allowzero = 1> (input_boxes, box_shape)
            both = Constant <value = int64[1, 2] {{2, 3}}> ()
            kinds = Slice (both, zero, corners, one)
            kind_shape = Concat <axis = 0> (count, corners)
            box_labels = Expand (kinds, kind_shape)

            padding_shape = Concat <axis = 0> (count, padded, two)
            padding_points = ConstantOfShape <value = float[1] {{0.0}}> (padding_shape)
            padding_label_shape = Concat <axis = 0> (count, padded)
            padding_labels = ConstantOfShape <value = int64[1] {{-1}}> (padding_label_shape)

            points = Concat <axis = 1> (click_points, box_points, padding_points)
            labels = Concat <axis = 1> (click_labels, box_labels, padding_labels)
        }}
        """
    )
