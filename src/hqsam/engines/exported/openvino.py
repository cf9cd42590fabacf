"""Graphs run by OpenVINO."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hqsam.errors import CheckpointError
from hqsam.graphs.openvino_file import description_of
from hqsam.optional import require

SUFFIX = ".xml"

_PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}


class OpenVinoGraph:
    """An IR file compiled by OpenVINO for the processor."""

    def __init__(self, path: Path, precision: torch.dtype = torch.float32) -> None:
        """Load a file and compile it to compute in a precision.

        Raises:
            CheckpointError: OpenVINO cannot load it.
            MissingExtra: OpenVINO is not installed.
        """
        core = require("openvino", extra="openvino").Core()
        try:
            model = core.read_model(str(path))
            compiled = core.compile_model(model, "CPU", compile_options(precision))
        except RuntimeError as error:
            raise CheckpointError(f"OpenVINO cannot load {path}: {_last_line(error)}; export it again") from error
        self._set(compiled, path, description_of(model))

    @classmethod
    def from_compiled(cls, compiled: Any, path: Path, metadata: Mapping[str, str]) -> "OpenVinoGraph":
        """Return a graph that is compiled already, as if it had been loaded from a file."""
        graph = cls.__new__(cls)
        graph._set(compiled, path, metadata)
        return graph

    def _set(self, compiled: Any, path: Path, metadata: Mapping[str, str]) -> None:
        self._compiled = compiled
        self._requests = threading.local()  # a request holds the tensors of one run
        self.path: Path = path
        self.metadata: Mapping[str, str] = metadata
        self.inputs: Sequence[str] = tuple(_name(port) for port in compiled.inputs)
        self.input_types: Sequence[str] = tuple(port.get_element_type().to_dtype().name for port in compiled.inputs)
        self.outputs: Sequence[str] = tuple(_name(port) for port in compiled.outputs)

    def run(self, wanted: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        found = self._requests.own.infer(dict(feeds))
        return [np.array(found[name]) for name in wanted]


def open_graph(path: Path, precision: torch.dtype) -> OpenVinoGraph:
    """Load a graph of a folder; decoders always compute in float32, since bfloat16 would move points by pixels."""
    return OpenVinoGraph(path, precision if path.stem == "encoder" else torch.float32)


def compile_options(precision: torch.dtype) -> dict[str, Any]:
    """Return OpenVINO's options for one image at a time; without them the processor chooses its precision itself."""
    return {
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }


def _name(port: Any) -> str:
    """Return the name of an input or output in the file; compilation gives ports names of other tensors, too."""
    return port.node.friendly_name.removesuffix("/sink_port_0")


def _last_line(error: Exception) -> str:
    """Return the part of OpenVINO's message that says what is wrong; before it are places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)
