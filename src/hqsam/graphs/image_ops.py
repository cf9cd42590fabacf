"""Small graphs around the network, in ONNX's own text form: preparing an image, and masks of the image's size.

They are `prepare_image` and `normalise_and_pad` of `model/preprocess.py`, and `Frame.masks_in_image`, for runtimes.
"""

from typing import Any

from hqsam.model.config import ModelConfig
from hqsam.optional import require

OPSET = 18
"""The oldest that resizes with antialiasing, so that many runtimes have it."""

_PAD = """
            beyond = Sub (filled, resized)
            before = Constant <value = int64[6] {{0, 0, 0, 0, 0, 0}}> ()
            pads = Concat <axis = 0> (before, beyond)
            pixels = Pad ({image}, pads)"""
_RESIZE = 'Resize <mode = "linear", coordinate_transformation_mode = "half_pixel"'

_ANTIALIASED = f"{_RESIZE}, antialias = 1, exclude_outside = 1>"
"""Start of an ONNX Resize that resizes as Pillow and PyTorch do: pixels outside the image have no weight, where ONNX
would repeat those of the edge by default."""


def prepare_graph(config: ModelConfig, any_size: bool, image: str = "uint8[height, width, 3] image") -> Any:
    """Return the ONNX model from an RGB image to `pixels`: resized, normalised and padded.

    Args:
        config: the model that will see them.
        any_size: whether the encoder takes less than the whole square.
        image: type and name of the input, as ONNX's text has it.
    """
    side, stride = config.image_size, config.stride
    if config.fit == "pad":
        resize = f"{_resized_size(side)}\nsmall = {_ANTIALIASED} (planes, , , sizes)\nchosen = Cast <to = 1> (small)"
    else:  # in floats, as these models keep the fractions
        resize = (
            f"resized = Constant <value = int64[2] {{{side}, {side}}}> ()\nsizes = Concat <axis = 0> (ahead, resized)\n"
            f"wide = Cast <to = 1> (planes)\nchosen = {_ANTIALIASED} (wide, , , sizes)"
        )
    return parsed(
        f"""
        prepare ({image}) => (float[1, 3, padded_height, padded_width] pixels) {{
            size = Shape <start = 0, end = 2> ({image.split()[-1]})
            first = Constant <value = int64[1] {{0}}> ()
            batch = Unsqueeze ({image.split()[-1]}, first)
            planes = Transpose <perm = [0, 3, 1, 2]> (batch)
            ahead = Constant <value = int64[2] {{1, 3}}> ()
            {resize}
            mean = Constant <value = float[1, 3, 1, 1] {{{_floats(config.pixel_mean)}}}> ()
            deviation = Constant <value = float[1, 3, 1, 1] {{{_floats(config.pixel_std)}}}> ()
            centred = Sub (chosen, mean)
            normalised = Div (centred, deviation)
            square = Constant <value = int64[2] {{{side}, {side}}}> ()
            {_filled_size(stride, config.padding if any_size else None)}
            {_PAD.format(image="normalised")}
        }}
        """
    )


def padding_graph(config: ModelConfig, any_size: bool) -> Any:
    """Return the ONNX model from a resized and normalised image to `pixels`: padded as the encoder expects it."""
    side = config.image_size
    return parsed(
        f"""
        pad (float[1, 3, height, width] pixel_values)
            => (float[1, 3, padded_height, padded_width] pixels) {{
            resized = Shape <start = 2, end = 4> (pixel_values)
            square = Constant <value = int64[2] {{{side}, {side}}}> ()
            {_filled_size(config.stride, config.padding if any_size else None)}
            {_PAD.format(image="pixel_values")}
        }}
        """
    )


def masks_graph(config: ModelConfig) -> Any:
    """Return the ONNX model from logits [mask, h, w] and the image's size to masks [mask, height, width]."""
    return parsed(
        f"""
        masks (float[mask, {config.mask_size}, {config.mask_size}] logits, int64[2] image_size)
            => (bool[mask, height, width] masks) {{
            first = Constant <value = int64[1] {{0}}> ()
            planes = Unsqueeze (logits, first)
            size = Identity (image_size)
            {_to_image(config)}
            zero = Constant <value = float {{0.0}}> ()
            above = Greater (full, zero)
            masks = Squeeze (above, first)
        }}
        """
    )


