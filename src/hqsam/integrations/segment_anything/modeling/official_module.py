"""Common base of `Sam`'s parts: modules of hqsam under the official names of their parameters."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn

from hqsam.errors import CheckpointError
from hqsam.model.config import ModelConfig
from hqsam.weights.keys import from_ours, names_in, to_ours


class Weight(NamedTuple):
    """A tensor of hqsam where the official code has a layer with a `weight`."""

    weight: Tensor


class OfficialModule(nn.Module):
    """Holds modules of hqsam under the names that they have in `HQSam`; state dicts have the official names.

    What a caller has added to those modules, such as an adapter, keeps the name that it has there.
    """

    official_name: str
    """Name of the part in the official `Sam`."""
    config: ModelConfig
    """Sizes of the model that this is a part of, as far as the part knows them."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self._loads_from = ""
        self.register_state_dict_post_hook(_give_official_names)
        self.register_load_state_dict_pre_hook(_take_official_names)
        self.register_load_state_dict_post_hook(_report_official_names)

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """Iterate over parameters by official name; the four kinds of points, one tensor here, have the first."""
        start = f"{prefix}." if prefix else ""
        for key, parameter in super().named_parameters("", recurse, remove_duplicate):
            yield start + self.official_names(key)[0], parameter

    def official_names(self, key: str) -> list[str]:
        """Return the official names of one of hqsam's tensors; several where the official code has it in pieces."""
        names = names_in("official", key) if _is_known(key) else [key]
        return [name.removeprefix(f"{self.official_name}.") for name in names]

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            official = {} if name.startswith("_") else {key.partition(".")[0] for key, _ in self.named_parameters()}
            if name not in official:
                raise
        raise AttributeError(
            f"hqsam's {type(self).__name__} has no layer {name!r}: its layers have names of their own, which "
            "print(module) shows; only state dicts and named_parameters() have the official ones"
        )


def _give_official_names(part: OfficialModule, state_dict: dict[str, Tensor], prefix: str, _metadata: Any) -> None:
    """Rename the tensors of a part after they were collected for a state dict."""
    ours = _pop_prefixed(state_dict, prefix)
    known = from_ours({key: tensor for key, tensor in ours.items() if _is_known(key)}, "official")
    for key, tensor in (known | {key: tensor for key, tensor in ours.items() if not _is_known(key)}).items():
        state_dict[prefix + key.removeprefix(f"{part.official_name}.")] = tensor


def _take_official_names(part: OfficialModule, state_dict: dict[str, Tensor], prefix: str, *_: Any) -> None:
    """Rename a state dict's tensors before modules look for them; drop those that only the official code uses."""
    part._loads_from = prefix
    tensors = _pop_prefixed(state_dict, prefix)
    # A layer of a subclass may have the official name of something that hqsam calls differently.
    added = {key: tensors.pop(key) for key in [*_own_names(part)] if key in tensors}
    found = to_ours({f"{part.official_name}.{key}": tensor for key, tensor in tensors.items()}, "official")
    state_dict.update({prefix + key: tensor for key, tensor in (found.ours | found.unknown | added).items()})


def _report_official_names(part: OfficialModule, incompatible: tuple[list[str], list[str]]) -> None:
    """Rename missing and unexpected keys to those that the caller knows."""
    prefix = part._loads_from
    for keys in incompatible:
        own = [key for key in keys if key.startswith(prefix)]
        others = [key for key in keys if not key.startswith(prefix)]
        renamed = [prefix + name for key in own for name in part.official_names(key.removeprefix(prefix))]
        keys[:] = others + renamed


def _own_names(part: OfficialModule) -> Iterator[str]:
    """Iterate over the raw names of parameters and buffers, as PyTorch has them."""
    for name, module in part.named_modules():
        for key in (*module._parameters, *module._buffers):
            yield f"{name}.{key}" if name else key


def _pop_prefixed(state_dict: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state_dict.pop(key) for key in list(state_dict) if key.startswith(prefix)}


def _is_known(key: str) -> bool:
    """Return whether it is the name of a parameter of `HQSam`."""
    try:
        return bool(names_in("official", key))
    except CheckpointError:
        return False
