"""Features computed once. SAM is frozen, so that what its encoder says of an image need not be asked again.

Of each image a few augmented views are encoded and kept in shards, with their true masks; prompts are drawn anew each
time a view is used. A killed process goes on with the shard that it was at.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from hqsam.data.loader import Batch, PromptedDataset
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
"""Called with the views that are there and those there will be."""

_SHARD = 16
"""Views of a file: what a kill can cost."""


def bytes_of(config: ModelConfig, views: int) -> int:
    """How large a cache of so many views is, without their masks, which are small."""
    side, early = config.embedding_size, config.image_size // config.encoder.early_stride
    return 2 * views * (config.width * side**2 + config.encoder.early_width * early**2)


def fill(
    folder: Path,
    dataset: PromptedDataset,
    views: int,
    model: HQSam,
    encode: Encode,
    processes: ProcessGroup,
    on_view: OnView = lambda *_: None,
) -> "CachedViews":
    """Compute what is missing of `views` views of each image, and return them as what a stage can be fed with.

    Raises:
        TrainingError: the folder holds features of another model or of other views.
        OutputError: the disk has no room for them.
    """
    cached = CachedViews(folder, dataset.config, dataset.seed, views * dataset.images)
    missing = [shard for shard in cached.shards if not cached.path(shard).exists()]
    processes.agree(lambda: _prepare(folder, dataset, views, model, len(missing)))
    for shard in missing[processes.rank :: processes.count]:
        _write(cached.path(shard), [dataset.view(number) for number in cached.generate_crops(shard)], encode, processes)
        on_view(
            sum(len(cached.generate_crops(each)) for each in cached.shards if cached.path(each).exists()), len(cached)
        )
    processes.wait()
    return cached


def _prepare(folder: Path, dataset: PromptedDataset, views: int, model: HQSam, missing_shards: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    of_view = ("size", "objects", "unions", "smallest", "weights", "augment")
    sampling = {name: value for name, value in asdict(dataset.config).items() if name in of_view}
    encoder = sha256_of_tensors(model.image_encoder.state_dict())
    counts = [len(samples) for samples in dataset.sets]
    identity = {"encoder": encoder, "views": views, "seed": dataset.seed, "images": counts, "sampling": sampling}
    run_folder.claim(folder, "cache.json", identity)
    needed, free = bytes_of(model.config, missing_shards * _SHARD), shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"the features take {needed / 2**30:.1f} GiB and {folder} has room for {free / 2**30:.1f}; "
            "free some space, choose another folder or take fewer views"
        )


def _write(path: Path, views: Sequence[View], encode: Encode, processes: ProcessGroup) -> None:
    tensors: dict[str, Tensor] = {}
    features = [encode(torch.from_numpy(view.image)[None].to(processes.device)) for view in views]
    for name in ImageFeatures._fields:
        whole = torch.cat([getattr(each, name) for each in features]).to("cpu", torch.float16)
        if not whole.isfinite().all():
            raise TrainingError("features that are beyond what float16 holds cannot be kept; train without the cache")
        tensors[name] = whole
    tensors |= {f"masks.{number}": _packed(view.masks) for number, view in enumerate(views)}
    write_safetensors(path, tensors, {})


class CachedViews:
    """Views whose features are kept. All come once an epoch, in another order each time, with fresh prompts."""

    def __init__(self, folder: Path, sampling: SamplingConfig, seed: int, count: int) -> None:
        self.folder, self.sampling, self.seed, self._count = folder, sampling, seed, count

    def __len__(self) -> int:
        return self._count

    @property
    def images(self) -> int:
        return self._count

    @property
    def shards(self) -> range:
        """The numbers of its files."""
        return range(-(-self._count // _SHARD))

    def generate_crops(self, shard: int) -> range:
        """The numbers of the views that a file holds."""
        return range(shard * _SHARD, min(self._count, (shard + 1) * _SHARD))

    def path(self, shard: int) -> Path:
        """Where a file is, or will be."""
        return self.folder / f"views-{shard:06d}.safetensors"

    def given(self, rows: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        del workers  # reading takes a thousandth of a step
        return (self._given(group) for group in rows)

    def _given(self, rows: Sequence[int]) -> StepInput:
        kept = [self._view(row) for row in rows]
        asked = []
        for row, view in zip(rows, kept, strict=True):
            random = np.random.default_rng((self.seed, row, 2))
            asked.append(add_prompts(View(_NO_IMAGE, view.masks), self.sampling, random))
        columns: list[Any] = [
            None if column[0] is None else torch.from_numpy(np.stack(column)) for column in zip(*asked, strict=True)
        ]
        images = torch.zeros(len(rows), 0, 0, 3, dtype=torch.uint8)
        features = ImageFeatures(*(torch.stack(part) for part in zip(*((v.final, v.early) for v in kept), strict=True)))
        return StepInput(Batch(images, *columns), features)

    def _view(self, row: int) -> "_Kept":
        epoch, place = divmod(row, self._count)
        shard, index = divmod(int(_order(self._count, epoch, self.seed)[place]), _SHARD)
        file = _opened(self.path(shard))
        final, early = (file.get_slice(name)[index] for name in ImageFeatures._fields)
        return _Kept(final, early, _unpacked(file.get_tensor(f"masks.{index}")))


@dataclass(frozen=True)
class _Kept:
    final: Tensor
    early: Tensor
    masks: np.ndarray


_NO_IMAGE = np.zeros((0, 0, 3), np.uint8)


@lru_cache(maxsize=256)
def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except Exception as error:
        raise TrainingError(f"{path} cannot be read ({error}); remove it, and it will be made anew") from error


@lru_cache(maxsize=2)
def _order(count: int, epoch: int, seed: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch, 3)).permutation(count)


def _packed(masks: np.ndarray) -> Tensor:
    """As the bytes of one PNG, the masks below each other."""
    found, data = cv2.imencode(".png", np.concatenate(masks))
    assert found
    return torch.from_numpy(data.reshape(-1))


def _unpacked(data: Tensor) -> np.ndarray:
    image = cv2.imdecode(data.numpy(), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image.reshape(-1, image.shape[1], image.shape[1])