def image_logits_graph(config: ModelConfig, logits: str, size: str, result: str) -> Any:
    """Return the ONNX model from logits [prompt, mask, h, w] and the image's size, as floats, to logits of that size.

    Args:
        config: the model that the logits are of.
        logits: name of the input with logits.
        size: name of the input with height and width.
        result: name of the output.
    """
    return parsed(
        f"""
        image_logits (float[prompt, mask, h, w] {logits}, float[2] {size})
            => (float[prompt, mask, height, width] {result}) {{
            planes = Identity ({logits})
            size = Cast <to = 7> ({size})
            {_to_image(config)}
            {result} = Identity (full)
        }}
        """
    )


def _to_image(config: ModelConfig) -> str:
    """From `planes` [_, _, h, w] and `size` to `full` [_, _, height, width], as `Frame.masks_to_image` has it."""
    side = config.image_size
    crop = f"""
            {_resized_size(side)}
            model_size = Constant <value = int64[2] {{{side}, {side}}}> ()
            square_sizes = Concat <axis = 0> (ahead, model_size)
            square = {_RESIZE}> (planes, , , square_sizes)
            start = Constant <value = int64[2] {{0, 0}}> ()
            axes = Constant <value = int64[2] {{2, 3}}> ()
            grid = Slice (square, start, resized, axes)
    """
    return f"""
            ahead = Shape <start = 0, end = 2> (planes)
            {crop if config.fit == "pad" else "grid = Identity (planes)"}
            full_sizes = Concat <axis = 0> (ahead, size)
            full = {_RESIZE}> (grid, , , full_sizes)
    """


def _resized_size(side: int) -> str:
    """From `size` to `resized`, as `Frame.resized_hw` has it, in float64; and `sizes`, with what is `ahead` of it.

    Not by ReduceMax: OpenVINO 2026.4 joins it with the division, and divides the wrong way round.
    """
    return f"""
            exact = Cast <to = 11> (size)
            height_at = Constant <value = int64[1] {{0}}> ()
            width_at = Constant <value = int64[1] {{1}}> ()
            exact_height = Gather (exact, height_at)
            exact_width = Gather (exact, width_at)
            longest = Max (exact_height, exact_width)
            side = Constant <value = double[1] {{{float(side)}}}> ()
            scale = Div (side, longest)
            scaled = Mul (exact, scale)
            half = Constant <value = double[1] {{0.5}}> ()
            nearly = Add (scaled, half)
            whole = Floor (nearly)
            one = Constant <value = double[1] {{1.0}}> ()
            at_least_one = Max (whole, one)
            resized = Cast <to = 7> (at_least_one)
            sizes = Concat <axis = 0> (ahead, resized)"""


def _filled_size(stride: int, padding: int | None) -> str:
    """From `resized` to `filled`: the whole square, or as many tokens more as the model sees of padding."""
    if padding is None:
        return "filled = Identity (square)"
    return f"""
            stride = Constant <value = int64[1] {{{stride}}}> ()
            nearly_one = Constant <value = int64[1] {{{stride - 1}}}> ()
            padding = Constant <value = int64[1] {{{padding}}}> ()
            up = Add (resized, nearly_one)
            tokens = Div (up, stride)
            padded_tokens = Add (tokens, padding)
            wanted = Mul (padded_tokens, stride)
            filled = Min (wanted, square)"""


def _floats(values: tuple[float, ...]) -> str:
    return ", ".join(repr(float(value)) for value in values)


def parsed(graph: str) -> Any:
    """Return the ONNX model of a text."""
    parser = require("onnx.parser", extra="export")
    return parser.parse_model(f'<ir_version: 10, opset_import: ["" : {OPSET}]>\n{graph}')
