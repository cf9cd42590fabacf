"""Recipe `finetune`: an HQ-SAM is trained on a few masks of one's own."""

from hqsam.data.jitter import JitterConfig
from hqsam.data.sampling import SamplingConfig
from hqsam.training.config import Recipe, StageConfig


def finetune(images: int = 50) -> Recipe:
    """Return the recipe that trains the HQ part of an HQ-SAM on `images` images with true masks; SAM stays frozen.

    The loss, prompts, first rate and frozen SAM are the paper's. What differs is for little data: the rate falls to
    nothing over the second half, and the EMA of the weights is kept; the jitter is milder, as the images to come will
    resemble those that are there; and batches are small. Few images are seen often, many less so. (Of the rates
    1e-4, 3e-4 and 1e-3 the last did best with nano after 160 steps, on 24 held-out frames of the videos learnt from.)
    """
    batch_size = 4
    steps = round_to(min(8000, max(200, passes(images) * images / batch_size)), 50)
    sampling = SamplingConfig(
        batch_size=batch_size,
        objects=2,
        size=0,
        truth_stride=2,
        prompts="paper",
        augment=JitterConfig(scale=(0.6, 1.6), flip=0.5),
    )
    stage = StageConfig(
        name="hq",
        trainable="hq",
        steps=steps,
        sampling=sampling,
        optimiser="adam",
        learning_rate=1e-3,
        betas=(0.9, 0.99),
        weight_decay=0.0,
        warmup_steps=20,
        decay_share=0.5,
        rounds=(1.0,),
        ema_decay=0.98,
        clip_norm=1.0,
        validate_every=steps // 4,
    )
    return Recipe(start="nano", precision="auto", stages=(stage,), cached_views=cached_views(images))


def passes(images: int) -> float:
    """Return how often each image is seen: 60 times if there are 20 of them, 4 times if there are 2000."""
    return min(60.0, max(4.0, 500 / max(1, images) ** 0.7))


def cached_views(images: int) -> int:
    """Return how many augmented views of each image to encode: about 400 in all, at least 2 and at most 16 of each."""
    return min(16, max(2, round(400 / max(1, images))))


def round_to(value: float, unit: int) -> int:
    """Return the nearest multiple of `unit`, which is not 0."""
    return unit * max(1, round(value / unit))
