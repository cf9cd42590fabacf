"""What the parts of `Sam` have in common: our modules, under the official names of their parameters."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from hqsam.errors import CheckpointError
from hqsam.model.hq_sam import HQSam
from hqsam.weights.keys import from_ours, names_in, to_ours


class OfficialModule(nn.Module):
    """Holds modules of ours under the names that they have in `HQSam`; state dicts have the official names.

    What a caller has put into our modules (an adapter, say) keeps the name that it has there.
    """

    official_name: str
    """What the part is called in the official `Sam`."""

    def __init__(self, model: HQSam) -> None:
        super().__init__()
        self.training = model.training
        self._loads_from = ""
        self.register_state_dict_post_hook(_give_official_names)
        self.register_load_state_dict_pre_hook(_take_official_names)
        self.register_load_state_dict_post_hook(_report_official_names)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """By official names. Where those are several for one tensor of ours, the kinds of points, it has the first."""
        start = f"{prefix}." if prefix else ""
        for key, parameter in super().named_parameters("", recurse, remove_duplicate):
            yield start + self.official_names(key)[0], parameter

    def official_names(self, key: str) -> list[str]:
        """What a tensor of ours is called in the official part; several names where that has it in pieces."""
        names = names_in("official", key) if _is_known(key) else [key]
        return [name.removeprefix(f"{self.official_name}.") for name in names]


def _give_official_names(part: OfficialModule, state_dict: dict[str, Tensor], prefix: str, _metadata: Any) -> None:
    """After our tensors were collected."""
    ours = _pop_prefixed(state_dict, prefix)
    known = from_ours({key: tensor for key, tensor in ours.items() if _is_known(key)}, "official")
    for key, tensor in (known | {key: tensor for key, tensor in ours.items() if not _is_known(key)}).items():
        state_dict[prefix + key.removeprefix(f"{part.official_name}.")] = tensor


def _take_official_names(part: OfficialModule, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Before our modules look for their tensors. What only the official code has a use for is passed over."""
    part._loads_from = prefix
    theirs = {f"{part.official_name}.{key}": tensor for key, tensor in _pop_prefixed(state_dict, prefix).items()}
    found = to_ours(theirs, "official")
    state_dict.update({prefix + key: tensor for key, tensor in (found.ours | found.unknown).items()})


def _report_official_names(part: OfficialModule, incompatible: tuple[list[str], list[str]]) -> None:
    """Missing and unexpected keys, as the caller knows them."""
    prefix = part._loads_from
    for keys in incompatible:
        own = [key for key in keys if key.startswith(prefix)]
        others = [key for key in keys if not key.startswith(prefix)]
        renamed = [prefix + name for key in own for name in part.official_names(key.removeprefix(prefix))]
        keys[:] = others + renamed


def _pop_prefixed(state_dict: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state_dict.pop(key) for key in list(state_dict) if key.startswith(prefix)}


def _is_known(key: str) -> bool:
    """Whether it is a parameter of `HQSam`."""
    try:
        return bool(names_in("official", key))
    except CheckpointError:
        return False
