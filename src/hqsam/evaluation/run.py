"""Evaluation of a model on a suite, from the data on disk to the reports in a folder: `hqsam evaluate`."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from hqsam.data.fingerprint import fingerprint
from hqsam.errors import OptionError
from hqsam.evaluation.detections import files_of_detections, with_detections
from hqsam.evaluation.follow_videos import follow_samples, scored_as_followed, videos_of
from hqsam.evaluation.pipelines import Pipeline
from hqsam.evaluation.prefetch import evaluate_samples
from hqsam.evaluation.prompt_protocols import (
    InteractiveProtocol,
    PromptKind,
    TrackingProtocol,
    box,
    parse_prompts,
)
from hqsam.evaluation.reports import write_reports
from hqsam.evaluation.reports.summary import summarise
from hqsam.evaluation.run_folder import DATA, WHOLE, RunFolder, Shard, open_run_folder, read_records
from hqsam.evaluation.run_protocol import CandidateChoice, PromptProtocol
from hqsam.evaluation.samples import EvaluationSample
from hqsam.evaluation.suites.folder import scored_by_precision
from hqsam.evaluation.suites.suite import OpenSuite
from hqsam.model.hq_sam import Source
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.sources import check_source
from hqsam.storage.file_names import name_bytes
from hqsam.version import __version__
from hqsam.weights.digest import sha256_of_file

OnProgress = Callable[[int, int], None]
"""Callback with the number of images that are done, and of all."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Configuration of an evaluation: all that the scores depend on beside the data."""

    model: str
    """The model's name in the reports."""
    weights: str = ""
    """Fingerprint of the weights, such as the file's SHA-256, so that no other model of that name resumes the run."""
    precision: str = ""
    """Precision of the computation, which changes the scores a little."""
    sources: tuple[str, ...] = ()
    """Sources of masks; none given means all that the model has."""
    prompts: tuple[str, ...] = ()
    """Kinds of prompts as `parse_prompts` takes them, or one detector:FILE; none given means the box."""
    pipeline: Pipeline | None = None
    """The pipeline; None means the one that the paper's numbers of this suite were made with."""
    candidates: CandidateChoice = "single"
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """The state of a run."""

    reports: list[Path]
    """Paths of the reports; none before all images are done."""
    done: int
    total: int
    """Number of images of the whole run, of all shards."""


def evaluate(
    segmenter: Segmenter,
    suite: OpenSuite,
    config: EvaluationConfig,
    folder: Path,
    *,
    shard: Shard = WHOLE,
    limit: int | None = None,
    workers: int = 2,
    batch_size: int = 1,
    on_progress: OnProgress = lambda done, total: None,
) -> Outcome:
    """Evaluate a model on a suite's images, keep the predictions in a folder, and write reports once all are done.

    A run that was killed is resumed; several processes may share one by shards.

    Args:
        segmenter: the model.
        suite: the suite, opened.
        plan: prompts, sources and precision.
        folder: where predictions and reports go; it belongs to this run.
        shard: the part of the work that this process does.
        limit: evaluate only so many images, taken from the splits in turn.
        workers: threads that read ahead, and as many that measure.
        batch_size: images encoded together.
        on_progress: told how many images of this shard are done.

    Raises:
        OptionError: a source, prompt or pipeline is unknown, or does not go with the others.
        DataError: an image, a mask or the detector's file cannot be used. What was done before is kept.
        OutputError: the folder holds another run, or another process works in it.
    """
    if any(prompt.startswith("detector:") for prompt in config.prompts):
        suite = scored_by_precision(suite)
    if "track" in config.prompts:
        suite = scored_as_followed(suite)
    samples, protocol, boxes = _protocol_for(suite, config, segmenter)
    pipeline = config.pipeline or suite.suite.pipeline
    _check_together(protocol, pipeline)
    settings = _settings(suite, config, segmenter, protocol, pipeline, boxes)
    asked = _first_of_each(samples, suite, limit)
    with open_run_folder(folder, settings, shard) as run_folder:
        tracking = _tracking(protocol)
        ours = videos_of(asked, shard) if tracking else shard.part(asked)
        missing = [sample for sample in ours if sample.name not in run_folder.records]
        done = len(ours) - len(missing)
        on_progress(done, len(ours))
        records = (
            follow_samples(segmenter, ours, set(run_folder.records), tracking, protocol.sources[0])
            if tracking
            else evaluate_samples(segmenter, missing, protocol, pipeline, workers, batch_size)
        )
        for record in records:
            run_folder.add(record)
            done += 1
            on_progress(done, len(ours))
        return _conclude(run_folder, suite, asked, segmenter)


