"""All questions about the objects of one encoded image: what is slow and must go through the model one at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float32

from hqsam.evaluation.interactive import click_to_target
from hqsam.evaluation.prompt_protocols import FramedTarget, InteractiveProtocol, PromptKind, random_for
from hqsam.predict.result import Segmentation
from hqsam.predict.session import Session

CandidateChoice = Literal["single", "best"]
"""SAM's mask 0, or of its three readings the one with the highest predicted IoU (official `multimask_output=True`)."""

_AT_ONCE = 64
"""Prompts in one call: coarse masks of a large photo's objects would fill the memory."""


@dataclass(frozen=True)
class PromptProtocol:
    """What is asked about every object."""

    prompt_kinds: tuple[PromptKind, ...]
    sources: tuple[str, ...]
    candidates: CandidateChoice = "single"
    seed: int = 0


class Prediction(NamedTuple):
    """An answer before it is measured."""

    number: int
    """Which of the objects it is about."""
    source: str
    prompt: str
    trial: int
    logits: Float32[np.ndarray, "h w"]
    score: float
    ious: tuple[float, ...] = ()


def ask(
    session: Session, sample: str, objects: Sequence[FramedTarget], protocol: PromptProtocol
) -> Iterator[Prediction]:
    """Ask all questions about all objects; the same prompts for every source."""
    for prompt_kind in protocol.prompt_kinds:
        for trial in range(prompt_kind.trials):
            for source in protocol.sources:
                segment = partial(_segment, session, protocol.candidates, source)
                for number, logits, score, ious in _ask(
                    segment, prompt_kind, objects, _randoms(protocol, sample, trial)
                ):
                    yield Prediction(number, source, prompt_kind.name, trial, logits, score, ious)


def _segment(session: Session, candidates: CandidateChoice, source: str, **prompt: Any) -> Segmentation:
    answer = session.segment(**prompt, source=source, candidates=1 if candidates == "single" else 3)
    return answer.best()


_RandomFor = Callable[[FramedTarget, PromptKind], np.random.Generator]
_Answered = tuple[int, np.ndarray, float, tuple[float, ...]]


def _randoms(protocol: PromptProtocol, sample: str, trial: int) -> _RandomFor:
    return lambda one, prompt_kind: random_for(protocol.seed, sample, one.target.name, prompt_kind.name, str(trial))


def _ask(
    segment: Callable[..., Segmentation], prompt_kind: PromptKind, objects: Sequence[FramedTarget], random: _RandomFor
) -> Iterator[_Answered]:
    if isinstance(prompt_kind, InteractiveProtocol):
        return _converse(segment, prompt_kind, objects)
    return _ask_at_once(segment, [prompt_kind.draw(one, random(one, prompt_kind)) for one in objects])


def _converse(
    segment: Callable[..., Segmentation], prompt_kind: InteractiveProtocol, objects: Sequence[FramedTarget]
) -> Iterator[_Answered]:
    for number, one in enumerate(objects):
        result = click_to_target(segment, one.required_truth, prompt_kind.goal, prompt_kind.most_clicks)
        yield number, result.last.logits[0], float(result.last.scores[0]), result.ious


def _ask_at_once(segment: Callable[..., Segmentation], prompts: Sequence[dict[str, Any]]) -> Iterator[_Answered]:
    """Prompts of one shape go to the decoder together."""
    for numbers in _alike(prompts):
        for start in range(0, len(numbers), _AT_ONCE):
            some = numbers[start : start + _AT_ONCE]
            answer = segment(**_stacked([prompts[number] for number in some]))
            for number, logits, score in zip(some, answer.logits, answer.scores, strict=True):
                yield number, logits, float(score), ()


def _alike(prompts: Sequence[dict[str, Any]]) -> list[list[int]]:
    groups: dict[Any, list[int]] = defaultdict(list)
    for number, prompt in enumerate(prompts):
        groups[tuple((name, np.shape(part)) for name, part in prompt.items())].append(number)
    return list(groups.values())


def _stacked(prompts: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    parts = {name: np.stack([prompt[name] for prompt in prompts]) for name in prompts[0]}
    return {"boxes" if name == "box" else name: part for name, part in parts.items()}
