"""A folder with a page, a model and a runtime, that any static host can serve."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from hqsam import storage
from hqsam.engines.build import build_engine, load_engine
from hqsam.errors import OptionError
from hqsam.export.browser.readme import readme
from hqsam.export.browser.web_runtime import FILES, find_web_runtime
from hqsam.export.output_folder import README, check_free, export_folder
from hqsam.export.verify import PhotoDifference, compare_engines
from hqsam.graphs.description import Description
from hqsam.graphs.folder import DECODER, ENCODER, GraphOptions, write_graphs
from hqsam.graphs.single_precision import use_single_precision
from hqsam.graphs.stored_weights import store_weights
from hqsam.images.reading import ImageLike
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam
from hqsam.paths import examples_folder
from hqsam.weights.load import load_model

_PACKAGE = Path(__file__).parents[2]

SHARED_WITH_THE_ANNOTATOR = (
    "events.js",
    "icon.svg",
    "masks/mask.js",
    "masks/outline.js",
    "panels/dom.js",
    "panels/notices.js",
    "style/base.css",
    "style/canvas.css",
    "tools/coordinates.js",
    "view/canvas_layers.js",
    "view/gestures.js",
    "view/keyboard_pointer.js",
    "view/paint.js",
    "view/viewport.js",
)
"""Files of the annotator's page that this one uses, too."""

EXAMPLE = "coffee.jpg"
FILE_LIST = "files.js"


def export_browser(
    name_or_path: str | Path,
    folder: str | Path,
    *,
    runtime: Path | None = None,
    verify: Sequence[ImageLike] = (),
) -> list[PhotoDifference]:
    """Write a page that segments photos in the browser, with a model and all that it needs.

    Args:
        name_or_path: the model, as for `hqsam.load`; one that pads images, so not SAM 2.
        folder: where the page goes; one that holds anything else is refused.
        runtime: a folder with the files of onnxruntime-web; None: `find_web_runtime` finds or fetches it.
        verify: photos on which the model's graphs are compared with our own engine.

    Returns:
        How much the graphs differ from our engine on each photo.

    Raises:
        OptionError: the folder holds other files, the runtime is not complete, or the model is of another kind.
        DownloadError: the runtime has to be fetched and cannot be.
        CheckpointError: the model cannot be loaded.
        OutputError: a file cannot be written.
        MissingExtra: the packages of hqsam[export] are not installed.
    """
    folder = Path(folder)
    check_free(folder, FILE_LIST)
    storage.check_folder(folder)
    runtime = find_web_runtime(runtime)
    model = load_model(name_or_path)
    _check_model(model.config)
    with export_folder(folder) as fresh:
        return _write(model, fresh, runtime, verify)


def _write(model: HQSam, folder: Path, runtime: Path, verify: Sequence[ImageLike]) -> list[PhotoDifference]:
    """Write model, page and runtime into an empty folder."""
    description = _write_model(model, folder / "model")
    copy_page(folder)
    for name in FILES:
        _copy(runtime / name, folder / "runtime" / name)
    storage.write_text(folder / "model" / "model.json", _about(folder, description))
    differences = _compare(model, folder / "model", description, verify)
    storage.write_text(folder / README, readme(folder, description, differences))
    storage.write_text(folder / FILE_LIST, _file_list(folder))
    return differences


def page_folder() -> Path:
    """Return the folder with the page's own files, in the installed package or in a clone."""
    return examples_folder() / "browser"


def _check_model(config: ModelConfig) -> None:
    if config.fit != "pad":
        raise OptionError(
            f"{config.name} squashes images into its square, which the page cannot do; export nano or another model "
            "of SAM or HQ-SAM"
        )


def _write_model(model: HQSam, folder: Path) -> Description:
    """Write the two graphs with weights in float16: in int8 they are half as large, but masks differ too much."""
    with tempfile.TemporaryDirectory() as temporary:
        source = "sum" if model.config.hq else None
        options = GraphOptions(image_input="tensor", source=source, candidates="1")
        description = write_graphs(model, Path(temporary), options)
        for name in (ENCODER, DECODER):
            store_weights(Path(temporary) / name, "float16")
            use_single_precision(Path(temporary) / name)
            _copy(Path(temporary) / name, folder / name)
    return description


def _about(folder: Path, description: Description) -> str:
    """Return what the page has to know of the model, and the sizes of the files that are large, as JSON."""
    config = description.config
    large = [Path("model", ENCODER), Path("model", DECODER), *(Path("runtime", name) for name in FILES)]
    about = {
        "name": config.name,
        "imageSize": config.image_size,
        "maskSize": config.mask_size,
        "stride": config.stride,
        "padding": config.padding,
        "mean": config.pixel_mean,
        "deviation": config.pixel_std,
        "licence": description.licence,
        "notice": description.notice,
        "version": description.version,
        "bytes": {path.as_posix(): (folder / path).stat().st_size for path in large},
    }
    return json.dumps(about, indent=1) + "\n"


def copy_page(folder: Path) -> None:
    """Copy the page, without model and runtime."""
    page = page_folder()
    for file in sorted(page.rglob("*")):
        if file.is_file() and file.name != "README.md":
            _copy(file, folder / file.relative_to(page))
    for name in SHARED_WITH_THE_ANNOTATOR:
        _copy(_PACKAGE / "serving" / "web" / name, folder / "web" / name)
    _copy(examples_folder() / EXAMPLE, folder / EXAMPLE)


def _compare(
    model: HQSam, graphs: Path, description: Description, photos: Sequence[ImageLike]
) -> list[PhotoDifference]:
    if not photos:
        return []
    model.config = replace(description.config)
    cpu = torch.device("cpu")
    ours, theirs = build_engine(model, cpu, torch.float32), load_engine(graphs, cpu, torch.float32, "onnxruntime")
    return [compare_engines(ours, theirs, photo, description) for photo in photos]


def _file_list(folder: Path) -> str:
    """Return the script that tells the service worker which files are the page, and their version."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name not in (FILE_LIST, README))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    small = [file.relative_to(folder).as_posix() for file in files if file.relative_to(folder).parts[0] != "runtime"]
    page = [name for name in small if not name.endswith(".onnx") and name != "service_worker.js"]
    about = {"version": digest.hexdigest()[:16], "page": ["./", *page]}
    return f"/* Written by hqsam export. */\nself.HQSAM_FILES = {json.dumps(about, indent=1)};\n"


def _copy(source: Path, target: Path) -> None:
    with storage.replacing(target) as temporary:
        shutil.copyfile(source, temporary)
