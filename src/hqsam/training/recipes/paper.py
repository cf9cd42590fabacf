"""Recipes `hq_*`: the paper's training of HQ-SAM (Ke et al., 2023, section 4.1), for each of its models and for SAM 2.

SAM is frozen; a fresh HQ part is trained for 12 epochs of HQSeg-44K in batches of 32, by Adam at 1e-3
and a tenth of it after the 10th epoch. Images are jittered between 0.1 and 2 times their size and flipped; of each one
object is asked about by its box, ten clicks or a noisy mask. The loss is cross entropy plus Dice of the HQ mask alone,
at 112 x 112 points, most of them where the mask is least sure.
"""

from hqsam.data.jitter import JitterConfig
from hqsam.data.sampling import SamplingConfig
from hqsam.training.config import Recipe, StageConfig


def hq_vit_b() -> Recipe:
    """Return the recipe of HQ-SAM ViT-B, from SAM: 1,071,104 weights are trained.

    Published: 86.3 mIoU, 78.1 mBIoU over the four HQ sets.
    """
    return _recipe("sam_vit_b")


def hq_vit_l() -> Recipe:
    """Return the recipe of HQ-SAM ViT-L, from SAM: 1,333,248 weights are trained.

    Published: 89.1 mIoU, 81.8 mBIoU over the four HQ sets.
    """
    return _recipe("sam_vit_l")


def hq_vit_h() -> Recipe:
    """Return the recipe of HQ-SAM ViT-H, from SAM: 1,595,392 weights are trained.

    Published: 89.3 mIoU, 81.5 mBIoU over the four HQ sets.
    """
    return _recipe("sam_vit_h")


def hq_vit_tiny() -> Recipe:
    """Return the recipe of Light HQ-SAM, from MobileSAM: 448,512 weights are trained.

    Published: 81.4 mIoU, 71.6 mBIoU over the four HQ sets.
    """
    return _recipe("mobile_sam")


def hq_sam2(base: str = "sam2.1_hiera_l") -> Recipe:
    """Return the recipe of HQ-SAM 2, from a SAM 2.1: its HQ token, MLP and two convolutions are trained.

    These are 177,152 weights, whatever the base. HQ-SAM 2's own training was not published; this is the first
    paper's. Its mask prompts of 255 are cut at 32, as SAM 2 does with all of them.

    Args:
        base: the SAM 2.1 to start from: a name of the table, such as `sam2.1_hiera_t`, or a file.
    """
    return _recipe(base)


def _recipe(start: str) -> Recipe:
    return Recipe(
        start=start,
        precision="auto",
        stages=(
            StageConfig(
                name="hq",
                trainable="hq",
                epochs=12,
                sampling=PAPER_SAMPLING,
                optimiser="adam",
                learning_rate=1e-3,
                betas=(0.9, 0.999),
                weight_decay=0.0,
                warmup_steps=0,
                decay_share=0.0,
                drop_after=10 / 12,
                rounds=(1.0,),
                ema_decay=0.0,
                clip_norm=0.0,
            ),
        ),
        notice=_NOTICE,
    )


PAPER_SAMPLING = SamplingConfig(
    batch_size=32, objects=1, size=0, truth_stride=1, prompts="paper", augment=JitterConfig(scale=(0.1, 2.0), flip=0.5)
)
"""Sampling of the official training: every image once an epoch, one object of it, in full resolution."""

_NOTICE = (
    "If trained on HQSeg-44K: of its sets, DIS5K has its own, restrictive terms of use; "
    "read them before commercial use."
)
