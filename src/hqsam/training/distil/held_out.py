"""Held-out photos with a teacher's masks, beside which a student is validated."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from hqsam.data.sample import Sample
from hqsam.masks.rle import Rle
from hqsam.predict.point_grid import build_point_grid
from hqsam.predict.segmenter import Segmenter
from hqsam.storage import Journal
from hqsam.training.distil.objects import choose_candidates, choose_objects
from hqsam.training.distributed import ProcessGroup

if TYPE_CHECKING:
    Samples = Sequence[Sample]
else:
    Samples = Sequence  # whoever checks types at run time would read photos to see that they are samples

_OBJECTS, _CLICKS_PER_SIDE = 3, 5


class TaughtPhotos(Samples):
    """Photos with masks that a teacher made. Indexing reads the photo each time."""

    def __init__(self, photos: Samples, masks: Mapping[int, Sequence[Rle]]) -> None:
        """Take the photos of these numbers, with their masks."""
        self._photos, self._masks, self._numbers = photos, masks, sorted(masks)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> "TaughtPhotos": ...
    def __getitem__(self, index: int | slice) -> "Sample | TaughtPhotos":
        numbers = self._numbers[index]
        if isinstance(numbers, list):
            return TaughtPhotos(self._photos, {number: self._masks[number] for number in numbers})
        photo, masks = self._photos[numbers], self._masks[numbers]
        nothing = np.zeros(photo.image.shape[:2], np.uint16)
        return Sample(photo.image, nothing, photo.name, dict(enumerate(masks, start=1)))


def answer_held_out(
    photos: Samples,
    numbers: Sequence[int],
    path: Path,
    segmenter: Callable[[], Segmenter],
    processes: ProcessGroup,
    *,
    fingerprint: str = "",
    on_photo: Callable[[int, int], None] = lambda *_: None,
) -> TaughtPhotos:
    """Let the teacher make masks of some of the held-out photos, and keep them in a journal, so that a kill loses one.

    Args:
        photos: the held-out photos.
        numbers: which of them.
        path: the journal's file.
        segmenter: makes the teacher ready to open images; it is not called where nothing is missing.
        processes: the processes of the run; the first does the work.
        fingerprint: changes with the photos' files; a journal of other photos is refused.
        on_photo: called with the number of photos that are done, and of all.

    Raises:
        OutputError: the journal is of other photos, or cannot be written.
    """

    def answer() -> None:
        with Journal(path) as journal:
            done = {record["number"] for record in journal.resume({"photos": fingerprint})}
            missing = [number for number in numbers if number not in done]
            teacher = segmenter() if missing else None
            for count, number in enumerate(missing, start=len(numbers) - len(missing) + 1):
                assert teacher is not None
                masks = objects_of(teacher, photos[number].image, np.random.default_rng(number))
                journal.append({"number": number, "masks": masks})
                on_photo(count, len(numbers))

    processes.run_on_first(answer)
    processes.barrier()
    records: dict[int, Any] = {record["number"]: record["masks"] for record in [*Journal(path)][1:]}
    return TaughtPhotos(photos, {number: records[number] for number in numbers if records[number]})


def objects_of(segmenter: Segmenter, image: np.ndarray, random: np.random.Generator) -> list[Rle]:
    """Return up to three different objects of an image, each as the model answers its box."""
    session = segmenter.open(image)
    height, width = image.shape[:2]
    clicks = build_point_grid(_CLICKS_PER_SIDE) * (width, height)
    found = session.segment(points=clicks[:, None], labels=np.ones((len(clicks), 1), int), candidates=3)
    per_click = (len(clicks), -1)
    candidates = choose_candidates(
        (found.areas / (height * width)).reshape(per_click), found.scores.reshape(per_click), random
    )
    clicks_used = np.flatnonzero(candidates >= 0)
    rows = clicks_used * (len(found) // len(clicks)) + candidates[clicks_used]
    if not len(rows):
        return []
    picked = choose_objects(found.logits[rows] > 0, found.scores[rows], _OBJECTS)
    answered = session.segment(boxes=found[rows[picked]].boxes)
    return [runs for runs, area in zip(answered.rle, answered.areas, strict=True) if area]
