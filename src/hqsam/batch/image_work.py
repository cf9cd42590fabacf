"""The work on one image in three steps, which overlap: read it, run the model, make run lengths of the logits."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.batch.failures import explain
from hqsam.batch.files import NamedBytes, is_url, read_bytes
from hqsam.batch.items import Blob, Item, ItemPrompt
from hqsam.batch.job import BatchJob
from hqsam.batch.notes import Note, noted_in
from hqsam.batch.prompts import prompts_of_json
from hqsam.errors import OptionError, PromptError, StoreError
from hqsam.hardware import is_out_of_memory
from hqsam.images.reading import RgbImage, read_image
from hqsam.masks.instances import Instances
from hqsam.predict.segmenter import Segmenter, load
from hqsam.predict.session import Session
from hqsam.prompts import Prompts
from hqsam.text.segment_text import detector_of, find_boxes

FailureRow = dict[str, Any]
"""A line of failed.jsonl: image, url, prompt (its number, or None for the whole image) and reason."""


@dataclass
class Work:
    """One image on its way through the steps; what is no longer needed is dropped."""

    item: Item
    data: bytes | None = None
    """The image's file, where a sink takes it as it is."""
    pixels: RgbImage | None = None
    prompts: tuple[ItemPrompt, ...] = ()
    answers: list[tuple[list[int], Instances]] = field(default_factory=list)
    """Masks with the numbers of the prompts that they are for."""
    found: Instances | None = None
    """All masks, with their run lengths; None until the last step, and for an image that failed."""
    failures: list[FailureRow] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    """Notes on what was left out or changed when the image was read, such as further pages."""
    store_failure: str | None = None
    """Why the store could not be read, where the image failed for that reason."""
    model_s: float = 0.0
    """Seconds that the model took."""

    def fail(self, error: Exception | str, prompt: int | None = None) -> None:
        """Note a failure of the image, or of one of its prompts."""
        reason = error if isinstance(error, str) else explain(error)
        if isinstance(error, StoreError):
            self.store_failure = reason
        row = {"image": self.item.name, "url": self.item.image.url, "prompt": prompt, "reason": reason}
        self.failures.append(row)

    @property
    def has_failed(self) -> bool:
        """True if there are no results for the image at all."""
        return any(row["prompt"] is None for row in self.failures)


