"""Choice of the model that `--model auto` stands for; it depends on the machine, so its reason is given with it."""

import os
from dataclasses import dataclass

from hqsam.errors import DownloadError, OutputError
from hqsam.paths import user_cache_folder
from hqsam.weights import cache
from hqsam.weights.download import fetch
from hqsam.weights.registry import CHECKPOINTS
from hqsam.weights.transfer import Progress

BEST_FIRST = ("vit_h", "vit_l", "vit_b", "vit_tiny")
"""Models by the paper's mean IoU over its four high-quality sets: 89.3, 89.1, 86.3 and 81.4 percent (its table 10)."""
SMALLEST, BUNDLED = "vit_tiny", "nano"


@dataclass(frozen=True)
class DefaultModel:
    """The name of a model for `hqsam.load`, and the reason for choosing it."""

    name: str
    reason: str


def choose_default_model(on_progress: Progress | None = None) -> DefaultModel:
    """Return `$HQSAM_MODEL`, else the best checkpoint in the cache, else `vit_tiny`, downloaded now, else `nano`.

    A missing network is noticed within three seconds.
    """
    chosen = _without_network() or _by_download(on_progress)
    return chosen if isinstance(chosen, DefaultModel) else _bundled(chosen)


def choose_default_model_offline() -> DefaultModel:
    """Return what `choose_default_model` would choose, as far as that is known without downloading anything."""
    if chosen := _without_network():
        return chosen
    if cache.is_offline():
        return _bundled("the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE")
    return DefaultModel(SMALLEST, f"{_to_download()} when first needed, or {BUNDLED} if there is no network")


def _without_network() -> DefaultModel | None:
    named = os.environ.get("HQSAM_MODEL", "").strip()
    if named not in ("", "auto"):
        return DefaultModel(named, "HQSAM_MODEL names it")
    here = cache.available_names()
    best = next((name for name in BEST_FIRST if name in here), None)
    return DefaultModel(best, f"the best checkpoint in {user_cache_folder()}") if best else None


def _by_download(on_progress: Progress | None) -> DefaultModel | str:
    """Return the small model once it is downloaded, or the reason why it cannot be."""
    if cache.is_offline():
        return "the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE"
    try:
        fetch(SMALLEST, on_progress)
    except (DownloadError, OutputError) as error:
        return str(error).partition("\n")[0].partition(". ")[0].rstrip(":.")  # its first sentence
    return DefaultModel(SMALLEST, _to_download())


def _to_download() -> str:
    megabytes = (CHECKPOINTS[SMALLEST].bytes or 0) / 1e6
    return f"the smallest official checkpoint ({megabytes:.0f} MB), downloaded"


def _bundled(cause: str) -> DefaultModel:
    return DefaultModel(BUNDLED, f"it comes with hqsam, no better one is in {user_cache_folder()}, and {cause}")
