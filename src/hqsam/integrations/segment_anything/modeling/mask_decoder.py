"""Embeddings to masks, called as the official decoders are."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.errors import OptionError, PromptError
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.model.mask_decoder import MaskInputs


class MaskDecoder(OfficialModule):
    """The official decoder's twin: of an HQ-SAM segment-anything-hq's, of a plain SAM Meta's."""

    official_name = "mask_decoder"

    def __init__(self, model: HQSam) -> None:
        super().__init__(model)
        self.mask_decoder, self.hq = model.mask_decoder, model.hq
        self.transformer_dim, self.num_multimask_outputs = model.config.width, model.config.decoder.candidates
        self.num_mask_tokens = 1 + self.num_multimask_outputs + (self.hq is not None)

    def forward(
        self,
        image_embeddings: Float[Tensor, "image channel height width"],
        image_pe: Float[Tensor, "_ channel height width"],
        sparse_prompt_embeddings: Float[Tensor, "prompt token channel"],
        dense_prompt_embeddings: Float[Tensor, "_ channel height width"],
        multimask_output: bool,
        hq_token_only: bool = False,
        interm_embeddings: Sequence[Tensor] | Tensor | None = None,
        hq_features: Tensor | None = None,
    ) -> tuple[Float[Tensor, "answer mask h w"], Float[Tensor, "answer mask"]]:
        """Masks for B prompts about one image, or about B images.

        `interm_embeddings` is the second answer of an HQ-SAM's image encoder. `hq_features` may stand for it: what
        `hq_features_of` made of it before.

        Returns:
            Logits and predicted IoU in float32: one mask of each prompt, or three of a plain SAM with
            `multimask_output`; with that, an HQ-SAM takes the best of SAM's three.

        Raises:
            OptionError: a plain SAM is asked for the HQ mask, or an HQ-SAM has no `interm_embeddings`.
            PromptError: there are neither one nor as many images as prompts.
        """
        if hq_token_only and self.hq is None:
            raise OptionError("a plain SAM has no HQ token; leave hq_token_only False")
        if hq_features is None:
            hq_features = self.hq_features_of(image_embeddings, interm_embeddings)
        decoding = self._decode(image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings)
        logits, scores = self._select(decoding, hq_features, multimask_output, hq_token_only)
        return logits.float(), scores.float()

    def hq_features_of(
        self, image_embeddings: Tensor, interm_embeddings: Sequence[Tensor] | Tensor | None
    ) -> Float[Tensor, "image pixel_channel h w"] | None:
        """What the HQ mask needs of the image, whatever the prompt; None of a plain SAM.

        Raises:
            OptionError: an HQ-SAM needs `interm_embeddings`.
        """
        if self.hq is None:
            return None
        if interm_embeddings is None:
            raise OptionError("an HQ-SAM needs interm_embeddings, too: the image encoder returns them second")
        early = interm_embeddings[0].permute(0, 3, 1, 2)
        return self.hq.image_features(ImageFeatures(image_embeddings, early))

    def _decode(self, image: Tensor, positions: Tensor, sparse: Tensor, dense: Tensor) -> MaskInputs:
        count = max(len(sparse), len(dense))
        if len(image) not in (1, count):
            raise PromptError(f"got {len(image)} image embeddings for {count} prompts; give one, or one for each")
        if dense.stride(0) == 0:
            dense = dense[:1]  # one row, only repeated: the decoder then looks at the image once for all prompts
        extra_tokens = sparse.new_zeros(0, sparse.shape[-1]) if self.hq is None else self.hq.token
        positions = positions[:1].to(image.dtype)
        return self.mask_decoder(image + dense, positions, sparse.expand(count, -1, -1), extra_tokens)

    def _select(
        self, decoding: MaskInputs, hq_features: Tensor | None, multimask_output: bool, hq_token_only: bool
    ) -> tuple[Tensor, Tensor]:
        first, last = (1, self.num_multimask_outputs) if multimask_output else (0, 0)
        scores = decoding.iou_predictions[:, first : last + 1]
        if self.hq is None or hq_features is None:
            return self.mask_decoder.masks(decoding, first, last), scores
        scores, best = scores.max(dim=1, keepdim=True)
        hq_logits = self.hq.masks(decoding, hq_features)
        if hq_token_only:
            return hq_logits, scores
        logits = self.mask_decoder.masks(decoding, first, last)
        rows = torch.arange(len(logits), device=logits.device)[:, None]
        return logits[rows, best] + hq_logits, scores
