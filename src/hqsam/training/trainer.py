"""Training, from the top: `train` runs a recipe's stages, `_train_stage` is the loop, a `Trainer` takes the steps.

Row r of a run follows from the seed and r alone, and so does all that is drawn for it. A run therefore resumes from any
checkpoint, and processes that share a step, each with some of its rows, make together what one would.
"""

import copy
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hqsam import hardware
from hqsam.data import random_streams
from hqsam.data.loader import PromptedDataset, rows_of
from hqsam.data.random_streams import derived_seed, random_stream
from hqsam.engines.attention import CPU_OPS
from hqsam.engines.kernels.build import best_depthwise
from hqsam.errors import OptionError, TrainingError
from hqsam.freed_memory import keep_freed_memory
from hqsam.model.attention_ops import set_attention_ops
from hqsam.model.config import ModelConfig
from hqsam.model.depthwise import set_depthwise_ops
from hqsam.model.hq_sam import HQSam
from hqsam.training import checkpoint, feature_cache, run_folder
from hqsam.training.batch_source import BatchSource, ImageSource, StepInput
from hqsam.training.config import Recipe, RunOptions, StageConfig
from hqsam.training.data_split import DataSplit
from hqsam.training.distil.distillation import Distillation, distillation_of
from hqsam.training.distil.losses import FeatureProjection
from hqsam.training.distributed import ProcessGroup, reduce_metrics
from hqsam.training.ema import EMA
from hqsam.training.encoding import encoder_of
from hqsam.training.initial_model import initial_model, resized
from hqsam.training.memory import explain_out_of_memory
from hqsam.training.optimiser import learning_rate_share, optimisers
from hqsam.training.prompt_rng import PromptRng
from hqsam.training.run_log import RunLog
from hqsam.training.step import Metrics, training_loss
from hqsam.training.trainable import freeze_norms, merge_lora, set_trainable, trainable_weights
from hqsam.training.validation import validate
from hqsam.weights.save import save_model, sha256_of_tensors


def train(recipe: Recipe, data: DataSplit, options: RunOptions) -> HQSam:
    """Train a recipe's stages one after the other, write the model as `options.model_path`, and return it.

    The run folder gets a checkpoint every `save_every` steps, and metrics. The same call, made again after a kill,
    resumes from the last checkpoint, and ends where the unbroken run would.

    Args:
        recipe: the model to start from and the stages.
        data: images to train on, and images to validate on.
        options: the run folder, processes and workers.

    Raises:
        DataError: the data do not hold what the recipe asks for.
        OptionError: the recipe does not fit the model or the number of processes.
        OutputError: the disk is full, or the folder cannot be written; the last checkpoint is intact.
        TrainingError: the folder is another run's, memory ran out, or the loss is not a number.
    """
    keep_freed_memory()
    if options.cache is None and not recipe.teacher:
        recipe = replace(recipe, cached_views=0)  # so that a run is the same one, however its recipe was made
    model = initial_model(recipe)
    if not (recipe.start or recipe.encoder_weights) and any(stage.frozen_norms for stage in recipe.stages):
        options.on_message(
            "the encoder starts from random weights, and the recipe is for a pretrained one, whose norms it keeps; "
            "give --encoder-weights FILE (docs/nano.md says which), or --set stages.N.frozen_norms=False in each stage"
        )
    with _open_run(recipe, model, data, options) as log:
        _check_sets(recipe, data, options)
        distillation = distillation_of(recipe, model, data, options) if recipe.teacher else None
        if distillation is not None:
            data = replace(data, validation=distillation.validation)
        for number in range(len(recipe.stages)):
            trained = _train_stage(recipe, number, model, data, options, log, distillation)
            model.load_state_dict(trained.state_dict())
        if options.writes:
            provenance = {"recipe": asdict(recipe), "images": data.counts}
            save_model(model, options.model_path, provenance=provenance, notice=recipe.notice)
    return model


