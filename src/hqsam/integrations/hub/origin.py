"""The origin of a model that is to be shared: what it was trained from, on which data, under which licences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hqsam.errors import OptionError
from hqsam.weights.inspection import CheckpointInfo
from hqsam.weights.registry import CHECKPOINTS, Checkpoint

NO_BASE = "none"
"""Name of the base of a model that was trained from random weights."""
_HUB_LICENCES = (
    *("apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "agpl-3.0", "lgpl-3.0", "openrail", "cc0-1.0"),
    *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
)
"""Licences that the Hub knows by these names; any other is "other", with a name of its own."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What a model was made from, and the terms of all of it."""

    licence: str
    notice: str
    base: str
    """Model that it was trained from: a name of `hqsam weights list`, a repo, or "none"."""
    base_licence: str
    data: str
    data_licence: str

    @property
    def base_row(self) -> Checkpoint | None:
        """The row of the base in the table of checkpoints, if it is one of them."""
        return CHECKPOINTS.get(self.base)

    @property
    def base_repo(self) -> str | None:
        """The Hub's name of the base, if it is there."""
        if self.base_row is None:
            return self.base if "/" in self.base else None
        on_hub = (mirror.removeprefix("hub:") for mirror in self.base_row.mirrors if mirror.startswith("hub:"))
        return next(("/".join(mirror.split("/")[:2]) for mirror in on_hub), None)

    def licence_entries(self) -> dict[str, Any]:
        """Return the entries of the card's metadata that name the licence of the weights."""
        name = self.licence.lower()
        if name in _HUB_LICENCES:
            return {"license": name}
        return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", name).strip("-") or "see-card"}


def origin_of(
    info: CheckpointInfo,
    *,
    licence: str = "",
    base: str = "",
    base_licence: str = "",
    data: str = "",
    data_licence: str = "",
) -> Origin:
    """Return the origin of a checkpoint: what was given, else what its file says.

    Raises:
        OptionError: neither says it; the message names all that is missing, with their options.
    """
    recipe = info.provenance.get("recipe")
    base = base or _base_in(recipe if isinstance(recipe, Mapping) else {})
    row = CHECKPOINTS.get(base)
    found = {
        "licence": licence or info.licence,
        "base": base,
        "base_licence": base_licence or (row.licence if row else NO_BASE if base == NO_BASE else ""),
        "data": data or _data_in(info.provenance),
        "data_licence": data_licence,
    }
    meanings = {
        "licence": "the licence of the weights",
        "base": f'the model that it was trained from (a name, owner/repo, or "{NO_BASE}")',
        "base_licence": "the licence of that model",
        "data": "the data that it was trained on",
        "data_licence": "the licence of the data",
    }
    missing = [f"{meaning} (--{name.replace('_', '-')})" for name, meaning in meanings.items() if not found[name]]
    if missing:
        raise OptionError(f"the card of {info.path} lacks {', '.join(missing)}; the file does not say it, so give it")
    return Origin(**found, notice=info.notice)


def _base_in(recipe: Mapping[str, Any]) -> str:
    """Return the checkpoint that a training run started from, if it is one that others can get."""
    start = str(recipe.get("start") or "")
    if start in CHECKPOINTS or re.fullmatch(r"[\w.-]+/[\w.-]+", start):
        return start
    return NO_BASE if recipe.get("model") and not start else ""


def _data_in(provenance: Mapping[str, Any]) -> str:
    """Return the data that a file's header names, in words."""
    counts = provenance.get("images")
    if isinstance(counts, Mapping) and counts:
        return ", ".join(f"{name}: {count}" for name, count in counts.items())
    return str(provenance.get("data") or "")
