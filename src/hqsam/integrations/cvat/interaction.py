"""CVAT's interaction function: a mask for the clicks and the box of a person.

>>> cvat-cli function create-native "HQ-SAM" --function-module hqsam.integrations.cvat.interaction -p model=str:vit_l
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from hqsam.integrations.cvat.create import create_with
from hqsam.integrations.cvat.masks import encode_mask
from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session

if TYPE_CHECKING:
    from PIL.Image import Image


class InteractionFunction:
    """Answers prompts about one image after another; the agent keeps what `preprocess_image` returns."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._cvat: Any = require("cvat_sdk.auto_annotation", extra="cvat")
        self._models: Any = require("cvat_sdk.models", extra="cvat")
        self.spec = self._cvat.InteractionFunctionSpec(min_pos_points=0, min_neg_points=0, min_bounding_boxes=0)

    def preprocess_image(self, context: Any, image: "Image") -> Session:
        """Return the encoded image, which any number of prompts can be asked of."""
        del context
        return self._segmenter.open(image)

    def detect(self, context: Any, pp_image: Session, prompts: Any) -> list[Any]:
        """Return one mask with its score; none if no pixel belongs to it.

        Raises:
            PromptError: there is neither a point nor a box, or one is outside the image.
        """
        del context
        found = pp_image.segment(**arguments_of(prompts.pos_points, prompts.neg_points, prompts.bounding_box))
        if not found.areas[0]:
            return []
        kind = self._cvat.InteractionResultAttributes.CONFIDENCE
        score = self._models.AttributeValRequest(spec_id=int(kind), value=f"{np.clip(found.scores[0], 0, 1):.4f}")
        return [self._cvat.InteractionResultShape(type="mask", points=encode_mask(found.rle[0]), attributes=[score])]


def arguments_of(positive: Any, negative: Any, box: Any) -> dict[str, Any]:
    """Return CVAT's prompts as the arguments of `Session.segment`.

    Args:
        positive: points x, y on the object.
        negative: points beside it.
        box: two opposite corners; None or empty where there is none.
    """
    points = [*positive, *negative]
    arguments: dict[str, Any] = {}
    if points:
        arguments |= {"points": points, "labels": [1] * len(positive) + [0] * len(negative)}
    if box:
        corners = np.array(box, np.float64).reshape(2, 2)
        arguments["box"] = [*corners.min(axis=0), *corners.max(axis=0)]
    return arguments


create = create_with(InteractionFunction)
