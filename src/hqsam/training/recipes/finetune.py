"""The recipe for a few masks of one's own."""

from hqsam.data.jitter import JitterConfig
from hqsam.data.sampling import SamplingConfig
from hqsam.training.config import Recipe, StageConfig


def finetune(images: int = 50) -> Recipe:
    """The HQ part of an HQ-SAM, taught by `images` images with true masks; SAM stays as it is.

    The loss, prompts, first rate and frozen SAM are the paper's. What differs is for little data: the rate falls to
    nothing over the second half, and what is kept is the running average; the jitter is milder, as the photos to come
    will resemble those that are there; and batches are small. Few images are seen often, many less so. (Of the rates
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
        trains="hq",
        steps=steps,
        sampling=sampling,
        optimiser="adam",
        learning_rate=1e-3,
        betas=(0.9, 0.99),
        weight_decay=0.0,
        warmup=20,
        decay=0.5,
        rounds=(1.0,),
        average=0.98,
        clip=1.0,
        validate_every=steps // 4,
    )
    return Recipe(start="nano", precision="auto", stages=(stage,), views=views(images))


def passes(images: int) -> float:
    """How often each image is seen: 60 times if there are 20 of them, 4 times if there are 2000."""
    return min(60.0, max(4.0, 500 / max(1, images) ** 0.7))


def views(images: int) -> int:
    """Augmented views of each image that are worth encoding: about 400 in all, at least 2 and at most 16 of each."""
    return min(16, max(2, round(400 / max(1, images))))


def round_to(value: float, unit: int) -> int:
    """The nearest multiple."""
    return unit * max(1, round(value / unit))
