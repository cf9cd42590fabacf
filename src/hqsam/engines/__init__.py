"""Engines run a model: they encode images and decode prompts. One file per runtime, all with the interface below."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hqsam.engines.selection import MaskSelection, select_masks
from hqsam.errors import OptionError
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.preprocess import Pixels, batches
from hqsam.model.prompt_encoder import PromptBatch


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """One image as an engine keeps it: everything that does not depend on the prompt.

    What the tensors are is known to the engines alone. Others can measure them, store them and read them back.
    """

    tensors: Mapping[str, Tensor]

    @property
    def nbytes(self) -> int:
        """Memory that it holds, in bytes."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name, contiguous and on the CPU, as a safetensors file takes them."""
        return {name: tensor.contiguous().cpu() for name, tensor in self.tensors.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], device: torch.device) -> "EncodedImage":
        """Rebuild an encoded image from `to_tensors`, on the device of its engine."""
        return cls({name: tensor.to(device) for name, tensor in tensors.items()})

    @classmethod
    def from_batch(cls, tensors: Mapping[str, Tensor | None]) -> "list[EncodedImage]":
        """Cut tensors [image, ...] into encoded images [1, ...]; what is None is left out."""
        known = {name: tensor for name, tensor in tensors.items() if tensor is not None}
        return [
            cls(dict(zip(known, row, strict=True))) for row in zip(*(x.split(1) for x in known.values()), strict=True)
        ]


class SelectedMasks(NamedTuple):
    """The masks that were worth making, in order of their prompts."""

    logits: Float[Tensor, "selected height width"]
    scores: Float[Tensor, "selected"]
    prompt: Int[Tensor, "selected"]
    """Number of the prompt that each mask is for."""
    candidate: Int[Tensor, "selected"]
    """The number, 1 to 3, of SAM's mask that it is, or whose score it has."""


@runtime_checkable
class Engine(Protocol):
    """Runs one model. Results are float32 on the CPU."""

    config: ModelConfig
    device: torch.device

    def digest(self) -> str:
        """Return a short name for its weights and its way to compute; work can be resumed with the same one only."""
        ...

    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        """Encode RGB images whose longer side is the model's image size; those of one shape in one batch."""
        ...

    def decode(self, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any) -> MaskPrediction:
        """Decode prompts about one image to low-resolution logits and scores."""
        ...

    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """Decode ambiguous prompts to the masks whose predicted IoU is at least `least_score`.

        With `hq` there is one mask a prompt in any case, scored by the best candidate. Engines that can make masks
        after the selection override this, which makes all of them first.
        """
        logits, scores, _ = self.decode(image, prompts, source, self.config.decoder.candidates)
        prompt, candidate, scores = select_masks(scores, selection, least_score)
        return SelectedMasks(logits[prompt, candidate - 1], scores, prompt, candidate)


class ObjectMasks(NamedTuple):
    """One mask for each object in a frame, and what is remembered with it."""

    logits: Float[Tensor, "object height width"]
    """The mask, -1024 everywhere for an object that is not in the frame; float32 on the CPU, as are all."""
    memory_logits: Float[Tensor, "object height width"]
    """The mask that is to be remembered; the same, if it has the same source."""
    scores: Float[Tensor, "object"]
    """Predicted IoU."""
    iou_predictions: Float[Tensor, "object candidate"]
    """That of each candidate: one for a clear prompt, three for an ambiguous one."""
    object_scores: Float[Tensor, "object"]
    """Logits of the object's being in the frame."""
    pointers: Float[Tensor, "object channel"]
    """Object pointers."""


@runtime_checkable
class VideoEngine(Engine, Protocol):
    """Runs a model with a memory of videos (`config.memory`)."""

    def recall(self, image: EncodedImage, bank: MemoryBank) -> EncodedImage:
        """Return a frame encoded for some objects, with what is remembered of each."""
        ...

    def decode_objects(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, memory_source: Source, ambiguous: bool
    ) -> ObjectMasks:
        """Decode one prompt for each object: the best of three masks, or the one of a clear prompt.

        Args:
            image: a frame encoded alone, or for as many objects.
            prompts: one for each object; for one that is followed, padding points alone.
            source: the source of the masks.
            memory_source: the source of the masks that are remembered, with the HQ token in attention as `source` has.
            ambiguous: whether the best of three masks answers.
        """
        ...

    def point_at_masks(
        self, image: EncodedImage, masks: Float[Tensor, "object side side"], source: Source
    ) -> Float[Tensor, "object channel"]:
        """Return object pointers for masks that were given, 0 to 1 in the model's square, of a frame encoded alone."""
        ...

    def absent_pointer(self) -> Float[Tensor, "channel"]:
        """Return the object pointer of an object that is not in a frame."""
        ...

    def remember(
        self,
        image: EncodedImage,
        logits: Float[Tensor, "object height width"],
        object_scores: Float[Tensor, "object"],
        as_prompted: Bool[Tensor, "object"],
    ) -> Float[Tensor, "object memory_channel map_height map_width"]:
        """Return the maps that are remembered of objects in a frame encoded alone; arguments of `HQSam.remember`."""
        ...


class LoadedEngine(Engine):
    """An engine that can be sent to another process, where it is loaded again from its origin."""

    origin: tuple[Callable[..., Engine], tuple[Any, ...]] | None = None
    """A function and its arguments, before the digest, that load the engine again; None: it was made in memory."""

    def __reduce__(self) -> tuple[Callable[..., Engine], tuple[Any, ...]]:
        """Pickle the engine by what it was loaded from.

        Raises:
            OptionError: its model was made in memory.
        """
        if self.origin is None:
            raise OptionError(
                "a model that was made in memory cannot go to another process; save it by "
                "hqsam.weights.save.save_model and load the file by hqsam.load, which other processes can do, too"
            )
        load, arguments = self.origin
        return load, (*arguments, self.digest())


def in_batches(
    images: Sequence[Pixels],
    config: ModelConfig,
    encode: Callable[[list[Pixels]], list[EncodedImage]],
) -> list[EncodedImage]:
    """Encode images together where their shapes allow it; the answers come in the images' order."""
    encoded: dict[int, EncodedImage] = {}
    for numbers in batches(images, config):
        encoded.update(zip(numbers, encode([images[number] for number in numbers]), strict=True))
    return [encoded[number] for number in range(len(images))]
