"""Embeddings to masks, called and constructed as by the official decoders."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hqsam.errors import OptionError, PromptError
from hqsam.integrations.segment_anything.modeling.image_encoder import require_official
from hqsam.integrations.segment_anything.modeling.official_module import OfficialModule, Weight
from hqsam.integrations.segment_anything.modeling.packed_features import unpack
from hqsam.integrations.segment_anything.modeling.transformer import TwoWayTransformer
from hqsam.model import mask_decoder
from hqsam.model.config import HqConfig, ModelConfig
from hqsam.model.encoders.vit.config import VitConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_features import HqPart
from hqsam.model.hq_sam import HQSam
from hqsam.model.mask_decoder import MaskInputs

__all__ = ["MLP", "MaskDecoder", "MaskDecoderHQ"]


class MaskDecoder(OfficialModule):
    """A mask decoder of hqsam, called as the official decoders are; with an HQ part as segment-anything-hq's."""

    official_name = "mask_decoder"

    def __init__(
        self,
        *,
        transformer_dim: int,
        transformer: nn.Module,
        num_multimask_outputs: int = 3,
        activation: type[nn.Module] = nn.GELU,
        iou_head_depth: int = 3,
        iou_head_hidden_dim: int = 256,
    ) -> None:
        """Build a decoder with random weights around a transformer.

        Raises:
            OptionError: `transformer` is not the `TwoWayTransformer` of this package, or `activation` is not GELU.
        """
        require_official(type(self).__name__, {"activation": (activation, nn.GELU)})
        if not isinstance(transformer, TwoWayTransformer) or transformer.embedding_dim != transformer_dim:
            raise OptionError(
                f"hqsam's {type(self).__name__} takes a TwoWayTransformer of hqsam's with transformer_dim channels, "
                f"and got a {type(transformer).__module__}.{type(transformer).__name__}"
            )
        sizes = {"candidates": num_multimask_outputs, "iou_depth": iou_head_depth, "iou_width": iou_head_hidden_dim}
        config = replace(transformer.config, decoder=replace(transformer.config.decoder, **sizes))
        decoder = mask_decoder.MaskDecoder(config)
        decoder.transformer = transformer.transformer
        self._hold(config, decoder, None)

    @staticmethod
    def of(model: HQSam) -> "MaskDecoder":
        """Return the decoder of a model, which shares its weights."""
        kind = MaskDecoder if model.hq is None else MaskDecoderHQ
        decoder = kind.__new__(kind)
        decoder._hold(model.config, model.mask_decoder, model.hq)
        decoder.training = model.training
        return decoder

    def _hold(self, config: ModelConfig, decoder: mask_decoder.MaskDecoder, hq: HqPart | None) -> None:
        super().__init__(config)
        self.mask_decoder, self.hq = decoder, hq
        self.transformer_dim, self.num_multimask_outputs = config.width, config.decoder.candidates
        self.num_mask_tokens = 1 + self.num_multimask_outputs + (self.hq is not None)

    def forward(
        self,
        image_embeddings: Float[Tensor, "image packed_channel height width"],
        image_pe: Float[Tensor, "_ channel height width"],
        sparse_prompt_embeddings: Float[Tensor, "prompt token channel"],
        dense_prompt_embeddings: Float[Tensor, "_ channel height width"],
        multimask_output: bool,
        hq_token_only: bool = False,
        interm_embeddings: Sequence[Tensor] | Tensor | None = None,
        hq_features: Tensor | None = None,
    ) -> tuple[Float[Tensor, "answer mask h w"], Float[Tensor, "answer mask"]]:
        """Return masks for B prompts about one image, or about B images.

        Args:
            image_embeddings: embeddings of one image or of B images, by the image encoder.
            image_pe: what `PromptEncoder.get_dense_pe` returns.
            sparse_prompt_embeddings: the prompts' points and boxes, by the prompt encoder.
            dense_prompt_embeddings: the prompts' masks, by the prompt encoder.
            multimask_output: choose among SAM's masks 1 to 3, for ambiguous prompts, instead of its mask 0.
            hq_token_only: return the HQ mask alone, without adding SAM's.
            interm_embeddings: the second output of an HQ-SAM's image encoder.
            hq_features: the output of `hq_features_of`, in place of `interm_embeddings`.

        Returns:
            Logits and predicted IoU in float32: one mask for each prompt, or three of a plain SAM with
            `multimask_output`; with that, an HQ-SAM takes the best of SAM's three.

        Raises:
            OptionError: a plain SAM is asked for the HQ mask, or an HQ-SAM has no `interm_embeddings`.
            PromptError: there are neither one nor as many images as prompts.
        """
        if hq_token_only and self.hq is None:
            raise OptionError("a plain SAM has no HQ token; leave hq_token_only False")
        if hq_features is None:
            hq_features = self.hq_features_of(image_embeddings, interm_embeddings)
        inputs = self._mask_inputs(image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings)
        logits, scores = self._select(inputs, hq_features, multimask_output, hq_token_only)
        return self._with_zero_gradients(logits.float()), scores.float()

    def predict_masks(
        self,
        image_embeddings: Float[Tensor, "image packed_channel height width"],
        image_pe: Float[Tensor, "_ channel height width"],
        sparse_prompt_embeddings: Float[Tensor, "prompt token channel"],
        dense_prompt_embeddings: Float[Tensor, "_ channel height width"],
        hq_features: Tensor | None = None,
    ) -> tuple[Float[Tensor, "prompt mask h w"], Float[Tensor, "prompt sam_mask"]]:
        """Return the logits of all masks, SAM's before the HQ mask, and the predicted IoU of SAM's."""
        inputs = self._mask_inputs(image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings)
        logits = [self.mask_decoder.masks(inputs, 0, self.num_multimask_outputs)]
        if self.hq is not None and hq_features is not None:
            logits.append(self.hq.masks(inputs, hq_features))
        return torch.cat(logits, dim=1), inputs.iou_predictions

    def hq_features_of(
        self, image_embeddings: Tensor, interm_embeddings: Sequence[Tensor] | Tensor | None
    ) -> Float[Tensor, "image pixel_channel h w"] | None:
        """Return the part of the HQ features that depends on the image alone; None of a plain SAM.

        Raises:
            OptionError: an HQ-SAM needs `interm_embeddings`.
        """
        if self.hq is None:
            return None
        if interm_embeddings is None:
            raise OptionError("an HQ-SAM needs interm_embeddings, too: the image encoder returns them second")
        early = interm_embeddings[0].permute(0, 3, 1, 2)
        return self.hq.image_features(ImageFeatures(unpack(image_embeddings, self.config.width)[0], early))

    @property
    def transformer(self) -> TwoWayTransformer:
        """The transformer, called as the official one is; it shares the decoder's weights."""
        return TwoWayTransformer.of(self.mask_decoder.transformer, self.config)

    @property
    def iou_token(self) -> Weight:
        """The token that predicts IoU, as `weight` [1, C]."""
        return Weight(self.mask_decoder.iou_token)

    @property
    def mask_tokens(self) -> Weight:
        """The tokens of SAM's masks, as `weight` [M, C]."""
        return Weight(self.mask_decoder.mask_tokens)

    @property
    def output_upscaling(self) -> nn.Module:
        """Layers from the transformer's image to the pixels of masks."""
        return self.mask_decoder.upscale

    @property
    def output_hypernetworks_mlps(self) -> nn.ModuleList:
        """Layers from the tokens of SAM's masks to filters over the pixels, one for each mask."""
        return self.mask_decoder.filters

    @property
    def iou_prediction_head(self) -> nn.Module:
        """Layers from the IoU token to the predicted IoU of each mask."""
        return self.mask_decoder.iou_head

    def _mask_inputs(self, image: Tensor, positions: Tensor, sparse: Tensor, dense: Tensor) -> MaskInputs:
        count = max(len(sparse), len(dense))
        if len(image) not in (1, count):
            raise PromptError(f"got {len(image)} image embeddings for {count} prompts; give one, or one for each")
        if dense.stride(0) == 0:
            dense = dense[:1]  # one row, only repeated: the decoder then looks at the image once for all prompts
        extra_tokens = sparse.new_zeros(0, sparse.shape[-1]) if self.hq is None else self.hq.token
        positions = positions[:1].to(image.dtype)
        final, skips = unpack(image, self.config.width)
        return self.mask_decoder(final + dense, positions, sparse.expand(count, -1, -1), extra_tokens, skips)

    def _select(
        self, inputs: MaskInputs, hq_features: Tensor | None, multimask_output: bool, hq_token_only: bool
    ) -> tuple[Tensor, Tensor]:
        first, last = (1, self.num_multimask_outputs) if multimask_output else (0, 0)
        scores = inputs.iou_predictions[:, first : last + 1]
        if self.hq is None or hq_features is None:
            return self.mask_decoder.masks(inputs, first, last), scores
        scores, best = scores.max(dim=1, keepdim=True)
        hq_logits = self.hq.masks(inputs, hq_features)
        if hq_token_only:
            return hq_logits, scores
        logits = self.mask_decoder.masks(inputs, first, last)
        rows = torch.arange(len(logits), device=logits.device)[:, None]
        return logits[rows, best] + hq_logits, scores

    def _with_zero_gradients(self, logits: Tensor) -> Tensor:
        """Return the same logits, through which the filters of masks that were not computed get zero gradients.

        The official decoders compute all masks and drop some; DistributedDataParallel waits for a gradient of each.
        """
        if not torch.is_grad_enabled():
            return logits
        # The sum of no numbers is zero, whatever the weights are, and has gradients.
        return logits + sum(parameter.flatten()[:0].sum() for parameter in self.mask_decoder.filters.parameters())


