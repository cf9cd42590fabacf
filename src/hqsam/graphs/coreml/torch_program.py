"""Modules traced by torch.export to the operations that coremltools can convert."""

import warnings
from typing import Any

import torch
from torch import Tensor, fx, nn

_ATEN: Any = torch.ops.aten


def trace_for_coreml(module: nn.Module, example: tuple[Any, ...], dynamic_shapes: Any) -> Any:
    """Return a module as an exported program in which nothing is left that depends on weights alone.

    coremltools 9 knows no bicubic resizing and no tensors of ones by another's type. Both are about tables of positions
    and padding, which are constants here; other calls are rewritten.
    """
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.export warns of its own insides
        program = torch.export.export(module.eval(), example, dynamic_shapes=dynamic_shapes)
        folded = fold_constants(program.run_decompositions(_REWRITTEN).module())
        program = torch.export.export(folded, example, dynamic_shapes=dynamic_shapes)
        return _with_strides(program.run_decompositions(_REWRITTEN))


def _with_strides(program: Any) -> Any:
    """Say the stride of pooling, which coremltools wants to be told also where it is that of the window."""
    for node in program.graph.nodes:
        if node.target == _ATEN.max_pool2d.default and len(node.args) == 2:
            node.args = (*node.args, node.args[1])
    return program


def fold_constants(module: Any) -> Any:
    """Compute what does not depend on the module's inputs, and put the results in its place."""
    known = _constants(module)
    for number, (node, value) in enumerate(known.items()):
        if node.op == "get_attr" or all(user in known for user in node.users):
            continue
        module.register_buffer(f"constant_{number}", value.clone())
        with module.graph.inserting_before(node):
            node.replace_all_uses_with(module.graph.get_attr(f"constant_{number}"))
    module.graph.eliminate_dead_code()
    module.recompile()
    return module


def _constants(module: Any) -> dict[fx.Node, Tensor]:
    known: dict[fx.Node, Tensor] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            value = _attribute(module, node.target)
        elif isinstance(node.target, torch._ops.OpOverload) and all(each in known for each in node.all_input_nodes):
            value = node.target(*fx.map_arg(node.args, known.get), **fx.map_arg(node.kwargs, known.get))
        else:
            continue
        if isinstance(value, Tensor):
            known[node] = value.detach()
    return known


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module


def _ones(like: Tensor, size: list[int], **_: Any) -> Tensor:
    return torch.ones(size, dtype=like.dtype)


def _where_number_else(condition: Tensor, number: float, other: Tensor) -> Tensor:
    return torch.where(condition, torch.full((), number, dtype=other.dtype), other)


def _where_else_number(condition: Tensor, one: Tensor, number: float) -> Tensor:
    return torch.where(condition, one, torch.full((), number, dtype=one.dtype))


_REWRITTEN = {
    _ATEN.new_ones.default: _ones,
    _ATEN.alias.default: torch.clone,
    _ATEN.where.ScalarSelf: _where_number_else,
    _ATEN.where.ScalarOther: _where_else_number,
}
