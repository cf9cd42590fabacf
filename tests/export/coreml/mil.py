"""Core ML packages computed by PyTorch, operation by operation as Apple's documentation of MIL defines them.

Apple runs packages on its own systems only. This shows that what was written is the model, though not that Apple's
runtime takes it.
"""

import numpy as np
import torch
from torch.nn import functional as F


class Package:
    """A package with the `predict` of coremltools' `MLModel`."""

    def __init__(self, path):
        import coremltools
        from coremltools.converters.mil.frontend.milproto.load import load

        model = coremltools.models.MLModel(str(path), skip_model_load=True)
        self.spec = model.get_spec()
        self._block = load(self.spec, self.spec.specificationVersion, model.weights_dir).functions["main"]

    def predict(self, feeds):
        names = [each.name for each in self.spec.description.input]
        assert sorted(feeds) == sorted(names), f"{sorted(feeds)} instead of {sorted(names)}"
        values = {}
        for feature, (inside, variable) in zip(self.spec.description.input, self._block.inputs.items(), strict=True):
            values[inside] = torch.from_numpy(_fed(feature, feeds[feature.name]))
            assert len(variable.shape) == values[inside].ndim
        with torch.no_grad():
            for operation in self._block.operations:
                _run(operation, values)
        outputs = [values[each.name] for each in self._block.outputs]
        return {f.name: x.numpy() for f, x in zip(self.spec.description.output, outputs, strict=True)}


def _fed(feature, value):
    """What Core ML accepts for an input: a picture of the right size, or an array of the right type and shape."""
    if feature.type.WhichOneof("Type") == "imageType":
        assert value.size == (feature.type.imageType.width, feature.type.imageType.height)
        return np.asarray(value, np.float32).transpose(2, 0, 1)[None]
    array = feature.type.multiArrayType
    assert value.dtype == {array.FLOAT32: np.float32, array.INT32: np.int32}[array.dataType], feature.name
    ranges = [(each.lowerBound, each.upperBound) for each in array.shapeRange.sizeRanges]
    for side, (least, most) in zip(value.shape, ranges or [(n, n) for n in array.shape], strict=True):
        assert least <= side <= most, f"{feature.name} is {value.shape}"
    return np.array(value)


def _run(operation, values):
    if operation.op_type == "const":
        values[operation.outputs[0].name] = _constant(operation.outputs[0].val)
        return
    arguments = {}
    for name, given in operation.inputs.items():
        if isinstance(given, (list, tuple)):
            arguments[name] = [values[each.name] for each in given]
        elif given is not None:
            arguments[name] = values[given.name]
    found = _OPERATIONS[operation.op_type](**arguments)
    found = found if isinstance(found, (list, tuple)) else [found]
    for variable, value in zip(operation.outputs, found, strict=True):
        values[variable.name] = value


def _constant(value):
    return value if isinstance(value, (str, bool)) else torch.from_numpy(np.array(value))


def _whole(numbers):
    return [int(each) for each in numbers]


def _conv(x, weight, strides, pad_type, pad, dilations, groups, bias=None):
    assert pad_type in ("valid", "custom")
    top, bottom, left, right = _whole(pad)
    x = F.pad(x, (left, right, top, bottom))
    return F.conv2d(x, weight, bias, _whole(strides), 0, _whole(dilations), int(groups))


def _conv_transpose(x, weight, pad, pad_type, strides, dilations, groups, bias=None):
    assert pad_type == "valid" and not any(_whole(pad))
    return F.conv_transpose2d(x, weight, bias, _whole(strides), 0, 0, int(groups), _whole(dilations))


def _max_pool(x, kernel_sizes, strides, pad_type, pad, ceil_mode):
    assert not any(_whole(pad)) and not ceil_mode
    return F.max_pool2d(x, _whole(kernel_sizes), _whole(strides))


def _layer_norm(x, axes, gamma, beta, epsilon):
    assert _whole(axes) in ([-1], [x.ndim - 1])
    return F.layer_norm(x, x.shape[-1:], gamma, beta, float(epsilon))


def _slice(x, begin, end, end_mask=None, begin_mask=None, stride=None, squeeze_mask=None):
    cut = []
    for axis in range(x.ndim):
        first = None if begin_mask is not None and begin_mask[axis] else int(begin[axis])
        last = None if end_mask is not None and end_mask[axis] else int(end[axis])
        if squeeze_mask is not None and squeeze_mask[axis]:
            cut.append(first)
        else:
            cut.append(slice(first, last, None if stride is None else int(stride[axis])))
    return x[tuple(cut)]


def _gather(x, indices, axis, batch_dims, validate_indices):
    assert int(batch_dims) == 0
    axis = int(axis) % x.ndim
    found = x.index_select(axis, indices.long().flatten())
    return found.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


