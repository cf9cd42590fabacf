"""Checkpoints from Hugging Face repos, through huggingface_hub, into its own cache."""

import os
import re
from pathlib import Path

from hqsam.errors import CheckpointError, DownloadError
from hqsam.weights import cache, network
from hqsam.weights.registry import HUB

_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
"""In this order, what transformers calls a checkpoint."""
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def is_repo(source: str) -> bool:
    """Whether this could be the name of a repo, `owner/name`."""
    return _REPO.fullmatch(source) is not None and not source.endswith(_SUFFIXES)


def fetch_repo(repo: str) -> Path:
    """The checkpoint of a repo, as a file or as a folder of shards, fetched if it is not here.

    Raises:
        DownloadError: there is no network, it is forbidden, or there is no such repo.
        CheckpointError: the repo holds no checkpoint, or several.
    """
    folder = _snapshot(repo)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    return folder / choose_file(repo, names)


def choose_file(repo: str, names: list[str]) -> str:
    """Which of a repo's files is the checkpoint.

    Raises:
        CheckpointError: none, or it is not clear which.
    """
    for name in _FILES:
        if name in names:
            return name
    found = sorted(name for name in names if name.endswith(_SUFFIXES))
    if len(found) != 1:
        what = f"several checkpoints ({', '.join(found)}); fetch one and give its path" if found else "no checkpoint"
        raise CheckpointError(f"the Hugging Face repo {repo} holds {what}")
    return found[0]


def _snapshot(repo: str) -> Path:
    """The folder of the repo's files on this machine: fetched, or without a network what is here already."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB
    if cache.is_offline():
        return _snapshot_here(repo, "the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE")
    if not network.is_reachable([endpoint]):
        return _snapshot_here(repo, f"there is no network: {network.host_of(endpoint)} cannot be reached")
    from huggingface_hub import HfApi, snapshot_download

    try:
        chosen = choose_file(repo, HfApi(endpoint=endpoint).list_repo_files(repo))
        shards = ["*.safetensors"] if chosen.endswith(".index.json") else []
        return Path(snapshot_download(repo, allow_patterns=[chosen, "config.json", *shards], endpoint=endpoint))
    except CheckpointError:
        raise
    except Exception as error:  # its HTTP library, and so its errors, differ between releases
        reason = str(error).strip().partition("\n")[0]
        raise DownloadError(
            f"there is no file {repo}, and no such Hugging Face repo could be fetched: {reason}"
        ) from error


def _snapshot_here(repo: str, why: str) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo, local_files_only=True))
    except FileNotFoundError as error:
        raise DownloadError(f"there is no file {repo}; no Hugging Face repo of that name is here, and {why}") from error