class ImageWork:
    """The three steps, with a loaded model."""

    def __init__(self, job: BatchJob, segmenter: Segmenter | None = None) -> None:
        """Load the model.

        Raises:
            OptionError: its weights are not those that the job began with.
        """
        self.job = job
        self.segmenter = segmenter or load(job.model, job.device, job.precision)
        # Loaded now, so that a detector that is missing ends the job and not each of its images.
        self.detector = detector_of(job.text.get("detector"), str(self.segmenter.device)) if job.text else None
        if job.model_digest and self.segmenter.digest() != job.model_digest:
            raise OptionError(
                f"the model {job.model!r} of this worker is {self.segmenter.digest()}, and the job's is "
                f"{job.model_digest}; give every machine the same weights, device and precision"
            )

    def read(self, item: Item) -> Work:
        """Read and decode an image and its prompts; a failure is in the result. Safe in any thread."""
        work = Work(item)
        try:
            with noted_in(work.notes):
                self._read(work)
        except Exception as error:  # noqa: BLE001  (a night's work must not end with its first odd image)
            work.fail(error)
        return work

    def _read(self, work: Work) -> None:
        item = work.item
        if isinstance(item.prompts, Blob):
            work.prompts = prompts_of_json(read_bytes(item.prompts), item.prompts.url)
        else:
            work.prompts = item.prompts or ()
        work.data = read_bytes(item.image) if "webdataset" in self.job.formats else None
        given = open_blob(item.image) if work.data is None else NamedBytes(work.data, item.image.url)
        work.pixels = read_image(given, **self.job.reading)

    def compute(self, works: Sequence[Work]) -> None:
        """Run the model on some images, which are encoded together; all in one thread."""
        began = time.perf_counter()
        ready = [work for work in works if not work.has_failed]
        if self.job.everything is not None:
            for work in ready:
                self._guarded(work, self._find_everything)
        else:
            for work in ready if self.detector is not None else ():
                self._guarded(work, self._find_boxes)
            self._segment([work for work in ready if work.prompts and not work.has_failed])
        for work in works:
            work.model_s = (time.perf_counter() - began) / len(works)

    def finish(self, work: Work) -> None:
        """Make the masks' run lengths, and join them to one result. Safe in any thread."""
        if not work.has_failed:
            self._guarded(work, self._join)
        work.answers = []

    def _guarded(self, work: Work, step: Any, *more: Any) -> None:
        try:
            step(work, *more)
        except Exception as error:  # noqa: BLE001  (as above)
            work.fail(error)

    def _find_everything(self, work: Work) -> None:
        options: dict[str, Any] = dict(self.job.everything or {})
        if self.job.source:
            options["source"] = self.job.source
        assert work.pixels is not None
        found = self.segmenter.everything(work.pixels, **options)
        work.answers = [(list(range(len(found))), found)]

    def _find_boxes(self, work: Work) -> None:
        assert work.pixels is not None and self.job.text is not None and self.detector is not None
        how = {name: value for name, value in self.job.text.items() if name != "detector"}
        found = find_boxes(self.detector, work.pixels, **how)
        rows = zip(found.boxes.tolist(), found.labels, found.scores.tolist(), strict=True)
        work.prompts = tuple(
            ItemPrompt(box=(x0, y0, x1, y1), label=label, score=score) for (x0, y0, x1, y1), label, score in rows
        )

    def _segment(self, works: list[Work]) -> None:
        if not works:
            return
        try:
            images = [work.pixels for work in works if work.pixels is not None]
            sessions = list(self.segmenter.open_many(images, batch_size=len(works)))
        except Exception as error:  # noqa: BLE001  (as above)
            if len(works) > 1 and is_out_of_memory(error):
                for work in works:
                    self._segment([work])
                return
            for work in works:
                work.fail(error)
            return
        for work, session in zip(works, sessions, strict=True):
            self._guarded(work, self._answer, session)

    def _answer(self, work: Work, session: Session) -> None:
        checked = self._checked(work, session)
        numbers = list(checked)
        for rows, prompts in Prompts.batches(list(checked.values())):
            how: dict[str, Any] = {"source": self.job.source, "detail": self.job.detail, "snap": self.job.snap}
            answer = session.segment_prompts(prompts, **how)
            work.answers.append(([numbers[row] for row in rows], answer))

    def _checked(self, work: Work, session: Session) -> dict[int, Prompts]:
        """Return the prompts that fit the image by their number; the others become failures."""
        checked: dict[int, Prompts] = {}
        for number, prompt in enumerate(work.prompts):
            clicks = {"points": prompt.points, "labels": prompt.point_labels} if prompt.points else {}
            try:
                checked[number] = session.check(box=prompt.box, **clicks)
            except PromptError as error:
                work.fail(error, number)
        return checked

    def _join(self, work: Work) -> None:
        assert work.pixels is not None
        size_hw = (work.pixels.shape[0], work.pixels.shape[1])
        rows = sorted(
            (number, part, row) for part, (numbers, _) in enumerate(work.answers) for row, number in enumerate(numbers)
        )
        prompts, masks = work.prompts, [answer for _, answer in work.answers]
        found = Instances.from_rle(
            [masks[part].rle[row] for _, part, row in rows],
            size_hw,
            scores=[float(masks[part].scores[row]) for _, part, row in rows],
            labels=[prompts[number].label for number, *_ in rows] if prompts else "object",
            prompt_index=[number for number, *_ in rows],
            image_name=Path(work.item.name).name,
        )
        columns: dict[str, Any] = {"prompt_score": [prompts[number].score for number, *_ in rows]} if prompts else {}
        if self.job.everything is not None and work.answers:
            columns = {"stability_score": np.asarray(work.answers[0][1].columns["stability_score"], float)}
        work.found = replace(found, columns=columns)


def open_blob(blob: Blob) -> str | BytesIO:
    """Return an image's path, or where it is not a file of its own its bytes.

    Raises:
        ImageError: they cannot be read.
    """
    if not is_url(blob.url) and blob.size is None:
        return blob.url
    return NamedBytes(read_bytes(blob), blob.url)
