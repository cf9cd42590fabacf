"""Turn arrays of any channels and depth into uint8 RGB."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

from hqsam.errors import ImageError, ImageWarning
from hqsam.images.value_range import ValueRange, check_value_range, choose_value_range

RgbPixels = UInt8[np.ndarray, "height width 3"]


def note(name: str, kind: str, message: str) -> None:
    """Warn of something that was left out or changed when the image `name` was read; `kind` is one word for it."""
    warnings.warn(ImageWarning(f"{name}: {message}", kind), stacklevel=2)


def note_bands(name: str, count: int) -> None:
    """Warn that of two bands the first is taken, and of more than three the first three."""
    taken = "first was taken as gray" if count == 2 else "first three were taken as red, green and blue"
    note(name, "bands", f"of its {count} bands the {taken}")


def as_array(image: Any) -> np.ndarray:
    """Return an array of what a caller gave as an image.

    Raises:
        ImageError: it is none, or its values are not numbers.
    """
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImageError(f"cannot make an array of this {type(image).__name__}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ImageError(
            f"cannot read a {type(image).__name__} as an image; expected a path, an open file, a PIL image or "
            "an array [H, W, 3] of uint8 RGB"
        )
    return array


def rgb_of_array(
    array: np.ndarray, name: str = "the image", value_range: tuple[float, float] | None = None
) -> RgbPixels:
    """Return a caller's array as uint8 RGB; one that is that already is returned itself.

    Args:
        array: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]; uint8, uint16, floats from 0 to 1, or with `value_range` any.
        name: for messages.
        value_range: the values that become 0 and 255.

    Raises:
        ImageError: it has another shape, or values of another range.
    """
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        channels_first = array.ndim == 3 and array.shape[0] in (1, 3, 4)
        raise ImageError(
            f"{name} has the shape {array.shape}; expected [H, W, 3] RGB, [H, W] gray or [H, W, 4] RGBA"
            + ("; move the channels last: image.transpose(1, 2, 0)" if channels_first else "")
        )
    if array.dtype == np.bool_:
        raise ImageError(f"{name} is bool, as a mask is; expected an image, uint8 from 0 to 255")
    if value_range is None and not (array.dtype.kind == "u" and array.dtype.itemsize <= 2):
        value_range = (0, 1) if array.dtype.kind == "f" else (0, 255)
        _check_values(array, name, value_range)
    return rgb_of_values(array, name, value_range)


def rgb_of_values(
    array: np.ndarray,
    name: str,
    value_range: tuple[float, float] | None = None,
    declared: tuple[float, float] | None = None,
    nodata: float | None = None,
    trust_alpha: bool = False,
) -> RgbPixels:
    """Return the values of an image file as uint8 RGB, whatever their range; what is done to them is a warning.

    Args:
        array: [H, W] or [H, W, 1, 3 or 4], of numbers.
        name: for warnings.
        value_range: the values that become 0 and 255, if the caller says it.
        declared: the same as the file says it.
        nodata: the value of pixels without a value.
        trust_alpha: a fourth channel is transparency; by default its values have to look like it.
    """
    array = array[..., None] if array.ndim == 2 else array
    colours, alpha = (array[..., :3], array[..., 3]) if array.shape[2] == 4 else (array, None)
    if array.dtype != np.uint8 or value_range is not None:
        colours = range_for(colours, name, value_range, declared, nodata).to_8_bit(colours)
    if colours.shape[2] == 1:
        colours = np.repeat(colours, 3, axis=2)
    if alpha is None:
        return colours
    alpha = eight_bit_alpha(alpha)
    is_clear = trust_alpha or is_transparency(alpha, colours, name)
    return _on_white(colours, alpha) if is_clear else np.ascontiguousarray(colours)


def range_for(
    values: np.ndarray,
    name: str,
    value_range: tuple[float, float] | None = None,
    declared: tuple[float, float] | None = None,
    nodata: float | None = None,
) -> ValueRange:
    """Return the range of values to scale to 8 bits, with a warning where it was chosen and is not the type's own."""
    if value_range is not None:
        return check_value_range(value_range)
    chosen = choose_value_range(values, declared, nodata)
    if chosen.origin:
        note(
            name, "depth",
            f"its {values.dtype} values from {chosen.low:g} to {chosen.high:g} ({chosen.origin}) were scaled to 0 to "
            "255; set another range with value_range=(low, high) or --value-range LOW,HIGH",
        )  # fmt: skip
    return chosen


def eight_bit_alpha(alpha: Num[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Return an alpha channel as 0 for clear to 255 for opaque; floats run from 0 to 1."""
    if alpha.dtype == np.uint8:
        return alpha
    opaque = 1 if alpha.dtype.kind == "f" else float(np.iinfo(alpha.dtype).max)
    return ValueRange(0, opaque).to_8_bit(alpha[..., None])[..., 0]


def is_transparency(alpha: UInt8[np.ndarray, "height width"], colours: np.ndarray, name: str) -> bool:
    """Return False, with a warning, for a fourth band that is no transparency, such as infrared stored in its place."""
    clear, opaque = np.mean(alpha == 0), np.mean(alpha == 255)
    nothing_to_see = clear == 1 and (colours == colours[:1, :1]).all()
    if nothing_to_see or (clear < 1 and clear + opaque >= 0.5):
        return True
    about = "is 0 everywhere" if clear == 1 else "varies like a colour, not like transparency"
    note(name, "alpha", f"its fourth channel {about}; it was left out, and red, green and blue were taken as they are")
    return False


def _check_values(array: np.ndarray, name: str, value_range: tuple[float, float]) -> None:
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= value_range[1]):  # so that NaN is refused too
        kind = "floats" if array.dtype.kind == "f" else "integers"
        raise ImageError(
            f"{name} has {kind} ({array.dtype}) from {low} to {high}; expected uint8 from 0 to 255, or floats "
            "from 0 to 1; for others say which values are black and white: value_range=(low, high)"
        )


def _on_white(rgb: RgbPixels, alpha: UInt8[np.ndarray, "height width"]) -> RgbPixels:
    if alpha.min() == 255:
        return np.ascontiguousarray(rgb)
    white = Image.new("RGB", (rgb.shape[1], rgb.shape[0]), "white")
    white.paste(Image.fromarray(np.ascontiguousarray(rgb)), mask=Image.fromarray(np.ascontiguousarray(alpha)))
    return np.asarray(white)
