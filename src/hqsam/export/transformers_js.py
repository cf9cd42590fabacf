"""A folder that transformers.js loads as its `Sam2Model`, without new JavaScript."""

import json
import shutil
from pathlib import Path
from typing import Any

from hqsam import storage
from hqsam.errors import OptionError
from hqsam.export.output_folder import README, check_free, export_folder
from hqsam.graphs.description import Description
from hqsam.graphs.onnx_file import fits_one_file
from hqsam.graphs.stored_weights import store_weights
from hqsam.graphs.transformers_js import DECODER, ENCODER, write_transformers_js_graphs
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam
from hqsam.version import __version__
from hqsam.weights.digest import digest_of_model
from hqsam.weights.load import load_model
from hqsam.weights.registry import CHECKPOINTS

_CONFIG, _PREPROCESSOR = "config.json", "preprocessor_config.json"


def export_transformers_js(name_or_path: str | Path, folder: str | Path) -> None:
    """Write a model as a folder that transformers.js loads: its graphs in float32, and `_quantized` with int8 weights.

    Args:
        name_or_path: the model, as for `hqsam.load`; one that pads images, so not SAM 2.
        folder: where it goes; one that holds anything else is refused.

    Raises:
        OptionError: the folder holds other files, or the model is of another kind.
        CheckpointError: the model cannot be loaded.
        OutputError: a file cannot be written.
        MissingExtra: the packages of hqsam[export] are not installed.
    """
    folder = Path(folder)
    check_free(folder, f"onnx/{ENCODER}.onnx")
    storage.check_folder(folder)
    model = load_model(name_or_path)
    _check(model)
    row = CHECKPOINTS.get(model.config.name)
    description = Description(
        role="encoder",
        config=model.config,
        weights=digest_of_model(model),
        image_input="tensor",
        source="sum" if model.hq else "sam",
        candidates="3",
        names="transformers.js",
        licence=row.licence if row else "",
        notice=row.notice if row else "",
        version=__version__,
    )
    with export_folder(folder) as fresh:
        _write(model, fresh, description)


def _write(model: HQSam, folder: Path, description: Description) -> None:
    """Write graphs, configurations and page into an empty folder."""
    levels = write_transformers_js_graphs(model, folder / "onnx", description)
    for name in (ENCODER, DECODER):
        quantized = folder / "onnx" / f"{name}_quantized.onnx"
        with storage.replacing(quantized) as temporary:
            shutil.copyfile(folder / "onnx" / f"{name}.onnx", temporary)
        store_weights(quantized, "int8")
    storage.write_text(folder / _CONFIG, _json(_config(levels)))
    storage.write_text(folder / _PREPROCESSOR, _json(_preprocessor(model.config)))
    storage.write_text(folder / README, _readme(description))


def _check(model: HQSam) -> None:
    config = model.config
    if not fits_one_file(model.image_encoder):
        raise OptionError(
            f"the encoder of {config.name} is too large for one file, and transformers.js reads no other; take a "
            "smaller model, such as vit_l"
        )
    if config.fit != "pad":
        raise OptionError(
            f"{config.name} squashes images into its square, which this export cannot do; it is for nano, "
            "HQ-SAM and SAM"
        )


def _config(levels: int) -> dict[str, Any]:
    return {
        "model_type": "sam2",
        "architectures": ["Sam2Model"],
        "vision_config": {"model_type": "sam2_vision_model", "num_feature_levels": levels},
        # Where nobody says which, WebAssembly takes int8, whose masks are worse.
        "transformers.js_config": {"dtype": dict.fromkeys((ENCODER, DECODER), "fp32")},
    }


def _preprocessor(config: ModelConfig) -> dict[str, Any]:
    return {
        "processor_class": "Sam2Processor",
        "image_processor_type": "SamImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"longest_edge": config.image_size},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [value / 255 for value in config.pixel_mean],
        "image_std": [value / 255 for value in config.pixel_std],
        "do_pad": False,  # the graph does it
        "pad_size": {"height": config.image_size, "width": config.image_size},
        "mask_size": {"longest_edge": config.mask_size},
    }


def _json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=2) + "\n"


def _readme(description: Description) -> str:
    return f"""---
library_name: transformers.js
pipeline_tag: mask-generation
---

# {description.config.name} for transformers.js

Written by hqsam {description.version} from weights {description.weights}.
Licence of the weights: {description.licence or "as you know it"}. {description.notice}

```js
import {{ AutoProcessor, RawImage, Sam2Model, env }} from "@huggingface/transformers";

env.localModelPath = "/folder/above/this/one";
env.allowRemoteModels = false;
const model = await Sam2Model.from_pretrained("name-of-this-folder", {{ dtype: "fp32" }});
const processor = await AutoProcessor.from_pretrained("name-of-this-folder");

const image = await RawImage.read("photo.jpg");
const inputs = await processor(image, {{ input_points: [[[[320, 240]]]], input_labels: [[[1]]] }}); // x, y in the photo
const {{ pred_masks, iou_scores }} = await model(inputs); // three candidates for each prompt
const masks = await processor.post_process_masks(pred_masks, inputs.original_sizes, inputs.reshaped_input_sizes);
```

Boxes go in `input_boxes: [[[x0, y0, x1, y1], ...]]`.{_source(description)}

`dtype: "q8"` takes the files with int8 weights, a quarter as large. Their masks are worse, most of all those of
ambiguous clicks: try it on photos of yours.
"""


def _source(description: Description) -> str:
    return " The masks are the sum of SAM's and the HQ mask." if description.source == "sum" else ""
