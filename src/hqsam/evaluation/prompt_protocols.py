"""The kinds of prompts of an evaluation, by name: `--prompt box`, `--prompt click:1,3,5+5`.

Random prompts depend on the seed, the image, the object and the kind of prompt alone: not on earlier prompts, nor on
how the work is shared out.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from hqsam.data.prompting import noisy_mask
from hqsam.errors import OptionError
from hqsam.evaluation.pipelines import FramedImage
from hqsam.evaluation.samples import Target
from hqsam.masks.regions import innermost_point
from hqsam.storage.file_names import name_bytes

TRIALS = 3
"""Trials of random clicks, whose scores are averaged (paper, section 7)."""


@dataclass(frozen=True, eq=False)
class FramedTarget:
    """A target as a pipeline gives it to the model."""

    target: Target
    truth: Bool[np.ndarray, "height width"] | None
    """Its ground truth in the pixels that prompts are drawn in (`FramedImage.show`); None where there is none."""
    framed: FramedImage
    mask_size: int
    """Side of the model's logits, in pixels."""

    @property
    def box(self) -> Float[np.ndarray, "4"]:
        """The box that comes with the target, else that of its ground truth."""
        if self.target.box is not None:
            return self.framed.show_box(self.target.box)
        return self.framed.box_of(self.required_truth)

    @property
    def required_truth(self) -> Bool[np.ndarray, "height width"]:
        assert self.truth is not None, f"{self.target.name} has no true mask"
        return self.truth


PromptSampler = Callable[[FramedTarget, np.random.Generator], dict[str, Any]]
"""Returns the arguments of `Session.segment` for one target."""


@dataclass(frozen=True)
class SimulatedPrompt:
    """One kind of prompt, and a column of the report."""

    name: str
    draw: PromptSampler
    trials: int = 1
    needs_truth: bool = True


@dataclass(frozen=True)
class InteractiveProtocol:
    """Clicks until the mask is good, each placed after the mask that the last one gave; see `interactive`."""

    name: str = "clicks to target"
    most_clicks: int = 20
    goal: float = 0.90
    """The IoU at which clicking ends."""
    trials: int = 1
    needs_truth: bool = True


@dataclass(frozen=True)
class TrackingProtocol:
    """The true mask where an object is first seen in a video, and following from there: see `follow_videos`."""

    name: str = "first mask"
    trials: int = 1
    needs_truth: bool = True


PromptKind = SimulatedPrompt | InteractiveProtocol | TrackingProtocol


def box(name: str = "box") -> SimulatedPrompt:
    """Return the prompt by the box of the ground truth, or by the one that comes with the target."""
    return SimulatedPrompt(name, lambda shown, random: {"box": shown.box}, needs_truth=False)


def noisy_box(scale: float) -> SimulatedPrompt:
    """Return the prompt by a box with DN-DETR's noise, clipped to the image (paper, table 13)."""

    def draw(shown: FramedTarget, random: np.random.Generator) -> dict[str, Any]:
        return {"box": with_noise(shown.box, scale, shown.framed.shown_hw, random)}

    return SimulatedPrompt(f"noisy box {scale:g}", draw, needs_truth=False)


def with_noise(
    box_xyxy: Float[np.ndarray, "4"], scale: float, size_hw: tuple[int, int], random: np.random.Generator
) -> Float[np.ndarray, "4"]:
    """Return a box with centre c + u s scale / 2 and sides s + u' s scale, with u and u' uniform in [-1, 1]."""
    sides, centre = box_xyxy[2:] - box_xyxy[:2], (box_xyxy[2:] + box_xyxy[:2]) / 2
    centre = centre + random.uniform(-1, 1, 2) * scale * sides / 2
    sides = sides + random.uniform(-1, 1, 2) * scale * sides
    noisy = np.concatenate([centre - sides / 2, centre + sides / 2])
    return np.clip(noisy, 0, np.tile(size_hw[::-1], 2))


def clicks(inside: int, outside: int = 0) -> SimulatedPrompt:
    """Return the prompt by one click at the innermost point, or several at random pixels; then some beside the
    object."""
    name = f"{inside} + {outside} clicks" if outside else f"{inside} click{'s' * (inside > 1)}"
    if (inside, outside) == (1, 0):
        return SimulatedPrompt(
            name, lambda shown, random: _as_clicks(np.array([innermost_point(shown.required_truth)]))
        )

    def draw(shown: FramedTarget, random: np.random.Generator) -> dict[str, Any]:
        truth = shown.required_truth
        return _as_clicks(_pixels(truth, inside, random), _pixels(~truth, outside, random))

    return SimulatedPrompt(name, draw, TRIALS)


