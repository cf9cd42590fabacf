"""Pushing a model to the Hub: everything is checked and prepared here, then one commit has all of it."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from hqsam import storage
from hqsam.errors import OptionError
from hqsam.integrations.hub import remote
from hqsam.integrations.hub.card import CARD, CONFIG, PICTURE, WEIGHTS, model_card
from hqsam.integrations.hub.origin import Origin, origin_of
from hqsam.integrations.hub.picture import picture_of
from hqsam.integrations.hub.scores import read_reports
from hqsam.weights.digest import sha256_of_file
from hqsam.weights.hub import is_repo
from hqsam.weights.identify import identify
from hqsam.weights.inspection import CheckpointInfo, inspect_checkpoint, verify_checkpoint
from hqsam.weights.read import read_checkpoint
from hqsam.weights.save import write_ours


@dataclass(frozen=True)
class Pushed:
    """A model that is on the Hub."""

    repo: str
    """Name to give to `hqsam.load`."""
    url: str
    """Address of the commit."""


def push(
    repo: str,
    model: str | Path,
    *,
    private: bool = False,
    replace: bool = False,
    message: str = "",
    **card: object,
) -> Pushed:
    """Push a checkpoint to the Hugging Face Hub, with a model card and a picture; `hqsam.load(repo)` then opens it.

    All checks come first, and all files go into one commit: whatever fails, the repo is as it was.

    Args:
        repo: the repo, as owner/name; it is made if there is none.
        model: a checkpoint, as `hqsam.load` takes it.
        private: make a new repo private.
        replace: allow to put the model in the place of another one.
        message: of the commit.
        card: what is in the card; see `prepare`.

    Raises:
        OptionError: the name is no repo's, the repo holds another model, or the card lacks something.
        CheckpointError: the file is no checkpoint, or damaged.
        DataError: a report cannot be read, or is about other weights.
        UploadError: no token, no network, or the Hub refuses it; nothing was pushed.
    """
    _check_name(repo)
    info = inspect_checkpoint(model)
    api = remote.open_hub()
    state = remote.state_of(api, repo)
    if not replace:
        remote.require_same_model(repo, state, info.model)
    with TemporaryDirectory(prefix="hqsam-push-") as folder:
        prepare(repo, model, folder, **card)  # pyright: ignore[reportArgumentType]
        url = remote.commit_folder(
            api, repo, Path(folder), state, message=message or f"{info.model} by hqsam", private=private
        )
    return Pushed(repo, url)


def prepare(
    repo: str,
    model: str | Path,
    folder: str | Path,
    *,
    licence: str = "",
    base: str = "",
    base_licence: str = "",
    data: str = "",
    data_licence: str = "",
    reports: Sequence[str | Path] = (),
    photo: str | Path | None = None,
    box: tuple[float, float, float, float] | None = None,
) -> Path:
    """Write into a folder what `push` would push: weights, config, card and picture. Needs no network.

    Args:
        repo: the repo's name, as owner/name, which the card mentions.
        model: a checkpoint, as `hqsam.load` takes it.
        folder: where the files go.
        licence: licence of the weights; by default what the file's header says.
        base: model that it was trained from: a name of `hqsam weights list`, owner/repo, or "none"; by default what
            training wrote into the header.
        base_licence: licence of that model; known for those of the list.
        data: the data that it was trained on, in words; by default what training wrote into the header.
        data_licence: licence of the data.
        reports: folders that `hqsam evaluate` wrote for these weights; their figures are in the card.
        photo: an image whose masks the card shows; by default an example photo of this package.
        box: a box x0, y0, x1, y1 in that photo; without it, every object is looked for.

    Returns:
        The folder.

    Raises:
        OptionError: the card lacks something.
        CheckpointError: the file is no checkpoint, or damaged.
        DataError: a report cannot be read, or is about other weights.
        ImageError: the photo cannot be read.
        OutputError: the folder cannot be written.
    """
    _check_name(repo)
    info, folder = inspect_checkpoint(model), Path(folder)
    origin = origin_of(
        info, licence=licence, base=base, base_licence=base_licence, data=data, data_licence=data_licence
    )
    found = read_reports(reports, sha256_of_file(info.path))
    verify_checkpoint(info.path)
    storage.check_folder(folder)
    _write_weights(info, folder / WEIGHTS, origin)
    picture = picture_of(folder / WEIGHTS, photo, box)
    storage.write_bytes(folder / PICTURE, picture.jpeg)
    config = {"library_name": "hqsam", **info.config.to_dict()}
    storage.write_text(folder / CONFIG, json.dumps(config, indent=2) + "\n")
    written = inspect_checkpoint(folder / WEIGHTS)
    card = model_card(repo, written, sha256_of_file(folder / WEIGHTS), origin, found, picture)
    storage.write_text(folder / CARD, card)
    return folder


def _check_name(repo: str) -> None:
    if not is_repo(repo):
        raise OptionError(f"{repo!r} is no name of a Hugging Face repo; give owner/name, such as me/cups")


def _write_weights(info: CheckpointInfo, target: Path, origin: Origin) -> None:
    """Write the checkpoint as a file of ours; one that is that already, and says the licence, to the byte."""
    if info.naming == "hqsam" and info.licence == origin.licence:
        with storage.replacing(target) as temporary:
            shutil.copyfile(info.path, temporary)
        return
    stored = read_checkpoint(info.path)
    identified = identify(stored)
    provenance = dict(stored.provenance) or {"converted_from": info.path.name, "sha256": sha256_of_file(info.path)}
    tensors = {**identified.tensors, **identified.unused}
    terms = {"licence": origin.licence, "notice": origin.notice}
    write_ours(target, tensors, identified.config, provenance=provenance, **terms)
