"""Programs converted by coremltools and written as packages, with names and a description."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hqsam import storage
from hqsam.graphs.description import Description
from hqsam.optional import require


def write_package(
    program: Any,
    path: Path,
    description: Description,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    *,
    image: str | None = None,
    most: int | None = None,
) -> None:
    """Convert a program to a package in float32, for macOS 15, iOS 18 and later.

    Args:
        program: torch's exported program, or one of Core ML's own operations.
        path: the folder that a package is.
        description: what the package says of itself.
        inputs: names of its inputs, in order; none: those that they have.
        outputs: names of its outputs, likewise.
        image: the input that is a picture.
        most: the largest size of the first input's first side; None: the program says it.

    Raises:
        OutputError: it cannot be written.
        MissingExtra: coremltools is not installed.
    """
    with _quiet():
        coreml = require("coremltools", extra="coreml")
        model = _converted(coreml, program, most)
        spec = model.get_spec()
        for kind, names in ((spec.description.input, inputs), (spec.description.output, outputs)):
            for old, new in zip([each.name for each in kind], names, strict=bool(names)) if names else ():
                coreml.utils.rename_feature(spec, old, new)
        if image:
            _take_picture(spec, image, description.config.image_size)
        _describe(spec, description)
        with storage.replacing_folder(path) as folder:
            named = coreml.models.MLModel(spec, weights_dir=model.weights_dir, skip_model_load=True)
            inside = folder / "model.mlpackage"
            named.save(str(inside))
            for part in inside.iterdir():
                part.rename(folder / part.name)
            inside.rmdir()


def _converted(coreml: Any, program: Any, most: int | None) -> Any:
    how = {
        "minimum_deployment_target": coreml.target.iOS18,
        "compute_precision": coreml.precision.FLOAT32,
        "skip_model_load": True,
    }
    if most is None:
        return coreml.convert(program, **how)
    ranges = []
    for name, value in program.functions["main"].inputs.items():
        sides = [side if isinstance(side, int) else coreml.RangeDim(1, most) for side in value.shape]
        ranges.append(coreml.TensorType(name, shape=sides, dtype=value.dtype))
    return coreml.convert(program, inputs=ranges, **how)


def _take_picture(spec: Any, name: str, side: int) -> None:
    """Let an input be a picture in RGB; inside the program it is the same tensor."""
    proto = require("coremltools.proto.FeatureTypes_pb2", extra="coreml")
    [feature] = [each for each in spec.description.input if each.name == name]
    picture = feature.type.imageType
    picture.width = picture.height = side
    picture.colorSpace = proto.ImageFeatureType.RGB


def _describe(spec: Any, description: Description) -> None:
    metadata = spec.description.metadata
    metadata.shortDescription = f"{description.role} of {description.config.name}, written by hqsam"
    metadata.license = description.licence
    metadata.versionString = description.version
    metadata.userDefined.update(description.to_metadata())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what coremltools says about itself, and its progress, from the user."""
    logger = logging.getLogger("coremltools")
    level = logger.level
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
