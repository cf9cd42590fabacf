"""The whole model: an image is encoded once; prompts are decoded against it as often as one likes.

image ── image_encoder ──┬─ final ──────────── mask_decoder ─── SAM's masks
                         │                      │  │ tokens, pixels
                         └─ early ── hq ────────┴──┴─────────── the HQ mask
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.model.config import ModelConfig
from hqsam.model.encoders import family_of
from hqsam.model.encoders.family import ImageEncoder
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_features import HqPart
from hqsam.model.mask_decoder import DecoderState, MaskDecoder, MaskInputs, steady_masks
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.memory.video_memory import VideoMemory
from hqsam.model.prompt_encoder import PromptBatch, PromptEncoder

Source = Literal["sum", "hq", "sam"]
"""The mask's source: SAM's and the HQ logits added, the HQ logits alone, or SAM without the HQ token."""


Candidates = Literal[1, 3, "first"]
"""The masks of each prompt. 1: SAM's mask 0, or in SAM 2 the best of masks 1 to 3 where mask 0 is unstable; 3: masks 1
to 3 of ambiguous prompts; "first": mask 0, also where it is unstable."""


class MaskPrediction(NamedTuple):
    """Masks for a batch of prompts, and their scores."""

    logits: Float[Tensor, "prompt mask height width"]
    """Above 0 is inside; each stands for stride / 4 pixels of the model's image."""
    scores: Float[Tensor, "prompt mask"]
    """Predicted IoU, by SAM's head; the HQ mask has none of its own."""
    object_scores: Float[Tensor, "prompt"] | None = None
    """Logits of the object's being in the image, by SAM 2's head; None for models without it."""

    def map(self, change: Callable[[Tensor], Tensor]) -> "MaskPrediction":
        """Return the prediction with each tensor changed, such as `prediction.map(lambda x: x[rows])`."""
        scores = None if self.object_scores is None else change(self.object_scores)
        return MaskPrediction(change(self.logits), change(self.scores), scores)

    def select(self, prompts: slice) -> "MaskPrediction":
        """Return the rows of some prompts."""
        return self.map(lambda part: part[prompts])

    @classmethod
    def join(cls, parts: Sequence["MaskPrediction"]) -> "MaskPrediction":
        """Join the predictions of several batches of prompts, in order."""
        objects = [part.object_scores for part in parts if part.object_scores is not None]
        logits, scores = torch.cat([part.logits for part in parts]), torch.cat([part.scores for part in parts])
        return cls(logits, scores, torch.cat(objects) if objects else None)


