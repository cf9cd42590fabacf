"""The page in a folder of graphs under the names of segment-anything."""

from hqsam.graphs.description import Description
from hqsam.graphs.image_ops import OPSET
from hqsam.graphs.segment_anything import EMBEDDINGS, LOGITS_SIDE, LONG_SIDE, packed_channels


def segment_anything_readme(description: Description) -> str:
    """Return the page, in Markdown."""
    config, source = description.config, description.source
    channels = packed_channels(config, source)
    embeddings = f"float32 [1, {channels}, {config.embedding_size}, {config.embedding_size}]"
    logits = f"float32 [N, {description.masks}"
    small = f"{LOGITS_SIDE}, {LOGITS_SIDE}]"
    rows = [
        ("encoder in", *_taken(description)),
        ("encoder out", EMBEDDINGS, embeddings, "for the decoder, all in one"),
        ("decoder in", EMBEDDINGS, embeddings, "as the encoder gave it"),
        ("decoder in", "point_coords", "float32 [N, P, 2]", f"x, y in the image of long side {LONG_SIDE}; N prompts"),
        ("decoder in", "point_labels", "float32 [N, P]", "1 on the object, 0 beside it, 2 and 3 a box, -1 padding"),
        ("decoder in", "mask_input", f"float32 [1, 1, {small}", "a mask of `low_res_masks`"),
        ("decoder in", "has_mask_input", "float32 [1]", "1 where `mask_input` counts, else 0"),
        ("decoder in", "orig_im_size", "float32 [2]", "height, width"),
        ("decoder out", "masks", f"{logits}, height, width]", "logits; above 0 is the object"),
        ("decoder out", "iou_predictions", f"{logits}]", "predicted IoU of each"),
        ("decoder out", "low_res_masks", f"{logits}, {small}", "logits of the padded square"),
    ]
    table = "\n".join(f"| {graph} | `{name}` | {kind} | {text} |" for graph, name, kind, text in rows)
    return f"""# {config.name} as ONNX graphs with the names of segment-anything

Written by hqsam {description.version} from weights {description.weights}; opset {OPSET}, {description.precision}.
Masks have the source "{source}". Licence of the weights: {description.licence or "as you know it"}.
{description.notice}

For programs that were written for the graphs of Meta's exporter and samexporter, such as AnyLabeling, which loads
`config.yaml`. In Python:

```python
{_CODE}
```

| graph | tensor | type | |
| --- | --- | --- | --- |
{table}

`image_embeddings` has {channels} channels, the first {config.width} of which are SAM's. Programs that hand it on as it
is need no change; programs that expect a certain shape take plain models, or such as were exported with `--source sam`.
"""


def _taken(description: Description) -> tuple[str, str, str]:
    if description.image_input == "image":
        return "input_image", "float32 [height, width, 3]", f"RGB from 0 to 255, long side {LONG_SIDE}"
    side = description.config.image_size
    return "pixels", f"float32 [1, 3, {side}, {side}]", "resized, normalised, padded by zeros"


_CODE = f"""import numpy as np
import onnxruntime
from PIL import Image

encoder, decoder = onnxruntime.InferenceSession("encoder.onnx"), onnxruntime.InferenceSession("decoder.onnx")
image = Image.open("photo.jpg").convert("RGB")
scale = {LONG_SIDE} / max(image.size)
small = image.resize([int(side * scale + 0.5) for side in image.size], Image.Resampling.BILINEAR)
[embeddings] = encoder.run(None, {{"input_image": np.asarray(small, np.float32)}})
middle = np.float32(small.size) / 2  # x, y
feeds = {{"image_embeddings": embeddings, "orig_im_size": np.float32([image.height, image.width]),
         "point_coords": np.stack([middle, 0 * middle])[None], "point_labels": np.float32([[1, -1]]),
         "mask_input": np.zeros((1, 1, {LOGITS_SIDE}, {LOGITS_SIDE}), np.float32),
         "has_mask_input": np.zeros(1, np.float32)}}
masks, scores, logits = decoder.run(None, feeds)
mask = masks[0, 0] > 0  # bool [height, width]"""
