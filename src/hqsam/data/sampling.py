"""How training samples are drawn and shown."""

from dataclasses import dataclass, field
from typing import Literal

from hqsam.data.augment import AugmentConfig
from hqsam.data.jitter import JitterConfig
from hqsam.data.prompting import FirstPrompt


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Which photos and objects a batch shows, how they are changed, and what is asked about them."""

    batch_size: int
    """Images of one step, over all processes."""
    objects: int
    """Objects of each image, drawn with replacement."""
    size: int
    """Side of the image, in pixels."""
    stride: int = 4
    """Pixels of the image per logit, along one side; mask prompts have the logits' size."""
    truth_stride: int = 4
    """Pixels of the image per pixel of the true masks; the paper's loss looks at them in full, which is 1."""
    weights: tuple[tuple[str, float], ...] = ()
    """How often each set is drawn; sets that are not named are left out. Empty: every image once an epoch."""
    unions: tuple[tuple[str, float], ...] = ()
    """How often all objects of a set's image are taken as one: garments as a person."""
    smallest: float = 0.0008
    """Objects below this share of the image are not asked for, unless it has none but such."""
    prompts: Literal["clicks", "paper"] = "clicks"
    """A loose box, clicks or a mask, to be followed by corrections; or the paper's box, ten clicks or noisy mask."""
    first: FirstPrompt = field(default_factory=FirstPrompt)
    """What "clicks" begins with. All of a step begin alike, as prompts of one form are answered together."""
    augment: AugmentConfig | JitterConfig = field(default_factory=AugmentConfig)
    """Strong changes, for a small model and few photos; or the paper's jitter and flip."""
