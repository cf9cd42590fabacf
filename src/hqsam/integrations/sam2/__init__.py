"""SAM 2.1 and HQ-SAM 2 for code written for Meta's sam2, or for HQ-SAM 2, which runs by changing its imports:

    from hqsam.integrations.sam2.build_sam import build_sam2
    from hqsam.integrations.sam2.sam2_image_predictor import SAM2ImagePredictor
    from hqsam.integrations.sam2.automatic_mask_generator import SAM2AutomaticMaskGenerator

Names, arguments, shapes and types are the official ones. Images only: videos are followed by `Segmenter.open_video`.
New code is better served by `hqsam.load`.
"""

from hqsam.integrations.sam2.build_sam import build_sam2
from hqsam.integrations.sam2.sam2_base import SAM2Base

__all__ = ["SAM2Base", "build_sam2"]
