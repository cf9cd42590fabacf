"""The description of a graph: text inside its file that says which model it is, what it takes and on what terms."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hqsam.errors import CheckpointError
from hqsam.model.config import ModelConfig

Role = Literal["encoder", "decoder", "masks"]
ROLES: tuple[Role, ...] = ("encoder", "decoder", "masks")

ImageInput = Literal["image", "tensor"]
"""RGB bytes of any size, which the graph prepares itself; or the prepared tensor."""

Names = Literal["hqsam", "segment-anything", "transformers.js"]
"""The convention for inputs and outputs: our own, or that of Meta's exporter."""

_FORMAT = "hqsam graph 1"


@dataclass(frozen=True, kw_only=True)
class Description:
    """What every graph of a folder says of itself; the same in all of them but for the role."""

    role: Role
    config: ModelConfig
    weights: str
    """Digest of the weights that it was exported from, equal in all graphs of a folder."""
    image_input: ImageInput = "image"
    source: str = "input"
    """The mask's source, if it is fixed; "input" if the decoder takes it."""
    candidates: str = "all"
    precision: str = "float32"
    names: Names = "hqsam"
    licence: str = ""
    notice: str = ""
    version: str = ""

    @property
    def masks(self) -> int:
        """Number of masks that the decoder gives for each prompt."""
        several = self.config.decoder.candidates
        return {"all": 1 + several, "1": 1, "3": several}[self.candidates]

    def to_metadata(self) -> dict[str, str]:
        """Return it as the plain text that graph files can hold."""
        config = self.config
        preprocess = {
            "rgb": "height, width, 3 in bytes; resized by antialiased bilinear, normalised, zeros below and right",
            "image_size": config.image_size,
            "fit": config.fit,
            "mean": config.pixel_mean,
            "deviation": config.pixel_std,
            "stride": config.stride,
            "tokens_of_padding": config.padding,
        }
        return {
            "format": _FORMAT,
            "role": self.role,
            "model": config.name,
            "config": json.dumps(config.to_dict()),
            "preprocess": json.dumps(preprocess),
            "weights": self.weights,
            "image_input": self.image_input,
            "source": self.source,
            "candidates": self.candidates,
            "precision": self.precision,
            "names": self.names,
            "licence": self.licence,
            "notice": self.notice,
            "version": self.version,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str) -> "Description":
        """Read it from a graph's metadata.

        Raises:
            CheckpointError: the graph is not one of ours, or of a version that we do not know.
        """
        found = metadata.get("format")
        if found != _FORMAT:
            said = "says nothing of itself" if found is None else f"is in the format {found!r}"
            raise CheckpointError(
                f"{where} is no graph that hqsam can open: it {said}, expected {_FORMAT!r}. Write graphs for "
                "it with: hqsam export MODEL --out DIR"
            )
        try:
            values: dict[str, Any] = {name: metadata[name] for name in cls.__dataclass_fields__ if name != "names"}
            config = ModelConfig.from_dict(json.loads(metadata["config"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{where} has a damaged description: {error!r}; export it again") from error
        names: Any = metadata.get("names", "hqsam")
        return cls(**{**values, "config": config, "names": names})
