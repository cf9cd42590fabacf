"""Every prompt of a protocol for every object of an encoded image: the part that the model does, one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float32

from hqsam.evaluation.interactive import click_to_target
from hqsam.evaluation.prompt_protocols import (
    FramedTarget,
    InteractiveProtocol,
    PromptKind,
    TrackingProtocol,
    random_for,
)
from hqsam.model.hq_sam import Candidates, Source
from hqsam.predict.decode_prompts import decode_prompts
from hqsam.predict.result import Segmentation
from hqsam.predict.session import Session
from hqsam.prompts import Prompts, check_prompts

CandidateChoice = Literal["single", "best"]
"""SAM's mask 0, or the one of its three candidates that it predicts the highest IoU for (`multimask_output=True`)."""

_COUNTS: dict[CandidateChoice, Candidates] = {"single": 1, "best": 3}
_AT_ONCE = 64
"""Prompts in one batch: the logits of a large image's objects would fill the memory."""


@dataclass(frozen=True)
class PromptProtocol:
    """The prompts for every object, and which masks are taken for the answer."""

    prompt_kinds: tuple[PromptKind, ...]
    sources: tuple[Source, ...]
    candidates: CandidateChoice = "single"
    seed: int = 0


class Prediction(NamedTuple):
    """A predicted mask that has not been scored yet."""

    number: int
    """Number of the object that the mask is for."""
    source: str
    prompt: str
    trial: int
    logits: Float32[np.ndarray, "h w"]
    score: float
    ious: tuple[float, ...] = ()
    """The IoU after each click, where the prompt is interactive."""


def run_protocol(
    session: Session, sample: str, objects: Sequence[FramedTarget], protocol: PromptProtocol
) -> Iterator[Prediction]:
    """Yield a prediction for every prompt, trial, source and object; the prompts are the same for every source.

    Args:
        session: the encoded image.
        sample: its name, which random prompts depend on.
        objects: what is prompted for.
        protocol: the prompts.
    """
    for kind in protocol.prompt_kinds:
        assert not isinstance(kind, TrackingProtocol), "videos are followed by `follow_videos`"
        for trial in range(kind.trials):
            for source in protocol.sources:
                if isinstance(kind, InteractiveProtocol):
                    found = _interactive(session, objects, kind, source, protocol.candidates)
                else:
                    prompts = [
                        kind.draw(one, random_for(protocol.seed, sample, one.target.name, kind.name, str(trial)))
                        for one in objects
                    ]
                    found = _in_batches(session, prompts, source, protocol.candidates)
                for number, logits, score, ious in found:
                    yield Prediction(number, source, kind.name, trial, logits, score, ious)


_Found = Iterator[tuple[int, np.ndarray, float, tuple[float, ...]]]


def _interactive(
    session: Session,
    objects: Sequence[FramedTarget],
    kind: InteractiveProtocol,
    source: Source,
    candidates: CandidateChoice,
) -> _Found:
    def segment(**prompt: Any) -> Segmentation:
        return session.segment(**prompt, source=source, candidates=_COUNTS[candidates]).best()

    for number, one in enumerate(objects):
        result = click_to_target(segment, one.required_truth, kind.goal, kind.most_clicks)
        yield number, result.last.logits[0], float(result.last.scores[0]), result.ious


def _in_batches(
    session: Session, given: Sequence[dict[str, Any]], source: Source, candidates: CandidateChoice
) -> _Found:
    """Yield predictions for single prompts; those of one shape are decoded together."""
    prompts = [check_prompts(session.frame, session.engine.config.mask_size, **one) for one in given]
    for numbers, batch in Prompts.batches(prompts, _AT_ONCE):
        masks = decode_prompts(session.engine, session.encoded, batch, source, _COUNTS[candidates])
        for number, logits, scores in zip(numbers, masks.logits, masks.scores, strict=True):
            best = int(scores.argmax())
            yield number, logits[best].numpy(), float(scores[best]), ()
