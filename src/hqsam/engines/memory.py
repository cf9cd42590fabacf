"""The memory of a video, as the engines run it: on any device, around a decoder that each engine has its own of."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hqsam.engines import EncodedImage, ObjectMasks
from hqsam.engines.inference import inference_state
from hqsam.model.features import ImageFeatures, skips_of
from hqsam.model.hq_sam import HQSam, Source
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.memory.video_memory import ABSENT, VideoMemory
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import PADDING

MakeMasks = Callable[[Source, Int[Tensor, "object"]], Float[Tensor, "object height width"]]
"""Makes the chosen mask of each object, by a source."""


class RemembersVideos:
    """The part of `VideoEngine` that is the same around every decoder: recalls and remembers objects."""

    model: HQSam
    device: torch.device
    precision: torch.dtype

    @inference_state()
    def recall(self, image: EncodedImage, bank: MemoryBank) -> EncodedImage:
        """Return a frame encoded for some objects (`VideoEngine.recall`)."""
        features = self.model.recall(_features(image), bank.to(self.device))
        return EncodedImage({**image.tensors, "final": features.final.contiguous(memory_format=torch.channels_last)})

    @inference_state()
    def remember(
        self,
        image: EncodedImage,
        logits: Float[Tensor, "object height width"],
        object_scores: Float[Tensor, "object"],
        as_prompted: Bool[Tensor, "object"],
    ) -> Float[Tensor, "object memory_channel map_height map_width"]:
        """Return the maps that are remembered (`VideoEngine.remember`)."""
        facts = (part.to(self.device) for part in (logits, object_scores, as_prompted))
        return self.model.remember(_features(image), *facts).contiguous()

    def absent_pointer(self) -> Float[Tensor, "channel"]:
        """Return the object pointer of an object that is not in a frame (`VideoEngine.absent_pointer`)."""
        return self._memory.absent_pointer[0].detach().float().cpu()

    @property
    def _memory(self) -> VideoMemory:
        assert self.model.memory is not None, f"{self.model.config.name} has no memory of videos"
        return self.model.memory

    def _alone(self, image: EncodedImage) -> EncodedImage:
        """Return a frame encoded without what stands for memories in images."""
        final = self.model.image_encoder.without_memory(image.tensors["final"])
        return EncodedImage({**image.tensors, "final": final.contiguous(memory_format=torch.channels_last)})

    def _prompts_of_masks(self, masks: Float[Tensor, "object side side"]) -> PromptBatch:
        """Return the prompts that give pointers of masks: the masks, shrunken by the model, and no points."""
        shrunken = self._memory.mask_to_prompt(masks[:, None].to(self.device, self.precision))
        return replace_masks(no_points(len(masks)), shrunken.float().cpu())

    def _object_masks(
        self,
        make: MakeMasks,
        chosen: Int[Tensor, "object"],
        tokens: Float[Tensor, "object channel"],
        iou_predictions: Float[Tensor, "object candidate"],
        object_scores: Float[Tensor, "object"],
        sources: tuple[Source, Source],
    ) -> ObjectMasks:
        """Gather the answer of `VideoEngine.decode_objects`."""
        source, memory_source = sources
        logits = make(source, chosen)
        remembered = logits if memory_source == source else make(memory_source, chosen)
        absent = (object_scores <= 0)[:, None, None]
        pointers = self._memory.pointers(tokens, object_scores)
        found = logits.masked_fill(absent, ABSENT), remembered.masked_fill(absent, ABSENT)
        scores = iou_predictions.amax(dim=1)
        return ObjectMasks(*(part.float().cpu() for part in (*found, scores, iou_predictions, object_scores, pointers)))


def no_points(objects: int) -> PromptBatch:
    """Return the prompts of objects that are followed: two padding points each, as SAM 2 was trained."""
    return PromptBatch(torch.zeros(objects, 2, 2), torch.full((objects, 2), PADDING))


def replace_masks(prompts: PromptBatch, mask_logits: Float[Tensor, "prompt 1 side side"]) -> PromptBatch:
    """Return prompts with other mask prompts."""
    return PromptBatch(prompts.points, prompts.labels, mask_logits)


def best_of_three(iou_predictions: Float[Tensor, "object mask"]) -> Int[Tensor, "object"]:
    """Return the number, 1 to 3, of the mask of each ambiguous prompt with the highest predicted IoU."""
    return 1 + iou_predictions[:, 1:].argmax(dim=1)


def _features(image: EncodedImage) -> ImageFeatures:
    final = image.tensors["final"]
    return ImageFeatures(final=final, early=final, skips=skips_of(image.tensors))
