"""`python -m benchmarks.experiments --train DIR --val DIR`: the paper's claim, at the scale of a small model.

From one SAM (that of `nano`, or --model) each variant is trained alike: the same images, prompts, steps and seed, the
encoder frozen. Each is then prompted with the box of every held-out object's true mask. They differ in what is trained:

  SAM as it is           nothing (paper, Table 2, first row)
  HQ token, SAM feature  the HQ token and its head, as a filter over SAM's own mask features (Table 2)
  no early features      the HQ part without the encoder's early features (Table 3)
  HQ-SAM                 the HQ part
  whole decoder          SAM's mask decoder, and no HQ part (Table 4)

Scores are kept object by object, and variants once they are trained, so that a killed run goes on. The table, in
Markdown, has the means over objects by set, and of the differences from SAM the 95 % interval of a paired bootstrap.
"""

import argparse
import copy
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.coarse_masks import train_coarse_sam
from hqsam import hardware, storage
from hqsam.data.jitter import JitterConfig
from hqsam.data.loader import PromptedDataset, rows_of
from hqsam.data.open_dataset import open_datasets
from hqsam.data.sample import Sample
from hqsam.data.sampling import SamplingConfig
from hqsam.engines.torch import TorchEngine
from hqsam.evaluation.compare import interval
from hqsam.evaluation.mask_metrics import mask_scores
from hqsam.evaluation.simulated_user import from_box
from hqsam.freed_memory import keep_freed_memory
from hqsam.model.features import ImageFeatures
from hqsam.model.hq_features import HqPart
from hqsam.model.hq_sam import HQSam
from hqsam.model.mask_decoder import MaskInputs, apply_filters
from hqsam.predict.segmenter import Segmenter
from hqsam.training import feature_cache
from hqsam.training.config import StageConfig, Trainable
from hqsam.training.distributed import SingleProcess
from hqsam.training.recipes import finetune
from hqsam.training.trainer import Trainer
from hqsam.weights.digest import digest_of_model
from hqsam.weights.load import load_model

CPU = torch.device("cpu")


class OnSamFeatures(HqPart):
    """HQ part with the HQ token's filter over SAM's mask features, and nothing else."""

    def masks(self, mask_inputs: MaskInputs, image_features: Tensor) -> Tensor:
        del image_features
        return apply_filters(self.filter(mask_inputs.extra_tokens[:, :1]), mask_inputs.upscaled_embedding)


class WithoutEarly(HqPart):
    """HQ part whose features are fused from final and decoder features alone."""

    def image_features(self, features: ImageFeatures) -> Tensor:
        return self.from_final(features.final)


@dataclass(frozen=True)
class Variant:
    """Variant of the model: what is trained, and which of its masks are scored."""

    hq: type[HqPart] | None
    trainable: Trainable | None
    sources: tuple[str, ...]
    rate: float = 1e-3


VARIANTS = {
    "SAM as it is": Variant(None, None, ("sam",)),
    "HQ token, SAM feature": Variant(OnSamFeatures, "hq", ("hq", "sum")),
    "no early features": Variant(WithoutEarly, "hq", ("hq", "sum")),
    "HQ-SAM": Variant(HqPart, "hq", ("hq", "sum")),
    "whole decoder": Variant(None, "decoder", ("sam",), 1e-4),
}


def main() -> None:
    arguments = _arguments()
    hardware.limit_torch_threads()
    keep_freed_memory()
    with storage.Journal(arguments.out / "answers.jsonl") as journal:
        records = journal.resume(_heading(arguments))
        if arguments.coarse_steps:
            arguments.model = _coarse_sam(arguments)
        done = {(record["who"], record["object"]) for record in records}
        for who in ("SAM as it is", *arguments.variants):
            variant = VARIANTS[who]
            model = _trained(who, variant, arguments)
            for record in _answers(who, variant, model, arguments, done):
                journal.append(record)
                records.append(record)
            print(f"{who}: done", flush=True)
        text = table(records)
    storage.write_text(arguments.out / "table.md", text + "\n")
    print(text)


