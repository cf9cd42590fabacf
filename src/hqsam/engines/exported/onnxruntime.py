"""Graphs run by onnxruntime."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from hqsam.errors import CheckpointError
from hqsam.optional import require

SUFFIX = ".onnx"

_TYPES = {"tensor(float)": "float32", "tensor(int64)": "int64", "tensor(uint8)": "uint8"}


class OnnxRuntimeGraph:
    """An ONNX file in an onnxruntime session, on the processor."""

    def __init__(self, path: Path) -> None:
        """Load a file.

        Raises:
            CheckpointError: onnxruntime cannot load it.
            MissingExtra: onnxruntime is not installed.
        """
        runtime = require("onnxruntime", extra="export")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3
        try:
            session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common base but this
            raise CheckpointError(f"onnxruntime cannot load {path}: {_first_line(error)}; export it again") from error
        self._session = session
        self.path: Path = path
        self.metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        self.inputs: Sequence[str] = tuple(each.name for each in session.get_inputs())
        self.input_types: Sequence[str] = tuple(
            _TYPES.get(str(each.type), str(each.type)) for each in session.get_inputs()
        )
        self.outputs: Sequence[str] = tuple(each.name for each in session.get_outputs())
        self._run_options = runtime.RunOptions()
        self._run_options.only_execute_path_to_fetches = True

    def run(self, wanted: Sequence[str], feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return self._session.run(list(wanted), dict(feeds), self._run_options)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
