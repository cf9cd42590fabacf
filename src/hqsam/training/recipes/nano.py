"""The recipe of the bundled model."""

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
"""How often `nano` sees each set: varied photos with accurate masks most."""

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
"""The same for the HQ part. Accurate sets alone taught it to prefer whole objects where a part was asked for."""

_UNIONS = (("ccp-fashion", 0.5), ("feral-cats", 0.1), ("crackforest", 1.0))


def nano(steps: tuple[int, int, int, int] = (3200, 4200, 440, 800)) -> Recipe:
    """The bundled model, from nothing: SAM at 192 and at 256 pixels, SAM at 512, then the HQ part with SAM frozen.

    Most is learnt at small sizes, where a step costs a fraction; the last SAM stage only gets used to the full size.
    The HQ stage is the paper's: its loss and its frozen SAM, with boxes and clicks as prompts.
    """
    tiny, small, large, hq = steps
    return Recipe(
        model="nano",
        read_at=512,
        notice=_NOTICE,
        stages=(
            StageConfig(name="sam-192", trains="sam", steps=tiny, sampling=_everything(8, 192), decay=0),
            StageConfig(name="sam-256", trains="sam", steps=small, sampling=_everything(16, 256), decay=0.35),
            StageConfig(
                name="sam-512",
                trains="sam",
                steps=large,
                sampling=_everything(4, 512),
                learning_rate=4e-4,
                warmup=20,
                decay=1,
                average=0.98,
            ),
            StageConfig(
                name="hq-512",
                trains="hq",
                steps=hq,
                sampling=_HQ,
                optimiser="adamw",
                weight_decay=0,
                warmup=50,
                decay=0.4,
                average=0.99,
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