def _check_sets(recipe: Recipe, data: DataSplit, options: RunOptions) -> None:
    """Check before the first stage that each finds images, and name the sets that none looks at.

    Raises:
        DataError: a stage names no set that is there.
    """
    used = {name for stage in recipe.stages for name in PromptedDataset(data.training, stage.sampling, 0).names}
    left_out = sorted(set(data.training) - used)
    if left_out:
        options.on_message(f"the recipe names its sets, and leaves these out: {', '.join(left_out)}")


@contextmanager
def _open_run(recipe: Recipe, model: HQSam, data: DataSplit, options: RunOptions) -> Iterator[RunLog]:
    """Lock the run folder, check that it is this run's, and open its log."""
    start = sha256_of_tensors(model.state_dict())
    files = {"images_and_masks": data.fingerprint}
    identity = {"recipe": asdict(recipe), "start": start, "images": data.counts, **files}
    with ExitStack() as stack:
        locked = run_folder.locked(options.folder, identity, files)
        options.processes.run_on_first(lambda: stack.enter_context(locked))
        folders = [_checkpoints_of(recipe, number, options) for number in range(len(recipe.stages))]
        yield stack.enter_context(RunLog(options, resume_after=checkpoint.last_place(folders)))


def _checkpoints_of(recipe: Recipe, number: int, options: RunOptions) -> Path:
    return options.folder / f"{number}-{recipe.stages[number].name}"


