"""Runs over small data, as tests make them."""

from pathlib import Path

from hqsam.evaluation.run import EvaluationConfig, evaluate
from hqsam.evaluation.suites import find
from hqsam.evaluation.suites.suite import OpenSuite
from tests.evaluation.layouts import make


def made(suite: str, folder: Path) -> OpenSuite:
    """The suite, with drawn data in its true layout."""
    return find(suite).open(make(suite, folder / "data"))


def config(*prompts: str, **more) -> EvaluationConfig:
    """A plan for the tests' tiny model."""
    return EvaluationConfig(model="tiny", weights="random", prompts=prompts, **more)


def run(segmenter, opened: OpenSuite, folder: Path, *prompts: str, config_of=config, **more):
    """Evaluate, and return the outcome."""
    options = {name: more.pop(name) for name in ("sources", "pipeline", "candidates", "seed") if name in more}
    return evaluate(segmenter, opened, config_of(*prompts, **options), folder, **more)
