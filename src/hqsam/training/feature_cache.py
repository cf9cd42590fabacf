"""Cache of image features: of each image a few augmented views are encoded once, where the encoder is frozen.

The features are kept in shards, with the true masks of their views; prompts are drawn again each time a view is used.
A killed process goes on with the shard that it was at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from hqsam.data import random_streams
from hqsam.data.loader import BatchRow, PromptedDataset, collate
from hqsam.data.random_streams import random_stream
from hqsam.data.sampling import SamplingConfig
from hqsam.data.views import View, add_prompts
from hqsam.errors import TrainingError
from hqsam.model.config import ModelConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.training import run_folder
from hqsam.training.batch_source import StepInput
from hqsam.training.distributed import ProcessGroup
from hqsam.training.encoding import Encode
from hqsam.training.shards import OnView, Shards, half, require_room
from hqsam.weights.digest import sha256_of_tensors
from hqsam.weights.meta_model import meta_model

_SHARD = 16
"""Views in a file: what a kill can cost."""


def bytes_of(config: ModelConfig, views: int) -> int:
    """Return the bytes of a cache of `views` views, without their masks, which are small."""
    model = meta_model(config)
    image = torch.empty(1, 3, config.image_size, config.image_size, device="meta")
    kept = _kept(model, model.encode_image(image)).to_tensors()
    return 2 * views * sum(tensor.numel() for tensor in kept.values())


def _kept(model: HQSam, features: ImageFeatures) -> ImageFeatures:
    """Return the features that training looks at: where the HQ mask is not made of early features, without these."""
    return features if model.hq and model.hq.image_modules() else features._replace(early=None)


def fill(
    folder: Path,
    dataset: PromptedDataset,
    *,
    views: int,
    model: HQSam,
    encode: Encode,
    processes: ProcessGroup,
    on_view: OnView = lambda *_: None,
) -> "CachedViews":
    """Encode what is missing of a cache, and return it as a source of batches.

    Args:
        folder: the cache's folder.
        dataset: the training images.
        views: augmented views of each image.
        model: the model whose encoder it is.
        encode: its frozen encoder.
        processes: the processes of the run, which share the work.
        on_view: called after each file.

    Raises:
        TrainingError: the folder holds features of another model, of other images or masks, or of other views.
        OutputError: the disk has no room for them.
    """
    cached = CachedViews(folder, dataset.config, dataset.seed, views * dataset.images)
    missing = cached.missing
    processes.run_on_first(lambda: _prepare(folder, dataset, views, model, len(missing)))

    def make(numbers: range) -> dict[str, Tensor]:
        views = [dataset.view(number) for number in numbers]
        return _tensors(views, lambda images: _kept(model, encode(images)), processes)

    cached.fill(missing, make, processes, on_view)
    return cached


def _prepare(folder: Path, dataset: PromptedDataset, views: int, model: HQSam, missing_shards: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    of_view = ("size", "objects", "unions", "smallest", "weights", "augment")
    sampling = {name: value for name, value in asdict(dataset.config).items() if name in of_view}
    encoder = sha256_of_tensors(model.image_encoder.state_dict())
    counts = [len(samples) for samples in dataset.sets]
    identity = {"encoder": encoder, "views": views, "seed": dataset.seed, "images": counts, "sampling": sampling}
    later, path = {"random_streams": random_streams.VERSION, "data": dataset.fingerprint}, folder / "cache.json"
    if missing_shards and path.exists() and "random_streams" not in path.read_text("utf-8"):
        raise TrainingError(f"{folder} was begun by hqsam 0.1.0 and not completed; remove it to have it made again")
    require_room(folder, bytes_of(model.config, missing_shards * _SHARD))
    run_folder.claim(folder, path.name, identity | later, defaults=later)


def _tensors(views: Sequence[View], encode: Encode, processes: ProcessGroup) -> dict[str, Tensor]:
    features = [encode(torch.from_numpy(view.image)[None].to(processes.device)).to_tensors() for view in views]
    tensors = {name: half(torch.cat([each[name] for each in features])) for name in features[0]}
    return tensors | {f"masks.{number}": _packed(view.masks) for number, view in enumerate(views)}


class CachedViews(Shards):
    """Views whose features are kept. All come once an epoch, in another order each time, with fresh prompts."""

    def __init__(self, folder: Path, sampling: SamplingConfig, seed: int, count: int) -> None:
        super().__init__(folder, count, _SHARD)
        self.sampling, self.seed = sampling, seed

    def inputs(self, groups: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        del workers  # reading takes a thousandth of a step
        return (self._input(rows) for rows in groups)

    def _input(self, rows: Sequence[int]) -> StepInput:
        views = [self._read(row) for row in rows]
        batch = []
        for row, (_, masks) in zip(rows, views, strict=True):
            random = random_stream(self.seed, "training.cached_view", row)
            batch.append(BatchRow(_NO_IMAGE, *add_prompts(View(_NO_IMAGE, masks), self.sampling, random)))
        features = {name: torch.stack([view[name] for view, _ in views]) for name in views[0][0]}
        return StepInput(rows, collate(batch), ImageFeatures.from_tensors(features))

    def _read(self, row: int) -> tuple[dict[str, Tensor], np.ndarray]:
        """Return the features and the masks of the view that a row shows."""
        _, shard, index = self.at(row, self.seed)
        file = self.opened(shard)
        names = [name for name in file.keys() if not name.startswith("masks.")]  # noqa: SIM118  (no mapping)
        features = {name: file.get_slice(name)[index] for name in names}
        return features, _unpacked(file.get_tensor(f"masks.{index}"))


_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


def _packed(masks: np.ndarray) -> Tensor:
    """Return masks as the bytes of one PNG that shows them below each other."""
    found, data = cv2.imencode(".png", np.concatenate(masks))
    assert found
    return torch.from_numpy(data.reshape(-1))


def _unpacked(data: Tensor) -> np.ndarray:
    image = cv2.imdecode(data.numpy(), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image.reshape(-1, image.shape[1], image.shape[1])