def coarse_mask() -> SimulatedPrompt:
    """Return the prompt by a coarse mask alone: the data's, or the ground truth made coarse as in the paper's
    training."""

    def draw(shown: FramedTarget, random: np.random.Generator) -> dict[str, Any]:
        coarse = shown.target.coarse
        if coarse is None:
            coarse = noisy_mask(shown.required_truth.astype(np.float32), shown.mask_size, random) > 0
        prompt = shown.framed.mask_prompt(coarse, shown.mask_size)
        # Of a tiny object the noise may leave nothing.
        return {"mask": prompt if prompt.any() else shown.framed.mask_prompt(shown.required_truth, shown.mask_size)}

    return SimulatedPrompt("coarse mask", draw)


def parse_prompts(words: Sequence[str]) -> list[PromptKind]:
    """Return the kinds of prompts that `--prompt` names, each once.

    >>> [question.name for question in parse_questions(["box", "click:1,5+5"])]
    ['box', '1 click', '5 + 5 clicks']

    Raises:
        OptionError: a word is none of the table's, or its numbers make no sense.
    """
    asked = [prompt_kind for word in words for prompt_kind in _parse(word)]
    return list({prompt_kind.name: prompt_kind for prompt_kind in asked}.values())


def random_for(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of one prompt for one object."""
    return np.random.default_rng([seed, *(zlib.crc32(name_bytes(name)) for name in names)])


def _noisy_boxes(numbers: str) -> list[PromptKind]:
    scales = [float(number) for number in (numbers or "0.2,0.4").split(",")]
    if not all(0 < scale < 1 for scale in scales):
        raise ValueError("a scale is between 0 and 1")
    return [noisy_box(scale) for scale in scales]


def _clicks(numbers: str) -> list[PromptKind]:
    counts = [[int(part) for part in number.split("+")] for number in (numbers or "1,3,5,10").split(",")]
    if not all(len(parts) <= 2 and min(parts) >= 1 for parts in counts):
        raise ValueError("numbers of clicks are 1 or more, with at most one +")
    return [clicks(*parts) for parts in counts]


@dataclass(frozen=True)
class PromptSpec:
    """A word of `--prompt`: a row of `PROMPT_SPECS`."""

    about: str
    parse: Callable[[str], Sequence[PromptKind]]
    """Takes the text after the colon, or an empty string."""
    numbers: str = ""
    """An example of the text after the colon."""


PROMPT_SPECS: dict[str, PromptSpec] = {
    "box": PromptSpec("the box of the true mask", lambda _: [box()]),
    "noisy-box": PromptSpec("that box, moved and resized by noise", _noisy_boxes, ":0.2,0.4"),
    "click": PromptSpec("so many clicks; after a + so many beside the object", _clicks, ":1,3,5,10,5+5"),
    "innermost": PromptSpec("the innermost point: the same as click:1", lambda _: [clicks(1)]),
    "coarse-mask": PromptSpec("a coarse mask and nothing else", lambda _: [coarse_mask()]),
    "clicks-to-target": PromptSpec("clicks on the largest error: NoC@85 and NoC@90", lambda _: [InteractiveProtocol()]),
    "track": PromptSpec("in videos: the first frame's true mask, and following", lambda _: [TrackingProtocol()]),
}


def _parse(text: str) -> Sequence[PromptKind]:
    name, _, numbers = text.partition(":")
    if name not in PROMPT_SPECS:
        known = ", ".join(name + word.numbers for name, word in PROMPT_SPECS.items())
        raise OptionError(f"unknown prompt {text!r}; choose from {known}, or detector:FILE")
    word = PROMPT_SPECS[name]
    try:
        if numbers and not word.numbers:
            raise ValueError("it takes no numbers")
        return word.parse(numbers)
    except ValueError as error:
        raise OptionError(f"prompt {text!r} cannot be meant: {error}; expected {name}{word.numbers}") from error


def _pixels(region: Bool[np.ndarray, "height width"], count: int, random: np.random.Generator) -> np.ndarray:
    """Draw x, y of different pixels of a region; some more than once where it has not so many, none where it is
    empty."""
    places = np.flatnonzero(region)
    if len(places) == 0:
        return np.zeros((0, 2), np.int64)
    rows, columns = np.divmod(random.choice(places, count, replace=len(places) < count), region.shape[1])
    return np.stack([columns, rows], axis=1)


def _as_clicks(inside: np.ndarray, outside: np.ndarray | None = None) -> dict[str, Any]:
    outside = np.zeros((0, 2), np.int64) if outside is None else outside
    labels = np.repeat([1, 0], [len(inside), len(outside)])
    return {"points": np.concatenate([inside, outside]), "labels": labels}
