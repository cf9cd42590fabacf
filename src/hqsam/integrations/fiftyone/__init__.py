"""A remote source of FiftyOne's model zoo: this folder is copied into the zoo, and its two functions are called.

>>> fiftyone.zoo.register_zoo_model_source("https://github.com/OWNER/hqsam")
>>> model = fiftyone.zoo.load_zoo_model("hqsam/vit_l")
>>> dataset.apply_model(model, label_field="masks", box_prompt_field="detections")

`load_model("vit_l")` is the same model without the zoo. `manifest.json` lists the models.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from hqsam.predict.segmenter import load
from hqsam.storage.atomic import replacing
from hqsam.weights.download import fetch

_PREFIX = "hqsam/"


def download_model(model_name: str, model_path: str) -> None:
    """Put the checkpoint of a model where FiftyOne wants it, downloading it if it is not on this machine.

    Args:
        model_name: a name of the manifest, such as "hqsam/vit_l".
        model_path: the file to make; linked to the one in hqsam's cache where the file system can do that.

    Raises:
        OptionError: no checkpoint has that name.
        DownloadError: there is no network, it is forbidden, or no mirror gave the right file.
        OutputError: the file cannot be written.
    """
    source = fetch(model_name.removeprefix(_PREFIX))
    Path(model_path).unlink(missing_ok=True)
    try:
        os.link(source, model_path)
    except OSError:  # another file system
        with replacing(model_path) as temporary:
            shutil.copyfile(source, temporary)


def load_model(
    model_name: str, model_path: str | None = None, *, device: str = "auto", precision: str = "auto", **settings: Any
) -> Any:
    """Return the model, to be given to `dataset.apply_model`; it answers boxes and points, or finds every object.

    Args:
        model_name: a name of `hqsam weights list`, with or without "hqsam/".
        model_path: the checkpoint; by default the one of that name.
        device: as for `hqsam.load`.
        precision: as for `hqsam.load`.
        settings: with prompts, `source`, `detail` and `snap` of `Session.segment`; without, those of
            `Segmenter.everything`, such as `points_per_side=16`.

    Raises:
        MissingExtra: FiftyOne is not installed.
        OptionError: there is no such model, device or precision.
        DownloadError: the weights are not here and cannot be fetched.
    """
    from hqsam.integrations.fiftyone.model import HqsamModel  # its base classes are FiftyOne's

    return HqsamModel(load(model_path or model_name.removeprefix(_PREFIX), device, precision), settings)
