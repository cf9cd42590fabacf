"""Names of EfficientNet-Lite's tensors in checkpoints."""

from collections.abc import Mapping
from itertools import groupby

from torch import Tensor

from hqsam.model.encoders.family import Outline, TensorNames, count_modules

# The second column has the names of EfficientNet-PyTorch, under which weights trained on ImageNet are published.
TENSOR_NAMES = TensorNames(
    rows="""
        backbone.stem.conv.*           _conv_stem.*          -
        backbone.stem.norm.*           _bn0.*                -
        backbone.blocks.{i}.{layer}.*  _blocks.{i}.{layer}.* -
    """,
    words={
        "layer": (
            *("widen.conv _expand_conv", "widen.norm _bn0", "filter.conv _depthwise_conv", "filter.norm _bn1"),
            *("narrow.conv _project_conv", "narrow.norm _bn2"),
        )
    },
    unused={"official": r"image_encoder\._(conv_head|bn1|fc)\..+"},  # its classifier
)


def outline(tensors: Mapping[str, Tensor]) -> Outline | None:
    """Return the widths and depths of the EfficientNet-Lite in a file; None if there is none."""
    prefix = "image_encoder.backbone.blocks."
    weights = [tensors.get(f"{prefix}{block}.narrow.conv.weight") for block in range(count_modules(tensors, prefix))]
    stages = [
        (width, len(list(same))) for width, same in groupby(len(weight) for weight in weights if weight is not None)
    ]
    return (tuple(width for width, _ in stages), tuple(depth for _, depth in stages)) if stages else None
