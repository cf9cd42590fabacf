"""Exports in processes of their own, and their graphs beside our engine."""

import subprocess
import sys

import numpy as np
import torch

from hqsam.model.preprocess import prepare_image
from hqsam.model.prompt_encoder import PromptBatch

CPU = torch.device("cpu")


def random_image(*size_hw):
    return np.random.default_rng(0).integers(0, 256, (*size_hw, 3), np.uint8)


def hqsam_export(*words):
    """Run the command in a process of its own: the check of shapes in this one would be traced, too."""
    command = [sys.executable, "-m", "hqsam", "export", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def prompts_of(count, points, masks=None):
    random = torch.Generator().manual_seed(0)
    labels = torch.tensor([1, 0, 2, 3, -1])[torch.arange(count * points) % 5].view(count, points)
    return PromptBatch(torch.rand(count, points, 2, generator=random) * 128, labels, masks)


def assert_same_answers(engines, size_hw, prompts, source="sum", candidates=1, atol=1e-3):
    _, pixels = prepare_image(random_image(*size_hw), engines[0].config)
    ours, theirs = (engine.decode(engine.encode([pixels])[0], prompts, source, candidates) for engine in engines)
    assert ours.logits.shape == theirs.logits.shape
    torch.testing.assert_close(theirs.logits, ours.logits, atol=atol, rtol=1e-3)
    torch.testing.assert_close(theirs.scores, ours.scores, atol=1e-4, rtol=1e-3)
