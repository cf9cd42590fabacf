"""Recognising the model in a file, and checking that the file holds all of it and nothing else."""

import dataclasses
import json
from collections.abc import Mapping

from torch import Tensor

from hqsam.errors import CheckpointError
from hqsam.model.config import MODELS, ModelConfig
from hqsam.model.encoders import FAMILIES
from hqsam.model.hq_sam import HQSam
from hqsam.weights.keys import Naming, Sorted, names_in, to_ours
from hqsam.weights.meta_model import meta_model
from hqsam.weights.read import StoredCheckpoint
from hqsam.weights.transformers_config import from_transformers

_MALFORMED = (ValueError, TypeError, LookupError, AttributeError, ZeroDivisionError)
"""Errors that Python raises over a config whose values are of the wrong kind."""


@dataclasses.dataclass(frozen=True)
class Identified:
    """A file's tensors under our names, which fit the model exactly."""

    config: ModelConfig
    tensors: Mapping[str, Tensor]
    unused: Mapping[str, Tensor]
    """Tensors of the file that our model does not use, their names prefixed with `unused.`."""
    empty_model: HQSam
    """The model, on the meta device: shapes without values."""


def identify(stored: StoredCheckpoint, model: str | None = None) -> Identified:
    """Find out which model it is, and check every tensor.

    Raises:
        CheckpointError: it is not `model`, or a tensor is missing, surplus or of a wrong shape.
    """
    found = to_ours(stored.tensors, stored.naming)
    config = _config_of(stored, found)
    if model is not None and config.name != model:
        raise CheckpointError(f"{stored.path} is not {model}: {_what_else(config, model)}")
    try:
        empty_model = meta_model(config)
    except (*_MALFORMED, RuntimeError, AssertionError) as error:
        raise CheckpointError(f"{stored.path} describes a model that cannot be built: {error}") from error
    _require_fit(stored, found, empty_model)
    return Identified(config, found.ours, found.unused, empty_model)


def _config_of(stored: StoredCheckpoint, found: Sorted) -> ModelConfig:
    if stored.naming == "hqsam":
        try:
            return ModelConfig.from_dict(json.loads(stored.header["config"]))
        except _MALFORMED as error:
            raise CheckpointError(f"{stored.path} has no readable config in its header: {error!r}") from error
    if stored.transformers_config is None:
        return _config_by_shapes(stored, found)
    try:
        config = from_transformers(stored.transformers_config)
    except _MALFORMED as error:
        raise CheckpointError(f"the config.json beside {stored.path} cannot be understood: {error!r}") from error
    return _named(config)


def _named(config: ModelConfig) -> ModelConfig:
    """Return the row of the table that is equal but for its name, if there is one."""
    for row in MODELS.values():
        memory = row.memory if config.memory else None  # files of Sam2Model have none
        if dataclasses.replace(row, memory=memory) == dataclasses.replace(config, name=row.name):
            return dataclasses.replace(row, memory=memory)
    return config


def _config_by_shapes(stored: StoredCheckpoint, found: Sorted) -> ModelConfig:
    """Return the row of the table whose encoder is as wide and as deep."""
    ours = found.ours
    outlines = [known for family in FAMILIES.values() if (known := family.outline(ours)) is not None]
    has_hq = any(key.startswith("hq.") for key in ours)
    memory = memory_version(ours)
    for config in MODELS.values():
        same_memory = memory is None or _version(config) == memory
        if config.encoder.outline in outlines and (config.hq is not None) == has_hq and same_memory:
            # A file may hold what images need alone.
            return config if memory else dataclasses.replace(config, memory=None)
    if not any(key.startswith("image_encoder.") for key in ours):
        raise CheckpointError(
            f"{stored.path} has no image encoder; it is a part of a model, to be merged with its SAM checkpoint"
        )
    said = ", ".join(map(str, outlines)) or "of a family that we do not know"
    raise CheckpointError(f"{stored.path} is of no model that we know: its encoder has widths and depths {said}")


def memory_version(ours: Mapping[str, Tensor]) -> tuple[bool, bool] | None:
    """Return what tells SAM 2.1's memory from SAM 2's: whether tensors, under our names, have a map for absent objects,
    and times of pointers; None if there is no memory at all."""
    if not any(key.startswith("memory.attention.") for key in ours):
        return None
    return "memory.absent_map" in ours, "memory.pointer_times.weight" in ours


def _version(config: ModelConfig) -> tuple[bool, bool] | None:
    return (config.memory.absent_object_map, config.memory.pointer_times) if config.memory else None


def _what_else(found: ModelConfig, wanted: str) -> str:
    row = MODELS.get(wanted)
    if row and row.hq and not found.hq:
        train = ", or train an HQ decoder on it" if found.encoder == row.encoder else ""
        return f"this is a plain SAM checkpoint; load it as {found.name}{train}"
    if row and found.hq and not row.hq:
        return f"it has an HQ decoder; load it as {found.name}, and ask for source='sam' to get plain SAM's masks"
    return f"it holds {found.name}; load it as that"


def _require_fit(stored: StoredCheckpoint, found: Sorted, empty_model: HQSam) -> None:
    expected = empty_model.state_dict()
    missing = [key for key in expected if key not in found.ours]
    surplus = [key for key in found.ours if key not in expected]
    misshapen = [key for key in expected if key in found.ours and found.ours[key].shape != expected[key].shape]
    problems = [
        _listed("missing", [name for key in missing for name in _names(stored.naming, key)]),
        _listed("surplus", [*found.unknown, *(name for key in surplus for name in _names(stored.naming, key))]),
        _listed("misshapen", [_two_shapes(stored.naming, key, found.ours[key], expected[key]) for key in misshapen]),
    ]
    if any(problems):
        cause = _likely_cause([*found.unknown, *surplus], missing, misshapen)
        raise CheckpointError(
            f"{stored.path} does not fit {empty_model.config.name}: "
            f"{'; '.join(problem for problem in problems if problem)}. {cause}"
        )


def _likely_cause(surplus: list[str], missing: list[str], misshapen: list[str]) -> str:
    if any("lora" in key.lower() or "adapter" in key.lower() for key in surplus):
        return "It was tuned with adapters: merge them into the weights first"
    if "image_encoder.positions" in misshapen:
        return "It was probably trained at another image size"
    if missing and all(key.startswith("memory.") for key in missing):
        return "Its memory of videos is incomplete; fetch it again, or load a file for images alone"
    if missing and all(key.startswith("hq.") for key in missing):
        return "Its HQ decoder is incomplete; train one on the SAM part, or fetch the file again"
    if missing:
        return "It is probably a part of a checkpoint, or damaged; fetch it again"
    return "It is probably of a modified model"


def _listed(what: str, keys: list[str]) -> str:
    shown = ", ".join(keys[:6]) + (f", … ({len(keys)} in all)" if len(keys) > 6 else "")
    return f"{what}: {shown}" if keys else ""


def _two_shapes(naming: Naming, key: str, found: Tensor, expected: Tensor) -> str:
    return f"{_names(naming, key)[0]} is {list(found.shape)}, expected {list(expected.shape)}"


def _names(naming: Naming, key: str) -> list[str]:
    """Return the file's names for a parameter of ours."""
    return [key] if naming == "hqsam" else names_in(naming, key)
