"""Choose channels of a stack, and the values of each that become black and white."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from jaxtyping import UInt8

from hqsam.errors import ImageError
from hqsam.images.read_options import ReadOptions
from hqsam.images.stacks.stack import Stack
from hqsam.images.to_rgb import note
from hqsam.images.value_range import ValueRange, check_value_range, choose_value_range

_SAMPLED_PLANES = 5
"""Slices, and as many timepoints, that are looked at to find the range of a channel's values."""
_SAMPLED_WHOLE = 1 << 18
"""Pixels of a plane that is sampled as a whole; of a larger one, 4 x 4 windows are."""
_SAMPLE_SIDE = 128


def choose_channels(stack: Stack, asked: Sequence[int | str] | None) -> tuple[int, ...]:
    """Return the numbers of one to three channels: as asked, else the first ones, with a warning if there are more.

    Raises:
        ImageError: there is no such channel, or more than three are asked for.
    """
    names, name = stack.layout.channels, str(stack.path)
    said = ", ".join(f"{number} ({each})" if each != str(number) else each for number, each in enumerate(names))
    if asked is None:
        chosen = tuple(range(min(3, len(names))))
        if len(names) > 1:
            colours = " and ".join(("red", "green", "blue")[: len(chosen)])
            note(
                name, "channels",
                f"of its channels {said} the first {len(chosen)} were taken as {colours}; choose others with "
                "channels=(0,) or --channel 0",
            )  # fmt: skip
        return chosen
    chosen = tuple(_number(each, names) for each in asked)
    if None in chosen or not 1 <= len(chosen) <= 3:
        wanted = ", ".join(map(str, asked))
        raise ImageError(
            f"{name} has the channels {said}, and {wanted or 'none'} was asked for; give one, or up to three for red, "
            "green and blue, by number from 0 or by name"
        )
    return tuple(each for each in chosen if each is not None)


def choose_ranges(
    stack: Stack, channels: tuple[int, ...], t: int, z: int, options: ReadOptions
) -> tuple[ValueRange | None, ...]:
    """Return for each channel the values that become 0 and 255, the same for all slices; None for bytes as they are."""
    if options.value_range is not None:
        return (check_value_range(options.value_range),) * len(channels)
    if stack.layout.dtype == np.uint8 and options.stretch is None:
        return (None,) * len(channels)
    return tuple(_range(stack, channel, t, z, options) for channel in channels)


def to_rgb(planes: Sequence[np.ndarray], ranges: Sequence[ValueRange | None]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return one plane as gray or coloured as it is, and two or three as red, green and blue."""
    scaled = [_scaled(plane, one) for plane, one in zip(planes, ranges, strict=True)]
    if len(scaled) == 1:
        return np.ascontiguousarray(scaled[0] if scaled[0].shape[2] == 3 else np.repeat(scaled[0], 3, axis=2))
    missing = [np.zeros_like(scaled[0])] * (3 - len(scaled))
    return np.ascontiguousarray(np.concatenate([*scaled, *missing], axis=2))


def _scaled(plane: np.ndarray, one: ValueRange | None) -> UInt8[np.ndarray, "rows columns samples"]:
    values = plane if plane.ndim == 3 else plane[..., None]
    return values.astype(np.uint8, copy=False) if one is None else one.to_8_bit(values)


def _number(asked: int | str, names: Sequence[str]) -> int | None:
    """Return a channel's number by its number, or else by its name in any case."""
    if str(asked).isdecimal():
        return int(asked) if int(asked) < len(names) else None
    lower = [name.lower() for name in names]
    return lower.index(str(asked).lower()) if str(asked).lower() in lower else None


def _range(stack: Stack, channel: int, t: int, z: int, options: ReadOptions) -> ValueRange:
    values = _sample(stack, channel, t, z)
    name, declared = f"{stack.path}, channel {stack.layout.channels[channel]}", stack.layout.declared
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        share = 1 - float(np.mean(np.isfinite(values)))
        note(name, "nan", f"{share:.1%} of its values are no numbers (NaN or infinite); they are taken as black")
        values = values[np.isfinite(values)]
    if options.stretch is not None:
        low, high = (float(one) for one in np.percentile(values, options.stretch)) if values.size else (0.0, 1.0)
        return ValueRange(low, high) if low < high else ValueRange(min(0.0, low), max(high, 1.0))
    said = declared[channel] if channel < len(declared) else None
    if said is not None and stack.layout.is_window:
        chosen = ValueRange(said[0], said[1], "the file's window")
    else:
        chosen = choose_value_range(values[None], said)
    if chosen.origin:
        note(
            name, "depth",
            f"its {values.dtype} values from {chosen.low:g} to {chosen.high:g} ({chosen.origin}) were scaled to 0 to "
            "255; set another range with value_range=(low, high) or --value-range LOW,HIGH, or percentiles (stretch)",
        )  # fmt: skip
    return chosen


def _sample(stack: Stack, channel: int, t: int, z: int) -> np.ndarray:
    """Return values that are spread over the slices and the timepoints, in one row."""
    places = [(t, other) for other in _spread(stack.layout.count("z"))]
    places += [(other, z) for other in _spread(stack.layout.count("t")) if (other, z) not in places]
    windows = _windows(stack.layout.size_hw)
    return np.concatenate([stack.read(at, channel, depth, *one).ravel() for at, depth in places for one in windows])


def _spread(count: int) -> list[int]:
    return sorted({int(one) for one in np.linspace(0, count - 1, min(count, _SAMPLED_PLANES)).round()})


def _windows(size_hw: tuple[int, int]) -> list[tuple[slice, slice]]:
    height, width = size_hw
    if height * width <= _SAMPLED_WHOLE:
        return [(slice(0, height), slice(0, width))]
    tops, lefts = (np.linspace(0, max(0, side - _SAMPLE_SIDE), 4).astype(int).tolist() for side in size_hw)
    return [
        (slice(top, min(top + _SAMPLE_SIDE, height)), slice(left, min(left + _SAMPLE_SIDE, width)))
        for top, left in product(tops, lefts)
    ]
