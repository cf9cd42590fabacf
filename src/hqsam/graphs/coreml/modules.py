"""Encoder and decoder as Core ML takes them: whole squares, no float64, no output in bools."""

from copy import deepcopy

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from hqsam.graphs.decoder import BiasedKeys, Candidates, DecoderGraph
from hqsam.graphs.description import ImageInput
from hqsam.graphs.encoder import EncoderGraph
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam, Source
from hqsam.model.layers import Upscale2x


class CoreMlEncoder(nn.Module):
    """Encodes a square with a photo, scaled but not normalised, at its top left; or a tensor that is prepared."""

    def __init__(self, model: HQSam, image_input: ImageInput) -> None:
        super().__init__()
        self.encoder = EncoderGraph(model, whole_square=True)
        self.config, self.prepares = model.config, image_input == "image"
        self.mean, self.deviation = (
            nn.Buffer(torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1))
            for values in (model.config.pixel_mean, model.config.pixel_std)
        )

    def forward(
        self, image: Float[Tensor, "1 3 side side"], size: Int[Tensor, "2"] | None = None
    ) -> tuple[Tensor, ...]:
        """Return the tensors of `feature_names`.

        Args:
            image: RGB from 0 to 255; or what `normalise_and_pad` makes of it.
            size: height and width of the photo in the square; None where it fills it.
        """
        if not self.prepares:
            return self.encoder(image)
        pixels = (image - self.mean) / self.deviation
        if size is not None:
            places = torch.arange(self.config.image_size)
            pixels = pixels * (places < size[:1])[:, None] * (places < size[1:])[None, :]
        return self.encoder(pixels)


class CoreMlDecoder(DecoderGraph):
    """The same as `DecoderGraph`, in operations that Core ML has."""

    def __init__(self, model: HQSam, source: Source | None, candidates: Candidates) -> None:
        super().__init__(model, source, candidates, any_size=False)
        self.hq = deepcopy(self.hq)
        _upscale_by_convolution(self)
        set_attention_ops(self.mask_decoder, _ProductAttention())
        self.keys = _ProductAttention()
        self.hide_keys_by(self.keys)

    def _in_model(self, points: Tensor, image_size: Tensor) -> Tensor:
        """Convert points of the image to pixels of the model's square, as `Frame.points_to_model` does, in float32."""
        size, square = image_size.float(), float(self.config.image_size)
        resized = torch.full_like(size, square)
        if self.config.fit == "pad":
            longest = torch.maximum(size[:1], size[1:])
            # One division of whole numbers, which is exact where it has to be.
            resized = torch.floor((2 * square * size + longest) / (2 * longest)).clamp(min=1.0)
        return points * (resized / size).flip(0)


class _ProductAttention(BiasedKeys):
    """Attention as two matrix products, because Core ML's own does not take numbers of prompts that vary."""

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
        bias = self.bias if bias is None else bias
        logits = query @ key.transpose(-1, -2)
        return (logits if bias is None else logits + bias).softmax(dim=-1) @ value


def _upscale_by_convolution(module: nn.Module) -> None:
    """Use transposed convolutions for `Upscale2x`, whose product has tensors of six dimensions; Core ML has five."""
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Upscale2x):
                plain = nn.ConvTranspose2d(child.in_channels, child.out_channels, kernel_size=2, stride=2)
                plain.weight, plain.bias = child.weight, child.bias
                setattr(parent, name, plain)


def takes_size(config: ModelConfig, image_input: ImageInput) -> bool:
    """Return True if the encoder has to be told which part of its square the photo fills."""
    return image_input == "image" and config.fit == "pad"
