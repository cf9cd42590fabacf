"""Recipe `nano`: the bundled model, from an encoder trained on ImageNet."""

from dataclasses import replace
from typing import Any

from hqsam.data.augment import AugmentConfig
from hqsam.data.prompting import FirstPrompt
from hqsam.data.sampling import SamplingConfig
from hqsam.training.config import Recipe, StageConfig, Trainable

_ALL_SETS = (
    ("ecssd", 0.16),
    ("oxford-pets-299", 0.08),
    ("feral-cats", 0.08),
    ("coco-one-person", 0.08),
    ("coco-instances", 0.08),
    ("ccp-fashion", 0.08),
    ("coco-panoptic", 0.06),
    ("bsds500", 0.06),
    ("weizmann-horses", 0.05),
    ("penn-fudan", 0.04),
    ("dsb2018-nuclei", 0.03),
    ("carrot-weed", 0.025),
    ("crackforest", 0.02),
    ("cwfid-weeds", 0.02),
    ("camvid-street", 0.02),
    ("sky", 0.02),
    ("robocup-objects", 0.02),
    ("coseg-cow", 0.015),
    ("facades", 0.015),
    ("flood", 0.015),
    ("food-rezayoga", 0.015),
    ("wbc-cells", 0.01),
    ("foot-ulcer", 0.01),
    ("granular", 0.01),
    ("jai-alai-players", 0.01),
    ("magnetic-tile", 0.01),
    ("mandarins", 0.01),
    ("mushrooms", 0.01),
    ("nepali-notes", 0.01),
    ("peanut", 0.01),
)
"""Probabilities of the sets in the SAM stages: varied images with accurate masks most, one kind of object least."""

_HQ_SETS = (
    ("ecssd", 0.28),
    ("feral-cats", 0.12),
    ("weizmann-horses", 0.1),
    ("ccp-fashion", 0.08),
    ("coco-instances", 0.08),
    ("carrot-weed", 0.06),
    ("coco-panoptic", 0.06),
    ("bsds500", 0.05),
    ("penn-fudan", 0.04),
    ("crackforest", 0.04),
    ("coseg-cow", 0.03),
    ("sky", 0.02),
    ("dsb2018-nuclei", 0.02),
    ("camvid-street", 0.01),
    ("cwfid-weeds", 0.01),
)
"""Probabilities of the sets in the HQ stage. Accurate sets alone taught it whole objects where a part was asked for."""

_UNIONS = (("ccp-fashion", 0.5), ("feral-cats", 0.1), ("crackforest", 1.0))


def nano(steps: tuple[int, int, int, int, int] = (3000, 3000, 1500, 800, 400)) -> Recipe:
    """Return the recipe of `nano`: SAM at 192, 256 and 512 pixels, then the HQ part, and last the choice of candidates.

    The backbone starts from weights trained on ImageNet (`encoder_weights`), keeps the statistics of its norms, and
    learns a third as fast as the rest. Most is learnt at small sizes, where a step costs a fraction; the last SAM stage
    only gets used to the full size. The HQ stage is the paper's: its loss and its frozen SAM, with boxes and clicks as
    prompts. In the last stage all masks stay as they are, and the head learns that predicts their IoUs.

    Args:
        steps: steps of the five stages.
    """
    tiny, small, large, hq, iou = steps
    return Recipe(
        model="nano",
        notice=_NOTICE,
        stages=(
            _sam(192, 16, steps=tiny, decay_share=0.0),
            _sam(256, 16, steps=small, decay_share=0.3, warmup_steps=50),
            _sam(512, 8, steps=large, learning_rate=4e-4, warmup_steps=50, decay_share=0.7, ema_decay=0.995),
            _above_sam("hq", steps=hq, sampling=_HQ, warmup_steps=50, decay_share=0.5),
            _above_sam("iou", steps=iou, sampling=_IOU, warmup_steps=20, decay_share=0.8, rounds=(0.7, 0.3)),
        ),
    )


def _sam(size: int, batch_size: int, **settings: Any) -> StageConfig:
    sampling = SamplingConfig(
        batch_size=batch_size,
        objects=4,
        size=size,
        weights=_ALL_SETS,
        unions=_UNIONS,
        first=_FIRST,
        augment=AugmentConfig(fit=0.35, around=0.6),
    )
    return StageConfig(
        name=f"sam-{size}",
        trainable="sam",
        sampling=sampling,
        encoder_learning_rate=0.3,
        frozen_norms=True,
        rounds=(0.45, 0.35, 0.2),
        **settings,
    )


def _above_sam(trainable: Trainable, **settings: Any) -> StageConfig:
    """Return a stage at the full size that trains a small part, with SAM's masks as they are."""
    return StageConfig(
        name=f"{trainable}-512", trainable=trainable, optimiser="adamw", weight_decay=0, ema_decay=0.99, **settings
    )


_FIRST = FirstPrompt(several=0.1, mask=0.05, box=0.55)

_HQ = SamplingConfig(
    batch_size=4, objects=4, size=512, truth_stride=1, weights=_HQ_SETS, unions=_UNIONS, first=_FIRST,
    augment=AugmentConfig(fit=0.5, around=0.6),
)  # fmt: skip

_IOU = replace(
    _HQ, batch_size=8, weights=_ALL_SETS, truth_stride=4, first=FirstPrompt(several=0.1, mask=0.05, box=0.25)
)
"""Single clicks most: they are what several candidates are for."""

_NOTICE = (
    "Made by hqsam's recipe nano, from a backbone trained on ImageNet where one was given. Of the recipe's data sets "
    "BSDS500, CamVid, CrackForest, CWFID and carrot-weed allow non-commercial use only, ECSSD, foot-ulcer, Penn-Fudan, "
    "sky, WBC and Weizmann horses are for research as far as is known, Oxford-IIIT Pets and peanut are CC BY-SA 4.0, "
    "and for most the rights in the photos were not verified. The code's licence does not cover these weights: use "
    "them for research and evaluation. See docs/nano.md."
)
