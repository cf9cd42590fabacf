"""Quantisation by NNCF: all layers in int8, or, where that costs too much of the masks, those that it can afford."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from hqsam.engines.exported.openvino import compile_options
from hqsam.errors import HqsamError, OptionError
from hqsam.export.int8.measure import MOST_LOST
from hqsam.export.int8.photos import MeasuredPhoto
from hqsam.optional import require

_RANKED_ON = 4
"""Photos on which NNCF ranks layers by what they cost: those that lost most."""

_PRODUCTS = {
    "Convolution",
    "ConvolutionBackpropData",
    "GroupConvolution",
    "GroupConvolutionBackpropData",
    "MatMul",
}
"""Operations that gain by int8. NNCF would have others in int8, too: coordinates and resizing, which costs `nano` 0.24
of mean IoU."""


def quantize_openvino(
    model: Any,
    feeds: Sequence[Mapping[str, np.ndarray]],
    photos: Sequence[MeasuredPhoto],
    ious: Callable[[Any, Iterable[MeasuredPhoto]], list[float]],
    float_iou: float,
    has_attention: bool,
) -> Any:
    """Return an OpenVINO model with int8 layers, whose mean IoU is at most 0.01 below that of the given one.

    Where all convolutions and matrix products in int8 cost more than that, NNCF's accuracy control brings some back to
    float, which takes long.

    Args:
        model: the encoder in float32, as OpenVINO's model.
        feeds: inputs to calibrate on.
        photos: photos to measure on.
        ious: measures a compiled model on photos.
        float_iou: the mean IoU of the given model.
        has_attention: whether the encoder is a transformer, of which NNCF keeps more in float.

    Raises:
        OptionError: NNCF fails.
        MissingExtra: the packages of hqsam[openvino] are not installed.
    """
    openvino, nncf = require("openvino", extra="openvino"), _nncf()
    with _named_errors():
        every = quantize_all(model, feeds, has_attention)
    compiled = openvino.compile_model(every, "CPU", compile_options(torch.float32))
    if np.mean(ious(compiled, photos)) >= float_iou - MOST_LOST:
        return every
    with _named_errors():
        return nncf.quantize_with_accuracy_control(
            model,
            **_settings(model, feeds, has_attention),
            validation_dataset=nncf.Dataset(list(photos)),
            validation_fn=lambda compiled, some: _mean_and_each(ious(compiled, some)),
            max_drop=MOST_LOST,
            drop_type=nncf.DropType.ABSOLUTE,
            # Layers that go back to float need their own biases, not such as were corrected for int8.
            advanced_quantization_parameters=nncf.AdvancedQuantizationParameters(disable_bias_correction=True),
            # It ranks the layers by measuring with each in float: some two hundred times.
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                ranking_subset_size=_RANKED_ON
            ),
        )


def quantize_all(model: Any, feeds: Sequence[Mapping[str, np.ndarray]], has_attention: bool) -> Any:
    """Return a copy of an OpenVINO model with all convolutions and matrix products in int8, their biases corrected."""
    return _nncf().quantize(model.clone(), **_settings(model, feeds, has_attention))


def _settings(model: Any, feeds: Sequence[Mapping[str, np.ndarray]], has_attention: bool) -> dict[str, Any]:
    """Return what NNCF is told, with and without accuracy control."""
    nncf = _nncf()
    others = {node.get_type_name() for node in model.get_ordered_ops()} - _PRODUCTS
    return {
        "calibration_dataset": nncf.Dataset([dict(each) for each in feeds]),
        "preset": nncf.QuantizationPreset.MIXED,
        "model_type": nncf.ModelType.TRANSFORMER if has_attention else None,
        "ignored_scope": nncf.IgnoredScope(types=sorted(others), validate=False),
        "subset_size": len(feeds),
    }


@contextmanager
def _named_errors() -> Iterator[None]:
    """Raise what fails in NNCF as an error that says what else would do."""
    try:
        yield
    except HqsamError:
        raise
    except Exception as error:  # its errors have no common base: a KeyError where it brings layers back to float
        raise OptionError(
            f"NNCF fails on this model, by {type(error).__name__}: {error}. Nothing was exported; --format onnx is "
            "quantised by onnxruntime, and without --quantize the graphs are in float32"
        ) from error


def _nncf() -> Any:
    """Return NNCF, which keeps its use to itself, and what it does; where it is imported, it looks at the variable."""
    os.environ.setdefault("NNCF_CI", "1")
    nncf = require("nncf", extra="openvino")
    nncf.set_log_level(logging.WARNING)
    return nncf


def _mean_and_each(ious: list[float]) -> tuple[float, list[float]]:
    return float(np.mean(ious)), ious
