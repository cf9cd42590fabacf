"""Check the masks' source and the number of candidates against what the model has."""

from numbers import Integral
from typing import Any, cast

from hqsam.errors import OptionError
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import Source


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


def is_number_of_candidates(number: Any) -> bool:
    """Return True for 1, SAM's mask 0, and for 3, its masks 1 to 3."""
    return isinstance(number, Integral) and number in (1, 3)
