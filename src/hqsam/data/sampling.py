"""Configuration of how training samples are drawn, augmented and prompted."""

from dataclasses import dataclass, field
from typing import Literal

from hqsam.data.augment import AugmentConfig
from hqsam.data.jitter import JitterConfig
from hqsam.data.prompting import FirstPrompt


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """Images and objects of a batch, their augmentation, and their prompts."""

    batch_size: int
    """Images of one step, over all processes."""
    objects: int
    """Objects of each image, drawn with replacement."""
    size: int
    """Side of the image, in pixels."""
    stride: int = 4
    """Pixels of the image for each logit, along one side; mask prompts have the logits' size."""
    truth_stride: int = 4
    """Pixels of the image for each pixel of the ground truth, along one side; 1 in the paper's loss."""
    weights: tuple[tuple[str, float], ...] = ()
    """Probability weights of the datasets; those not named are left out. Empty: every image once an epoch."""
    unions: tuple[tuple[str, float], ...] = ()
    """Probability, for some datasets, of all objects of an image being one: garments as a person."""
    smallest: float = 0.0008
    """Smallest share of the image for an object to be prompted, unless the image has only smaller ones."""
    prompts: Literal["clicks", "paper"] = "clicks"
    """First prompts that are followed by corrections; or the paper's box, ten clicks or noisy mask."""
    first: FirstPrompt = field(default_factory=FirstPrompt)
    """First prompts of "clicks"; all prompts of a step have one form, so that they can be decoded together."""
    augment: AugmentConfig | JitterConfig = field(default_factory=AugmentConfig)
    """Strong augmentation, for a small model and few images; or the paper's jitter and flip."""
