"""Short programs that use a folder's graphs in plain onnxruntime or OpenVINO, for the folder's page."""

from hqsam.graphs.description import Description
from hqsam.graphs.folder import FileFormat


def example_code(description: Description, file_format: FileFormat) -> str:
    """Return a program that makes the mask of a photo's middle, without hqsam."""
    side = description.config.mask_size
    source = ['         "source": np.array([0])}'] if description.source == "input" else []
    opened, encoded, decoded = _ONNXRUNTIME if file_format == "onnx" else _OPENVINO
    feed = '"image": image' if description.image_input == "image" else '"pixels": pixels'
    lines = [
        *opened,
        'image = np.asarray(Image.open("photo.jpg").convert("RGB"))',
        "size = np.array(image.shape[:2])",
        *_prepare(description),
        *(line.replace("FEED", feed) for line in encoded),
        "middle = size[::-1].astype(np.float32) / 2  # x, y",
        'feeds |= {"points": np.stack([middle, 0 * middle])[None], "labels": np.array([[1, -1]]), "image_size": size,',
        f'          "mask_input": np.zeros((1, 1, {side}, {side}), np.float32), "has_mask": np.zeros(1, np.float32)'
        + ("," if source else "}"),
        *[f" {line}" for line in source],
        *decoded,
    ]
    return "\n".join(lines)


_ONNXRUNTIME = (
    (
        "import numpy as np",
        "import onnxruntime",
        "from PIL import Image",
        "",
        "session = onnxruntime.InferenceSession",
        'encoder, decoder, masks = session("encoder.onnx"), session("decoder.onnx"), session("masks.onnx")',
    ),
    (
        "names = [output.name for output in encoder.get_outputs()]",
        "feeds = dict(zip(names, encoder.run(None, {FEED})))",
    ),
    (
        'logits, scores = decoder.run(["logits", "scores"], feeds)',
        'mask = masks.run(None, {"logits": logits[:, 0], "image_size": size})[0][0]  # bool [height, width]',
    ),
)

_OPENVINO = (
    (
        "import numpy as np",
        "import openvino",
        "from PIL import Image",
        "",
        'options = {"INFERENCE_PRECISION_HINT": "f32"}  # bfloat16 may do for the encoder, but would move points',
        'compiled = lambda name: openvino.Core().compile_model(name, "CPU", options)',
        'encoder, decoder, masks = compiled("encoder.xml"), compiled("decoder.xml"), compiled("masks.xml")',
    ),
    ("feeds = {output.any_name: value for output, value in encoder({FEED}).items()}",),
    (
        "found = decoder(feeds)",
        'logits, scores = found["logits"], found["scores"]',
        'mask = masks({"logits": logits[:, 0], "image_size": size})["masks"][0]  # bool [height, width]',
    ),
)


def _prepare(description: Description) -> list[str]:
    if description.image_input == "image":
        return []
    config, side = description.config, description.config.image_size
    resized = (
        f"height, width = (size * ({side} / size.max()) + 0.5).astype(int)"
        if config.fit == "pad"
        else f"height, width = {side}, {side}"
    )
    return [
        resized,
        "small = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))",
        f"pixels = np.zeros((1, 3, {side}, {side}), np.float32)",
        f"normalised = (small - np.float32({list(config.pixel_mean)})) / np.float32({list(config.pixel_std)})",
        "pixels[0, :, :height, :width] = normalised.transpose(2, 0, 1)",
    ]
