"""Import of torchvision, which others need, beside a build of torch that it was not compiled for."""

import sys

import torch

from hqsam.masks.overlap import box_nms


def let_torchvision_import() -> None:
    """Give torchvision the compiled operators that it misses; of them only the suppression of boxes is called."""
    try:
        import torchvision
    except ImportError:
        pass  # not installed, which transformers does not mind
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _OPERATORS.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _OPERATORS.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _OPERATORS.impl("nms", _suppress, "CPU")
        import torchvision.extension

        torchvision.extension._has_ops = lambda: True


def _suppress(boxes: torch.Tensor, scores: torch.Tensor, max_iou: float) -> torch.Tensor:
    """Suppress boxes greedily, by our own function; a few milliseconds for a thousand boxes, as torchvision's."""
    return torch.as_tensor(box_nms(boxes.double().numpy(), scores.numpy(), max_iou), dtype=torch.int64)


_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