class MaskDecoderHQ(MaskDecoder):
    """HQ-SAM's mask decoder: SAM's with the HQ token and the HQ features."""

    hq: HqPart

    def __init__(self, *, transformer_dim: int, transformer: nn.Module, vit_dim: int = 1024, **options: Any) -> None:
        """Build a decoder with random weights around a transformer.

        Args:
            transformer_dim: channels of the transformer.
            transformer: the `TwoWayTransformer` of this package.
            vit_dim: channels of the image encoder's early features.
            options: further options of `MaskDecoder`.

        Raises:
            OptionError: an option cannot be had; see `MaskDecoder`.
        """
        super().__init__(transformer_dim=transformer_dim, transformer=transformer, **options)
        encoder = VitConfig(width=vit_dim, depth=1, heads=1, global_blocks=(0,))
        self.config = replace(self.config, encoder=encoder, hq=HqConfig(fusion_width=transformer_dim // 4))
        self.hq = HqPart(self.config)
        self.num_mask_tokens += 1


class MLP(nn.Module):
    """Linear layers with ReLU between them, for decoders that callers build."""

    def __init__(
        self, input_dim: int, hidden_dim: int, output_dim: int, num_layers: int, sigmoid_output: bool = False
    ) -> None:
        super().__init__()
        widths = [input_dim, *[hidden_dim] * (num_layers - 1), output_dim]
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.sigmoid_output = sigmoid_output

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        x = self.layers[-1](x)
        return x.sigmoid() if self.sigmoid_output else x
