"""The semi-supervised protocol: the true mask of an object is given in the frame where it is first seen, and it is
followed from there to the end of its video."""

import time
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from hqsam.errors import ImageWarning, OptionError
from hqsam.evaluation.metrics import METRICS
from hqsam.evaluation.prompt_protocols import TrackingProtocol
from hqsam.evaluation.record import PredictionRecord, SampleRecord, TargetRecord
from hqsam.evaluation.run_folder import Shard
from hqsam.evaluation.samples import EvaluationSample, Target
from hqsam.evaluation.suites.suite import OpenSuite
from hqsam.masks.boundary import boundary, iou
from hqsam.predict.segmenter import Segmenter
from hqsam.video.tracked_frame import TrackedFrame


def scored_as_followed(suite: OpenSuite) -> OpenSuite:
    """Return the suite with a metric of videos, J and F.

    Raises:
        OptionError: it has images and no videos.
    """
    if not all({"video_id", "frame"} <= sample.about.keys() for sample in suite.samples):
        raise OptionError(f"{suite.suite.name} has no videos; --prompt track goes with davis, ytvis and hqytvis")
    if suite.suite.metric.name == "davis":
        return suite
    return replace(suite, suite=replace(suite.suite, metric=METRICS["video_objects"]))


def videos_of(samples: Sequence[EvaluationSample], shard: Shard) -> list[EvaluationSample]:
    """Return the frames of a shard's videos: a video is followed as a whole."""
    videos = list(dict.fromkeys(_video(sample) for sample in samples))
    ours = set(shard.part(videos))
    return [sample for sample in samples if _video(sample) in ours]


def follow_samples(
    segmenter: Segmenter,
    samples: Sequence[EvaluationSample],
    done: Collection[str],
    protocol: TrackingProtocol,
    source: str,
) -> Iterator[SampleRecord]:
    """Yield the record of each frame, in order, but those that are done.

    Args:
        segmenter: the model.
        samples: frames, those of a video after each other.
        done: names of frames that have a record. A video with others is followed from its start.
        protocol: the prompt's name.
        source: the source of masks by its name in the records.

    Raises:
        ImageError: a frame cannot be read.
        DataError: a true mask cannot be read.
    """
    for video in dict.fromkeys(_video(sample) for sample in samples):
        frames = [sample for sample in samples if _video(sample) == video]
        if any(frame.name not in done for frame in frames):
            records = _follow(segmenter, frames, protocol.name, source)
            yield from (record for record in records if record.sample not in done)


def _video(sample: EvaluationSample) -> tuple[str, object]:
    return sample.name.split("/")[0], sample.about["video_id"]


def _follow(segmenter: Segmenter, samples: list[EvaluationSample], prompt: str, source: str) -> list[SampleRecord]:
    """Return the records of one video."""
    video = segmenter.open_video([sample.image for sample in samples], source=source)
    targets: dict[int, Target] = {}
    for number, sample in enumerate(samples):
        known = {target.about["track"] for target in targets.values()}
        for target in sample.targets():
            if target.truth is not None and target.truth.any() and target.about["track"] not in known:
                added = video.add(frame=number, mask=target.truth)
                targets[int(added.object_id[0])] = target
    records: dict[int, SampleRecord] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)  # objects that are hidden
        began = time.perf_counter()
        for frame in video.track() if targets else ():
            seconds = {"follow": round(time.perf_counter() - began, 4)}
            records[frame.index] = _record(samples[frame.index], frame, targets, prompt, source, seconds)
            began = time.perf_counter()
    video.close()
    size_hw = video.image_size_hw
    return [
        records.get(number) or SampleRecord(sample.name, size_hw, sample.about, ())
        for number, sample in enumerate(samples)
    ]


def _record(
    sample: EvaluationSample,
    frame: TrackedFrame,
    targets: dict[int, Target],
    prompt: str,
    source: str,
    seconds: dict[str, float],
) -> SampleRecord:
    truths = {target.about["track"]: target.truth for target in sample.targets()}
    records = []
    for row, number in enumerate(frame.object_id.tolist()):
        target, mask = targets[number], frame.mask(row)
        answer = _prediction(mask, truths.get(target.about["track"]), frame, row, prompt, source)
        records.append(TargetRecord(target.name, target.about, (answer,)))
    return SampleRecord(sample.name, frame.image_size_hw, sample.about, tuple(records), {}, seconds)


def _prediction(
    mask: np.ndarray, truth: np.ndarray | None, frame: TrackedFrame, row: int, prompt: str, source: str
) -> PredictionRecord:
    seen = truth is not None and truth.any()
    return PredictionRecord(
        source=source,
        prompt=prompt,
        trial=0,
        iou=iou(mask, truth) if truth is not None and seen else None,
        boundary_iou=iou(boundary(mask), boundary(truth)) if truth is not None and seen else None,
        score=float(frame.scores[row]),
        rle=frame.rle[row],
    )