def _protocol_for(
    suite: OpenSuite, config: EvaluationConfig, segmenter: Segmenter
) -> tuple[Sequence[EvaluationSample], PromptProtocol, str]:
    """Return the samples with their targets, the protocol, and a fingerprint of the detector's boxes."""
    default = (None,) if "track" in config.prompts else segmenter.config.sources
    sources: tuple[Source, ...] = tuple(check_source(source, segmenter.config) for source in config.sources or default)
    files = [Path(prompt.partition(":")[2]) for prompt in config.prompts if prompt.startswith("detector:")]
    prompt_kinds, samples, boxes = tuple(_asked(config, files)), suite.samples, ""
    if files:
        samples, boxes = with_detections(suite, files[0]), f"{files[0].name} {_fingerprint(files[0])}"
    return samples, PromptProtocol(prompt_kinds, sources, config.candidates, config.seed), boxes


def _tracking(protocol: PromptProtocol) -> TrackingProtocol | None:
    """Return the protocol that follows objects through videos, if that is what is asked for."""
    return next((kind for kind in protocol.prompt_kinds if isinstance(kind, TrackingProtocol)), None)


def _check_together(protocol: PromptProtocol, pipeline: Pipeline) -> None:
    tracking = _tracking(protocol)
    if tracking and (len(protocol.prompt_kinds) > 1 or len(protocol.sources) > 1):
        raise OptionError(
            "--prompt track follows objects by what the model itself answers: it goes with no other prompt, and with "
            "the default source"
        )
    if pipeline == "official" and any(
        isinstance(prompt_kind, InteractiveProtocol) for prompt_kind in protocol.prompt_kinds
    ):
        raise OptionError(
            "clicks-to-target goes with --pipeline user: interactive segmentation clicks on the photo, and knows no "
            "squashed one"
        )


def _fingerprint(path: Path) -> str:
    digests = "".join(sha256_of_file(file) for file in files_of_detections(path))
    return f"{zlib.crc32(digests.encode()):08x}"


def _asked(config: EvaluationConfig, files: Sequence[Path]) -> list[PromptKind]:
    if not files:
        return parse_prompts(config.prompts or ("box",))
    if len(config.prompts) > 1:
        raise OptionError(
            f"got the prompts {', '.join(config.prompts)}; what a detector found has no true mask to draw other "
            "prompts from, so ask with detector:FILE alone"
        )
    return [box("detector")]


def _settings(
    suite: OpenSuite,
    config: EvaluationConfig,
    segmenter: Segmenter,
    protocol: PromptProtocol,
    pipeline: Pipeline,
    boxes: str,
) -> dict[str, Any]:
    """Return what identifies the run; a fingerprint of images and masks is in it, so that other data is refused."""
    names = "\n".join(sample.name for sample in suite.samples)
    return {
        "suite": suite.suite.name,
        "sets": [split.name for split in suite.splits],
        "images": len(suite.samples),
        "names_of_images": f"{zlib.crc32(name_bytes(names)):08x}",
        DATA: fingerprint(suite.samples, [file for split in suite.splits for file in split.truth_files]),
        "model": config.model,
        "architecture": segmenter.name,
        "weights": config.weights,
        "precision": config.precision,
        "pipeline": pipeline,
        "sources": list(protocol.sources),
        "prompts": [prompt_kind.name for prompt_kind in protocol.prompt_kinds],
        "boxes": boxes,
        "reading": protocol.candidates,
        "seed": protocol.seed,
    }


def _first_of_each(samples: Sequence[EvaluationSample], suite: OpenSuite, limit: int | None) -> list[EvaluationSample]:
    """Return so many samples, in their order: the first of every split, then the second of every split, and so on."""
    places = [place for split in suite.splits for place in range(len(split.samples))]
    chosen = sorted(range(len(samples)), key=lambda number: places[number])[:limit]
    return [samples[number] for number in sorted(chosen)]


def _conclude(
    run_folder: RunFolder, suite: OpenSuite, asked: Sequence[EvaluationSample], segmenter: Segmenter
) -> Outcome:
    """Write the reports if the images of all shards are done."""
    known = read_records(run_folder.folder)  # with those that other shards have made meanwhile
    records = {sample.name: known[sample.name] for sample in asked if sample.name in known}
    if len(records) < len(asked):
        return Outcome([], len(records), len(asked))
    made = {
        "hqsam": f"hqsam {__version__}",
        "torch": f"torch {torch.__version__}",
        "device": segmenter.device.type,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }
    summary = summarise(records, suite, run_folder.settings, made)
    return Outcome(write_reports(run_folder.folder, summary, suite, records), len(records), len(asked))
