"""The decoder as a module to export: prompts about one encoded image to logits and scores."""

from copy import deepcopy
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hqsam.model.attention_ops import AttentionOps
from hqsam.model.hq_sam import HQSam, Source
from hqsam.model.mask_decoder import MaskInputs, steady_masks
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.model.two_way_transformer import TwoWayBlock

SOURCES: tuple[Source, ...] = ("sum", "hq", "sam")
"""The graph's input `source` is a place in this order."""

Candidates = Literal["all", "1", "3"]
"""Masks for each prompt: mask 0 of clear prompts and masks 1 to 3 of ambiguous ones, or one of these kinds alone."""


class DecoderGraph(nn.Module):
    """Decodes prompts in the image's pixels. The HQ token is always there, and hidden from the others for "sam"."""

    def __init__(self, model: HQSam, source: Source | None, candidates: Candidates, any_size: bool) -> None:
        """`source` None makes it an input of the graph; with `any_size` the embedding may be less than the square."""
        super().__init__()
        self.any_size = any_size
        self.config, self.source, self.candidates = model.config, source, candidates
        self.prompt_encoder = deepcopy(model.prompt_encoder)
        self.prompt_encoder.pad_boxes = False  # the caller gives all padding points: a graph cannot look at labels
        self.mask_decoder = deepcopy(model.mask_decoder)
        self.hq = None if source == "sam" else model.hq
        self.keys = BiasedKeys()
        self.hide_keys_by(self.keys)
        side = model.config.embedding_size
        self.positions = nn.Buffer(self.prompt_encoder.grid_positions((side, side)).detach().clone())

    def forward(
        self,
        features: list[Tensor],
        points: Float[Tensor, "prompt point 2"],
        labels: Int[Tensor, "prompt point"],
        mask_input: Float[Tensor, "prompt 1 mask_size mask_size"] | None = None,
        has_mask: Float[Tensor, "prompt"] | None = None,
        image_size: Int[Tensor, "2"] | None = None,
        source: Int[Tensor, "1"] | None = None,
    ) -> tuple[Tensor, ...]:
        """Return logits [prompt, mask, mask_size, mask_size], scores [prompt, mask] and, with SAM 2, object scores.

        Without `image_size` the points are in the pixels of the model's square.
        """
        final, hq_features, skips = self._named(features)
        in_model = points if image_size is None else self._in_model(points, image_size)
        prompts = PromptBatch(in_model, labels, mask_input, None if has_mask is None else has_mask > 0)
        height, width = final.shape[-2:]
        embedding = final + self.prompt_encoder.dense_embedding(prompts)[..., :height, :width]
        tokens = self.prompt_encoder.sparse_embeddings(prompts)
        extra = self.hq.token if self.hq else tokens.new_zeros(0, self.config.width)
        self.keys.bias = None if source is None else self._hidden(source, tokens.shape[1])
        state = self.mask_decoder.run_transformer(embedding, self.positions[..., :height, :width], tokens, extra)
        mask_inputs = self.mask_decoder.mask_inputs(state, skips)
        logits, scores = self._chosen(*self._sam_masks(mask_inputs))
        if self.hq:
            logits = self._with_hq(logits, self.hq.masks(mask_inputs, hq_features), source)
        found = (self._on_square(logits), scores)
        return found if state.object_scores is None else (*found, state.object_scores)

    def hide_keys_by(self, keys: "BiasedKeys") -> None:
        """Let attention whose keys are tokens be computed by `keys`."""
        for block in self.mask_decoder.transformer.blocks:
            assert isinstance(block, TwoWayBlock)
            block.self_attention.ops = block.from_image.ops = keys

    def _named(self, features: list[Tensor]) -> tuple[Tensor, Tensor | None, tuple[Tensor, ...]]:
        final, *others = features
        if self.config.hq and self.config.hq.fuse_encoder:
            return final, others[0], tuple(others[1:])
        return final, None, tuple(others)

    def _in_model(self, points: Tensor, image_size: Tensor) -> Tensor:
        """Convert points of the image to pixels of the model's square, as `Frame.points_to_model` does, in float64."""
        size, square = image_size.double(), float(self.config.image_size)
        resized = torch.full_like(size, square)
        if self.config.fit == "pad":
            longest = torch.maximum(size[:1], size[1:])  # not max(), for OpenVINO's sake: see `image_ops`
            resized = torch.floor(size * (square / longest) + 0.5).clamp(min=1.0)
        return (points.double() * (resized / size).flip(0)).float()

    def _hidden(self, source: Tensor, points: int) -> Float[Tensor, "1 1 1 token"]:
        """Return what is added to each token's logit as a key: minus infinity for the HQ token, if SAM is asked for."""
        own = 1 + len(self.mask_decoder.mask_tokens)
        others = len(self.mask_decoder.own_tokens(self.mask_decoder.iou_token[:0])) - own + points
        hidden = torch.where(source == SOURCES.index("sam"), -torch.inf, 0.0)
        return torch.cat([torch.zeros(own), hidden, torch.zeros(others)])[None, None, None]

    def _sam_masks(self, mask_inputs: MaskInputs) -> tuple[Tensor, Tensor]:
        logits = self.mask_decoder.masks(mask_inputs, 0, self.config.decoder.candidates)
        scores, least = mask_inputs.iou_predictions, self.mask_decoder.least_stability
        if not least or self.candidates == "3":
            return logits, scores
        steady = steady_masks(logits[:, 0], scores, least)[:, None]
        first = logits.gather(1, steady[:, :, None, None].expand(-1, 1, *logits.shape[-2:]))
        return torch.cat([first, logits[:, 1:]], dim=1), torch.cat([scores.gather(1, steady), scores[:, 1:]], dim=1)

    def _chosen(self, logits: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        some = {"all": slice(None), "1": slice(0, 1), "3": slice(1, None)}[self.candidates]
        return logits[:, some], scores[:, some]

    def _with_hq(self, logits: Tensor, hq_logits: Tensor, source: Tensor | None) -> Tensor:
        if self.source == "hq":
            return hq_logits.expand_as(logits)
        if source is None:
            return logits + hq_logits
        only_hq, only_sam = source == SOURCES.index("hq"), source == SOURCES.index("sam")
        return torch.where(only_hq, hq_logits, torch.where(only_sam, logits, logits + hq_logits))

    def _on_square(self, logits: Tensor) -> Tensor:
        """Continue the logits of the encoded part over the whole square by those of its edge, as `fill_square` does."""
        if not self.any_size:
            return logits
        last = torch.arange(self.config.mask_size)
        rows, columns = (last.clamp(max=size - 1) for size in logits.shape[-2:])
        return logits.index_select(2, rows).index_select(3, columns)


class BiasedKeys(AttentionOps):
    """Attention with a bias for each key, which the graph sets while it is traced."""

    bias: Float[Tensor, "1 1 1 key"] | None = None

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
        return super().attend(query, key, value, self.bias if bias is None else bias)
