"""Everything that words name: masks in the image and in crops of it, tidied and arranged as those of everything are."""

from collections.abc import Sequence
from typing import Any

from hqsam.errors import OptionError
from hqsam.images.reading import ImageLike
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import Order, check_order
from hqsam.predict.segmenter import Segmenter
from hqsam.text.segment_text import segment_text


def everything_by_text(
    segmenter: Segmenter,
    image: ImageLike,
    labels: str | Sequence[str],
    *,
    min_score: float | None = None,
    min_area: int = 0,
    disjoint: bool = False,
    cover: bool = False,
    order: Order = "small_on_top",
    **how: Any,
) -> Instances:
    """Find every object that words name, and arrange the masks as `Segmenter.everything` does.

    >>> found = everything_by_text(segmenter, "street.jpg", "car, person", crops=1, disjoint=True)

    Args:
        segmenter: the model.
        image: as for `Segmenter.open`.
        labels: as for `Segmenter.segment_text`.
        min_score: lowest predicted IoU of a mask, 0 to 1; None keeps all.
        min_area: smaller pieces are removed and smaller holes filled, in pixels.
        disjoint: give each pixel that several masks claim to one of them.
        cover: fill what no mask claims, so that no pixel is left over.
        order: the mask that gets a shared pixel, as for `Segmenter.everything`.
        how: further arguments of `Segmenter.segment_text`, such as `crops`, `detector` and `threshold`.

    Raises:
        OptionError: an option cannot have this value.
        PromptError, MissingExtra, CheckpointError, DownloadError, ImageError: as for `Segmenter.segment_text`.
    """
    check_order(order)
    if min_area < 0:
        raise OptionError(f"min_area is {min_area}; give a number of pixels, 0 or more")
    found = segment_text(segmenter, image, labels, **how)
    if min_score is not None:
        found = found[found.scores >= min_score]
    if min_area:
        found = found.remove_specks(min_area).fill_holes(min_area)
        found = found[found.areas >= min_area]
    return found.disjoint(order, cover) if disjoint or cover else found
