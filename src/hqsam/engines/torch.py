"""The model as PyTorch runs it, on any device: the plain twin of the engines that are tuned to one."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hqsam.engines import EncodedImage, LoadedEngine, ObjectMasks, SelectedMasks, in_batches
from hqsam.engines.attention import CPU_OPS
from hqsam.engines.inference import inference_copy, inference_state
from hqsam.engines.memory import RemembersVideos, best_of_three
from hqsam.engines.selection import MaskSelection, select_masks
from hqsam.hardware import use_one_thread_after_forks
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.features import ImageFeatures, skips_of
from hqsam.model.hq_sam import Candidates, HQSam, MaskPrediction, Source, fill_square
from hqsam.model.mask_decoder import steady_masks
from hqsam.model.preprocess import Pixels, normalise_and_pad
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.weights.digest import digest_of_model


class TorchEngine(RemembersVideos, LoadedEngine):
    """Encodes and decodes in one precision on one device, with a copy of the model."""

    def __init__(self, model: HQSam, device: torch.device, precision: torch.dtype) -> None:
        use_one_thread_after_forks()
        self.config, self.device, self.precision = model.config, device, precision
        self.model = inference_copy(model).to(device).in_precision(precision)
        set_attention_ops(self.model, CPU_OPS)

    def digest(self) -> str:
        return f"torch {digest_of_model(self.model)}"

    @inference_state()
    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        return in_batches(images, self.config, self._encode)

    def _encode(self, images: list[Pixels]) -> list[EncodedImage]:
        batch = normalise_and_pad(images, self.config)
        if self.device.type == "cuda":
            batch = batch.pin_memory()  # so that it travels while other work is done
        features = self.model.encode_image(batch.to(self.device, self.precision, non_blocking=True))
        hq_features = self.model.hq_features(features)
        tensors = {name: part.contiguous() for name, part in features.to_tensors().items() if name != "early"}
        return EncodedImage.from_batch({**tensors, "hq_features": hq_features})

    @inference_state()
    def decode(
        self, image: EncodedImage, prompts: PromptBatch, source: Source = "sum", candidates: Candidates = 1
    ) -> MaskPrediction:
        prompts, hq_features = prompts.to(self.device, self.precision), image.tensors.get("hq_features")
        prediction = self.model.decode(_features(image), prompts, source, candidates, hq_features)
        return prediction.map(lambda part: part.float().cpu())

    @inference_state()
    def decode_selected(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, selection: MaskSelection, least_score: float
    ) -> SelectedMasks:
        """Decode ambiguous prompts; what fails `least_score` is dropped before any of its pixels is made."""
        model, prompts = self.model, prompts.to(self.device, self.precision)
        features = _features(image)
        state = model.run_transformer(features, prompts, with_hq=source != "sam")
        scores = state.iou_predictions[:, 1:].float()
        selected = select_masks(scores, "best" if source == "hq" else selection, least_score)
        asked, row = selected.prompt.unique(return_inverse=True)
        mask_inputs = model.mask_decoder.mask_inputs(state.select(asked), features.skips)
        masks = []
        if source != "hq":
            candidates = model.mask_decoder.masks(mask_inputs, 1, self.config.decoder.candidates)
            masks.append(candidates[row, selected.candidate - 1])
        if source != "sam":
            masks.append(model.hq_masks(mask_inputs, image.tensors.get("hq_features"))[row, 0])
        logits = fill_square(torch.stack(masks).sum(dim=0).float(), self.config)
        return SelectedMasks(*(part.cpu() for part in (logits, selected.scores, selected.prompt, selected.candidate)))

    @inference_state()
    def point_at_masks(self, image: EncodedImage, masks: Tensor, source: Source) -> Tensor:
        prompts = self._prompts_of_masks(masks).to(self.device, self.precision)
        state = self.model.run_transformer(_features(self._alone(image)), prompts, with_hq=source != "sam")
        assert state.object_scores is not None
        return self._memory.pointers(state.mask_tokens[:, 0], state.object_scores).float().cpu()

    @inference_state()
    def decode_objects(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, memory_source: Source, ambiguous: bool
    ) -> ObjectMasks:
        model, prompts = self.model, prompts.to(self.device, self.precision)
        state = model.run_decoder(_features(image), prompts, with_hq=source != "sam")
        every, iou = model.mask_decoder.masks(state, 0, state.iou_predictions.shape[1] - 1), state.iou_predictions
        rows = torch.arange(len(prompts), device=self.device)
        least = self.config.decoder.least_stability
        chosen = best_of_three(iou) if ambiguous else steady_masks(every[:, 0], iou, least) if least else 0 * rows

        def make(of: Source, candidate: Tensor) -> Tensor:
            masks = [] if of == "hq" else [every[rows, candidate]]
            if of != "sam":
                masks.append(model.hq_masks(state, image.tensors.get("hq_features"))[:, 0])
            return fill_square(torch.stack(masks).sum(dim=0).float(), self.config)

        tokens = state.mask_tokens[rows, chosen] if ambiguous else state.mask_tokens[:, 0]
        known = iou[:, 1:] if ambiguous else iou[rows, chosen, None]
        assert state.object_scores is not None
        return self._object_masks(make, chosen, tokens, known, state.object_scores, (source, memory_source))


def _features(image: EncodedImage) -> ImageFeatures:
    """The decoder's input; it never looks at the early features, which are in the HQ features."""
    return ImageFeatures(final=image.tensors["final"], early=None, skips=skips_of(image.tensors))
