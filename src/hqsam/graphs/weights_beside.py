"""The file of weights beside a graph. The graph knows its digest, since another model's weights would fit as well."""

from collections.abc import Mapping
from pathlib import Path

from hqsam.errors import CheckpointError
from hqsam.weights.digest import sha256_of_file

KEY = "weights_file"
"""Name, in a graph's metadata, of the SHA-256 of the file beside it."""


def weights_beside(graph: Path) -> Path:
    """Return the path of the weights that a graph does not hold itself: of OpenVINO's, or of a large ONNX file."""
    return graph.with_suffix(".bin") if graph.suffix == ".xml" else graph.with_name(f"{graph.name}.data")


def check_weights_beside(graph: Path, metadata: Mapping[str, str]) -> None:
    """Check that the weights beside a graph, if there are any, are those that it was written with.

    Raises:
        CheckpointError: they are others.
    """
    expected, weights = metadata.get(KEY), weights_beside(graph)
    if expected and weights.exists() and sha256_of_file(weights) != expected:
        raise CheckpointError(
            f"{weights} does not hold the weights that {graph.name} was exported with; was it taken from another "
            "folder, copied in part, or changed by another program? Copy both files again, or export the model again"
        )
