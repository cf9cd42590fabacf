"""The quickest engine for a model on this processor: found by a short timing, and kept in the cache.

A table of ratios would be wrong on the next processor. The timing needs every engine built, which exports the model
and takes minutes for a large one, so that it happens only where a user asks for it: see `build.BACKENDS`.
"""

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from hqsam import storage
from hqsam.engines import Engine
from hqsam.engines.kernels.build import best_kernels
from hqsam.hardware import available_threads, cpu_name
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import Source
from hqsam.model.preprocess import prepare_image
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.paths import user_cache_folder
from hqsam.prompts import PADDING, POSITIVE
from hqsam.version import __version__

_ROUNDS, _CLICKS = 3, 4
_WINS_BY = 0.1
"""Another engine takes the place of the usual one only if it needs less time by more than this share of it."""
_PHOTO_HW = 768, 1024
_PACKAGES = ("torch", "onnxruntime", "openvino")


def time_engines(engines: Mapping[str, Engine], clock: Callable[[], float] = time.perf_counter) -> dict[str, float]:
    """Return the seconds that each engine takes for an image and four clicks, one by one.

    They take turns, so that whatever else runs slows all alike, and the best of three rounds counts; a round before
    them, in which memory is allocated and kernels are chosen, does not.

    Args:
        engines: engines of one model, by name.
        clock: the seconds of now.
    """
    best: dict[str, float] = {}
    for number in range(1 + _ROUNDS):
        for name, engine in engines.items():
            started = clock()
            _open_and_click(engine)
            seconds = clock() - started
            if number:
                best[name] = min(seconds, best.get(name, seconds))
    return best


def quickest(seconds: Mapping[str, float], usual: str) -> str:
    """Return the engine with the least seconds if it wins by more than a tenth, else the usual one."""
    name = min(seconds, key=lambda each: seconds[each])
    return name if seconds[name] < (1 - _WINS_BY) * seconds[usual] else usual


def keep_timing(config: ModelConfig, precision: torch.dtype, seconds: Mapping[str, float]) -> None:
    """Keep a timing in the cache.

    Raises:
        OutputError: it cannot be written.
    """
    key = _key(config, precision)
    storage.write_text(_path(key), json.dumps({"measured": key, "seconds": dict(seconds)}, indent=1) + "\n")


def kept_timing(config: ModelConfig, precision: torch.dtype) -> dict[str, float] | None:
    """Return the timing of a model on this processor, with these packages; None: there is none, or it is damaged."""
    try:
        kept = json.loads(_path(_key(config, precision)).read_text(encoding="utf-8"))
        return {str(name): float(seconds) for name, seconds in kept["seconds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _open_and_click(engine: Engine) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*_PHOTO_HW, 3), np.uint8)
    frame, pixels = prepare_image(photo, engine.config)
    [image] = engine.encode([pixels])
    source: Source = "sum" if engine.config.hq else "sam"
    height, width = frame.resized_hw
    for number in range(1, 1 + _CLICKS):
        share = number / (1 + _CLICKS)
        click = torch.tensor([[[share * width, share * height], [0.0, 0.0]]])
        engine.decode(image, PromptBatch(click, torch.tensor([[POSITIVE, PADDING]])), source, 1)


def _key(config: ModelConfig, precision: torch.dtype) -> dict[str, str]:
    versions = {name: _version(name) for name in _PACKAGES}
    threads = f"{torch.get_num_threads()} of {available_threads()}"
    machine = {"processor": cpu_name(), "threads": threads, "kernels": type(best_kernels(precision)).__name__}
    model = {"model": json.dumps(config.to_dict()), "precision": str(precision).removeprefix("torch.")}
    return {"hqsam": __version__, **versions, **machine, **model}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _path(key: Mapping[str, str]) -> Path:
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return user_cache_folder() / "timings" / f"{digest[:16]}.json"
