"""Prompts to embeddings, called and constructed as by the official encoder."""

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hqsam.errors import OptionError, PromptError
from hqsam.integrations.segment_anything.modeling.image_encoder import require_official
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule, Weight
from hqsam.model import prompt_encoder
from hqsam.model.config import ModelConfig
from hqsam.model.encoders.vit.config import VitConfig
from hqsam.model.hq_sam import HQSam
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import BOX_END, BOX_START, NEGATIVE, PADDING, POSITIVE

_LABELS = (float(PADDING), float(NEGATIVE), float(POSITIVE))


class PromptEncoder(OfficialModule):
    """A prompt encoder of hqsam, called as the official one is; it checks what it is given."""

    official_name = "prompt_encoder"

    def __init__(
        self,
        embed_dim: int,
        image_embedding_size: tuple[int, int],
        input_image_size: tuple[int, int],
        mask_in_chans: int,
        activation: type[nn.Module] = nn.GELU,
    ) -> None:
        """Build an encoder with random weights.

        Raises:
            OptionError: a size is not square, or `activation` is not GELU.
        """
        require_official(type(self).__name__, {"activation": (activation, nn.GELU)})
        (size, width), (grid, grid_width) = input_image_size, image_embedding_size
        if size != width or grid != grid_width or size % grid:
            raise OptionError(
                f"hqsam's {type(self).__name__} is for square images and embeddings, and got {input_image_size} and "
                f"{image_embedding_size}"
            )
        encoder = VitConfig(width=embed_dim, depth=1, heads=1, global_blocks=(0,), patch=size // grid)
        config = ModelConfig(
            name="custom", encoder=encoder, image_size=size, width=embed_dim, mask_prompt_channels=mask_in_chans
        )
        self._hold(config, prompt_encoder.PromptEncoder(config))

    @staticmethod
    def of(model: HQSam) -> "PromptEncoder":
        """Return the prompt encoder of a model, which shares its weights."""
        encoder = PromptEncoder.__new__(PromptEncoder)
        encoder._hold(model.config, model.prompt_encoder)
        encoder.training = model.training
        return encoder

    def _hold(self, config: ModelConfig, encoder: prompt_encoder.PromptEncoder) -> None:
        super().__init__(config)
        self.prompt_encoder = encoder
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
        """Return embeddings of B prompts in the model's pixels; without any, of one empty prompt.

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
        if self.config.drawn_prompt_channels:  # points and boxes are drawn as well, for each prompt
            rows = count
            mask_prompt = replace(
                token_prompt, mask_logits=None if logits is None else logits.expand(count, -1, -1, -1)
            )
        dense = self.prompt_encoder.dense_embedding(mask_prompt).expand(rows, -1, *self.image_embedding_size)
        return self.prompt_encoder.sparse_embeddings(token_prompt), dense

    def get_dense_pe(self) -> Float[Tensor, "1 channel height width"]:
        """Return the position code of each place of the image embedding."""
        return self.prompt_encoder.grid_positions(self.image_embedding_size)

    @property
    def pe_layer(self) -> "PositionEmbeddingRandom":
        """The position code as a layer, which shares the encoder's frequencies."""
        layer = PositionEmbeddingRandom(self.embed_dim // 2)
        layer.positional_encoding_gaussian_matrix = self.prompt_encoder.frequencies
        return layer

    @property
    def point_embeddings(self) -> list[Weight]:
        """Embeddings of negative and positive points and of a box's two corners, each as `weight` [1, C]."""
        return [Weight(row[None]) for row in self.prompt_encoder.point_kinds.weight]

    @property
    def not_a_point_embed(self) -> Weight:
        """Embedding of padding points, as `weight` [1, C]."""
        return Weight(self.prompt_encoder.padding[None])

    @property
    def no_mask_embed(self) -> Weight:
        """Embedding of a prompt without a mask, as `weight` [1, C]."""
        return Weight(self.prompt_encoder.no_mask[None])

    @property
    def mask_downscaling(self) -> nn.Module:
        """Layers from mask prompts [B, 1, h, w] to dense embeddings."""
        return self.prompt_encoder.mask_to_embedding

    def _tokens(self, points: tuple[Tensor, Tensor | None] | None, boxes: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return points and labels: clicks, then a padding point or a box's corners; one empty row if none came."""
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
        """Return the corners of boxes [B, 2, 2]."""
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


class PositionEmbeddingRandom(nn.Module):
    """Random Fourier features of positions (SAM, appendix A), for code that takes this layer by itself."""

    def __init__(self, num_pos_feats: int = 64, scale: float | None = None) -> None:
        super().__init__()
        self.positional_encoding_gaussian_matrix: Tensor
        self.register_buffer(
            "positional_encoding_gaussian_matrix",
            (scale if scale and scale > 0 else 1.0) * torch.randn(2, num_pos_feats),
        )

    def forward(self, size: tuple[int, int]) -> Float[Tensor, "channel height width"]:
        """Return the position code of each place of a grid of height and width `size`."""
        rows, columns = (
            (torch.arange(n, device=self.positional_encoding_gaussian_matrix.device) + 0.5) / n for n in size
        )
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        return self._pe_encoding(torch.stack([x, y], dim=-1)).permute(2, 0, 1)

    def forward_with_coords(
        self, coords_input: Float[Tensor, "batch point 2"], image_size: tuple[int, int]
    ) -> Float[Tensor, "batch point channel"]:
        """Return the position code of points x, y in an image of height and width `image_size`."""
        height, width = image_size
        return self._pe_encoding(coords_input.float() / coords_input.new_tensor([width, height]))

    def _pe_encoding(self, coords: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch channel"]:
        phase = 2 * math.pi * ((2 * coords - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([phase.sin(), phase.cos()], dim=-1)