def _heading(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a folder's models and answers must agree in with an earlier run's."""
    settings = {name: str(value) for name, value in vars(arguments).items() if name not in ("out", "variants")}
    return {"weights": digest_of_model(load_model(arguments.model)), **settings}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__)
    parser.add_argument("--train", type=Path, required=True, help="images and masks to train on")
    parser.add_argument("--val", type=Path, required=True, help="images and masks to score")
    parser.add_argument("--model", default="nano")
    trained = [name for name, variant in VARIANTS.items() if variant.trainable]
    parser.add_argument("--variants", nargs="+", choices=trained, default=trained)
    parser.add_argument(
        "--coarse-steps", type=int, default=0, help="train --model's SAM first on coarse masks of all of --train"
    )
    parser.add_argument("--sets", nargs="*", help="of --train; by default all")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--images", type=int, default=400, help="of each set to train on, at most")
    parser.add_argument("--photos", type=int, default=30, help="of each set to score, at most")
    parser.add_argument("--objects", type=int, default=2, help="of each image, the largest")
    parser.add_argument("--out", type=Path, default=Path("out/experiments"))
    return parser.parse_args()


def _coarse_sam(arguments: argparse.Namespace) -> str:
    """Return the file of a SAM that learnt from coarse masks; it is trained where it is not there."""
    start = digest_of_model(load_model(arguments.model))
    path = arguments.out / f"coarse_sam_{start}_{arguments.coarse_steps}.safetensors"
    if not path.exists():
        train_coarse_sam(arguments.model, arguments.train, arguments.coarse_steps, path)
    return str(path)


def _trained(who: str, variant: Variant, arguments: argparse.Namespace) -> HQSam:
    """Return the trained variant; from its file if it was trained before."""
    model = _initial_model(variant, arguments.model)
    path = arguments.out / f"{who.replace(' ', '_')}.pt"
    if variant.trainable is None:
        return model
    if path.exists():
        model.load_state_dict(torch.load(path, weights_only=True))
        return model
    trainer = _trainer(variant, model, arguments.steps)
    for step, given in enumerate(_batches(trainer, arguments)):
        metrics = trainer.step([given])
        if step % 50 == 0:
            print(f"{who}: step {step}, loss {metrics['loss']:.3f}", flush=True)
    trained = trainer.ema_model()
    with storage.replacing(path) as temporary_path:
        torch.save(trained.state_dict(), temporary_path)
    return trained


def _initial_model(variant: Variant, name: str) -> HQSam:
    """Return the same SAM for all variants, with a fresh HQ part or with none."""
    torch.manual_seed(0)
    whole = load_model(name)
    config = whole.config if variant.hq else replace(whole.config, hq=None)
    model = HQSam(config)
    model.load_state_dict({k: v for k, v in whole.state_dict().items() if not k.startswith("hq.")}, strict=False)
    if variant.hq:
        model.hq = variant.hq(config)
    return model


def _trainer(variant: Variant, model: HQSam, steps: int) -> Trainer:
    assert variant.trainable is not None
    sampling = SamplingConfig(
        batch_size=4, objects=2, size=model.config.image_size, stride=model.config.stride // 4, truth_stride=2,
        prompts="paper", augment=JitterConfig(scale=(0.6, 1.6)),
    )  # fmt: skip
    stage: StageConfig = replace(
        finetune().stages[0], trainable=variant.trainable, sampling=sampling, learning_rate=variant.rate
    )
    return Trainer(
        copy.deepcopy(model),
        stage,
        steps=steps,
        seed=0,
        precision=hardware.pick_precision("auto", CPU),
        processes=SingleProcess(CPU),
    )


def _batches(trainer: Trainer, arguments: argparse.Namespace) -> Iterator:
    """Return the batches, the same for all variants, of features that are computed once."""
    found = open_datasets(arguments.train)
    sets = {name: one[: arguments.images] for name, one in found.items() if name in (arguments.sets or found)}
    dataset = PromptedDataset(sets, trainer.stage.sampling, 0)
    kept = feature_cache.fill(
        arguments.out / "features",
        dataset,
        views=1,
        model=trainer.model,
        encode=trainer.encode,
        processes=trainer.processes,
    )
    return kept.inputs([rows_of(step, trainer.stage.sampling.batch_size) for step in range(trainer.steps)], 0)


def _answers(
    who: str, variant: Variant, model: HQSam, arguments: argparse.Namespace, done: set[tuple[str, str]]
) -> Iterator[dict]:
    precision = hardware.pick_precision("auto", CPU)
    segmenter = Segmenter(TorchEngine(model, CPU, precision))
    for name, samples in open_datasets(arguments.val).items():
        for sample in samples[: arguments.photos]:
            wanted = [
                (f"{sample.name}/{number}", sample.mask(number)) for number in _largest(sample, arguments.objects)
            ]
            wanted = [(each, truth) for each, truth in wanted if (who, each) not in done]
            if not wanted:
                continue
            session = segmenter.open(sample.image)
            for each, truth in wanted:
                scores = {s: mask_scores(from_box(session, truth, s).masks[0], truth) for s in variant.sources}
                answers = {source: [one.iou, one.boundary_iou] for source, one in scores.items()}
                yield {"who": who, "set": name, "photo": sample.name, "object": each, "answers": answers}


def _largest(sample: Sample, count: int) -> list[int]:
    """Return the largest objects; those too small to have an edge are left out."""
    areas = {number: area for number, area in sample.areas.items() if area >= 64}
    return sorted(areas, key=lambda number: (-areas[number], number))[:count]


def table(records: list[dict]) -> str:
    """Return mean IoU / boundary IoU in per cent by set and over all objects, and how far each is from SAM."""
    scores: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    photo_of, set_of = {}, {}
    for record in records:
        photo_of[record["object"]], set_of[record["object"]] = record["photo"], record["set"]
        for source, values in record["answers"].items():
            column = record["who"] if record["who"] == "SAM as it is" else f"{record['who']}, {source}"
            scores[column][record["object"]] = tuple(values)
    objects = [name for name in photo_of if all(name in column for column in scores.values())]
    photos = np.unique([photo_of[name] for name in objects], return_inverse=True)[1]
    values = {who: np.array([column[name] for name in objects]) for who, column in scores.items()}
    sets = np.array([set_of[name] for name in objects])
    return _by_set(values, sets) + "\n\n" + _from_sam(values, photos)


def _by_set(values: dict[str, np.ndarray], sets: np.ndarray) -> str:
    lines = ["| set | objects | " + " | ".join(values) + " |", "| --- | ---: |" + " ---: |" * len(values)]
    groups: dict[str, Callable] = {name: (lambda found, name=name: found[sets == name]) for name in sorted(set(sets))}
    for name, rows_in in {**groups, "all": lambda found: found}.items():
        means = [100 * rows_in(found).mean(axis=0) for found in values.values()]
        cells = " | ".join(f"{mean[0]:.1f} / {mean[1]:.1f}" for mean in means)
        lines.append(f"| {name} | {len(rows_in(sets))} | {cells} |")
    return "\n".join(lines)


def _from_sam(values: dict[str, np.ndarray], photos: np.ndarray) -> str:
    lines = ["| against SAM as it is | IoU | boundary IoU |", "| --- | ---: | ---: |"]
    sam = values["SAM as it is"]
    for who, found in values.items():
        if found is sam:
            continue
        cells = []
        for place in (0, 1):
            low, high = interval(sam[:, place], found[:, place], photos)
            change = float((found[:, place] - sam[:, place]).mean())
            cells.append(f"{100 * change:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
        lines.append(f"| {who} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
