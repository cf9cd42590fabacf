"""What a training run is made of."""

from dataclasses import dataclass
from typing import Literal

from hqsam.data.loader import SamplingConfig


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """One stretch of training with one goal."""

    name: str
    trains: Literal["sam", "hq"]
    """All of SAM with clicks over several rounds, or the HQ part alone with SAM frozen."""
    steps: int
    sampling: SamplingConfig
    optimiser: Literal["muon", "adamw"] = "muon"
    """Muon for the matrices of linear layers, AdamW for the rest; or AdamW for all, as the paper's Adam."""
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.05
    warmup: int = 200
    """Steps from 0 to the full rate."""
    decay: float = 0.3
    """Share of the steps, at the end, over which the rate falls to 0 in a straight line."""
    rounds: tuple[float, ...] = (0.25, 0.45, 0.3)
    """How often a step has 1, 2, 3 ... rounds of prompts; each after the first corrects the one before."""
    average: float = 0.999
    """Decay of the running average of the weights, which is what is kept; 0 keeps the weights themselves."""
    clip: float = 1.0
    """Largest norm of the gradient."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A model and the stages that make it."""

    model: str
    stages: tuple[StageConfig, ...]
    read_at: int
    """Photos are kept in memory at most this large, in pixels of their longer side."""
    notice: str = ""
    """What whoever finds the weights should know of the data's terms; it goes into the file's header."""
    seed: int = 42
    precision: Literal["bfloat16", "float32"] = "bfloat16"
