"""The model tuned to processors: what `backend="auto"` takes on a CPU. `engines/torch.py` is its plain twin."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from hqsam.engines import EncodedImage, LoadedEngine, ObjectMasks, SelectedMasks, in_batches
from hqsam.engines.attention import CPU_OPS
from hqsam.engines.fused.decoder import DecoderState, FusedDecoder, SharedImage
from hqsam.engines.fused.layers import fuse_encoder, fuse_layers
from hqsam.engines.inference import inference_copy, inference_state
from hqsam.engines.kernels import Kernels
from hqsam.engines.memory import RemembersVideos, best_of_three
from hqsam.engines.selection import MaskSelection, select_masks
from hqsam.freed_memory import FreedMemory, keep_freed_memory
from hqsam.hardware import use_one_thread_after_forks
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.features import skips_of
from hqsam.model.hq_sam import Candidates, HQSam, MaskPrediction, Source
from hqsam.model.mask_decoder import steady_masks
from hqsam.model.preprocess import Pixels
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.digest import digest_of_model


class CpuEngine(RemembersVideos, LoadedEngine):
    """Encodes in one precision; decodes with the projections of the image folded into the tokens.

    The operations between the matrix products are left to the kernels. With `int8`, those of the encoder multiply
    bytes. The model is copied, and what can be shared with it is.
    """

    device = torch.device("cpu")

    def __init__(self, model: HQSam, precision: torch.dtype, kernels: Kernels, int8: bool = False) -> None:
        keep_freed_memory()
        self.freed = FreedMemory()
        use_one_thread_after_forks()
        self.config, self.precision, self.kernels = model.config, precision, kernels
        # Of the weights as they were given: how they are packed depends on the machine's kernels.
        self._digest = f"cpu {'int8 ' * int8}{precision} {digest_of_model(model)}".replace("torch.", "")
        model = inference_copy(model)
        self.decoder = FusedDecoder(model, precision, kernels)
        fuse_encoder(model.image_encoder, self.config, precision, kernels, int8)
        for part in model.hq.image_modules() if model.hq else ():
            fuse_layers(part, precision, kernels)
        self.model = model.in_precision(precision)
        if self.model.memory:
            set_attention_ops(self.model.memory, CPU_OPS)

    def digest(self) -> str:
        return self._digest

    @inference_state()
    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        encoded = in_batches(images, self.config, self._encode)
        self.freed.after(len(images))
        return encoded

    def _encode(self, images: list[Pixels]) -> list[EncodedImage]:
        batch = self.kernels.normalise_and_pad(images, self.config, self.precision)
        features = self.model.encode_image(batch)
        parts: dict[str, Tensor | None] = {**features.to_tensors(), "hq_features": self.model.hq_features(features)}
        del parts["early"]
        return EncodedImage.from_batch({name: _channels_last(part) for name, part in parts.items()})

    @inference_state()
    def decode(
        self, image: EncodedImage, prompts: PromptBatch, source: Source = "sum", candidates: Candidates = 1
    ) -> MaskPrediction:
        shared = self._shared(image)
        state = self.decoder.run_transformer(shared, prompts, with_hq=source != "sam")
        chosen = self._candidates(shared, state, candidates)
        scores = state.iou_predictions.gather(1, chosen)
        prompt = torch.arange(len(prompts))
        if source == "hq":
            logits = self.decoder.masks(shared, state, True, prompt)
            return MaskPrediction(logits[:, None], scores.amax(dim=1, keepdim=True), state.object_scores)
        each = prompt.repeat_interleave(scores.shape[1])
        logits = self.decoder.masks(shared, state, source == "sum", each, chosen.flatten())
        return MaskPrediction(logits.unflatten(0, scores.shape), scores, state.object_scores)

    def _candidates(
        self, image: SharedImage, state: DecoderState, candidates: Candidates
    ) -> Int[Tensor, "prompt candidate"]:
        """Return the numbers of SAM's masks that answer each prompt."""
        iou, least = state.iou_predictions, self.config.decoder.least_stability
        if candidates not in (1, "first"):
            return torch.arange(1, int(candidates) + 1).expand(len(iou), -1)
        first = torch.zeros(len(iou), dtype=torch.int64)
        if not least or candidates == "first":
            return first[:, None]
        logits = self.decoder.masks(image, state, False, torch.arange(len(iou)), first)
        return steady_masks(logits, iou, least)[:, None]

    @inference_state()
    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """Decode ambiguous prompts; what fails `least_score` is dropped before any of its pixels is made."""
        shared = self._shared(image)
        state = self.decoder.run_transformer(shared, prompts, with_hq=source != "sam")
        selected = select_masks(state.iou_predictions[:, 1:], "best" if source == "hq" else selection, least_score)
        candidate = None if source == "hq" else selected.candidate
        logits = self.decoder.masks(shared, state, source != "sam", selected.prompt, candidate)
        return SelectedMasks(logits, selected.scores, selected.prompt, selected.candidate)

    @inference_state()
    def point_at_masks(self, image: EncodedImage, masks: Tensor, source: Source) -> Tensor:
        alone, prompts = self._alone(image), self._prompts_of_masks(masks)
        state = self.decoder.run_transformer(self._shared(alone), prompts, with_hq=source != "sam")
        assert state.object_scores is not None
        return self._memory.pointers(state.mask_tokens[:, 0], state.object_scores).float()

    @inference_state()
    def decode_objects(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, memory_source: Source, ambiguous: bool
    ) -> ObjectMasks:
        shared, rows = self._shared(image), torch.arange(len(prompts))
        state = self.decoder.run_transformer(shared, prompts, with_hq=source != "sam")
        iou = state.iou_predictions
        chosen = best_of_three(iou) if ambiguous else self._candidates(shared, state, 1)[:, 0]

        def make(of: Source, candidate: Tensor) -> Tensor:
            return self.decoder.masks(shared, state, of != "sam", rows, None if of == "hq" else candidate)

        tokens = state.mask_tokens[rows, chosen] if ambiguous else state.mask_tokens[:, 0]
        known = iou[:, 1:] if ambiguous else iou[rows, chosen, None]
        assert state.object_scores is not None
        return self._object_masks(make, chosen, tokens, known, state.object_scores, (source, memory_source))

    def _shared(self, image: EncodedImage) -> SharedImage:
        tensors = image.tensors
        return self.decoder.share(tensors["final"], tensors.get("hq_features"), skips_of(tensors))


def _channels_last(x: Tensor | None) -> Tensor | None:
    return None if x is None else x.contiguous(memory_format=torch.channels_last)