class HQSam(nn.Module):
    """SAM with the HQ output token (Ke et al., 2023); with `config.hq` None, plain SAM."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.image_encoder = build_encoder(config)
        self.prompt_encoder = PromptEncoder(config)
        self.mask_decoder = MaskDecoder(config)
        self.hq = HqPart(config) if config.hq else None
        self.memory = VideoMemory(config.memory, config.width) if config.memory else None

    def encode_image(self, images: Float[Tensor, "image 3 height width"]) -> ImageFeatures:
        """Encode normalised images, the slow part. Images smaller than the square give features of their part of it."""
        return self.image_encoder(images)

    def hq_features(self, features: ImageFeatures) -> Float[Tensor, "image pixel_channel height width"] | None:
        """Return the part of the HQ features that depends on the image alone; None for plain SAM and HQ-SAM 2."""
        return self.hq.image_features(features) if self.hq else None

    def decode(
        self,
        features: ImageFeatures,
        prompts: PromptBatch,
        source: Source = "sum",
        candidates: Candidates = 1,
        hq_features: Tensor | None = None,
    ) -> MaskPrediction:
        """Decode prompts to masks.

        Args:
            features: the encoded images. With one, all prompts are about it; with B, prompts come in B equal runs.
            prompts: clicks, boxes and masks.
            source: the mask's source.
            candidates: 1 for SAM's mask 0 (SAM 2 has another where that is unstable), 3 for its masks 1 to 3 of
                ambiguous prompts, "first" for mask 0 in any case. With `hq` there is one mask a prompt, scored by the
                best of them.
            hq_features: what `hq_features` returned, if it was called before.
        """
        mask_inputs = self.run_decoder(features, prompts, with_hq=source != "sam")
        sam_logits, scores = self._sam_masks(mask_inputs, candidates, needed=source != "hq")
        if source == "hq":
            scores = scores.amax(dim=1, keepdim=True)
        logits = [] if sam_logits is None else [sam_logits]
        if source != "sam":
            known = self.hq_features(features) if hq_features is None else hq_features
            logits.append(self.hq_masks(mask_inputs, known))
        on_square = fill_square(logits[0] if len(logits) == 1 else logits[0] + logits[1], self.config)
        return MaskPrediction(on_square, scores, mask_inputs.object_scores)

    def _sam_masks(
        self, mask_inputs: MaskInputs, candidates: Candidates, needed: bool
    ) -> tuple[Float[Tensor, "prompt mask height width"] | None, Float[Tensor, "prompt mask"]]:
        """Return SAM's logits, None if only the choice among them is needed, and their scores."""
        decoder, iou = self.mask_decoder, mask_inputs.iou_predictions
        if candidates == 1 and decoder.least_stability:
            every = decoder.masks(mask_inputs, 0, iou.shape[1] - 1)
            chosen = steady_masks(every[:, 0], iou, decoder.least_stability)
            rows = torch.arange(len(iou), device=iou.device)
            return every[rows, chosen, None] if needed else None, iou[rows, chosen, None]
        first, last = (0, 0) if candidates in (1, "first") else (1, int(candidates))
        return decoder.masks(mask_inputs, first, last) if needed else None, iou[:, first : last + 1]

    def run_decoder(self, features: ImageFeatures, prompts: PromptBatch, with_hq: bool) -> MaskInputs:
        """Run the decoder up to tokens and the upscaled embedding, from which any mask can be made.

        The HQ token takes part in attention and so changes SAM's masks a little; without it they are SAM's exactly.
        """
        skips = tuple(_repeat_per_prompt(skip, len(prompts)) for skip in features.skips)
        # By a call, which may be compiled.
        return self.mask_decoder(*self._decoder_inputs(features, prompts, with_hq), skips)

    def run_transformer(self, features: ImageFeatures, prompts: PromptBatch, with_hq: bool) -> DecoderState:
        """Run the decoder up to tokens and scores, after which prompts that are not worth a mask can be left out."""
        return self.mask_decoder.run_transformer(*self._decoder_inputs(features, prompts, with_hq))

    def _decoder_inputs(
        self, features: ImageFeatures, prompts: PromptBatch, with_hq: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the transformer's arguments: embedding, positions, the prompts' tokens and the extra tokens."""
        height, width = features.final.shape[-2:]
        dense_embedding = self.prompt_encoder.dense_embedding(prompts)[..., :height, :width]
        embedding = _repeat_per_prompt(features.final, len(prompts)) + dense_embedding
        positions = self.prompt_encoder.grid_positions((height, width)).to(embedding.dtype)
        tokens = self.prompt_encoder.sparse_embeddings(prompts)
        extra_tokens = self.hq.token if with_hq and self.hq else tokens.new_zeros(0, self.config.width)
        return embedding, positions, tokens, extra_tokens

    def hq_masks(self, mask_inputs: MaskInputs, hq_features: Tensor | None) -> Float[Tensor, "prompt 1 height width"]:
        """Return the HQ mask's logits."""
        assert self.hq is not None, f"{self.config.name} has no HQ part"
        prompts = len(mask_inputs.iou_predictions)
        return self.hq.masks(mask_inputs, None if hq_features is None else _repeat_per_prompt(hq_features, prompts))

    def recall(self, features: ImageFeatures, bank: MemoryBank) -> ImageFeatures:
        """Return the features of a frame with what is remembered of each object: one row of `final` for each."""
        assert self.memory is not None, f"{self.config.name} has no memory of videos"
        return features._replace(final=self.memory.recall(self.image_encoder.without_memory(features.final), bank))

    def remember(
        self,
        features: ImageFeatures,
        logits: Float[Tensor, "object height width"],
        object_scores: Float[Tensor, "object"],
        as_prompted: Bool[Tensor, "object"],
    ) -> Float[Tensor, "object memory_channel map_height map_width"]:
        """Return what is remembered of each object in a frame; `features` are those of the frame alone."""
        assert self.memory is not None, f"{self.config.name} has no memory of videos"
        alone = self.image_encoder.without_memory(features.final)
        return self.memory.remember(alone, logits, object_scores, as_prompted)

    def in_precision(self, precision: torch.dtype) -> "HQSam":
        """Cast all weights in place but the frequencies of positions: bfloat16 would move points by pixels."""
        frequencies = self.prompt_encoder.frequencies.float()
        self.to(precision)
        self.prompt_encoder.frequencies = frequencies
        return self

    def hq_parts(self) -> list[nn.Module]:
        """Return the modules that the paper trains."""
        return [self.hq] if self.hq else []

    def sam_parts(self) -> list[nn.Module]:
        """Return the modules that are SAM's."""
        memory = [self.memory] if self.memory else []
        return [self.image_encoder, self.prompt_encoder, self.mask_decoder, *memory]


def fill_square(
    logits: Float[Tensor, "*masks height width"], config: ModelConfig
) -> Float[Tensor, "*masks mask_size mask_size"]:
    """Extend logits of the part of the square that was encoded to the whole square, by repeating those of its edge."""
    height, width = logits.shape[-2:]
    below, right = config.mask_size - height, config.mask_size - width
    if not below and not right:
        return logits
    if not logits.numel():
        return logits.new_empty(*logits.shape[:-2], config.mask_size, config.mask_size)
    return F.pad(logits, (0, right, 0, below), mode="replicate")


def _repeat_per_prompt(x: Tensor, prompts: int) -> Tensor:
    """Repeat the row of each image for its prompts; that of a single image broadcasts and stays one."""
    return x if len(x) in (1, prompts) else x.repeat_interleave(prompts // len(x), dim=0)


def build_encoder(config: ModelConfig) -> ImageEncoder:
    """Build the image encoder of a model."""
    family = family_of(config.encoder)
    assert config.padding is None or not family.fixed_size, "this encoder sees whole squares only"
    return family.build(config.encoder, config.image_size, config.width)
