"""All questions about the objects of one encoded image: what is slow and must go through the model one at a time."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float32

from hqsam.evaluation.interactive import click_to_target
from hqsam.evaluation.questions import Asking, Conversation, Shown, random_for
from hqsam.predict.result import Segmentation
from hqsam.predict.session import Session

Reading = Literal["single", "best"]
"""SAM's mask 0, or of its three readings the one with the highest predicted IoU (official `multimask_output=True`)."""

_AT_ONCE = 64
"""Prompts in one call: coarse masks of a large photo's objects would fill the memory."""


@dataclass(frozen=True)
class Interview:
    """What is asked about every object."""

    questions: tuple[Asking, ...]
    sources: tuple[str, ...]
    reading: Reading = "single"
    seed: int = 0


class Reply(NamedTuple):
    """An answer before it is measured."""

    number: int
    """Which of the objects it is about."""
    source: str
    prompt: str
    trial: int
    logits: Float32[np.ndarray, "h w"]
    score: float
    ious: tuple[float, ...] = ()


def ask(session: Session, case: str, objects: Sequence[Shown], interview: Interview) -> Iterator[Reply]:
    """Ask all questions about all objects; the same prompts for every source."""
    for question in interview.questions:
        for trial in range(question.trials):
            for source in interview.sources:
                segment = partial(_segment, session, interview.reading, source)
                for number, logits, score, ious in _ask(segment, question, objects, _randoms(interview, case, trial)):
                    yield Reply(number, source, question.name, trial, logits, score, ious)


def _segment(session: Session, reading: Reading, source: str, **prompt: Any) -> Segmentation:
    answer = session.segment(**prompt, source=source, candidates=1 if reading == "single" else 3)
    return answer.best()


_RandomFor = Callable[[Shown, Asking], np.random.Generator]
_Answered = tuple[int, np.ndarray, float, tuple[float, ...]]


def _randoms(interview: Interview, case: str, trial: int) -> _RandomFor:
    return lambda one, question: random_for(interview.seed, case, one.target.name, question.name, str(trial))


def _ask(
    segment: Callable[..., Segmentation], question: Asking, objects: Sequence[Shown], random: _RandomFor
) -> Iterator[_Answered]:
    if isinstance(question, Conversation):
        return _converse(segment, question, objects)
    return _ask_at_once(segment, [question.draw(one, random(one, question)) for one in objects])


def _converse(
    segment: Callable[..., Segmentation], question: Conversation, objects: Sequence[Shown]
) -> Iterator[_Answered]:
    for number, one in enumerate(objects):
        talk = click_to_target(segment, one.known_truth, question.goal, question.most_clicks)
        yield number, talk.last.logits[0], float(talk.last.scores[0]), talk.ious


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
