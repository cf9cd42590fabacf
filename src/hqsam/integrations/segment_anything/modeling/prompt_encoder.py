"""Prompts to embeddings, called as the official encoder is."""

import torch
from jaxtyping import Float
from torch import Tensor

from hqsam.errors import PromptError
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule
from hqsam.model.hq_sam import HQSam
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import BOX_END, BOX_START, NEGATIVE, PADDING, POSITIVE

_LABELS = (float(PADDING), float(NEGATIVE), float(POSITIVE))


class PromptEncoder(OfficialModule):
    """The official prompt encoder's twin; it checks what it is given."""

    official_name = "prompt_encoder"

    def __init__(self, model: HQSam) -> None:
        super().__init__(model)
        config = model.config
        self.prompt_encoder = model.prompt_encoder
        self.embed_dim = config.width
        self.input_image_size = (config.image_size, config.image_size)
        self.image_embedding_size = (config.embedding_size, config.embedding_size)
        self.mask_input_size = (config.mask_size, config.mask_size)

    def forward(
        self,
        points: tuple[Tensor, Tensor | None] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Float[Tensor, "prompt token channel"], Float[Tensor, "prompt_or_1 channel height width"]]:
        """Embeddings of B prompts in the model's pixels; without any, of one prompt that says nothing.

        Args:
            points: x, y [B, N, 2], and labels [B, N]: 1 inside, 0 outside, -1 for padding.
            boxes: x0, y0, x1, y1 [B, 4].
            masks: logits [B, 1, h, w] of an earlier answer, or [1, 1, h, w] for all prompts.

        Returns:
            Tokens [B, N, C], and what is added to the image embedding [B, C, h, w]; one row of that for one mask.

        Raises:
            PromptError: a shape does not fit, there are not as many of each, or a number is not finite.
        """
        tokens, kinds = self._tokens(points, boxes)
        count = len(tokens) if points is not None or boxes is not None or masks is None else len(masks)
        logits = None if masks is None else self._checked_masks(masks, count)
        rows = count if logits is None else len(logits)
        token_prompt = PromptBatch(tokens.expand(count, -1, -1), kinds.expand(count, -1))
        mask_prompt = PromptBatch(tokens.new_zeros(rows, 0, 2), kinds.new_zeros(rows, 0), logits)
        dense = self.prompt_encoder.dense_embedding(mask_prompt).expand(rows, -1, *self.image_embedding_size)
        return self.prompt_encoder.sparse_embeddings(token_prompt), dense

    def get_dense_pe(self) -> Float[Tensor, "1 channel height width"]:
        """The position code of each place of the image embedding."""
        return self.prompt_encoder.grid_positions(self.image_embedding_size)

    def _tokens(self, points: tuple[Tensor, Tensor | None] | None, boxes: Tensor | None) -> tuple[Tensor, Tensor]:
        """Places and kinds: clicks, then a padding point or the corners of a box. One row without any, if none came."""
        places, kinds = [], []
        if points is not None:
            coords, labels = self._checked_points(*points)
            places, kinds = [coords], [labels]
            if boxes is None:
                places.append(coords.new_zeros(len(coords), 1, 2))
                kinds.append(labels.new_full((len(coords), 1), PADDING))
        if boxes is not None:
            corners = self._checked_boxes(boxes)
            places.append(corners)
            kinds.append(torch.tensor([[BOX_START, BOX_END]], device=corners.device).expand(len(corners), 2))
        if len({len(part) for part in places}) > 1:
            raise PromptError(f"there are {len(places[0])} prompts by points and {len(places[1])} by boxes")
        device = self.prompt_encoder.padding.device
        none = torch.zeros(1, 0, 2, device=device), torch.zeros(1, 0, dtype=torch.long, device=device)
        return (torch.cat(places, dim=1), torch.cat(kinds, dim=1)) if places else none

    def _checked_points(self, coords: Tensor, labels: Tensor | None) -> tuple[Tensor, Tensor]:
        if labels is None:
            raise PromptError("got points without labels; give them together")
        if coords.ndim != 3 or coords.shape[-1] != 2 or labels.shape != coords.shape[:2]:
            raise PromptError(
                f"points have the shape {tuple(coords.shape)} and labels {tuple(labels.shape)}; expected [B, N, 2] "
                "and [B, N]"
            )
        if not torch.isin(labels.float(), torch.tensor(_LABELS, device=labels.device)).all():
            raise PromptError(f"labels are {labels.unique().tolist()}; each is 1 (inside), 0 (outside) or -1 (padding)")
        return self._finite(coords, "points"), labels.to(self.prompt_encoder.padding.device, torch.long)

    def _checked_boxes(self, boxes: Tensor) -> Tensor:
        """Their corners [B, 2, 2]."""
        if boxes.shape[-1:] != (4,) or boxes.numel() != 4 * len(boxes):
            raise PromptError(f"boxes have the shape {tuple(boxes.shape)}; expected [B, 4]: x0, y0, x1, y1 of a prompt")
        return self._finite(boxes, "boxes").reshape(-1, 2, 2)

    def _checked_masks(self, masks: Tensor, count: int) -> Tensor:
        if masks.shape[1:] != (1, *self.mask_input_size) or (len(masks) != count and 1 not in (len(masks), count)):
            height, width = self.mask_input_size
            raise PromptError(
                f"masks have the shape {tuple(masks.shape)}; expected [{count}, 1, {height}, {width}], or one for all"
            )
        return self._finite(masks, "masks").to(self.prompt_encoder.no_mask.dtype)

    def _finite(self, numbers: Tensor, name: str) -> Tensor:
        if not numbers.isfinite().all():
            raise PromptError(f"{name} must be finite, without NaN or infinity")
        return numbers.to(self.prompt_encoder.padding.device, torch.float32)