def _train_stage(
    recipe: Recipe,
    number: int,
    model: HQSam,
    data: DataSplit,
    options: RunOptions,
    log: RunLog,
    distillation: Distillation | None,
) -> HQSam:
    """Train one stage, from its last checkpoint to its end, and return a model with the averaged weights."""
    processes, checkpoints = options.processes, _checkpoints_of(recipe, number, options)
    stage = _fitted(recipe.stages[number], number, model, processes.world_size)
    batch_size = stage.sampling.batch_size
    seed = derived_seed(recipe.seed, "training.stage", number) if number else recipe.seed
    dataset = PromptedDataset(data.training, stage.sampling, seed, data.fingerprint)
    epoch = max(1, dataset.images // batch_size)
    steps = stage.steps or stage.epochs * epoch
    validate_every = stage.validate_every or (epoch if stage.epochs else steps)
    trainer = Trainer(
        resized(model, stage.sampling.size),
        stage,
        steps=steps,
        seed=seed,
        precision=hardware.pick_precision(recipe.precision, processes.device),
        processes=processes,
        teacher=distillation.teacher if distillation else None,
    )
    log.begin_stage(number, stage.name, steps)
    _resume(trainer, checkpoints, log)
    processes.barrier()
    if trainer.steps_done == steps:
        return trainer.ema_model()

    def validated() -> None:
        if data.validation and stage.trainable != "iou":  # which changes no mask
            log.validation(
                trainer.steps_done,
                validate(trainer.ema_model(), data.validation, processes, max_images=recipe.validation_images),
            )

    if distillation is not None:
        source = distillation.source(stage, seed)
    else:
        source = _batch_source(recipe, stage, dataset, trainer, options)
    micro_batches = [_micro_batches(step, stage, processes) for step in range(trainer.steps_done, steps)]
    inputs = source.inputs([rows for step in micro_batches for rows in step], options.workers)
    if options.compile:
        trainer.compile()
    if not trainer.steps_done:
        validated()
    began = time.monotonic()
    for of_step in micro_batches:
        started = time.monotonic()
        with explain_out_of_memory(f"step {trainer.steps_done + 1} of stage {stage.name!r}", number):
            metrics = trainer.step(islice(inputs, len(of_step)))
        now, done = time.monotonic(), trainer.steps_done
        log.step(done, {**metrics, "images_per_s": batch_size / (now - started), "seconds": now - began})
        if done == steps or done % validate_every == 0:
            validated()
        if options.writes and (done == steps or done % options.save_every == 0):
            checkpoint.save(checkpoints, done, trainer.state_dict())
    return trainer.ema_model()


def _fitted(stage: StageConfig, number: int, model: HQSam, processes: int) -> StageConfig:
    """Return the stage with the model's own image size where it names none."""
    config, sampling = model.config, stage.sampling
    if sampling.batch_size < processes:
        raise OptionError(
            f"{processes} processes cannot share a batch of {sampling.batch_size}; start fewer, or give a larger "
            f"batch: --set stages.{number}.sampling.batch_size={processes}"
        )
    sized = replace(sampling, size=sampling.size or config.image_size, stride=config.stride // 4)
    return replace(stage, sampling=sized)


def _resume(trainer: "Trainer", checkpoints: Path, log: RunLog) -> None:
    state = checkpoint.latest(checkpoints)
    if state is None:
        return
    trainer.load_state_dict(state)
    if state.get("random_streams") != random_streams.VERSION and trainer.steps_done < trainer.steps:
        log.note(
            trainer.steps_done,
            f"resumed at step {trainer.steps_done} from a checkpoint of hqsam 0.1.0: from here on images and prompts "
            "are drawn by other random numbers than that version would have drawn",
        )


def _micro_batches(step: int, stage: StageConfig, processes: ProcessGroup) -> list[range]:
    """Return this process's rows of a step, in as many parts as are computed one after the other."""
    rows = rows_of(step, stage.sampling.batch_size, processes.rank, processes.world_size)
    size = stage.micro_batch or len(rows)
    return [rows[start : start + size] for start in range(0, len(rows), size)]


_FROZEN_ENCODER = ("hq", "decoder", "iou")
"""Values of a stage's `trainable` with which the image encoder's weights do not change."""


def _batch_source(
    recipe: Recipe, stage: StageConfig, dataset: PromptedDataset, trainer: "Trainer", options: RunOptions
) -> BatchSource:
    """Return where a stage's batches come from; features can be computed once only where the encoder is frozen."""
    if not recipe.cached_views or options.cache is None or stage.trainable not in _FROZEN_ENCODER:
        return ImageSource(dataset)
    several = sum(one.trainable in _FROZEN_ENCODER for one in recipe.stages) > 1
    return feature_cache.fill(
        options.cache / stage.name if several else options.cache,  # each stage has views of its own
        dataset,
        views=recipe.cached_views,
        model=trainer.model,
        encode=trainer.encode,
        processes=options.processes,
        on_view=lambda done, total: options.on_progress("features", done, total, {}),
    )


class Trainer:
    """Takes one training step after the other, with the same weights in every process."""

    def __init__(
        self,
        model: HQSam,
        stage: StageConfig,
        *,
        steps: int,
        seed: int,
        precision: torch.dtype,
        processes: ProcessGroup,
        teacher: ModelConfig | None = None,
    ) -> None:
        """Make the model's parts trainable that the stage trains, in place, and start at step 0 of `steps`."""
        self.model, self.stage, self.steps, self.seed = model.to(processes.device), stage, steps, seed
        set_attention_ops(self.model, CPU_OPS)
        set_depthwise_ops(self.model, best_depthwise())
        self.precision, self.processes = precision, processes
        torch.manual_seed(derived_seed(seed, "training.init"))
        self.trained = set_trainable(self.model, stage).to(processes.device)
        self.projection: FeatureProjection | None = None
        if teacher is not None and stage.trainable == "sam":
            self.projection = FeatureProjection(self.model.config, teacher).to(processes.device)
            self.trained.append(self.projection)
        self.parameters = [parameter for parameter in self.trained.parameters() if parameter.requires_grad]
        self.optimisers = optimisers(self.trained, stage)
        self.ema = EMA(trainable_weights(self.model, self.trained), stage.ema_decay)
        self.encode = encoder_of(self.model, precision)
        self.steps_done = 0

    def compile(self) -> None:
        """Let torch compile what runs in each step."""
        self.model.mask_decoder.compile()
        for part in self.model.hq_parts():
            for module in part.children():
                module.compile()

    def step(self, micro_batches: Iterable[StepInput]) -> dict[str, float]:
        """Take a step on this process's micro-batches, and return the metrics of all processes' rows.

        Raises:
            TrainingError: the loss or its gradient is not a number; the weights are as they were.
        """
        torch.manual_seed(derived_seed(self.seed, "training.step", self.steps_done))
        self.model.eval()
        self.trained.train()
        if self.stage.frozen_norms:
            freeze_norms(self.trained)
        self._zero_grad()
        metrics: Metrics = {}
        for given in micro_batches:
            share = len(given.rows) * self.processes.world_size / self.stage.sampling.batch_size
            loss, found = self._loss(given)
            (share * loss).backward()
            for name, value in {"loss": loss.detach(), **found}.items():
                metrics[name] = metrics.get(name, 0) + share * value
        values = reduce_metrics(self.processes, metrics)
        return values | {"norm": self._update_weights(values["loss"])}

    def _loss(self, given: StepInput) -> tuple[Tensor, Metrics]:
        device, rows = self.processes.device, given.rows
        batch = given.batch.to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.precision == torch.bfloat16):
            if given.features is None:
                features = self.encode(batch.images)
            else:
                features = given.features.map(lambda part: part.to(device, self.precision))
            answers = None if given.answers is None else given.answers.to(device)
            loss, metrics = training_loss(
                self.model,
                features,
                batch,
                trainable=self.stage.trainable,
                rounds=self._rounds(),
                rng=PromptRng.for_rows(self.seed, rows, batch.tokens.shape[1], device),
                sum_loss=self.stage.sum_loss,
                taught=None if answers is None else answers.masks,
            )
            if answers is None or self.projection is None:
                return loss, metrics
            of_features = self.projection(features.final, answers.final)
            return loss + of_features, metrics | {"features": of_features.detach()}

    def _rounds(self) -> int:
        random = random_stream(self.seed, "training.rounds", self.steps_done)
        return 1 + int(random.choice(len(self.stage.rounds), p=self.stage.rounds))

    def _zero_grad(self) -> None:
        # Zeros, not None: what has no gradient in one process may have one in another.
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            else:
                parameter.grad.zero_()

    def _update_weights(self, loss: float) -> float:
        """Average and clip the gradients, move the weights, and return the gradients' norm."""
        gradients: list[Any] = [parameter.grad for parameter in self.parameters]
        self.processes.all_reduce_mean(gradients)
        norm = float(nn.utils.clip_grad_norm_(self.parameters, self.stage.clip_norm or math.inf))
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrainingError(
                f"the loss is {loss} and its gradient {norm} at step {self.steps_done + 1} of stage "
                f"{self.stage.name!r}; a lower learning rate may help: in another --out, with "
                "--set stages.N.learning_rate=..., N being the stage's number, from 0"
            )
        rate = self.stage.learning_rate * learning_rate_share(self.steps_done, self.stage, self.steps)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * group.get("share", 1.0)
            optimiser.step()
        self.processes.all_reduce_mean(buffer for buffer in self.trained.buffers() if buffer.is_floating_point())
        self.ema.update(trainable_weights(self.model, self.trained), self.steps_done)
        self.steps_done += 1
        return norm

    def state_dict(self) -> dict[str, Any]:
        """Return all that a killed run needs to resume here; rows and random numbers follow from the step."""
        return {
            "step": self.steps_done,
            "model": trainable_weights(self.model, self.trained),
            "ema": self.ema.weights,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "random_streams": random_streams.VERSION,
            "projection": self.projection.state_dict() if self.projection else {},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from what `state_dict` returned, also that of version 0.1, which called the EMA "average"."""
        self.steps_done = state["step"]
        ema = state["ema"] if "ema" in state else state["average"]
        with torch.no_grad():
            for name, value in trainable_weights(self.model, self.trained).items():
                value.copy_(state["model"][name])
                self.ema.weights[name].copy_(ema[name])
        if self.projection:
            self.projection.load_state_dict(state["projection"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def ema_model(self) -> HQSam:
        """Return a copy of the model with the averaged weights, LoRA's additions merged into them."""
        model = copy.deepcopy(self.model)
        model.load_state_dict(self.ema.weights, strict=False)
        return merge_lora(model)
