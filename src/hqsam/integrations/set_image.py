"""Predictors whose image is set by one call and asked about by the next, as the official packages have them."""

from typing import TypeVar

from hqsam.errors import PromptError

OfImage = TypeVar("OfImage")


class NoImageError(PromptError, RuntimeError):
    """No image is set; a RuntimeError as in the official predictors."""


def of_set_image(part: OfImage | None, call: str = "set_image(image)") -> OfImage:
    """Return a part of the image that is set.

    Args:
        part: the part; None if no image is set.
        call: the call that sets one.

    Raises:
        NoImageError: no image is set.
    """
    if part is None:
        raise NoImageError(f"no image is set; call {call} first")
    return part
