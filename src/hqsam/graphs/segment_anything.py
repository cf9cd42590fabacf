"""Graphs with the inputs and outputs of Meta's exporter, for programs that were written for those of SAM.

The caller resizes an image to a long side of 1024, and gives points in pixels of that. All that the decoder needs of an
image travels in one tensor, `image_embeddings`, which such programs hand on without looking into it.
"""

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from hqsam import storage
from hqsam.errors import OptionError
from hqsam.graphs.decoder import Candidates, DecoderGraph
from hqsam.graphs.description import Description
from hqsam.graphs.encoder import EMBEDDING, HQ_FEATURES, SKIP, EncoderGraph, feature_names
from hqsam.graphs.image_ops import image_logits_graph, prepare_graph
from hqsam.graphs.onnx_file import append, prepend, trace, write_program
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam, Source

LONG_SIDE, LOGITS_SIDE = 1024, 256
"""The frame of points, and the sides of mask prompts and of `low_res_masks`, which programs have as constants."""

EMBEDDINGS = "image_embeddings"
DECODER_INPUTS = (EMBEDDINGS, "point_coords", "point_labels", "mask_input", "has_mask_input", "orig_im_size")
DECODER_OUTPUTS = ("masks", "iou_predictions", "low_res_masks")
ANYLABELING = "config.yaml"


class PackedEncoder(nn.Module):
    """Encodes one normalised image of the whole square; all that the decoder needs is channels of one tensor."""

    def __init__(self, model: HQSam, source: str) -> None:
        super().__init__()
        self.encoder = EncoderGraph(model, whole_square=True)
        self.names = packed_names(model.config, source)

    def forward(self, pixels: Float[Tensor, "1 3 height width"]) -> Float[Tensor, "1 channel rows columns"]:
        features = dict(zip(feature_names(self.encoder.config), self.encoder(pixels), strict=True))
        rows = features[EMBEDDING].shape[-2]
        parts = [features[name] for name in self.names]
        return torch.cat([F.pixel_unshuffle(x, x.shape[-2] // rows) for x in parts], dim=1)


class SegmentAnythingDecoder(nn.Module):
    """Decodes prompts in pixels of an image whose long side is 1024."""

    def __init__(self, model: HQSam, source: Source, candidates: Candidates) -> None:
        super().__init__()
        self.config = model.config
        self.decoder = DecoderGraph(model, source, candidates, any_size=False)
        self.source = source

    def forward(
        self,
        image_embeddings: Float[Tensor, "1 channel rows columns"],
        point_coords: Float[Tensor, "prompt point 2"],
        point_labels: Float[Tensor, "prompt point"],
        mask_input: Float[Tensor, "1 1 256 256"],
        has_mask_input: Float[Tensor, "1"],
    ) -> tuple[Float[Tensor, "prompt mask"], Float[Tensor, "prompt mask 256 256"]]:
        """Return predicted IoUs and logits; the image's size takes part later, where masks become as large."""
        config, prompts = self.config, point_coords.shape[0]
        logits, scores, *_ = self.decoder(
            self._unpacked(image_embeddings),
            point_coords * (config.image_size / LONG_SIDE),
            point_labels.long(),
            F.avg_pool2d(mask_input, LOGITS_SIDE // config.mask_size).expand(prompts, -1, -1, -1),
            has_mask_input.expand(prompts),
            torch.full((2,), config.image_size),
        )
        size = (LOGITS_SIDE, LOGITS_SIDE)
        same = config.mask_size == LOGITS_SIDE
        return scores, logits if same else F.interpolate(logits, size, mode="bilinear", align_corners=False)

    def _unpacked(self, packed: Float[Tensor, "1 channel rows columns"]) -> list[Tensor]:
        names = packed_names(self.config, self.source)
        parts = [_part(name, self.config.width) for name in names]
        split = packed.split([channels * times**2 for channels, times in parts], dim=1)
        found = {name: F.pixel_shuffle(x, times) for name, x, (_, times) in zip(names, split, parts, strict=True)}
        # SAM's masks have no use for HQ features, so anything may stand in their place.
        return [found.get(name, packed) for name in feature_names(self.config)]


def packed_names(config: ModelConfig, source: str) -> list[str]:
    """Return the features in `image_embeddings`, in order: all, or without the HQ features for SAM's masks alone."""
    return [name for name in feature_names(config) if source != "sam" or name != HQ_FEATURES]


def packed_channels(config: ModelConfig, source: str) -> int:
    """Return the channels of `image_embeddings`."""
    parts = [_part(name, config.width) for name in packed_names(config, source)]
    return sum(channels * times**2 for channels, times in parts)


def _part(name: str, width: int) -> tuple[int, int]:
    """Return a feature's channels, and its resolution as a multiple of the embedding's."""
    return {EMBEDDING: (width, 1), f"{SKIP}0": (width // 4, 2)}.get(name, (width // 8, 4))


def write_segment_anything(model: HQSam, encoder: Path, decoder: Path, description: Description) -> None:
    """Write an encoder and a decoder, and beside them the file by which AnyLabeling loads both.

    Args:
        model: the model, in float32 on the CPU.
        encoder: the encoder's file.
        decoder: the decoder's file, in the same folder.
        description: of the encoder, with source and candidates of the decoder.

    Raises:
        OptionError: the model squashes images, which these names have no place for.
        OutputError: a file cannot be written.
    """
    config = model.config
    if config.fit != "pad":
        raise OptionError(
            f"--names segment-anything is for models that keep the aspect of images; {config.name} squashes them to "
            "a square, as SAM 2 does. Export it with --names hqsam"
        )
    _write_encoder(model, encoder, description)
    _write_decoder(model, decoder, replace(description, role="decoder"))
    storage.write_text(encoder.parent / ANYLABELING, _anylabeling(config, encoder.name, decoder.name))


def _write_encoder(model: HQSam, path: Path, description: Description) -> None:
    graph, side = PackedEncoder(model, description.source), model.config.image_size
    program = trace(graph, (torch.zeros(1, 3, side, side),), ["pixels"], [EMBEDDINGS], None)
    if description.image_input == "image":
        image = "float[image_height, image_width, 3] input_image"
        prepend(program, prepare_graph(model.config, any_size=False, image=image))
    write_program(program, path, description.to_metadata())


def _write_decoder(model: HQSam, path: Path, description: Description) -> None:
    config = model.config
    graph = SegmentAnythingDecoder(model, description.source, description.candidates)  # pyright: ignore[reportArgumentType]
    side, prompts, points = config.embedding_size, 2, 3
    example = (
        torch.zeros(1, packed_channels(config, description.source), side, side),
        torch.rand(prompts, points, 2) * LONG_SIDE,
        torch.tensor([[1.0, 2, 3], [0, 1, -1]]),
        torch.zeros(1, 1, LOGITS_SIDE, LOGITS_SIDE),
        torch.zeros(1),
    )
    varying = {0: Dim("prompts", min=1), 1: Dim("points", min=0)}
    shapes = (None, varying, varying, None, None)
    *inputs, size = DECODER_INPUTS
    masks, *outputs = DECODER_OUTPUTS
    program = trace(graph, example, inputs, outputs, shapes)
    append(program, image_logits_graph(config, "low_res_masks", size, masks))
    write_program(program, path, description.to_metadata())


def _anylabeling(config: ModelConfig, encoder: str, decoder: str) -> str:
    return f"""type: segment_anything
name: {config.name}
display_name: {config.name} (hqsam)
encoder_model_path: {encoder}
decoder_model_path: {decoder}
input_size: {LONG_SIDE}
max_width: {LONG_SIDE}
max_height: 682
"""
