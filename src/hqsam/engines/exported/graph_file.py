"""The interface of a graph in a runtime, and the graphs of a folder, checked against each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from hqsam.errors import CheckpointError
from hqsam.graphs.description import Description
from hqsam.graphs.encoder import feature_names
from hqsam.graphs.folder import PROMPT_INPUTS
from hqsam.graphs.weights_beside import check_weights_beside
from hqsam.weights.read import SUFFIXES

_TYPES = {"image": "uint8", "labels": "int64", "image_size": "int64", "source": "int64"}
"""Types of inputs that are not float32."""

_Graph = TypeVar("_Graph", bound="GraphFile")


@runtime_checkable
class GraphFile(Protocol):
    """A graph that a runtime has loaded."""

    path: Path
    metadata: Mapping[str, str]
    inputs: Sequence[str]
    input_types: Sequence[str]
    """Types of the inputs, in their order, as numpy names them."""
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
        CheckpointError: a graph is missing, damaged, foreign, in the other's place, of another model, or was changed.
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
    features = feature_names(described.config)
    _check_interface(encoder, {"image" if described.image_input == "image" else "pixels"}, {*features})
    _check_interface(decoder, {*features, *PROMPT_INPUTS, "source"}, {"logits", "scores"})
    return GraphFolder(described, encoder, decoder)


def _check_interface(graph: GraphFile, known: set[str], needed: set[str]) -> None:
    """Check that a graph takes and gives what its description says: other programs may change it and keep that."""
    taken = dict(zip(graph.inputs, graph.input_types, strict=True))
    wrong = {name: kind for name, kind in taken.items() if name not in known or kind != _TYPES.get(name, "float32")}
    missing = needed.difference(graph.outputs)
    if wrong or missing:
        found = [*(f"input {name} of {kind}" for name, kind in wrong.items()), *(f"no {name}" for name in missing)]
        raise CheckpointError(
            f"{graph.path} was changed since hqsam export wrote it: it has {', '.join(sorted(found))}; export it again"
        )


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
    check_weights_beside(path, graph.metadata)
    return graph, description
