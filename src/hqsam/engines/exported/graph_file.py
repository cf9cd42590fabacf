"""The interface of a graph in a runtime, and the graphs of a folder, checked against each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from hqsam.errors import CheckpointError
from hqsam.graphs.description import Description
from hqsam.weights.read import SUFFIXES

_Graph = TypeVar("_Graph", bound="GraphFile")


@runtime_checkable
class GraphFile(Protocol):
    """A graph that a runtime has loaded."""

    path: Path
    metadata: Mapping[str, str]
    inputs: Sequence[str]
    outputs: Sequence[str]

    def run(self, wanted: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute the outputs of these names."""
        ...


@dataclass(frozen=True)
class GraphFolder:
    """The encoder and the decoder of one model."""

    description: Description
    encoder: GraphFile
    decoder: GraphFile


def looks_exported(path: Path, suffix: str) -> bool:
    """Return True for a folder that holds graphs and no checkpoint, and for a graph itself."""
    if path.is_file():
        return path.suffix == suffix
    if not path.is_dir():
        return False
    suffixes = {file.suffix for file in path.iterdir()}
    # A .bin file may be a checkpoint, or the weights of OpenVINO's .xml.
    checkpoints = set(SUFFIXES) - ({".bin"} if ".xml" in suffixes else set())
    return suffix in suffixes and not suffixes & checkpoints


def open_folder(path: Path, suffix: str, load: Callable[[Path], GraphFile]) -> GraphFolder:
    """Load encoder and decoder of a folder.

    Raises:
        CheckpointError: a graph is missing, damaged, foreign, in the other's place, or of another model.
    """
    if not path.is_dir():
        raise CheckpointError(f"{path} is one graph of several; give the folder that has them all: {path.parent}")
    parts = {role: _open(path, role, suffix, load) for role in ("encoder", "decoder")}
    (encoder, described), (decoder, other) = parts.values()
    if replace(other, role="encoder", precision=described.precision) != described:  # the decoder stays float32
        raise CheckpointError(
            f"{encoder.path} and {decoder.path} were not exported together: they are of {described.config.name} "
            f"({described.weights}) and {other.config.name} ({other.weights}); export the model again"
        )
    return GraphFolder(described, encoder, decoder)


def _open(folder: Path, role: str, suffix: str, load: Callable[[Path], GraphFile]) -> tuple[GraphFile, Description]:
    path = folder / f"{role}{suffix}"
    if not path.exists():
        there = ", ".join(sorted(file.name for file in folder.glob(f"*{suffix}")))
        raise CheckpointError(
            f"{folder} has no {path.name}, only {there}. hqsam opens folders that hqsam export wrote with --names hqsam"
        )
    graph = load(path)
    description = Description.from_metadata(graph.metadata, str(path))
    if description.names != "hqsam":
        raise CheckpointError(
            f"{path} has the inputs of {description.names}; hqsam opens folders that hqsam export wrote with --names "
            "hqsam"
        )
    if description.role != role:
        raise CheckpointError(f"{path} is a {description.role}, expected the {role}; were files renamed? Export again")
    return graph, description
