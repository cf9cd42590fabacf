"""The `create` that cvat-cli and CVAT's agents call in a module of a function."""

from collections.abc import Callable
from typing import TypeVar

from hqsam.optional import require
from hqsam.predict.segmenter import Segmenter, load

Function = TypeVar("Function")


def create_with(function: Callable[[Segmenter], Function]) -> Callable[..., Function]:
    """Return the `create` of a kind of function that needs a model alone."""

    def create(model: str = "nano", device: str = "auto", precision: str = "auto") -> Function:
        """Return the function; cvat-cli gives the arguments by `-p model=str:vit_l`.

        Args:
            model: a name of `hqsam weights list`, or a checkpoint file.
            device: as for `hqsam.load`.
            precision: as for `hqsam.load`.

        Raises:
            MissingExtra: cvat-sdk is not installed.
            OptionError: there is no such model, device or precision.
            DownloadError: the weights are not here and cannot be fetched.
        """
        require("cvat_sdk.auto_annotation", extra="cvat")
        return function(load(model, device, precision))

    return create
