"""Static quantisation by onnxruntime: as many layers in int8 as the masks allow."""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.hardware import cpu_features
from hqsam.optional import require

Feeds = Mapping[str, np.ndarray]
OPERATIONS = ["Conv", "MatMul", "Gemm"]
_EXTRA = "export"


def quantize_onnx(
    source: Path, target: Path, feeds: Sequence[Feeds], is_good: Callable[[Path], bool], scratch: Path
) -> list[str]:
    """Write an ONNX file with int8 layers (QDQ), and return the names of those that stay float.

    Layers whose values int8 represents worst stay float, as few as are needed: first their number is doubled, then
    halved in between. If nothing helps, all stay float.

    Args:
        source: the graph in float32.
        target: the file to write.
        feeds: inputs to calibrate on.
        is_good: measures a file.
        scratch: a folder for files on the way.
    """
    quantize = _Quantizer(source, feeds, scratch)
    quantize(target, [])
    if is_good(target):
        return []
    worst_first = quantize.worst_first(target)
    too_few, enough, tried = 0, len(worst_first), 1
    while tried < len(worst_first):
        quantize(target, worst_first[:tried])
        if is_good(target):
            enough = tried
            break
        too_few, tried = tried, 2 * tried
    while enough - too_few > max(1, len(worst_first) // 16):
        tried = (too_few + enough) // 2
        quantize(target, worst_first[:tried])
        too_few, enough = (too_few, tried) if is_good(target) else (tried, enough)
    quantize(target, worst_first[:enough])
    return worst_first[:enough]


class _Quantizer:
    """One graph and its calibration, quantised with various layers left out."""

    def __init__(self, source: Path, feeds: Sequence[Feeds], scratch: Path) -> None:
        self._source, self._feeds, self._scratch = source, feeds, scratch
        self._quantization = require("onnxruntime.quantization", extra=_EXTRA)

    def __call__(self, target: Path, stay_float: Sequence[str]) -> None:
        """Write the graph with all layers in int8 but these."""
        kinds = self._quantization.QuantType
        with _without_advice():
            self._quantization.quantize_static(
                str(self._source),
                str(target),
                _Reader(self._feeds),
                quant_format=self._quantization.QuantFormat.QDQ,
                op_types_to_quantize=OPERATIONS,
                per_channel=True,
                reduce_range="avx512_vnni" not in cpu_features(),  # without it, sums of products overflow 16 bits
                activation_type=kinds.QUInt8,
                weight_type=kinds.QInt8,
                nodes_to_exclude=list(stay_float),
                extra_options={"MatMulConstBOnly": True},  # products of two activations stay float, as in our own int8
                **self._cache(),
            )

    def _cache(self) -> dict[str, Any]:
        """Return the option that keeps ranges between calls, for versions of onnxruntime that have it."""
        has_it = "calibration_cache_path" in inspect.signature(self._quantization.quantize_static).parameters
        return {"calibration_cache_path": self._scratch / "ranges.json"} if has_it else {}

    def worst_first(self, quantized: Path) -> list[str]:
        """Return the quantised layers by how far int8 is from their inputs and outputs on one photo."""
        onnx = require("onnx", extra=_EXTRA)
        noise = self._signal_to_noise(quantized)
        # float before int8, so that nodes have the names that `nodes_to_exclude` knows
        nodes = onnx.load(str(self._source), load_external_data=False).graph.node
        ratios: dict[str, float] = {}
        for node in nodes:
            known = [noise[name] for name in (*node.input, *node.output) if name in noise]
            if node.op_type in OPERATIONS and known:
                ratios[node.name] = min(known)
        return sorted(ratios, key=ratios.__getitem__)

    def _signal_to_noise(self, quantized: Path) -> dict[str, float]:
        """Return how large values are beside what int8 changes in them, in decibels, by names of tensors."""
        debug = require("onnxruntime.quantization.qdq_loss_debug", extra=_EXTRA)
        observed = self._scratch / "observed.onnx"
        debug.modify_model_output_intermediate_tensors(
            str(quantized), str(observed), op_types_for_saving=["QuantizeLinear", "DequantizeLinear"]
        )
        matching = debug.create_activation_matching(debug.collect_activations(str(observed), _Reader(self._feeds[:1])))
        return {
            name: debug.compute_signal_to_quantization_noice_ratio(pair["pre_qdq"], pair["post_qdq"])
            for name, pair in matching.items()
        }


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep quiet that the graph should be pre-processed: shapes and constants are inferred as it is written."""
    root = logging.getLogger()
    keep = root.filters.copy()
    root.addFilter(lambda record: "pre-processing before quantization" not in record.getMessage())
    try:
        yield
    finally:
        root.filters[:] = keep


class _Reader:
    """Inputs as onnxruntime's calibration reads them."""

    def __init__(self, feeds: Sequence[Feeds]) -> None:
        self._rest: Iterator[Feeds] = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next inputs; None after the last."""
        return next(self, None)

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> dict[str, np.ndarray]:
        return dict(next(self._rest))
