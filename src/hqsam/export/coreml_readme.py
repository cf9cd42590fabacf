"""The page in a folder of Core ML packages."""

from hqsam.graphs.coreml.folder import MOST
from hqsam.graphs.coreml.modules import takes_size
from hqsam.graphs.description import Description
from hqsam.graphs.encoder import feature_names


def coreml_readme(description: Description) -> str:
    """Return the page, in Markdown."""
    config = description.config
    return f"""# {config.name} as Core ML packages

Written by hqsam {description.version} from weights {description.weights}; for macOS 15, iOS 18 and later, in
{description.precision}. Licence of the weights: {description.licence or "as you know it"}. {description.notice}

In Xcode, add the three packages to a target. In Python on a Mac (`pip install coremltools pillow`):

```python
{_code(description)}
```

## Inputs and outputs

{_table(description)}

Points are x, y in the pixels of the photo, whose height and width are `image_size`. Labels are 1 for a click on the
object, 0 for one beside it, 2 and 3 for the two corners of a box, -1 for padding. A box is two points; clicks come
before it. {"After all of them" if config.pad_boxes else "After clicks without a box"} comes one padding point, (0, 0).
There are up to {MOST} prompts in one call, up to {MOST} points in each, and as many masks.

The packages compute in float32, on the processor and its graphics: the neural engine takes float16 alone, in which
points would move by pixels. hqsam converted them on another system; they have not been run on Apple's.
"""


def _code(description: Description) -> str:
    config, names = description.config, feature_names(description.config)
    side = config.image_size
    feed = '{"image": square}' if description.image_input == "image" else '{"pixels": pixels}'
    if takes_size(config, description.image_input):
        feed = '{"image": square, "resized_size": np.int32([height, width])}'
    lines = [
        "import coremltools",
        "import numpy as np",
        "from PIL import Image",
        "",
        'parts = ("encoder", "decoder", "masks")',
        'encoder, decoder, masks = (coremltools.models.MLModel(f"{part}.mlpackage") for part in parts)',
        'photo = Image.open("photo.jpg").convert("RGB")',
        *(
            [
                f"scale = {side} / max(photo.size)",
                "width, height = (int(each * scale + 0.5) for each in photo.size)",
            ]
            if config.fit == "pad"
            else [f"width, height = {side}, {side}"]
        ),
        f'square = Image.new("RGB", ({side}, {side}))',
        "square.paste(photo.resize((width, height), Image.Resampling.BILINEAR))",
        *([] if description.image_input == "image" else _prepared(description)),
        f"feeds = encoder.predict({feed})",
        f"feeds = {{name: feeds[name] for name in {names!r}}}",
        "size = np.int32([photo.height, photo.width])",
        "middle = np.float32(photo.size) / 2  # x, y",
        'feeds |= {"points": np.stack([middle, 0 * middle])[None], "labels": np.int32([[1, -1]]), "image_size": size,',
        f'          "mask_input": np.zeros((1, 1, {config.mask_size}, {config.mask_size}), np.float32),',
        '          "has_mask": np.zeros(1, np.float32)' + ("," if description.source == "input" else "}"),
        *(['          "source": np.int32([0])}'] if description.source == "input" else []),
        "found = decoder.predict(feeds)",
        'logits = found["logits"][:, 0]',
        'mask = masks.predict({"logits": logits, "image_size": size})["masks"][0] > 0  # bool [height, width]',
    ]
    return "\n".join(lines)


def _prepared(description: Description) -> list[str]:
    config = description.config
    mean, deviation = list(config.pixel_mean), list(config.pixel_std)
    return [
        f"pixels = (np.asarray(square, np.float32) - np.float32({mean})) / np.float32({deviation})",
        "pixels[height:], pixels[:, width:] = 0, 0",
        "pixels = pixels.transpose(2, 0, 1)[None]",
    ]


def _table(description: Description) -> str:
    config = description.config
    side, masks = config.mask_size, description.masks
    rows: list[tuple[str, str, str, str]] = []
    if description.image_input == "image":
        rows.append(("encoder in", "image", f"picture {config.image_size} x {config.image_size}", _square(description)))
    else:
        rows.append(("encoder in", "pixels", f"float32 [1, 3, {config.image_size}, {config.image_size}]", "normalised"))
    if takes_size(config, description.image_input):
        rows.append(("encoder in", "resized_size", "int32 [2]", "height, width of the photo in the square"))
    features = [(name, "float32", "for the decoder") for name in feature_names(config)]
    rows += [("encoder out", *feature) for feature in features]
    rows += [
        ("decoder in", "as the encoder gave it", "float32", ""),
        ("decoder in", "points", "float32 [N, P, 2]", "N prompts of P points each"),
        ("decoder in", "labels", "int32 [N, P]", ""),
        ("decoder in", "mask_input", f"float32 [N, 1, {side}, {side}]", "logits of an earlier answer"),
        ("decoder in", "has_mask", "float32 [N]", "1 where `mask_input` counts, else 0"),
        ("decoder in", "image_size", "int32 [2]", "height, width"),
    ]
    if description.source == "input":
        rows.append(("decoder in", "source", "int32 [1]", "0 SAM's and the HQ mask added, 1 HQ alone, 2 SAM alone"))
    rows += [
        ("decoder out", "logits", f"float32 [N, {masks}, {side}, {side}]", ""),
        ("decoder out", "scores", f"float32 [N, {masks}]", "predicted IoU of each"),
    ]
    if config.decoder.object_score:
        rows.append(("decoder out", "object_scores", "float32 [N]", "above 0: the object is in the image"))
    rows += [
        ("masks in", "logits", f"float32 [K, {side}, {side}]", "some of the decoder's"),
        ("masks in", "image_size", "int32 [2]", "height, width"),
        ("masks out", "masks", "int32 [K, height, width]", "1 on the object, 0 beside it"),
    ]
    head = "| package | tensor | type | |\n| --- | --- | --- | --- |\n"
    return head + "\n".join(f"| {part} | `{name}` | {kind} | {text} |" for part, name, kind, text in rows)


def _square(description: Description) -> str:
    if description.config.fit == "pad":
        return "RGB: the photo at its top left, its longer side as long as the square's"
    return "RGB: the photo, squashed"
