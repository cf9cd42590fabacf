"""Masks that the model gave for prompts, in the pixels of the upright image."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int, UInt8

from hqsam.errors import OptionError
from hqsam.formats.outputs import overlay
from hqsam.images.draw_prompts import DrawnPrompts
from hqsam.images.reading import ImageLike
from hqsam.masks.boxes import box_of_mask
from hqsam.masks.columns import labels_for
from hqsam.masks.instances import Instances
from hqsam.masks.rle import Rle, decode, encode
from hqsam.model.hq_sam import Source
from hqsam.predict.multiscale_logits import MultiscaleLogits, Patch
from hqsam.predict.soft_edge import add_soft_edge
from hqsam.prompts import Prompts


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Segmentation(Instances):
    """N masks that a model gave for prompts: `Instances` that also hold their logits, prompts and source.

    Only small logits are held: of the whole, and of the parts that `detail` made finer. Masks of the image's size
    are made when they are first asked for; `rle`, `to_polygons`, `save` and iterating make them one at a time. Rows are
    ordered by prompt, and every array keeps its rank, whatever N is.
    """

    logits: Float32[np.ndarray, "mask mask_size mask_size"]
    """At the decoder's resolution, in the model's square; above 0 is inside. What `mask=` takes."""
    prompts: Prompts
    """All prompts of the call; `prompt_index` tells which of them each mask is for."""
    source: Source
    """The masks' source: "sum", "hq" or "sam"."""
    object_scores: Float32[np.ndarray, "mask"] | None = None
    """Logits of the object's being in the image at all, above 0 if it is; None for models other than SAM 2."""
    patches: tuple[tuple[Patch, ...], ...] = ()
    """For each mask, the parts of it that were encoded again and are finer than `logits`; () if none has any."""

    _row_fields: ClassVar[tuple[str, ...]] = (*Instances._row_fields, "logits", "patches", "object_scores")

    @classmethod
    def from_logits(
        cls,
        logits: Float32[np.ndarray, "mask mask_size mask_size"],
        scores: Float32[np.ndarray, "mask"],
        prompts: Prompts,
        source: Source,
        prompt_index: Int[np.ndarray, "mask"] | None = None,
        **more: Any,
    ) -> "Segmentation":
        """Make a segmentation from what a mask decoder gave.

        Args:
            logits: small, in the model's square.
            scores: the predicted IoU of each mask, by SAM's own head, which was not trained on HQ masks.
            prompts: all prompts of the call.
            source: the masks' source.
            prompt_index: the prompt of each mask; by default one mask for each.
            more: other fields by name, such as `image_name`.
        """
        return Segmentation(
            image_size_hw=prompts.frame.image_size_hw,
            scores=scores,
            labels=labels_for("object", len(logits)),
            prompt_index=np.arange(len(logits)) if prompt_index is None else prompt_index,
            logits=logits,
            prompts=prompts,
            source=source,
            **more,
        )

    @cached_property
    def masks(self) -> Bool[np.ndarray, "mask height width"]:
        """All masks at the image's size, bool [N, H, W]."""
        if self.patches or self.encoded:
            return np.array([self.mask(row) for row in range(len(self))]).reshape(-1, *self.image_size_hw)
        return self.prompts.frame.masks_in_image(torch.from_numpy(self.logits)).numpy()

    @cached_property
    def rle(self) -> tuple[Rle, ...]:
        """Each mask as COCO's compressed run lengths."""
        return self.encoded or tuple(encode(self.mask(row)) for row in range(len(self)))

    @cached_property
    def boxes(self) -> Int[np.ndarray, "mask 4"]:
        """The smallest box x0, y0, x1, y1 around each mask, x1 and y1 one past its last pixel; zeros where empty."""
        if self.encoded or "rle" in self.__dict__:
            return super().boxes
        return np.array([box_of_mask(self.mask(row)) for row in range(len(self))], np.int64).reshape(-1, 4)

    def mask(self, row: int) -> Bool[np.ndarray, "height width"]:
        """Return one mask at the image's size, without making the others."""
        made = self.__dict__
        if "masks" in made:
            return made["masks"][row]
        if self.encoded or "rle" in made:
            return decode(self.rle[row])
        return self.multiscale_logits(row).mask()

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        height, width = self.image_size_hw
        scores = np.array2string(self.scores, precision=2, separator=", ", threshold=6)
        return f"Segmentation({len(self)} masks of {width} x {height}, source={self.source!r}, scores={scores})"

    def overlay(
        self, image: ImageLike | None = None, prompts: Literal["shown", "hidden"] = "shown"
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Draw the masks over their image in colours, and the boxes and clicks that they came from.

        Args:
            image: anything that `segmenter.open` takes; by default the image of the session.
            prompts: draw the prompts, too, or not.

        Raises:
            ImageError: the image cannot be read, or is of another size.
            OptionError: `prompts` is another word, or no image is given and there was no session.
        """
        if prompts not in ("shown", "hidden"):
            raise OptionError(f"prompts is {prompts!r}; choose 'shown' or 'hidden'")
        return overlay(self, image, self.drawn_prompts() if prompts == "shown" else DrawnPrompts())

    def soft_alpha(self, row: int | None = None) -> Float32[np.ndarray, "height width"]:
        """Return how much of each pixel belongs to a mask, 0 to 1, or to any; its edge is where the logits place it."""
        alpha = np.zeros(self.image_size_hw, np.float32)
        for each in range(len(self)) if row is None else [row]:
            add_soft_edge(alpha, self.mask(each), self.multiscale_logits(each))
        return alpha

    def multiscale_logits(self, row: int) -> MultiscaleLogits:
        """Return all that is known of one mask's logits: the whole, and the finer parts over it."""
        return MultiscaleLogits(self.prompts.frame, self.logits[row], self.patches[row] if self.patches else ())

    def drawn_prompts(self) -> DrawnPrompts:
        """Return the prompts of these masks, to draw over them."""
        used = self.prompts.select(np.unique(self.prompt_index))
        boxes = np.zeros((0, 4)) if self.prompts.boxes is None else self.prompts.boxes[self.prompt_index]
        return DrawnPrompts(boxes=boxes, points=used.points.reshape(-1, 2), labels=used.labels.reshape(-1))