def _pad(x, pad, mode, constant_val):
    assert mode == "constant"
    sides = _whole(pad)
    pairs = [sides[i : i + 2] for i in range(0, len(sides), 2)]
    return F.pad(x, [n for pair in reversed(pairs) for n in pair], value=float(constant_val))


def _upsample_bilinear(x, scale_factor_height, scale_factor_width, align_corners, half_pixel_centers=True):
    assert half_pixel_centers and not align_corners
    return F.interpolate(
        x, scale_factor=(float(scale_factor_height), float(scale_factor_width)), mode="bilinear", align_corners=False
    )


def _upsample_nearest(x, scale_factor_height, scale_factor_width):
    return F.interpolate(x, scale_factor=(float(scale_factor_height), float(scale_factor_width)), mode="nearest")


def _reshape(x, shape):
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(_whole(shape))])


def _squeeze(x, axes):
    for axis in sorted((int(each) % x.ndim for each in axes), reverse=True):
        x = x.squeeze(axis)
    return x


def _expand_dims(x, axes):
    for axis in sorted(int(each) % (x.ndim + len(axes)) for each in axes):
        x = x.unsqueeze(axis)
    return x


def _softmax(x, axis):
    return x.softmax(int(axis))


def _matmul(x, y, transpose_x, transpose_y):
    return (x.mT if transpose_x else x) @ (y.mT if transpose_y else y)


def _attention(query, key, value, attn_mask=None):
    return F.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask)


def _concat(values, axis, interleave):
    assert not interleave
    return torch.cat([torch.atleast_1d(each) for each in values], int(axis))  # sizes come as scalars


def _split(x, split_sizes, axis):
    return x.split(_whole(split_sizes), int(axis))


def _gelu(x, mode):
    assert mode == "EXACT"
    return F.gelu(x)


def _cast(x, dtype):
    return x.to({"fp32": torch.float32, "int32": torch.int32, "bool": torch.bool}[dtype])


def _argmax(x, axis, keep_dims, output_dtype="int32"):
    return x.argmax(int(axis), keepdim=bool(keep_dims)).int()


_OPERATIONS = {
    "abs": lambda x: x.abs(),
    "add": lambda x, y: x + y,
    "cast": _cast,
    "clip": lambda x, alpha, beta: x.clamp(float(alpha), float(beta)),
    "concat": _concat,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "cos": lambda x: x.cos(),
    "equal": lambda x, y: x == y,
    "exp": lambda x: x.exp(),
    "expand_dims": _expand_dims,
    "fill": lambda shape, value: torch.full(_whole(shape), value.item(), dtype=value.dtype),
    "fill_like": lambda ref_tensor, value: torch.full(ref_tensor.shape, value.item(), dtype=value.dtype),
    "floor": lambda x: x.floor(),
    "gather": _gather,
    "gather_along_axis": lambda x, indices, axis, validate_indices: x.gather(int(axis), indices.long()),
    "gelu": _gelu,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "layer_norm": _layer_norm,
    "less": lambda x, y: x < y,
    "linear": lambda x, weight, bias=None: F.linear(x, weight, bias),
    "matmul": _matmul,
    "max_pool": _max_pool,
    "maximum": lambda x, y: torch.maximum(x, y),
    "minimum": lambda x, y: torch.minimum(x, y),
    "mul": lambda x, y: x * y,
    "pad": _pad,
    "pixel_unshuffle": lambda x, downscale_factor: F.pixel_unshuffle(x, int(downscale_factor)),
    "range_1d": lambda start, end, step: torch.arange(float(start), float(end), float(step)),
    "real_div": lambda x, y: x / y,
    "reduce_argmax": _argmax,
    "reduce_max": lambda x, axes, keep_dims: x.amax(_whole(axes), keepdim=bool(keep_dims)),
    "reduce_sum": lambda x, axes, keep_dims: x.sum(_whole(axes), keepdim=bool(keep_dims)),
    "relu": lambda x: x.relu(),
    "relu6": lambda x: F.relu6(x),
    "reshape": _reshape,
    "reverse": lambda x, axes: x.flip(_whole(axes)),
    "scaled_dot_product_attention": _attention,
    "select": lambda cond, a, b: torch.where(cond, a, b),
    "shape": lambda x: torch.tensor(x.shape, dtype=torch.int32),
    "sigmoid": lambda x: x.sigmoid(),
    "sin": lambda x: x.sin(),
    "slice_by_index": _slice,
    "softmax": _softmax,
    "split": _split,
    "square": lambda x: x.square(),
    "squeeze": _squeeze,
    "stack": lambda values, axis: torch.stack(values, int(axis)),
    "sub": lambda x, y: x - y,
    "tile": lambda x, reps: x.repeat(_whole(reps)),
    "transpose": lambda x, perm: x.permute(_whole(perm)),
    "upsample_bilinear": _upsample_bilinear,
    "upsample_nearest_neighbor": _upsample_nearest,
}
