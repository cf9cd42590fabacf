"""HQ-SAM in ComfyUI: masks for boxes and clicks, and for every object. Copy this file into ComfyUI/custom_nodes.

It needs `pip install hqsam` in ComfyUI's own Python. Coordinates are pixels of the image. Points are JSON as points
editors and ComfyUI's own SAM nodes write it, [{"x": 300, "y": 110}]; boxes come from nodes whose output is BOUNDING_BOX
(x, y, width, height), or are typed as x0, y0, x1, y1, a line each.
"""

import json
from functools import lru_cache

import numpy as np
import torch

import hqsam
from hqsam.weights.registry import CHECKPOINTS

MODELS = list(CHECKPOINTS)
_PIXELS = {"default": "", "multiline": True, "tooltip": "x0, y0, x1, y1 in pixels, one box a line"}
_POINTS = {"default": "", "multiline": True, "tooltip": 'JSON: [{"x": 300, "y": 110}, ...] in pixels'}


class HqsamSegment:
    """One object for all points together, or one for each box; one box with points is one object."""

    CATEGORY = "hqsam"
    DESCRIPTION = "Pixel-accurate masks from boxes and clicks."
    RETURN_TYPES = ("MASK",)
    FUNCTION = "segment"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802  (ComfyUI's name)
        """Return the inputs as ComfyUI draws them."""
        return {
            "required": {
                "image": ("IMAGE",),
                "model": (MODELS, {"default": "nano"}),
                "individual_masks": ("BOOLEAN", {"default": False, "tooltip": "A mask for each box, not their union"}),
            },
            "optional": {
                "boxes": ("STRING", _PIXELS),
                "positive_coords": ("STRING", _POINTS),
                "negative_coords": ("STRING", _POINTS),
                "bboxes": ("BOUNDING_BOX", {"forceInput": True}),
            },
        }

    def segment(
        self, image, model, individual_masks=False, boxes="", positive_coords="", negative_coords="", bboxes=None
    ):
        """Return masks [B, H, W] of 0 and 1, or with `individual_masks` those of all images one after another.

        Args:
            image: [B, H, W, C] from 0 to 1.
            model: a name of `hqsam weights list`; it is downloaded if it is not here.
            individual_masks: a mask for each box, instead of their union.
            boxes: "x0, y0, x1, y1", a line each.
            positive_coords: points on the object.
            negative_coords: points beside it.
            bboxes: one dictionary of x, y, width and height, a list of them, or a list for each image.
        """
        on, off = _points(positive_coords, "positive_coords"), _points(negative_coords, "negative_coords")
        masks = []
        for number, one in enumerate(image):
            prompt = _prompt(_typed(boxes) + _given(bboxes, number), on, off)
            found = torch.from_numpy(np.asarray(_open(model, *_pixels(one)).segment(**prompt).masks)).float()
            masks.append(found if individual_masks else found.amax(dim=0, keepdim=True))
        return (torch.cat(masks),)


class HqsamEverything:
    """Every object of the images."""

    CATEGORY = "hqsam"
    DESCRIPTION = "A mask for every object, best first."
    RETURN_TYPES = ("MASK",)
    FUNCTION = "find"

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802
        """Return the inputs as ComfyUI draws them."""
        points = {"default": 16, "min": 1, "max": 128, "tooltip": "Clicks along each side of the image"}
        area = {"default": 0, "min": 0, "max": 1 << 30, "tooltip": "Smaller objects are left out, in pixels"}
        required = {"image": ("IMAGE",), "model": (MODELS, {"default": "nano"})}
        return {"required": required | {"points_per_side": ("INT", points), "min_area": ("INT", area)}}

    def find(self, image, model, points_per_side=16, min_area=0):
        """Return masks [N, H, W] of 0 and 1, of all images one after another; N is 0 where there is nothing."""
        masks = []
        for one in image:
            data, height, width = _pixels(one)
            pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
            found = _load(model).everything(pixels, points_per_side=points_per_side)
            large = np.asarray(found[found.areas >= max(1, min_area)].masks).reshape(-1, height, width)
            masks.append(torch.from_numpy(large).float())
        return (torch.cat(masks),)


@lru_cache(maxsize=1)
def _load(model):
    return hqsam.load(model)


@lru_cache(maxsize=8)
def _open(model, data, height, width):
    """Encode an image once, however often its prompts are changed."""
    return _load(model).open(np.frombuffer(data, np.uint8).reshape(height, width, 3))


def _pixels(image):
    """Return an image [H, W, C] as bytes of RGB, height and width; gray has one channel, transparency is left out."""
    height, width, channels = image.shape
    eight_bit = (image[..., :3].float().clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    return eight_bit.expand(height, width, 3 if channels < 3 else -1).numpy().tobytes(), height, width


def _points(text, name):
    try:
        return [(float(one["x"]), float(one["y"])) for one in json.loads(text or "[]")]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{name} is not JSON like [{{"x": 300, "y": 110}}]: {error!r}') from error


def _typed(text):
    lines = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
    try:
        boxes = [[float(number) for number in line] for line in lines]
    except ValueError as error:
        raise ValueError(f"boxes are x0, y0, x1, y1, one a line: {error}") from error
    if wrong := [box for box in boxes if len(box) != 4]:
        raise ValueError(f"boxes are x0, y0, x1, y1, one a line; a line has {len(wrong[0])} numbers")
    return boxes


def _given(bboxes, number):
    """Return the boxes of image `number`: the same for all images, or a list for each, of which the last goes on."""
    if isinstance(bboxes, dict):
        bboxes = [bboxes]
    if bboxes and isinstance(bboxes[0], list):
        bboxes = bboxes[min(number, len(bboxes) - 1)]
    return [[one["x"], one["y"], one["x"] + one["width"], one["y"] + one["height"]] for one in bboxes or []]


def _prompt(boxes, on, off):
    points = {"points": on + off, "labels": [1] * len(on) + [0] * len(off)} if on or off else {}
    if not boxes and not points:
        raise ValueError("there is no prompt; give a box or points")
    if len(boxes) > 1 and points:
        raise ValueError(f"there are points and {len(boxes)} boxes; points go with one box, or without any")
    return points | ({"box": boxes[0]} if len(boxes) == 1 else {"boxes": boxes} if boxes else {})


NODE_CLASS_MAPPINGS = {"HqsamSegment": HqsamSegment, "HqsamEverything": HqsamEverything}
NODE_DISPLAY_NAME_MAPPINGS = {"HqsamSegment": "HQ-SAM Segment", "HqsamEverything": "HQ-SAM Everything"}
