"""A run's folder: for one run at a time, and always the same run."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hqsam.errors import TrainingError
from hqsam.storage import output_error, write_text
from hqsam.training.config import NEW_SETTINGS, NEW_STAGE_SETTINGS, RENAMED_SETTINGS

RUN, DATA = "run.json", "data.json"
"""Names of the files that say whose the folder is, and what was found in the data."""


@contextmanager
def locked(folder: Path, identity: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Lock the folder for one run, which `identity`, anything that JSON can hold, describes.

    `defaults` are entries that runs of earlier versions do not have.

    Raises:
        TrainingError: another run is writing there, or what is there is of another run; nothing was changed.
        OutputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise TrainingError(f"another run is writing into {folder}; wait for it, or choose another folder") from error
    except OSError as error:
        raise output_error(folder, error) from error
    try:
        claim(folder, RUN, identity, defaults, mendable=True)
        yield
    finally:
        lock.release()


def claim(
    folder: Path,
    name: str,
    identity: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    *,
    mendable: bool = False,
) -> None:
    """Write into the file `name` whose the folder is; or if that is written already, check that it is this one's.

    Args:
        folder: the folder.
        name: the file's name.
        identity: whose it is: anything that JSON can hold.
        defaults: values of entries that files of earlier versions do not have.
        mendable: the caller has it to itself, so that it is anyone's while nothing was made there: settings that failed
            can be mended.

    Raises:
        TrainingError: it is another's, or holds files and does not say whose.
        OutputError: the file cannot be written.
    """
    path, wanted = folder / name, json.loads(json.dumps(identity))
    if not path.exists():
        _require_empty(folder, name)
        write_text(path, json.dumps(wanted, indent=2) + "\n")
        return
    differing = list(_differences({**(defaults or {}), **_read(path)}, _without_micro_batches(wanted)))
    if differing and mendable and not _holds_work(folder):
        write_text(path, json.dumps(wanted, indent=2) + "\n")
    elif differing:
        raise TrainingError(
            f"{folder} is another's: {'; '.join(differing[:4])}. Give the same settings to go on with it, "
            "or choose another folder"
        )


def require_free(folder: Path) -> None:
    """Check that a folder is a run's, or empty.

    Raises:
        TrainingError: it holds something else.
    """
    if not (folder / RUN).exists():
        _require_empty(folder, RUN)


def _require_empty(folder: Path, name: str) -> None:
    strangers = sorted(each.name for each in folder.glob("*") if not each.name.startswith(".") and each.name != DATA)
    if strangers:
        raise TrainingError(f"{folder} holds {', '.join(strangers[:3])} and no {name}; choose a folder that is empty")


def _holds_work(folder: Path) -> bool:
    """Return whether a kill would cost something: checkpoints, cached features, or a teacher's answers."""
    made = (file for file in folder.rglob("*") if not file.name.startswith("."))  # as temporary files do
    return any(file.suffix in (".ckpt", ".safetensors") or file.name == "held_out.jsonl" for file in made)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); choose another folder") from error
    if "recipe" not in found:
        return found
    recipe = NEW_SETTINGS | _with_new_names(found["recipe"])
    stages = [NEW_STAGE_SETTINGS | stage for stage in recipe["stages"]]
    return _without_micro_batches({**found, "recipe": {**recipe, "stages": stages}})


def _without_micro_batches(identity: dict[str, Any]) -> dict[str, Any]:
    """Return what tells runs apart: how many images are computed at a time is for the machine to say."""
    if "recipe" not in identity:
        return identity
    stages = [
        {name: value for name, value in one.items() if name != "micro_batch"} for one in identity["recipe"]["stages"]
    ]
    return {**identity, "recipe": {**identity["recipe"], "stages": stages}}


def _with_new_names(settings: Any) -> Any:
    """Return a recipe as version 0.1 wrote it, with its settings by their names of today."""
    if isinstance(settings, dict):
        return {RENAMED_SETTINGS.get(key, key): _with_new_names(value) for key, value in settings.items()}
    return [_with_new_names(each) for each in settings] if isinstance(settings, list) else settings


def _differences(was: Any, now: Any, where: str = "") -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            yield from _differences(was.get(key), now.get(key), f"{where}.{key}" if where else key)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for index, pair in enumerate(zip(was, now, strict=True)):
            yield from _differences(*pair, f"{where}.{index}")
    elif isinstance(was, list) and isinstance(now, list):
        yield f"{where} had {len(was)} entries and has {len(now)}"
    elif was != now:
        yield f"{where} was {was!r} and is {now!r}"
