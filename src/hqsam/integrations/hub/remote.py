"""The Hub from a writer's side: access, what a repo holds already, and one commit that has all or nothing."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hqsam.errors import HqsamError, OptionError, UploadError
from hqsam.integrations.hub.card import CONFIG
from hqsam.weights import cache, connectivity
from hqsam.weights.read import SUFFIXES
from hqsam.weights.registry import hub_endpoint

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN to a token that may write"
_MEANINGS = {
    401: f"the Hub refused the token; {_LOGIN}",
    403: "the token may not write there; take one with write access to that user or organisation",
    409: "the repo has changed in the meantime; look at it, and push again",
    412: "the repo has changed in the meantime; look at it, and push again",
    413: "the Hub says that the file is too large",
    429: "the Hub asks for fewer requests; try again later",
}


@dataclass(frozen=True)
class RepoState:
    """A repo as it is before a push."""

    commit: str | None
    """Its newest commit; None where there is no repo of that name yet."""
    files: tuple[str, ...] = ()
    model: str | None = None
    """Name of the hqsam model that it holds, if it does."""

    @property
    def checkpoints(self) -> list[str]:
        """Names of the checkpoint files in it."""
        return [name for name in self.files if name.endswith((*SUFFIXES, ".safetensors.index.json"))]


def open_hub() -> "HfApi":
    """Return the Hub's API with this user's token, which is known to be good.

    Raises:
        UploadError: the network is forbidden or absent, there is no token, or the Hub refuses it.
    """
    from huggingface_hub import HfApi, get_token

    endpoint = hub_endpoint()
    if cache.is_offline():
        raise UploadError("nothing was pushed: the network is forbidden by HQSAM_OFFLINE or HF_HUB_OFFLINE")
    token = get_token()
    if not token:
        raise UploadError(f"nothing was pushed: there is no token for the Hub; {_LOGIN}")
    if not connectivity.is_reachable([endpoint]):
        raise UploadError(f"nothing was pushed: there is no network, or {endpoint} cannot be reached")
    api = HfApi(endpoint=endpoint, token=token, library_name="hqsam")
    with _explained("nothing was pushed"):
        api.whoami()
    return api


def state_of(api: "HfApi", repo: str) -> RepoState:
    """Return what a repo holds.

    Raises:
        UploadError: the Hub does not say.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RepositoryNotFoundError

    with _explained("nothing was pushed"):
        try:
            info = api.model_info(repo)
        except RepositoryNotFoundError:
            return RepoState(None)
        files = tuple(each.rfilename for each in info.siblings or [])
        model = None
        if CONFIG in files:
            path = hf_hub_download(repo, CONFIG, revision=info.sha, endpoint=api.endpoint, token=api.token)
            model = _model_in(Path(path))
        return RepoState(info.sha, files, model)


def require_same_model(repo: str, state: RepoState, model: str) -> None:
    """Refuse to write over another model.

    Raises:
        OptionError: the repo holds one.
    """
    if state.model in (None, model) and (state.model or not state.checkpoints):
        return
    held = f"hqsam's {state.model}" if state.model else f"a model of another kind ({', '.join(state.checkpoints[:3])})"
    raise OptionError(
        f"the repo {repo} holds {held}, and this is {model}; push to another repo, or replace it (--replace)"
    )


def commit_folder(
    api: "HfApi", repo: str, folder: Path, state: RepoState, *, message: str, private: bool = False
) -> str:
    """Put the files of a folder into a repo, in one commit that also removes its other checkpoints.

    Returns:
        The commit's address.

    Raises:
        UploadError: the Hub refuses it, or the connection broke; the repo is as it was.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = sorted(path for path in folder.iterdir() if path.is_file())
    names = {path.name for path in files}
    operations = [CommitOperationAdd(path.name, path) for path in files]
    surplus = [CommitOperationDelete(name) for name in state.checkpoints if name not in names]
    with _explained(f"{repo} is as it was"), _new_repo(api, repo, state, private):
        done = api.create_commit(
            repo, [*operations, *surplus], commit_message=message, parent_commit=state.commit, repo_type="model"
        )
    return str(done.commit_url)


@contextmanager
def _new_repo(api: "HfApi", repo: str, state: RepoState, private: bool) -> Iterator[None]:
    """Make the repo if there is none yet; it is removed again if what is done in it fails."""
    if state.commit is not None:
        yield
        return
    api.create_repo(repo, private=private, repo_type="model")
    try:
        yield
    except BaseException:  # also Ctrl-C: an empty repo would look like a model
        with suppress(Exception):
            api.delete_repo(repo, repo_type="model")
        raise


def _model_in(path: Path) -> str | None:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(config, Mapping) and config.get("library_name") == "hqsam"
    return str(config.get("name")) if is_ours else None


@contextmanager
def _explained(outcome: str) -> Iterator[None]:
    """Turn what the Hub's library raises into one error in plain words."""
    try:
        yield
    except HqsamError:
        raise
    except Exception as error:  # its HTTP library, and so its errors, differ between releases
        status = getattr(getattr(_with_response(error), "response", None), "status_code", None)
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        meaning = _MEANINGS.get(status or 0, "")
        raise UploadError(f"{outcome}: {meaning + ' (' + said + ')' if meaning else said}") from error


def _with_response(error: BaseException) -> BaseException:
    """Return the error that has the Hub's answer, which may be the cause of another."""
    while getattr(error, "response", None) is None and error.__cause__ is not None:
        error = error.__cause__
    return error
