"""Modules traced to ONNX by torch.export, joined with the graphs around them, described, checked and written."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hqsam import storage
from hqsam.graphs.image_ops import OPSET
from hqsam.graphs.weights_beside import KEY, weights_beside
from hqsam.optional import require
from hqsam.weights.digest import sha256_of_file

EXTERNAL_DATA_BYTES = 2_000_000_000
"""Weights of more than this lie in a file beside the graph: one file cannot hold them."""

_ANY = 1 << 40
_MAKES_LARGER = ("ConstantOfShape", "Expand", "Gather", "GatherElements", "GatherND", "Tile")


def trace(
    module: nn.Module,
    example: tuple[Any, ...],
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic_shapes: Any,
) -> Any:
    """Return a module as torch's ONNX program.

    Args:
        module: the module, in evaluation mode.
        example: arguments of it.
        inputs: names of the tensors among these, in order.
        outputs: names of the tensors that it returns.
        dynamic_shapes: the sides that vary, as `torch.export` takes them.
    """
    require("onnxscript", extra="export")
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            module.eval(),
            example,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=dynamic_shapes,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # stack traces, with the paths of this machine
    _fold_weights(program)
    return program


def _fold_weights(program: Any) -> None:
    """Compute what depends on weights alone, however large: norms in convolutions, and weights the right way round.

    The exporter leaves large ones in the graph, where each load would compute them, and where no quantisation sees a
    weight. What makes a constant larger, such as looking up a table, stays.
    """
    optimizer = require("onnxscript.optimizer", extra="export")
    optimizer.fold_constants(
        program.model,
        input_size_limit=_ANY,
        output_size_limit=_ANY,
        should_fold=lambda node: False if node.op_type in _MAKES_LARGER else None,
    )
    optimizer.remove_unused_nodes(program.model)


def prepend(program: Any, before: Any) -> None:
    """Put an ONNX model before a program's first input: its one output becomes that input."""
    ir = require("onnx_ir", extra="export")
    graph, first = program.model.graph, ir.from_proto(before).graph
    taken = graph.inputs.pop(0)
    made = first.outputs[0]
    nodes = list(first)
    inputs = list(first.inputs)
    first.remove(nodes)
    ir.convenience.replace_all_uses_with(taken, made)
    for node in nodes:
        node.name = f"prepare/{node.outputs[0].name}"  # onnxruntime refuses two nodes of one name
        for value in node.outputs:
            value.name = f"prepare/{value.name}"
    graph.insert_before(graph[0], nodes)
    first.inputs.clear()
    for value in reversed(inputs):
        graph.inputs.insert(0, value)


def append(program: Any, after: Any) -> None:
    """Put an ONNX model behind a program: inputs that are outputs of the program are fed by them.

    Its other inputs come last, its outputs first.
    """
    ir = require("onnx_ir", extra="export")
    graph, last = program.model.graph, ir.from_proto(after).graph
    made = {value.name: value for value in graph.outputs}
    nodes, inputs, outputs = list(last), list(last.inputs), list(last.outputs)
    last.outputs.clear()
    last.inputs.clear()
    for value in inputs:
        if value.name in made:
            ir.convenience.replace_all_uses_with(value, made[value.name])
        else:
            graph.inputs.append(value)
    last.remove(nodes)
    for node in nodes:
        node.name = f"after/{node.outputs[0].name}"
        for value in node.outputs:
            if value not in outputs:
                value.name = f"after/{value.name}"
    graph.extend(nodes)
    for value in reversed(outputs):
        graph.outputs.insert(0, value)


def write_program(program: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """Write a program with its description and check it: ONNX's own checker, with shape inference.

    Weights that one file cannot hold are written in place: a kill may leave a part of them, without a graph.

    Raises:
        OutputError: it cannot be written.
    """
    program.model.metadata_props.update(metadata)
    if _constant_bytes(program) > EXTERNAL_DATA_BYTES:
        try:  # the graph names the file with the weights, so both are written where they stay
            with _quiet():
                program.save(path, external_data=True)
                _name_weights(path)
        except OSError as error:
            raise storage.output_error(path, error) from error
        _check(path)
        return
    with storage.replacing(path) as temporary, _quiet():
        program.save(temporary, external_data=False)
        _check(temporary)


def _name_weights(path: Path) -> None:
    """Write into a graph which weights lie beside it."""
    onnx = require("onnx", extra="export")
    graph = onnx.load(str(path), load_external_data=False)
    graph.metadata_props.add(key=KEY, value=sha256_of_file(weights_beside(path)))
    path.write_bytes(graph.SerializeToString())


def fits_one_file(module: nn.Module) -> bool:
    """Return whether a graph of a module holds its weights itself."""
    return 4 * sum(weight.numel() for weight in module.parameters()) <= EXTERNAL_DATA_BYTES


def _constant_bytes(program: Any) -> int:
    """Return the bytes of weights and of what was computed from them."""
    constants = (value.const_value for value in program.model.graph.initializers.values())
    return sum(constant.nbytes for constant in constants if constant is not None)


def write_proto(proto: Any, path: Path, metadata: Mapping[str, str]) -> None:
    """Write an ONNX model that was made without torch, with its description, and check it."""
    onnx = require("onnx", extra="export")
    onnx.helper.set_model_props(proto, dict(metadata))
    with storage.replacing(path) as temporary:
        onnx.save(proto, temporary)
        _check(temporary)


def _check(path: Path) -> None:
    require("onnx", extra="export").checker.check_model(str(path), full_check=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch's exporter says about itself from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
