"""Sizes of models, counted on the meta device: nothing is allocated."""

from dataclasses import dataclass

import torch

from hqsam.model.config import MODELS
from hqsam.model.hq_sam import HQSam

MIB = 2**20


@dataclass(frozen=True)
class Size:
    """Numbers of a model's parameters."""

    parameters: int
    hq_parameters: int
    """Parameters that the paper trains; the rest is SAM, frozen."""

    @property
    def mib(self) -> float:
        """MiB of its weights in float32. The paper prints these under "Params (M)"."""
        return self.parameters * 4 / MIB

    @property
    def hq_mib(self) -> float:
        return self.hq_parameters * 4 / MIB


def size_of(model: str) -> Size:
    with torch.device("meta"):
        network = HQSam(MODELS[model])
    hq = [parameter for part in network.hq_parts() for parameter in part.parameters()]
    return Size(sum(p.numel() for p in network.parameters()), sum(p.numel() for p in hq))
