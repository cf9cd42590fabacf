"""What the official code computes: its weights by a rule, the prompts, and the answers. See README.md beside this."""

import json
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

FOLDER = Path(__file__).parent
PHOTOS = ("coffee", "rocket")
CASES = ("point", "points", "box", "box_point", "boxes", "box_mask")


def shapes(model: str) -> dict[str, tuple[int, ...]]:
    """Every entry of the official state dict, in the official naming."""
    stored = json.loads((FOLDER / f"{model}.keys.json").read_text())
    return {key: tuple(shape) for key, shape in stored.items()}


def state_dict(model: str) -> dict[str, Tensor]:
    """The official state dict of a model, filled by the rule."""
    return {key: _filled(key, shape) for key, shape in shapes(model).items()}


def _filled(key: str, shape: tuple[int, ...]) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(_scaled(key, noise))


def _scaled(key: str, noise: np.ndarray) -> np.ndarray:
    prompts = ("prompt_encoder.point_embeddings", "prompt_encoder.not_a_point", "prompt_encoder.no_mask")
    if key.endswith("running_var"):
        return 1 + 0.1 * np.abs(noise)
    if key.endswith("running_mean"):
        return 0.02 * noise
    if key.endswith("positional_encoding_gaussian_matrix"):
        return noise
    if noise.ndim == 1:
        return 1 + 0.1 * noise if key.endswith("weight") else 0.02 * noise
    if any(part in key for part in ("pos_embed", "rel_pos", "attention_biases")):
        return 0.02 * noise
    if key.startswith(prompts) or key.endswith(("_token.weight", "mask_tokens.weight")):
        return noise
    return noise / np.float32(np.sqrt(np.prod(noise.shape[1:])))


@cache
def photo(name: str) -> np.ndarray:
    """Its pixels, [H, W, 3]."""
    with Image.open(FOLDER / f"{name}.webp") as image:
        return np.asarray(image.convert("RGB"))


@cache
def record(model: str) -> dict[str, np.ndarray]:
    """What the official predictor returned, by PHOTO/CASE/{single,multi}/{hq,sum,sam}/WHAT."""
    with np.load(FOLDER / f"{model}.npz") as stored:
        return {key: stored[key] for key in stored.files}


def prompt(case: str, size_hw: tuple[int, int]) -> dict[str, object]:
    """The case as arguments of `Session.segment`; the mask of `box_mask` is added by the caller."""
    box, other, third = (_place(*corners, size_hw=size_hw) for corners in _BOXES)
    clicks = np.array([_place(*click, size_hw=size_hw) for click in _CLICKS])
    return {
        "point": {"points": clicks[:1], "labels": [1]},
        "points": {"points": clicks, "labels": [1, 1, 0]},
        "box": {"box": box},
        "box_point": {"box": box, "points": clicks[2:], "labels": [0]},
        "boxes": {"boxes": [box, other, third]},
        "box_mask": {"box": box},
    }[case]


_BOXES = ((0.18, 0.25, 0.80, 0.90), (0.02, 0.05, 0.40, 0.55), (0.55, 0.10, 0.97, 0.50))
_CLICKS = ((0.50, 0.55), (0.35, 0.50), (0.05, 0.08))


def _place(*fractions: float, size_hw: tuple[int, int]) -> list[int]:
    """x, y, … as fractions of width, height, … in whole pixels."""
    height, width = size_hw
    return [round(fraction * (height if index % 2 else width)) for index, fraction in enumerate(fractions)]


def state_dict_2(model: str) -> dict[str, Tensor]:
    """The official state dict of a SAM 2, filled by the same rule and by further rows for what is new in it."""
    return {key: torch.from_numpy(_filled_2(key, shape)) for key, shape in shapes(model).items()}


def _filled_2(key: str, shape: tuple[int, ...]) -> np.ndarray:
    noise = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape, dtype=np.float32)
    if key in _SHIFTED:
        shift, scale = _SHIFTED[key]
        return (shift + scale * noise).astype(np.float32)
    if key in _AS_THEY_ARE and noise.ndim > 1:
        return noise
    if noise.ndim == 1 and "gamma" in key:
        return 1 + 0.1 * noise
    loudness = np.float32(next((loud for name, loud in _LOUDER.items() if key.endswith(name)), 1))
    return loudness * _scaled(key.removeprefix("sam_"), noise)


_SHIFTED = {
    "sam_mask_decoder.pred_obj_score_head.layers.2.bias": (2, 0.1),
    "sam_mask_decoder.output_upscaling.3.bias": (-2, 0.02),
}
_AS_THEY_ARE = ("no_mem_embed", "no_mem_pos_enc", "no_obj_ptr", "no_obj_embed_spatial", "maskmem_tpos_enc")
_LOUDER = {
    **{f"output_hypernetworks_mlps.{index}.layers.2.weight": 3 for index in range(4)},
    "hf_mlp.layers.2.weight": 3,
    "mask_downsampler.encoder.12.weight": 8,
    "obj_ptr_proj.layers.2.weight": 10,
    "obj_ptr_tpos_proj.weight": 3,
}
