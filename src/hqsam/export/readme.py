"""The page in an exported folder: what the graphs take and give, ten lines that use them, and how exact they are."""

from collections.abc import Sequence

from hqsam.export.example_code import example_code
from hqsam.export.int8.quantize import Int8Report
from hqsam.export.verify import PhotoDifference
from hqsam.graphs.description import Description
from hqsam.graphs.encoder import feature_names
from hqsam.graphs.folder import FileFormat
from hqsam.graphs.image_ops import OPSET
from hqsam.model.config import ModelConfig


def readme(
    description: Description,
    file_format: FileFormat,
    differences: Sequence[PhotoDifference],
    int8: Int8Report | None = None,
) -> str:
    """Return the page of a folder of graphs, in Markdown."""
    config = description.config
    files = "ONNX" if file_format == "onnx" else "OpenVINO"
    return f"""# {config.name} as {files} graphs

Written by hqsam {description.version} from weights {description.weights}; opset {OPSET}, {description.precision}.
Licence of the weights: {description.licence or "as you know it"}. {description.notice}

`hqsam.load` opens this folder. So does any runtime of {files}, without hqsam; here in Python:

```python
{example_code(description, file_format)}
```

## Inputs and outputs

{_table(description)}

Points are x, y in the pixels of the image, whose height and width are `image_size`. Labels are 1 for a click on the
object, 0 for one beside it, 2 and 3 for the two corners of a box, -1 for padding. A box is two points; clicks come
before it. {"After all of them" if config.pad_boxes else "After clicks without a box"} comes one padding point, (0, 0).

{_in_int8(int8)}{exactness(differences)}
"""


def _in_int8(report: Int8Report | None) -> str:
    if report is None:
        return ""
    return f"""## The encoder in int8

{report}. Decoder and masks are float32.

"""


def _table(description: Description) -> str:
    config = description.config
    taken = (
        ("image", "uint8 [height, width, 3]", "RGB, any size")
        if description.image_input == "image"
        else ("pixels", f"float32 [1, 3, {_size(config)}]", "RGB: resized, normalised, zeros below and to the right")
    )
    side, masks = config.mask_size, description.masks
    which = {
        "all": "mask 0 of a clear prompt, then the candidates of an ambiguous one",
        "1": "mask 0",
        "3": "candidates",
    }
    features = [(name, "float32", "as the encoder gave it") for name in feature_names(config)]
    rows: list[tuple[str, ...]] = [("encoder in", *taken)]
    rows += [("encoder out", name, kind, "for the decoder") for name, kind, _ in features]
    rows += [("decoder in", *feature) for feature in features]
    rows += [
        ("decoder in", "points", "float32 [N, P, 2]", "N prompts of P points each; both may vary"),
        ("decoder in", "labels", "int64 [N, P]", ""),
        ("decoder in", "mask_input", f"float32 [N, 1, {side}, {side}]", "logits of an earlier answer"),
        ("decoder in", "has_mask", "float32 [N]", "1 where `mask_input` counts, else 0"),
        ("decoder in", "image_size", "int64 [2]", "height, width"),
    ]
    if description.source == "input":
        rows.append(("decoder in", "source", "int64 [1]", "0 SAM's and the HQ mask added, 1 HQ alone, 2 SAM alone"))
    rows += [
        ("decoder out", "logits", f"float32 [N, {masks}, {side}, {side}]", which[description.candidates]),
        ("decoder out", "scores", f"float32 [N, {masks}]", "predicted IoU of each"),
    ]
    if config.decoder.object_score:
        rows.append(("decoder out", "object_scores", "float32 [N]", "above 0: the object is in the image"))
    rows += [
        ("masks in", "logits", f"float32 [K, {side}, {side}]", "some of the decoder's"),
        ("masks in", "image_size", "int64 [2]", "height, width"),
        ("masks out", "masks", "bool [K, height, width]", "of the image's size"),
    ]
    head = "| graph | tensor | type | |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(f"| {graph} | `{name}` | {kind} | {text} |" for graph, name, kind, text in rows)


def _size(config: ModelConfig) -> str:
    if config.padding is None:
        return f"{config.image_size}, {config.image_size}"
    return f"height, width: multiples of {config.stride} up to {config.image_size}"


def exactness(differences: Sequence[PhotoDifference]) -> str:
    """Return what the comparison with our engine found, in Markdown."""
    if not differences:
        return "How exact the graphs are was not measured; `hqsam export --verify PHOTO` does it."
    rows = [
        f"| {each.photo} | {each.largest_logit:.2g} | {each.least_iou:.4f} | {each.mean_iou:.4f} |"
        for each in differences
    ]
    return "\n".join(
        [
            "## Beside hqsam's own engine in float32",
            "",
            "On each photo, nine clicks and nine boxes:",
            "",
            "| photo | largest difference of a logit | least IoU of two masks | mean IoU |",
            "| --- | ---: | ---: | ---: |",
            *rows,
        ]
    )
