"""Cache of a teacher's answers: of each photo a few views are answered once, and a student learns from them again and
again, in colours that change each time.

A killed process goes on with the shard that it was at.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hqsam.data import random_streams
from hqsam.data.augment import AugmentConfig, recolour_all_but_padding
from hqsam.data.dataset import MaskDataset
from hqsam.data.loader import Batch, batches
from hqsam.data.photos import PhotoViews
from hqsam.data.random_streams import random_stream
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.model.config import ModelConfig
from hqsam.training import run_folder
from hqsam.training.batch_source import StepInput
from hqsam.training.distil.answers import TeacherAnswers
from hqsam.training.distil.teacher import KINDS, Teacher, scaled_points
from hqsam.training.distributed import ProcessGroup
from hqsam.training.shards import OnView, Shards, half, require_room

_SHARD = 8
"""Views in a file: what a kill can cost."""


def bytes_of(teacher: ModelConfig, objects: int, views: int) -> int:
    """Return the bytes of a teacher's answers to `objects` objects in each of `views` views."""
    masks = 1 + teacher.decoder.candidates + 1
    of_view = 2 * teacher.width * teacher.embedding_size**2 + KINDS * objects * masks * teacher.mask_size**2
    return views * of_view


@dataclass(frozen=True, kw_only=True)
class AnswerPlan:
    """The views that a teacher answers, which make a cache the same one."""

    photos: Mapping[str, Sequence[Sample]]
    views: int
    """Views of each photo."""
    size: int
    """Side of a view, in pixels."""
    objects: int
    """Objects in each view."""
    augment: AugmentConfig
    seed: int
    fingerprint: str = ""
    """That of the photos' files."""

    def photo_views(self) -> PhotoViews:
        """Return the views."""
        return PhotoViews(self.photos, self.size, self.augment, self.seed, self.views)

    def identity(self, teacher_sha256: str) -> dict[str, Any]:
        """Return what tells a cache from another's, as JSON holds it."""
        names = {name: hashlib.sha256(repr(_names(some)).encode()).hexdigest() for name, some in self.photos.items()}
        return {
            "teacher": teacher_sha256,
            "photos": names,
            "data": self.fingerprint,
            "views": self.views,
            "size": self.size,
            "objects": self.objects,
            "augment": asdict(self.photo_views().config),
            "seed": self.seed,
            "random_streams": random_streams.VERSION,
        }


def _names(samples: Sequence[Sample]) -> list[str]:
    return samples.names if isinstance(samples, MaskDataset) else [sample.name for sample in samples]


def claim(folder: Path, plan: AnswerPlan, teacher: ModelConfig, teacher_sha256: str, *, mendable: bool = False) -> None:
    """Make sure that a folder is free or holds these answers, and that its disk has room for those that are missing.

    Raises:
        TrainingError: the folder holds the answers of another teacher or to other views.
        OutputError: the disk has no room for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = Shards(folder, len(plan.photo_views()), _SHARD)
    require_room(folder, bytes_of(teacher, plan.objects, sum(len(shards.views_of(shard)) for shard in shards.missing)))
    run_folder.claim(folder, "answers.json", plan.identity(teacher_sha256), mendable=mendable)


def missing_shards(folder: Path, plan: AnswerPlan) -> list[int]:
    """Return the numbers of the files that a folder lacks."""
    return Shards(folder, len(plan.photo_views()), _SHARD).missing


def fill(
    folder: Path,
    plan: AnswerPlan,
    missing: Sequence[int],
    teacher: Teacher,
    processes: ProcessGroup,
    on_view: OnView,
) -> None:
    """Let the teacher answer the views of a claimed folder's missing files; the processes share the work.

    Raises:
        TrainingError: a feature is beyond what float16 holds.
        OutputError: a file cannot be written.
    """
    views = plan.photo_views()
    shards = Shards(folder, len(views), _SHARD)

    def make(numbers: range) -> dict[str, Tensor]:
        answered = [
            teacher.answer(views.view(number), plan.objects, random_stream(plan.seed, "distil.answer", number))
            for number in numbers
        ]
        together = {name: torch.stack([each[name] for each in answered]) for name in answered[0]}
        return {name: value if name in _EXACT else half(value) for name, value in together.items()}

    shards.fill(missing, make, processes, on_view)


_EXACT = ("points", "labels", "inside", "truth", "chosen")


class AnsweredViews(Shards, Dataset[Any]):
    """Views with a teacher's answers, as batches for a student. All come once an epoch, in another order each time."""

    def __init__(self, folder: Path, plan: AnswerPlan, sampling: SamplingConfig, seed: int, *, teaches: bool) -> None:
        """Read the answers in a filled folder.

        Args:
            folder: the folder.
            plan: the views, as they were answered.
            sampling: the student's image size, share of boxes among its prompts, and colours.
            seed: seed of the order and of what is drawn anew each time.
            teaches: True where the student learns the teacher's features and all its masks; else it gets the mask that
                users would get by default, as if it were a true one.
        """
        self._views = plan.photo_views()
        super().__init__(folder, len(self._views), _SHARD)
        self._sampling, self._seed, self._teaches = sampling, seed, teaches

    def inputs(self, groups: Sequence[Sequence[int]], workers: int) -> Iterator[StepInput]:
        """Return the micro-batch of each group of rows, prefetched by `workers` processes."""
        for rows, (batch, answers) in zip(groups, batches(self, groups, workers), strict=True):
            yield StepInput(rows, batch, answers=answers)

    def __getitem__(self, rows: Sequence[int]) -> tuple[Batch, TeacherAnswers | None]:
        """Return the batch of these rows, and the teacher's answers."""
        batches, answers = zip(*map(self._row, rows), strict=True)
        images, truth, points, labels, tokens = (torch.stack(part) for part in zip(*batches, strict=True))
        batch = Batch(images, truth, points, labels, tokens)
        if not self._teaches:
            return batch, None
        return batch, TeacherAnswers(*(torch.stack(part) for part in zip(*answers, strict=True)))

    def _row(self, row: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        random, size = random_stream(self._seed, "distil.row", row), self._sampling.size
        view, shard, place = self.at(row, self._seed)
        file = self.opened(shard)
        image = cv2.resize(self._views.view(view).image, (size, size), interpolation=cv2.INTER_AREA)
        assert isinstance(self._sampling.augment, AugmentConfig)
        image = recolour_all_but_padding(image, self._sampling.augment, random)
        objects = np.arange(file.get_slice("chosen").get_shape()[1])
        kind = (random.random(len(objects)) < self._sampling.first.box).astype(int)
        of_row = {name: file.get_slice(name)[place] for name in ("points", "labels", "chosen")}
        points = scaled_points(of_row["points"][kind, objects], self._views.size, size)
        tokens = torch.full((len(objects),), points.shape[1])
        if not self._teaches:
            truth = file.get_slice("truth")[place][kind, objects]
            return (torch.from_numpy(image), truth, points, of_row["labels"][kind, objects], tokens), ()
        inside = file.get_slice("inside")[place][kind, objects]
        chosen = of_row["chosen"] * torch.from_numpy(1 - kind)
        truth = inside[torch.from_numpy(objects), chosen]
        answers = (file.get_slice("final")[place], inside, file.get_slice("scores")[place][kind, objects])
        return (torch.from_numpy(image), truth, points, of_row["labels"][kind, objects], tokens), answers
