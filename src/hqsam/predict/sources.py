"""Check the masks' source and the number of candidates against what the model has."""

from numbers import Integral
from typing import Any, cast

from hqsam.errors import OptionError
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import Candidates, Source


def check_source(source: str | None, config: ModelConfig) -> Source:
    """Return the source asked for, or the model's usual one.

    Raises:
        OptionError: the model has none of that name.
    """
    if source is None:
        return cast("Source", config.sources[0])
    if source in config.sources:
        return cast("Source", source)
    if source in ("sum", "hq"):
        raise OptionError(f'{config.name} is a plain SAM and has only source="sam"; load an HQ-SAM for {source!r}')
    raise OptionError(f"unknown source {source!r}; choose one of {', '.join(config.sources)}")


def check_candidates(candidates: Any) -> Candidates:
    """Return the choice of masks, if it is one.

    Raises:
        OptionError: it is neither 1 nor 3 nor "first".
    """
    if is_number_of_candidates(candidates) or (isinstance(candidates, str) and candidates == "first"):
        return candidates
    raise OptionError(
        f'candidates is {candidates!r}; choose 1 mask a prompt, or 3, or "first" for mask 0 without SAM 2\'s choice'
    )


def is_number_of_candidates(number: Any) -> bool:
    """Return True for 1, SAM's mask 0, and for 3, its masks 1 to 3."""
    return isinstance(number, Integral) and number in (1, 3)
