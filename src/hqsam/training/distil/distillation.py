"""Distillation as the training loop sees it: batches with a teacher's answers, and photos to validate on."""

from dataclasses import dataclass
from pathlib import Path

from hqsam import hardware
from hqsam.data.augment import AugmentConfig
from hqsam.engines.build import build_engine
from hqsam.errors import OptionError
from hqsam.model.config import ModelConfig
from hqsam.model.hq_sam import HQSam
from hqsam.predict.segmenter import Segmenter
from hqsam.training.config import Recipe, RunOptions, StageConfig
from hqsam.training.data_split import DataSplit
from hqsam.training.distil import answer_cache
from hqsam.training.distil.answer_cache import AnsweredViews, AnswerPlan
from hqsam.training.distil.held_out import TaughtPhotos, answer_held_out
from hqsam.training.distil.teacher import Teacher
from hqsam.training.validation import spread
from hqsam.weights.digest import sha256_of_tensors
from hqsam.weights.load import load_model


@dataclass(frozen=True)
class Distillation:
    """A teacher's answers, all of which are in a folder; the teacher itself is no longer needed."""

    teacher: ModelConfig
    folder: Path
    plan: AnswerPlan
    validation: TaughtPhotos

    def source(self, stage: StageConfig, seed: int) -> AnsweredViews:
        """Return where a stage's batches come from."""
        return AnsweredViews(self.folder, self.plan, stage.sampling, seed, teaches=stage.trainable == "sam")


def distillation_of(recipe: Recipe, student: HQSam, data: DataSplit, options: RunOptions) -> Distillation:
    """Let a recipe's teacher answer what has not been answered yet.

    Args:
        recipe: a recipe with a teacher.
        student: the model that will be trained.
        data: photos to train and to validate on.
        options: the run's folders and processes.

    Raises:
        OptionError: the student is the teacher, or the recipe does not fit.
        TrainingError: the cache's folder holds the answers of another teacher or to other photos.
        OutputError: the disk has no room for the answers.
    """
    teacher = load_model(recipe.teacher)
    digest = sha256_of_tensors(teacher.state_dict())
    if digest == sha256_of_tensors(student.state_dict()):
        raise OptionError(
            f"the student starts as its own teacher, {recipe.teacher}, and has nothing to learn; choose another "
            "teacher, or another student: --student nano, or --model with another checkpoint"
        )
    plan = _plan(recipe, student.config, teacher.config, data)
    folder, processes = options.cache or options.folder / "teacher", options.processes
    missing = answer_cache.missing_shards(folder, plan)  # before any process writes one
    processes.run_on_first(lambda: answer_cache.claim(folder, plan, teacher.config, digest, mendable=not options.cache))
    precision = hardware.pick_precision(recipe.precision, processes.device)
    if missing:
        answer_cache.fill(
            folder,
            plan,
            missing,
            Teacher(teacher, processes.device, precision),
            processes,
            lambda done, total: options.on_progress("teacher", done, total, {}),
        )
    validation = answer_held_out(
        data.validation,
        spread(len(data.validation), recipe.validation_images),
        options.folder / "held_out.jsonl",
        lambda: Segmenter(build_engine(teacher, processes.device, precision)),
        processes,
        fingerprint=data.validation_fingerprint,
        on_photo=lambda done, total: options.on_progress("held-out photos", done, total, {}),
    )
    return Distillation(teacher.config, folder, plan, validation)


def views_of(recipe: Recipe) -> int:
    """Return how many views of each photo the teacher answers; at least one."""
    return max(1, recipe.cached_views)


def _plan(recipe: Recipe, student: ModelConfig, teacher: ModelConfig, data: DataSplit) -> AnswerPlan:
    augment, objects = recipe.stages[0].sampling.augment, {stage.sampling.objects for stage in recipe.stages}
    if not isinstance(augment, AugmentConfig):
        raise OptionError(f"views for a teacher are made by AugmentConfig, and stage 0 has {type(augment).__name__}")
    if len(objects) != 1:
        raise OptionError(
            f"a teacher's answers are shared by all stages, which ask for {sorted(objects)} objects a view; give the "
            "same in each: --set stages.N.sampling.objects=4"
        )
    sizes = [stage.sampling.size or student.image_size for stage in recipe.stages]
    return AnswerPlan(
        photos=data.training,
        views=views_of(recipe),
        size=max(teacher.image_size, *sizes),
        objects=objects.pop(),
        augment=augment,
        seed=recipe.seed,
        fingerprint=data.fingerprint,
    )
