"""Checkpoints from Hugging Face repos, through huggingface_hub, into its own cache."""

import re
from contextlib import suppress
from pathlib import Path

from hqsam.errors import CheckpointError, DownloadError
from hqsam.weights import cache, connectivity
from hqsam.weights.registry import hub_endpoint

_REPO = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
"""In this order, what transformers calls a checkpoint."""
_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def is_repo(name_or_path: str) -> bool:
    """Whether this could be the name of a repo, `owner/name`."""
    return _REPO.fullmatch(name_or_path) is not None and not name_or_path.endswith(_SUFFIXES)


def fetch_repo(repo: str) -> Path:
    """The checkpoint of a repo, fetched if it is not here; of shards, their index.

    Raises:
        DownloadError: there is no network, it is forbidden, or there is no such repo.
        CheckpointError: the repo holds no checkpoint, or several.
    """
    endpoint = hub_endpoint()
    if cache.is_offline():
        return _already_here(repo, "the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE")
    if not connectivity.is_reachable([endpoint]):
        return _already_here(repo, f"there is no network: {connectivity.host_of(endpoint)} cannot be reached")
    return _fetched(repo, endpoint)


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


def _fetched(repo: str, endpoint: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    try:
        chosen = choose_file(repo, HfApi(endpoint=endpoint).list_repo_files(repo))
        return Path(snapshot_download(repo, allow_patterns=_together_with(chosen), endpoint=endpoint)) / chosen
    except CheckpointError:
        raise
    except Exception as error:  # its HTTP library, and so its errors, differ between releases
        reason = str(error).strip().partition("\n")[0]
        raise DownloadError(
            f"there is no file {repo}, and no such Hugging Face repo could be fetched: {reason}"
        ) from error


def _already_here(repo: str, why: str) -> Path:
    """What an earlier call fetched. We do not know what else the repo holds, so every kind is looked for."""
    from huggingface_hub import snapshot_download

    for wanted in (*_FILES, *(f"*{suffix}" for suffix in _SUFFIXES)):
        with suppress(FileNotFoundError):
            folder = Path(snapshot_download(repo, allow_patterns=_together_with(wanted), local_files_only=True))
            if found := sorted(folder.rglob(wanted)):
                return found[0]
    raise DownloadError(f"there is no file {repo}; no Hugging Face repo of that name is here, and {why}")


def _together_with(name: str) -> list[str]:
    return [name, "config.json", *(["*.safetensors"] if name.endswith(".index.json") else [])]
