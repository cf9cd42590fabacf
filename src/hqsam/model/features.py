"""The features of an image that the encoder hands to the rest of the model."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class ImageFeatures(NamedTuple):
    """The encoder's outputs for a batch of images, computed once per image."""

    final: Float[Tensor, "image channel height width"]
    """The image embedding that SAM's decoder reads."""
    early: Float[Tensor, "image early_channel early_height early_width"] | None
    """Features with local detail that the HQ features are fused from (paper, section 3.2); None where they are not
    kept, because the decoder needs them no more."""
    skips: tuple[Float[Tensor, "image _ _ _"], ...] = ()
    """What the decoder adds to the image embedding while it upscales it, at twice and at four times its resolution, as
    in SAM 2 (Ravi et al., 2024); empty for encoders that have none, as in SAM."""

    def map(self, change: Callable[[Tensor], Tensor]) -> "ImageFeatures":
        """Return the features with each tensor changed, such as `features.map(lambda x: x[rows])`."""
        early = None if self.early is None else change(self.early)
        return ImageFeatures(change(self.final), early, tuple(change(skip) for skip in self.skips))

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name; `from_tensors` is the way back."""
        skips = {f"{_SKIP}{number}": skip for number, skip in enumerate(self.skips)}
        early = {} if self.early is None else {"early": self.early}
        return {"final": self.final, **early, **skips}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "ImageFeatures":
        """Rebuild features from `to_tensors`; other tensors are left out."""
        return cls(tensors["final"], tensors.get("early"), skips_of(tensors))

    @classmethod
    def join(cls, parts: Sequence["ImageFeatures"]) -> "ImageFeatures":
        """Join the features of several batches, in order."""
        each = [part.to_tensors() for part in parts]
        return cls.from_tensors({name: torch.cat([tensors[name] for tensors in each]) for name in each[0]})


def skips_of(tensors: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the skip features among tensors by the names of `ImageFeatures.to_tensors`."""
    return tuple(tensors[name] for name in sorted(name for name in tensors if name.startswith(_SKIP)))


_SKIP = "skip_"
