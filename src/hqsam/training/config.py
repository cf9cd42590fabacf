"""What a training run is made of."""

from dataclasses import dataclass
from typing import Literal

from hqsam.data.sampling import SamplingConfig

Trains = Literal["hq", "decoder", "lora", "sam"]
"""What learns: the HQ part with SAM frozen, as in the paper; SAM's mask decoder as well; low-rank additions to the
encoder as well; or all of SAM but the HQ part, with clicks over several rounds."""


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stretch of training with one goal."""

    name: str
    trains: Trains
    steps: int = 0
    epochs: int = 0
    """Where it is not 0, the steps are as many as it takes to see every image so often."""
    sampling: SamplingConfig
    at_once: int = 0
    """Images that a process computes at a time; the gradients of a batch are gathered from as many turns as it takes.
    0: its whole share of the batch."""
    optimiser: Literal["muon", "adamw", "adam"] = "muon"
    """Muon for the matrices of linear layers and AdamW for the rest; AdamW for all; or Adam, as the paper."""
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    warmup: int = 200
    """Steps from 0 to the full rate."""
    decay: float = 0.3
    """Share of the steps, at the end, over which the rate falls to 0 in a straight line."""
    drop_after: float = 1.0
    """Share of the steps after which the rate falls to a tenth."""
    rounds: tuple[float, ...] = (0.25, 0.45, 0.3)
    """How often a step has 1, 2, 3 ... rounds of prompts; each after the first corrects the one before."""
    average: float = 0.999
    """Decay of the running average of the weights, which is what is kept; 0 keeps the weights themselves."""
    clip: float = 1.0
    """Largest norm of the gradient; 0 for any."""
    lora_rank: int = 8
    """Rank of the additions to the encoder, where they are what learns."""
    validate_every: int = 0
    """Steps between validations; 0: after every epoch, or where there are no epochs, at the end."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and the stages that make it."""

    stages: tuple[StageConfig, ...]
    model: str = ""
    """The row of the table of models to make from nothing; empty where there is a checkpoint to start from."""
    start: str = ""
    """The checkpoint to start from: a name, a file or a Hugging Face repo. A plain SAM is given a fresh HQ part."""
    read_at: int = 0
    """Photos are kept in memory, at most this large, in pixels of their longer side; 0: read whole, when needed."""
    views: int = 0
    """Augmented views of each image whose features are computed once and kept; 0: every image is encoded anew."""
    validation_images: int = 100
    """At most so many images are asked about in a validation."""
    notice: str = ""
    """What whoever finds the weights should know of the data's terms; it goes into the file's header."""
    seed: int = 42
    precision: Literal["auto", "bfloat16", "float32"] = "bfloat16"
    """Of the computation; the weights that learn are float32. auto: bfloat16 where the hardware computes it."""
