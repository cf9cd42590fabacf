"""The engine of an exported folder: graphs encode and decode, in whatever runtime loaded them."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from hqsam.engines import EncodedImage, LoadedEngine
from hqsam.engines.exported.graph_file import GraphFolder
from hqsam.errors import OptionError
from hqsam.graphs.decoder import SOURCES
from hqsam.model.hq_sam import Candidates, MaskPrediction, Source
from hqsam.model.preprocess import Pixels, normalise_and_pad
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.prompts import BOX_END, PADDING


class ExportedEngine(LoadedEngine):
    """Encodes images one by one, and decodes all prompts of a batch together."""

    device = torch.device("cpu")

    def __init__(self, graphs: GraphFolder, runtime: str) -> None:
        """`runtime` names the runtime, and its precision where it has a choice."""
        self._graphs, self._runtime = graphs, runtime
        self.config = graphs.description.config
        self._process = os.getpid()
        self._digest = f"{runtime} {graphs.description.precision} {graphs.description.weights} {_made_how(graphs)}"

    def digest(self) -> str:
        return self._digest

    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
        return [self._encode(image) for image in images]

    def encoder_feeds(self, image: Pixels) -> dict[str, np.ndarray]:
        """Return the encoder's inputs for one prepared image."""
        if self._graphs.description.image_input == "image":  # which the graph finds to be of the right size already
            return {"image": np.ascontiguousarray(np.rint(image).astype(np.uint8))}
        return {"pixels": normalise_and_pad([image], self.config).numpy()}

    def _encode(self, image: Pixels) -> EncodedImage:
        self._check_process()
        encoder = self._graphs.encoder
        found = encoder.run(encoder.outputs, self.encoder_feeds(image))
        return EncodedImage({name: torch.from_numpy(x) for name, x in zip(encoder.outputs, found, strict=True)})

    def decode(
        self, image: EncodedImage, prompts: PromptBatch, source: Source = "sum", candidates: Candidates = 1
    ) -> MaskPrediction:
        self._check_process()
        rows, decoder = self._rows(candidates), self._graphs.decoder
        feeds = {name: tensor.numpy() for name, tensor in image.tensors.items()}
        feeds |= self._prompt_feeds(prompts) | self._source_feed(source)
        wanted = [name for name in ("logits", "scores", "object_scores") if name in decoder.outputs]
        known = {name: feeds[name] for name in decoder.inputs}
        logits, scores, *others = (torch.from_numpy(x) for x in decoder.run(wanted, known))
        logits, scores = logits[:, rows], scores[:, rows]
        if source == "hq":  # all are the HQ mask
            logits, scores = logits[:, :1], scores.amax(dim=1, keepdim=True)
        return MaskPrediction(logits, scores, *others)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise OptionError(
                "this process was forked from the one that opened the graphs, whose threads a fork does not copy: the "
                'runtime would wait for them for ever. Start processes by "spawn", or call hqsam.load in this one'
            )

    def _prompt_feeds(self, prompts: PromptBatch) -> dict[str, np.ndarray]:
        points, labels = prompts.points.float().numpy(), prompts.labels.numpy().astype(np.int64)
        if self.config.pad_boxes and labels.shape[1] and (labels[:, -1] == BOX_END).all():
            points = np.pad(points, ((0, 0), (0, 1), (0, 0)))
            labels = np.pad(labels, ((0, 0), (0, 1)), constant_values=PADDING)
        count, side = len(points), self.config.mask_size
        if prompts.mask_logits is None:
            masks, has_mask = np.zeros((count, 1, side, side), np.float32), np.zeros(count, np.float32)
        else:
            masks, has_mask = prompts.mask_logits.float().numpy(), np.ones(count, np.float32)
            if prompts.has_mask is not None:
                has_mask = prompts.has_mask.numpy().astype(np.float32)
        size = np.full(2, self.config.image_size, np.int64)  # so points, in the model's pixels, stay as they are
        return {"points": points, "labels": labels, "mask_input": masks, "has_mask": has_mask, "image_size": size}

    def _source_feed(self, source: Source) -> dict[str, np.ndarray]:
        fixed = self._graphs.description.source
        if fixed not in ("input", source):
            raise OptionError(
                f"this model was exported with --source {fixed} and cannot give {source!r}; take source={fixed!r} "
                f"(--source {fixed}), or export it without --source"
            )
        return {"source": np.array([SOURCES.index(source)])}

    def _rows(self, candidates: Candidates) -> slice:
        if candidates == "first":
            if self.config.decoder.least_stability:
                raise OptionError(
                    f'candidates="first" is SAM 2\'s mask 0 as it is, which graphs of {self.config.name} do not give; '
                    'take 1 or 3, or the checkpoint with backend="cpu"'
                )
            candidates = 1
        exported = self._graphs.description.candidates
        if exported not in ("all", str(candidates)):
            raise OptionError(
                f"this model was exported with --candidates {exported} and cannot give {candidates}; take "
                f"candidates={exported}, or export it without --candidates"
            )
        if exported != "all":
            return slice(None)
        return slice(0, 1) if candidates == 1 else slice(1, None)


def _made_how(graphs: GraphFolder) -> str:
    """Return a short digest of the choices that graphs of the same weights differ by."""
    described = sorted(replace(graphs.description, version="", licence="", notice="").to_metadata().items())
    # Which layers of int8 stay float depends on the photos of calibration, and shows in the size.
    path, is_int8 = graphs.encoder.path, graphs.description.precision == "int8"
    size = path.stat().st_size if is_int8 and path.exists() else 0
    return hashlib.sha256(f"{described} {size}".encode()).hexdigest()[:8]
