"""Settings of a training run: a recipe, which is a model and the stages that train it, and the options of the run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hqsam.data.sampling import SamplingConfig
from hqsam.training.distributed import ProcessGroup, SingleProcess

OnProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with a stage's name (or "features", "validation"), its step, its number of steps, and metrics of that step."""

Trainable = Literal["hq", "decoder", "lora", "sam", "iou"]
"""The parts that are trained. hq: the HQ part with SAM frozen, as in the paper; decoder: SAM's mask decoder as well;
lora: low-rank additions to the encoder as well; sam: all of SAM but the HQ part, with clicks over several rounds; iou:
the head that predicts each mask's IoU, by which one of several candidates is chosen. It changes no mask."""


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """Settings of one stage of training, with one optimiser and one schedule."""

    name: str
    trainable: Trainable
    steps: int = 0
    epochs: int = 0
    """Epochs to train for, where `steps` is 0."""
    sampling: SamplingConfig
    micro_batch: int = 0
    """Images that a process computes at a time. Gradients are accumulated over as many micro-batches as the batch
    takes. 0: the process's whole share of the batch."""
    optimiser: Literal["muon", "adamw", "adam"] = "muon"
    """Muon for the matrices of linear layers and AdamW for the rest; AdamW for all; or Adam, as the paper."""
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 1.0
    """Learning rate of the image encoder's pretrained backbone, as a share of the others'."""
    frozen_norms: bool = False
    """Keep the statistics of batch norms as they are: those of a pretrained encoder, say, where batches are small."""
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    warmup_steps: int = 200
    """Steps from a learning rate of 0 to the full one."""
    decay_share: float = 0.3
    """Share of the steps, at the end, over which the learning rate falls to 0 in a straight line."""
    drop_after: float = 1.0
    """Share of the steps after which the learning rate falls to a tenth."""
    rounds: tuple[float, ...] = (0.25, 0.45, 0.3)
    """Probabilities that a step has 1, 2, 3 ... rounds of prompts; each after the first corrects the one before."""
    sum_loss: float = 0.0
    """Weight of a second loss of the HQ part, that of its mask's sum with SAM's, where the HQ part is trained; further
    rounds then correct the sum. 0 in the paper."""
    ema_decay: float = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept; 0 keeps the last weights."""
    clip_norm: float = 1.0
    """Largest norm of the gradient, to which it is clipped; 0 for no limit."""
    lora_rank: int = 8
    """Rank of the additions to the encoder, with `trainable` "lora"."""
    validate_every: int = 0
    """Steps between validations; 0: after every epoch, or where there are no epochs, at the end."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and the stages that train it."""

    stages: tuple[StageConfig, ...]
    model: str = ""
    """Row of the table of models to train from random weights; empty where there is a checkpoint to start from."""
    start: str = ""
    """Checkpoint to start from: a name, a file or a Hugging Face repo. A plain SAM is given a fresh HQ part."""
    encoder_weights: str = ""
    """File with weights of the image encoder, such as pretrained ones, which replace those of `start` or `model`."""
    decoder_weights: str = ""
    """Checkpoint whose prompt encoder, mask decoder and HQ part replace random ones where they fit; what they have not
    starts without effect, so that the decoder computes at first what it did there."""
    teacher: str = ""
    """Checkpoint of a model that answers prompts on photos without masks, for the trained one to learn from (knowledge
    distillation): a name, a file or a Hugging Face repo. Empty: the data have masks."""
    max_side: int = 0
    """Images are kept in memory, their longer side at most this many pixels; 0: read in full size, when needed."""
    cached_views: int = 0
    """Augmented views of each image whose features, or a teacher's answers, are computed once and kept; 0: images are
    encoded at each step."""
    validation_images: int = 100
    """Largest number of images in a validation."""
    notice: str = ""
    """Terms of the data, for whoever finds the weights; written into the file's header."""
    seed: int = 42
    precision: Literal["auto", "bfloat16", "float32"] = "bfloat16"
    """Precision of the computation; the trained weights are float32. auto: bfloat16 where it is faster."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of a run that do not change what is learnt: its folder, its processes, and who watches."""

    folder: Path
    """Run folder, for checkpoints, metrics and the trained model. A run that is found there is resumed."""
    processes: ProcessGroup = field(default_factory=SingleProcess)
    """Processes that share the run, seen from this one. All of them call `train`."""
    on_progress: OnProgress = lambda *_: None
    on_message: Callable[[str], None] = lambda _: None
    """Called with what the user should read."""
    workers: int = 1
    """Dataloader workers: processes that prepare images ahead of time."""
    save_every: int = 200
    """Steps between checkpoints."""
    cache: Path | None = None
    """Folder for features computed once, where the recipe has `cached_views`, or for a teacher's answers. None:
    features are not kept, and a teacher's answers are in the run's folder."""
    compile: bool = False
    """Let torch compile the trained modules: minutes at first, and then faster steps on a GPU."""
    tensorboard: bool = False
    """True to write curves and images for TensorBoard as well."""

    @property
    def model_path(self) -> Path:
        """File of the trained model, which `hqsam.load` opens."""
        return self.folder / "model.safetensors"

    @property
    def writes(self) -> bool:
        """True in the process that writes files."""
        return self.processes.rank == 0


RENAMED_SETTINGS = {
    "trains": "trainable",
    "at_once": "micro_batch",
    "warmup": "warmup_steps",
    "decay": "decay_share",
    "average": "ema_decay",
    "clip": "clip_norm",
    "read_at": "max_side",
    "views": "cached_views",
}
"""Settings by their names in version 0.1, which run folders and people's commands still have."""

NEW_SETTINGS = {"encoder_weights": "", "decoder_weights": "", "teacher": ""}
"""Settings of a recipe that version 0.1 did not have, with the values that its runs had in effect."""

NEW_STAGE_SETTINGS = {"encoder_learning_rate": 1.0, "frozen_norms": False, "sum_loss": 0.0}
"""The same of a stage."""
