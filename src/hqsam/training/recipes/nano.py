"""Recipe `nano`: the bundled model, from random weights."""

from hqsam.data.augment import AugmentConfig
from hqsam.data.prompting import FirstPrompt
from hqsam.data.sampling import SamplingConfig
from hqsam.training.config import Recipe, StageConfig

_ALL_SETS = (
    ("ecssd", 0.3),
    ("ccp-fashion", 0.1),
    ("coco-instances", 0.15),
    ("coco-panoptic", 0.09),
    ("feral-cats", 0.12),
    ("bsds500", 0.07),
    ("coseg-cow", 0.03),
    ("carrot-weed", 0.03),
    ("sky", 0.03),
    ("crackforest", 0.02),
    ("camvid-street", 0.02),
    ("dsb2018-nuclei", 0.02),
    ("cwfid-weeds", 0.02),
)
"""Probabilities of the sets in the SAM stages: varied images with accurate masks most."""

_HQ_SETS = (
    ("ecssd", 0.35),
    ("feral-cats", 0.13),
    ("coco-instances", 0.13),
    ("ccp-fashion", 0.08),
    ("coco-panoptic", 0.07),
    ("carrot-weed", 0.05),
    ("coseg-cow", 0.05),
    ("bsds500", 0.05),
    ("crackforest", 0.03),
    ("sky", 0.03),
    ("camvid-street", 0.01),
    ("dsb2018-nuclei", 0.01),
    ("cwfid-weeds", 0.01),
)
"""Probabilities of the sets in the HQ stage. Accurate sets alone taught it whole objects where a part was asked for."""

_UNIONS = (("ccp-fashion", 0.5), ("feral-cats", 0.1), ("crackforest", 1.0))


def nano(steps: tuple[int, int, int, int] = (3200, 4200, 440, 800)) -> Recipe:
    """Return the recipe of the bundled model: SAM at 192, 256 and 512 pixels, then the HQ part with SAM frozen.

    Most is learnt at small sizes, where a step costs a fraction; the last SAM stage only gets used to the full size.
    The HQ stage is the paper's: its loss and its frozen SAM, with boxes and clicks as prompts.

    Args:
        steps: steps of the four stages.
    """
    tiny, small, large, hq = steps
    return Recipe(
        model="nano",
        max_side=512,
        notice=_NOTICE,
        stages=(
            StageConfig(name="sam-192", trainable="sam", steps=tiny, sampling=_everything(8, 192), decay_share=0),
            StageConfig(name="sam-256", trainable="sam", steps=small, sampling=_everything(16, 256), decay_share=0.35),
            StageConfig(
                name="sam-512",
                trainable="sam",
                steps=large,
                sampling=_everything(4, 512),
                learning_rate=4e-4,
                warmup_steps=20,
                decay_share=1,
                ema_decay=0.98,
            ),
            StageConfig(
                name="hq-512",
                trainable="hq",
                steps=hq,
                sampling=_HQ,
                optimiser="adamw",
                weight_decay=0,
                warmup_steps=50,
                decay_share=0.4,
                ema_decay=0.99,
            ),
        ),
    )


def _everything(batch_size: int, size: int) -> SamplingConfig:
    return SamplingConfig(batch_size=batch_size, objects=6, size=size, weights=_ALL_SETS, unions=_UNIONS, first=_FIRST)


_FIRST = FirstPrompt(several=0.13, mask=0.07, box=0.6)

_HQ = SamplingConfig(
    batch_size=4, objects=4, size=512, truth_stride=1, weights=_HQ_SETS, unions=_UNIONS, first=_FIRST,
    augment=AugmentConfig(fit=0.6),
)  # fmt: skip

_NOTICE = (
    "Trained on photos and masks of public research data sets, some of which (BSDS500, CamVid, CrackForest, CWFID, "
    "carrot-weed) allow non-commercial use only and most of which state no terms for the photos. The code's licence "
    "does not cover these weights: use them for research and evaluation. See docs/nano.md."
)
