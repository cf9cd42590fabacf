"""Loading of models by name, file, folder or Hugging Face repo: strict, and without running code from the file."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hqsam.errors import CheckpointError, OptionError
from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam
from hqsam.weights import hub
from hqsam.weights.download import fetch
from hqsam.weights.identify import Identified, identify
from hqsam.weights.read import SUFFIXES, read_checkpoint
from hqsam.weights.registry import CHECKPOINTS, find
from hqsam.weights.transfer import Progress


def load_model(name_or_path: str | Path, model: str | None = None, on_progress: Progress | None = None) -> HQSam:
    """Load a model in float32, on the CPU, ready to predict.

    Args:
        name_or_path: a name of the table (fetched if need be), a checkpoint file (official naming, transformers' or
            ours), a folder with one, or a Hugging Face repo as `owner/name`. The file says which model it is.
        model: the name of the model that it must be; any, if None.
        on_progress: called while a download runs.

    Returns:
        The model, whose values stay on the disk until they are used.

    Raises:
        OptionError: nothing has that name.
        CheckpointError: the file is damaged, unsafe, of another model, or has a tensor too many or too few.
        DownloadError: it is not here and cannot be fetched.
    """
    if model is not None and model not in MODELS:
        raise OptionError(f"there is no model named {model!r}; known: {', '.join(MODELS)}")
    path = locate(name_or_path, on_progress)
    if model is None and str(name_or_path) in CHECKPOINTS:
        model = str(name_or_path)
    return _with_tensors(identify(read_checkpoint(path), model))


def check_name(name: Any) -> None:
    """Refuse a value that cannot name a model, before anything is looked for.

    Raises:
        OptionError: it is empty, or neither text nor a path.
    """
    if not isinstance(name, str | Path) or not str(name).strip():
        raise OptionError(
            f"the model is {name!r}; give a name, such as nano (hqsam weights list has them all), a checkpoint file, "
            "or a Hugging Face repo as owner/name"
        )


def locate(name_or_path: str | Path, on_progress: Progress | None = None) -> Path:
    """Return the path of a checkpoint on this machine, downloading it if need be; arguments as of `load_model`.

    Raises:
        OptionError: nothing has that name.
        CheckpointError: there is no such file.
        DownloadError: it is not here and cannot be fetched.
    """
    check_name(name_or_path)
    if isinstance(name_or_path, str) and name_or_path in CHECKPOINTS:
        return fetch(name_or_path, on_progress)
    path = Path(name_or_path).expanduser()
    if path.exists():
        return path
    if isinstance(name_or_path, str) and hub.is_repo(name_or_path):
        return hub.fetch_repo(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix in SUFFIXES or re.search(r"[/\\]", name_or_path):
        raise CheckpointError(f"there is no file {path}")
    return fetch(find(name_or_path).name)  # which explains what names there are


def _with_tensors(identified: Identified) -> HQSam:
    """Put the file's tensors into the model without values: nothing is initialised, and nothing is copied."""
    model = identified.empty_model
    model.load_state_dict({key: _as_float32(value) for key, value in identified.tensors.items()}, assign=True)
    return model.eval()


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.to(torch.float32) if tensor.is_floating_point() else tensor
