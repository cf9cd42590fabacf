"""Shards: the files of a cache, some views in each, so that a kill costs one of them and processes share the work."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from hqsam.data.random_streams import random_stream
from hqsam.errors import OutputError, TrainingError
from hqsam.training.distributed import ProcessGroup
from hqsam.weights.save import write_safetensors

OnView = Callable[[int, int], None]
"""Called with the number of views that are done, and of all."""


class Shards:
    """The files of a cache of `count` views, `size` views to a file."""

    def __init__(self, folder: Path, count: int, size: int) -> None:
        self.folder, self._count, self._size = folder, count, size

    def __len__(self) -> int:
        return self._count

    @property
    def shards(self) -> range:
        """Numbers of the cache's files."""
        return range(-(-self._count // self._size))

    @property
    def missing(self) -> list[int]:
        """Numbers of the files that are not there yet."""
        return [shard for shard in self.shards if not self.path(shard).exists()]

    def views_of(self, shard: int) -> range:
        """Return the numbers of the views that a file holds."""
        return range(shard * self._size, min(self._count, (shard + 1) * self._size))

    def path(self, shard: int) -> Path:
        """Return where a file is, or will be."""
        return self.folder / f"views-{shard:06d}.safetensors"

    def fill(
        self,
        missing: Sequence[int],
        make: Callable[[range], Mapping[str, Tensor]],
        processes: ProcessGroup,
        on_view: OnView,
    ) -> None:
        """Write the missing files, each process its share, and wait until all are there.

        Args:
            missing: their numbers, the same in each process.
            make: makes the tensors of a file, from the numbers of its views.
            processes: the processes of the run.
            on_view: called after each file.

        Raises:
            TrainingError: a value is beyond what float16 holds.
            OutputError: a file cannot be written.
        """
        for shard in missing[processes.rank :: processes.world_size]:
            tensors = make(self.views_of(shard))
            if not all(tensor.isfinite().all() for tensor in tensors.values() if tensor.is_floating_point()):
                raise TrainingError("features that are beyond what float16 holds cannot be kept; train without a cache")
            write_safetensors(self.path(shard), tensors, {})
            on_view(sum(len(self.views_of(each)) for each in self.shards if self.path(each).exists()), len(self))
        processes.barrier()

    def at(self, row: int, seed: int) -> tuple[int, int, int]:
        """Return the view that a row of a run shows, its shard, and its place there; each epoch has another order."""
        epoch, place = divmod(row, self._count)
        view = int(_order(self._count, epoch, seed)[place])
        return view, *divmod(view, self._size)

    def opened(self, shard: int) -> Any:
        """Open a file, from which tensors can be read one by one.

        Raises:
            TrainingError: it cannot be read.
        """
        return _opened(self.path(shard))


def require_room(folder: Path, needed: int) -> None:
    """Check that a folder's disk has room for so many bytes.

    Raises:
        OutputError: it has not.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OutputError(
            f"the features take {needed / 2**30:.1f} GiB and {folder} has room for {free / 2**30:.1f}; "
            "free some space, choose another folder or take fewer views: --set cached_views=1"
        )


@lru_cache(maxsize=256)
def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except Exception as error:
        raise TrainingError(f"{path} cannot be read ({error}); remove it, and it will be made again") from error


@lru_cache(maxsize=2)
def _order(count: int, epoch: int, seed: int) -> np.ndarray:
    return random_stream(seed, "training.cached_epoch", epoch).permutation(count)


def half(tensor: Tensor) -> Tensor:
    """Return a tensor as it is kept: float16, on the CPU."""
    return tensor.to("cpu", torch.float16)
