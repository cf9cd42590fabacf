"""A SAM 2 as the official package's builders return it."""

import torch
from torch import nn

from hqsam.engines.build import build_engine
from hqsam.errors import OptionError
from hqsam.model.hq_sam import Candidates, HQSam
from hqsam.predict.segmenter import Segmenter
from hqsam.weights.load import load_model


class SAM2Base(nn.Module):
    """A SAM 2.1 or HQ-SAM 2 for `SAM2ImagePredictor` and `SAM2AutomaticMaskGenerator`; `model` is hqsam's own."""

    def __init__(self, model: HQSam, apply_postprocessing: bool = True) -> None:
        """Wrap a model.

        Args:
            model: a SAM 2, such as `hqsam.weights.load.load_model` returns.
            apply_postprocessing: let the best of masks 1 to 3 replace mask 0 where that is unstable.

        Raises:
            OptionError: it is another model.
        """
        super().__init__()
        if model.config.fit != "squash":
            raise OptionError(
                f"{model.config.name} is no SAM 2; hqsam.integrations.segment_anything and segment_anything_hq are for "
                "SAM and HQ-SAM"
            )
        self.model = model
        self.image_size = model.config.image_size
        self.apply_postprocessing = apply_postprocessing

    @classmethod
    def from_pretrained(cls, model_id: str, device: str | torch.device | None = None) -> "SAM2Base":
        """Load a name, a checkpoint or a Hugging Face repo that hqsam reads; device None: CUDA if there is one.

        Raises:
            OptionError: it is no SAM 2.
            CheckpointError: it cannot be read.
        """
        return cls(load_model(model_id).to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval())

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.parameters()).device

    def segmenter(self) -> Segmenter:
        """Return a segmenter with the weights as they are now, in their own precision and on their device."""
        return Segmenter(build_engine(self.model, self.device, next(self.parameters()).dtype))

    @property
    def single(self) -> Candidates:
        """The choice that `multimask_output=False` means."""
        return 1 if self.apply_postprocessing else "first"
