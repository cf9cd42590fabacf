"""Checkpoints from Hugging Face repos, downloaded by huggingface_hub into its own cache."""

import re
from contextlib import suppress
from pathlib import Path

from hqsam.errors import CheckpointError, DownloadError
from hqsam.weights import cache, connectivity
from hqsam.weights.read import SUFFIXES
from hqsam.weights.registry import hub_endpoint

_REPO = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
"""File names of a checkpoint in transformers, by preference."""


def is_repo(name_or_path: str) -> bool:
    """Return whether this could be the name of a repo, `owner/name`."""
    return _REPO.fullmatch(name_or_path) is not None and not name_or_path.endswith(SUFFIXES)


def fetch_repo(repo: str) -> Path:
    """Return the path of a repo's checkpoint, downloading it if need be; for shards it is their index.

    Raises:
        DownloadError: there is no network, it is forbidden, or there is no such repo.
        CheckpointError: the repo holds no checkpoint, or several.
    """
    endpoint = hub_endpoint()
    if cache.is_offline():
        return _from_cache(repo, "the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE")
    if not connectivity.is_reachable([endpoint]):
        return _from_cache(repo, f"there is no network: {connectivity.host_of(endpoint)} cannot be reached")
    return _download(repo, endpoint)


def choose_file(repo: str, names: list[str]) -> str:
    """Return the name of the file that holds a repo's checkpoint.

    Args:
        repo: the repo's name, for the message.
        names: the names of all its files.

    Raises:
        CheckpointError: there is none, or it is not clear which one it is.
    """
    for name in _FILES:
        if name in names:
            return name
    found = sorted(name for name in names if name.endswith(SUFFIXES))
    if len(found) != 1:
        what = f"several checkpoints ({', '.join(found)}); fetch one and give its path" if found else "no checkpoint"
        raise CheckpointError(f"the Hugging Face repo {repo} holds {what}")
    return found[0]


def _download(repo: str, endpoint: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    try:
        chosen = choose_file(repo, HfApi(endpoint=endpoint).list_repo_files(repo))
        return Path(snapshot_download(repo, allow_patterns=_patterns(chosen), endpoint=endpoint)) / chosen
    except CheckpointError:
        raise
    except Exception as error:  # its HTTP library, and so its errors, differ between releases
        reason = str(error).strip().partition("\n")[0]
        raise DownloadError(
            f"there is no file {repo}, and no such Hugging Face repo could be fetched: {reason}"
        ) from error


def _from_cache(repo: str, reason: str) -> Path:
    """Return what an earlier call downloaded. The repo's file list is not known offline, so every kind is tried."""
    from huggingface_hub import snapshot_download

    for wanted in (*_FILES, *(f"*{suffix}" for suffix in SUFFIXES)):
        with suppress(FileNotFoundError):
            folder = Path(snapshot_download(repo, allow_patterns=_patterns(wanted), local_files_only=True))
            if found := sorted(folder.rglob(wanted)):
                return found[0]
    raise DownloadError(f"there is no file {repo}; no Hugging Face repo of that name is here, and {reason}")


def _patterns(name: str) -> list[str]:
    return [name, "config.json", *(["*.safetensors"] if name.endswith(".index.json") else [])]
