"""The interface of a family of image encoders: what the model, the weights and the engines ask of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from hqsam.model.features import ImageFeatures

Outline = tuple[tuple[int, ...], tuple[int, ...]]
"""Widths and depths of an encoder's stages: enough to tell the models of a family apart."""


class ImageEncoder(nn.Module):
    """A module from normalised images to features: the base of every family's encoder."""

    def forward(self, images: Float[Tensor, "image 3 height width"]) -> ImageFeatures:
        """Encode a batch of images of one size."""
        raise NotImplementedError

    def without_memory(self, final: Float[Tensor, "image _ _ _"]) -> Float[Tensor, "image _ _ _"]:
        """Return an image embedding without what stands in it for memories of a video (SAM 2)."""
        return final

    def skip_layers(self) -> list[nn.Module]:
        """Return the last layers of the skip features; with zeros in them, a decoder works as without skips."""
        return []


@runtime_checkable
class EncoderConfig(Protocol):
    """The sizes of an encoder that the rest of the model depends on."""

    @property
    def stride(self) -> int:
        """Pixels of the image per token of the embedding."""
        ...

    @property
    def early_stride(self) -> int:
        """Pixels of the image per token of the early features."""
        ...

    @property
    def early_width(self) -> int:
        """Channels of the early features."""
        ...

    @property
    def has_skips(self) -> bool:
        """True if it gives skip features (`ImageFeatures.skips`)."""
        ...

    @property
    def outline(self) -> Outline:
        """Widths and depths of its stages."""
        ...


@dataclass(frozen=True, kw_only=True)
class TensorNames:
    """The names of an encoder's tensors: ours, the official ones, transformers'. See `hqsam.weights.keys`."""

    rows: str
    """A line for each kind of tensor: our name, the official one, and that of transformers; a dash for none.

    A name of ours that another family has, too, must stand for the same names there.
    """
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Spellings of the words in braces, in the same order; where the third is missing, it is the second."""
    generation: Literal[1, 2] = 1
    """The SAM whose official code and whose transformers class the names are of."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Patterns of tensors that files hold but our model does not use, by naming."""


@dataclass(frozen=True, kw_only=True)
class TransformersVision:
    """The `vision_config` of Hugging Face transformers for a family."""

    defaults: Mapping[str, Any]
    """Values that a file which leaves them out means."""
    fixed: tuple[str, ...]
    """Keys whose value our encoder cannot vary."""
    read: Callable[[Mapping[str, Any]], Any]
    """Makes our config of the section, with defaults filled in."""
    write: Callable[[Any], dict[str, Any]]
    """Makes the section of our config."""


@dataclass(frozen=True, kw_only=True)
class EncoderFamily:
    """A row of the table of families."""

    title: str
    """The family's name in messages."""
    config: type
    """The class of its configs."""
    build: Callable[[Any, int, int], ImageEncoder]
    """Builds an encoder of a config, the side of the images, and the channels of the embedding."""
    tensor_names: TensorNames
    outline: Callable[[Mapping[str, Tensor]], Outline | None]
    """Reads widths and depths off a file's tensors, under our names; None for tensors of another family."""
    fixed_size: bool
    """True if the weights hold a position for each token, and so fit images of one size alone."""
    transformers: TransformersVision | None = None
    """The family's `vision_config` in transformers; None: transformers has no such encoder."""


def count_modules(tensors: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many modules are numbered below a prefix, such as `image_encoder.blocks.`."""
    return len({key[len(prefix) :].partition(".")[0] for key in tensors if key.startswith(prefix)})
