"""Cache of image features: of each image a few augmented views are encoded once, where the encoder is frozen.

The features are kept in shards, with the true masks of their views; prompts are drawn again each time a view is used.
A killed process goes on with the shard that it was at.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from hqsam.data import random_streams
from hqsam.data.loader import BatchRow, PromptedDataset, collate
from hqsam.data.random_streams import random_stream
from hqsam.data.sampling import SamplingConfig
from hqsam.data.views import View, add_prompts
from hqsam.errors import OutputError, TrainingError
from hqsam.model.config import ModelConfig
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_sam import HQSam
from hqsam.training import run_folder
from hqsam.training.batch_source import StepInput
from hqsam.training.distributed import ProcessGroup
from hqsam.training.encoding import Encode
from hqsam.weights.digest import sha256_of_tensors
from hqsam.weights.save import write_safetensors

OnView = Callable[[int, int], None]
"""Called with the number of views that are encoded, and of all."""

_SHARD = 16
"""Views in a file: what a kill can cost."""


def bytes_of(config: ModelConfig, views: int) -> int:
    """Return the bytes of a cache of `views` views, without their masks, which are small."""
    side, early = config.embedding_size, config.image_size // config.encoder.early_stride
    return 2 * views * (config.width * side**2 + config.encoder.early_width * early**2)


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
        TrainingError: the folder holds features of another model or of other views.
        OutputError: the disk has no room for them.
    """
    cached = CachedViews(folder, dataset.config, dataset.seed, views * dataset.images)
    missing = [shard for shard in cached.shards if not cached.path(shard).exists()]
    processes.run_on_first(lambda: _prepare(folder, dataset, views, model, len(missing)))
    for shard in missing[processes.rank :: processes.world_size]:
        _write(cached.path(shard), [dataset.view(number) for number in cached.views_of(shard)], encode, processes)
        on_view(sum(len(cached.views_of(each)) for each in cached.shards if cached.path(each).exists()), len(cached))
    processes.barrier()
    return cached


def _prepare(folder: Path, dataset: PromptedDataset, views: int, model: HQSam, missing_shards: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    of_view = ("size", "objects", "unions", "smallest", "weights", "augment")
    sampling = {name: value for name, value in asdict(dataset.config).items() if name in of_view}
    encoder = sha256_of_tensors(model.image_encoder.state_dict())
    counts = [len(samples) for samples in dataset.sets]
    identity = {"encoder": encoder, "views": views, "seed": dataset.seed, "images": counts, "sampling": sampling}
    streams, path = {"random_streams": random_streams.VERSION}, folder / "cache.json"
    if missing_shards and path.exists() and "random_streams" not in path.read_text("utf-8"):
        raise TrainingError(f"{folder} was begun by hqsam 0.1.0 and not completed; remove it to have it made again")
    run_folder.claim(folder, path.name, identity | streams, defaults=streams)
    needed, free = bytes_of(model.config, missing_shards * _SHARD), shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"the features take {needed / 2**30:.1f} GiB and {folder} has room for {free / 2**30:.1f}; "
            "free some space, choose another folder or take fewer views"
        )


def _write(path: Path, views: Sequence[View], encode: Encode, processes: ProcessGroup) -> None:
    features = [encode(torch.from_numpy(view.image)[None].to(processes.device))._asdict() for view in views]
    tensors = {name: torch.cat([each[name] for each in features]).to("cpu", torch.float16) for name in features[0]}
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise TrainingError("features that are beyond what float16 holds cannot be kept; train without the cache")
    tensors |= {f"masks.{number}": _packed(view.masks) for number, view in enumerate(views)}
    write_safetensors(path, tensors, {})


class CachedViews:
    """Views whose features are kept. All come once an epoch, in another order each time, with fresh prompts."""

    def __init__(self, folder: Path, sampling: SamplingConfig, seed: int, count: int) -> None:
        self.folder, self.sampling, self.seed, self._count = folder, sampling, seed, count

    def __len__(self) -> int:
        return self._count

    @property
    def shards(self) -> range:
        """Numbers of the cache's files."""
        return range(-(-self._count // _SHARD))

    def views_of(self, shard: int) -> range:
        """Return the numbers of the views that a file holds."""
        return range(shard * _SHARD, min(self._count, (shard + 1) * _SHARD))

    def path(self, shard: int) -> Path:
        """Return where a file is, or will be."""
        return self.folder / f"views-{shard:06d}.safetensors"

    def inputs(self, groups: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        del workers  # reading takes a thousandth of a step
        return (self._input(rows) for rows in groups)

    def _input(self, rows: Sequence[int]) -> StepInput:
        views = [self._read(row) for row in rows]
        batch = []
        for row, (_, masks) in zip(rows, views, strict=True):
            random = random_stream(self.seed, "training.cached_view", row)
            batch.append(BatchRow(_NO_IMAGE, *add_prompts(View(_NO_IMAGE, masks), self.sampling, random)))
        features = {name: torch.stack([view[name] for view, _ in views]) for name in ImageFeatures._fields}
        return StepInput(rows, collate(batch), ImageFeatures(**features))

    def _read(self, row: int) -> tuple[dict[str, Tensor], np.ndarray]:
        """Return the features and the masks of the view that a row shows."""
        epoch, place = divmod(row, self._count)
        shard, index = divmod(int(_order(self._count, epoch, self.seed)[place]), _SHARD)
        file = _opened(self.path(shard))
        features = {name: file.get_slice(name)[index] for name in ImageFeatures._fields}
        return features, _unpacked(file.get_tensor(f"masks.{index}"))


_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


@lru_cache(maxsize=256)
def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except Exception as error:
        raise TrainingError(f"{path} cannot be read ({error}); remove it, and it will be made again") from error


@lru_cache(maxsize=2)
def _order(count: int, epoch: int, seed: int) -> np.ndarray:
    return random_stream(seed, "training.cached_epoch", epoch).permutation(count)


def _packed(masks: np.ndarray) -> Tensor:
    """Return masks as the bytes of one PNG that shows them below each other."""
    found, data = cv2.imencode(".png", np.concatenate(masks))
    assert found
    return torch.from_numpy(data.reshape(-1))


def _unpacked(data: Tensor) -> np.ndarray:
    image = cv2.imdecode(data.numpy(), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image.reshape(-1, image.shape[1], image.shape[1])
