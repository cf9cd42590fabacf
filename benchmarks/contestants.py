"""Who is measured: hqsam, and beside it the peers that are installed. Each builds a model with random weights.

Random weights are fair here: the arithmetic takes the same time whatever the numbers are. The masks mean nothing.
"""

import contextlib
import importlib.util
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from hqsam.geometry import Frame
from hqsam.model.config import MODELS, VITS
from hqsam.model.preprocess import normalise_and_pad, resize_longest_side

Point = tuple[int, int]


class Contestant(Protocol):
    """One implementation with one model loaded."""

    def open(self, image: np.ndarray) -> Any:
        """From an RGB array in memory to a session: all that happens once an image."""
        ...

    def click(self, session: Any, point: Point) -> np.ndarray:
        """From a click to bool masks in the image's own pixels."""
        ...


@dataclass(frozen=True)
class Entry:
    """A row of the field."""

    build: Callable[[str, torch.device], Contestant]
    models: tuple[str, ...]
    """Those of our models that it has, too."""
    package: str
    """The import that it needs."""

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


class Ours:
    """hqsam, in one precision."""

    def __init__(self, model: str, device: torch.device, precision: torch.dtype) -> None:
        from hqsam.engines.torch import TorchEngine
        from hqsam.model.hq_sam import HQSam
        from hqsam.predict.segmenter import Segmenter

        torch.manual_seed(0)
        self.segmenter = Segmenter(TorchEngine(HQSam(MODELS[model]), device, precision))
        self.source = MODELS[model].sources[0]

    def open(self, image: np.ndarray) -> Any:
        return self.segmenter.open(image)

    def click(self, session: Any, point: Point) -> np.ndarray:
        return session.segment(points=[point], labels=[1], source=self.source).masks


class SegmentAnythingHq:
    """The official package, used as its README does."""

    def __init__(self, model: str, device: torch.device) -> None:
        let_torchvision_import()
        with contextlib.redirect_stdout(io.StringIO()):
            from segment_anything_hq import SamPredictor, sam_model_registry

            self.predictor = SamPredictor(sam_model_registry[model]().eval().to(device))

    def open(self, image: np.ndarray) -> None:
        self.predictor.set_image(image)

    def click(self, session: None, point: Point) -> np.ndarray:
        masks, _, _ = self.predictor.predict(np.array([point]), np.array([1]), multimask_output=False)
        return masks


class Transformers:
    """transformers' SamHQModel. Our functions stand in for its processor, which needs torchvision."""

    def __init__(self, model: str, device: torch.device) -> None:
        let_torchvision_import()
        from transformers import SamHQConfig, SamHQModel, SamHQVisionConfig

        vit = VITS[model]
        vision = SamHQVisionConfig(
            hidden_size=vit.width,
            num_hidden_layers=vit.depth,
            num_attention_heads=vit.heads,
            mlp_dim=vit.mlp_ratio * vit.width,
            global_attn_indexes=list(vit.global_blocks),
        )
        self.config, self.device = MODELS[model], device
        whole = SamHQConfig(vision_config=vision, mask_decoder_config={"vit_dim": vit.width})
        self.model = SamHQModel(whole).eval().to(device)

    def open(self, image: np.ndarray) -> dict[str, Any]:
        pixels = normalise_and_pad([resize_longest_side(image, self.config.image_size)], self.config)
        with torch.inference_mode():
            embeddings, early = self.model.get_image_embeddings(pixels.to(self.device))
        frame = Frame((image.shape[0], image.shape[1]), self.config.image_size)
        return {"image_embeddings": embeddings, "intermediate_embeddings": early, "frame": frame}

    def click(self, session: dict[str, Any], point: Point) -> np.ndarray:
        features = dict(session)
        frame: Frame = features.pop("frame")
        points = torch.as_tensor(frame.points_to_model(np.array([[[point]]])), dtype=torch.float32, device=self.device)
        labels = torch.ones(points.shape[:-1], dtype=torch.int64, device=self.device)
        with torch.inference_mode():
            output = self.model(input_points=points, input_labels=labels, multimask_output=False, **features)
            return (frame.masks_to_image(output.pred_masks[0, 0]) > 0).cpu().numpy()


def let_torchvision_import() -> None:
    """Peers import torchvision, and that fails beside a build of torch that it was not compiled for.

    Nothing here calls its compiled operators, so naming them is enough.
    """
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass  # not installed, which transformers does not mind
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _OPERATORS.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _OPERATORS.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")

FIELD = {
    "hqsam": Entry(lambda model, device: Ours(model, device, torch.float32), tuple(MODELS), "hqsam"),
    "hqsam bfloat16": Entry(lambda model, device: Ours(model, device, torch.bfloat16), tuple(MODELS), "hqsam"),
    "segment-anything-hq": Entry(SegmentAnythingHq, ("vit_tiny", *VITS), "segment_anything_hq"),
    "transformers": Entry(Transformers, tuple(VITS), "transformers"),
}


def entries(model: str) -> dict[str, Entry]:
    """Those who are installed and have this model."""
    return {name: entry for name, entry in FIELD.items() if model in entry.models and entry.is_installed}
