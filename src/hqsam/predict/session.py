"""The session: one encoded image, to be prompted as often as you like."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from jaxtyping import UInt8

from hqsam.engines import EncodedImage, Engine
from hqsam.errors import OptionError, PromptError
from hqsam.geo.georeference import Georeference
from hqsam.geometry import Frame
from hqsam.masks.rle import Rle, decode
from hqsam.model.config import ModelConfig
from hqsam.predict.decode_prompts import decode_prompts
from hqsam.predict.detail import Progress, add_detail
from hqsam.predict.image_reference import ImageReference
from hqsam.predict.result import Segmentation
from hqsam.predict.snap import snap_masks
from hqsam.predict.sources import check_candidates, check_source
from hqsam.prompts import Prompts, check_prompts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
else:
    ArrayLike: TypeAlias = Any  # whatever comes is looked at, and what does not fit is refused in our own words


@dataclass(frozen=True, eq=False)
class Session:
    """An encoded image. It exists only once the encoding is done and never changes, so it cannot be stale.

    Hold as many as you like: a session keeps the features, not the image, and for `detail` finds its way back to it.
    """

    frame: Frame
    encoded: EncodedImage = field(repr=False)
    engine: Engine = field(repr=False)
    image_name: str = "image"
    """The name of the image's file, if it came from one."""
    image: ImageReference | None = field(default=None, repr=False)
    """The reference to the image itself, for `detail`."""
    georeference: Georeference | None = None
    """The place of the image on a map; None where it has none."""
    footprint: Rle | None = field(default=None, repr=False)
    """The pixels of the image that have data; None if all have. Masks stay within."""

    @property
    def image_size_hw(self) -> tuple[int, int]:
        """Height and width of the upright image, in which prompts and masks are."""
        return self.frame.image_size_hw

    def segment(
        self,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        refine: Segmentation | None = None,
        candidates: int | str = 1,
        source: str | None = None,
        detail: bool = False,
        snap: bool = False,
        progress: Progress | None = None,
    ) -> Segmentation:
        """Segment what one prompt, or each of N prompts, points at, in the pixels of the upright image.

        >>> cup = session.segment(points=[(610, 400)], labels=[1])
        >>> cup = session.segment(points=[(590, 870)], labels=[0], refine=cup)

        Args:
            points: clicks x, y: [K, 2] for one prompt, [N, K, 2] for N.
            labels: one for each click: 1 where the object is, 0 where it is not; of the shape of `points` without the
                2.
            box: x0, y0, x1, y1 of one prompt. What is outside the image is cut off.
            boxes: the same for N prompts: [N, 4].
            mask: a bool mask [H, W] of the image, or [N, H, W]; or logits [N, h, w] as in a result's `.logits`.
            refine: an earlier result: its prompts are kept, the new clicks come after theirs, and its logits (of three
                candidates the best) become the mask prompt.
            candidates: 1 is SAM's mask 0, and in SAM 2, where that is unstable, the best of masks 1 to 3; "first" is
                mask 0 in any case; 3 is masks 1 to 3, for prompts that can mean several things.
            source: "sum" of SAM's and the HQ logits (the default), "hq" alone, or "sam" as it was without the HQ token,
                which is all that a plain SAM has.
            detail: encode what surrounds each mask again, closer, so that its edge follows the image's own pixels: some
                more seconds, see docs/detail.md. An image that was given as an array must still be in memory.
            snap: move the edge of each mask to an edge of the photo that lies within 0.8 % of its diagonal; logits stay
                as they are. The image is needed again, as for `detail`.
            progress: with `detail`, called after each part with how many are done and how many there are; may raise.

        Returns:
            N masks, or N * 3 candidates, with their scores and logits, ordered by prompt.

        Raises:
            PromptError: the prompt is empty, not finite, outside the image, or does not fit together.
            OptionError: another source, or another number of candidates.
            ImageError: `detail` or `snap` is asked for, and the image is gone or has changed.
        """
        prompts = self.check(points=points, labels=labels, box=box, boxes=boxes, mask=mask, refine=refine)
        how: dict[str, Any] = {"candidates": candidates, "source": source, "detail": detail, "snap": snap}
        return self.segment_prompts(prompts, **how, progress=progress)

    def segment_prompts(
        self,
        prompts: Prompts,
        *,
        candidates: int | str = 1,
        source: str | None = None,
        detail: bool = False,
        snap: bool = False,
        progress: Progress | None = None,
    ) -> Segmentation:
        """Return masks for prompts that `check` has made; the arguments are those of `segment`.

        Raises:
            OptionError: another source, or another number of candidates.
            ImageError: `detail` or `snap` is asked for, and the image is gone or has changed.
        """
        chosen = check_source(source, self.engine.config)
        which = check_candidates(candidates)
        logits, scores, object_scores = decode_prompts(self.engine, self.encoded, prompts, chosen, which)
        each = logits.shape[1]
        answer = Segmentation.from_logits(
            logits.flatten(0, 1).numpy(),
            scores.flatten().numpy(),
            prompts,
            chosen,
            np.repeat(np.arange(len(prompts)), each),
            object_scores=None if object_scores is None else object_scores.repeat_interleave(each).numpy(),
            image_name=self.image_name,
            image=self.image,
            metadata={"georeference": self.georeference} if self.georeference else {},
        )
        if detail or snap:
            pixels = self._read_pixels()
            answer = add_detail(answer, pixels, self.engine, progress) if detail else answer
            answer = snap_masks(answer, pixels) if snap else answer
        return answer if self.footprint is None else answer.within(decode(self.footprint))

    def check(self, *, refine: Segmentation | None = None, **given: Any) -> Prompts:
        """Return the prompts of `segment`'s arguments, in the pixels of this image.

        Raises:
            PromptError: the prompt is empty, not finite, outside the image, or does not fit together.
        """
        if refine is not None:
            return self._refined(refine, given)
        return check_prompts(self.frame, self.engine.config.mask_size, **given)

    def _read_pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        if self.image is None:
            raise OptionError(
                "detail and snap need the image again, and this session was made without it; use segmenter.open"
            )
        return self.image.read()

    def _refined(self, earlier: Segmentation, given: dict[str, Any]) -> Prompts:
        """Return the earlier prompts with new clicks, and with the earlier result as mask prompt."""
        if not isinstance(earlier, Segmentation):
            raise PromptError(f"refine is a {type(earlier).__name__}; give what an earlier segment() returned")
        surplus = [name for name in ("box", "boxes", "mask") if given.get(name) is not None]
        if surplus:
            raise PromptError(
                f"got refine and {surplus[0]}; refine keeps the earlier box and gives the earlier mask, and takes "
                "new points with labels"
            )
        _check_same_place(earlier, self.frame, self.engine.config)
        best = earlier.best()
        if len(best) == 0:
            raise PromptError("refine holds no mask; refine an answer that has one")
        prompts = best.prompts.select(best.prompt_index).with_mask(best.logits)
        if given.get("points") is None and given.get("labels") is None:
            return prompts
        clicks = self.check(**given)
        if len(clicks) != len(prompts):
            raise PromptError(
                f"points are for {len(clicks)} prompts and refine has {len(prompts)}; give points "
                f"[{len(prompts)}, K, 2], or refine one of them, as in refine=many[0]"
            )
        return prompts.with_clicks(clicks)


def _check_same_place(earlier: Segmentation, frame: Frame, config: ModelConfig) -> None:
    if earlier.prompts.frame.image_size_hw != frame.image_size_hw:
        (was_high, was_wide), (height, width) = earlier.prompts.frame.image_size_hw, frame.image_size_hw
        raise PromptError(
            f"refine is from a {was_wide} x {was_high} image and this one is {width} x {height}; refine an answer "
            "of the same image"
        )
    if earlier.logits.shape[-2:] != (config.mask_size, config.mask_size):
        raise PromptError(
            f"refine has logits of {earlier.logits.shape[-2:]}, and {config.name} takes {config.mask_size} x "
            f"{config.mask_size}; refine an answer of the same model, or give its mask: mask=earlier.masks[0]"
        )
