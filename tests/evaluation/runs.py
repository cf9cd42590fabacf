"""Runs over small data, as tests make them."""

from pathlib import Path

from hqsam.evaluation.run import Plan, evaluate
from hqsam.evaluation.suites import find
from hqsam.evaluation.suites.suite import OpenSuite
from tests.evaluation.layouts import make


def made(suite: str, folder: Path) -> OpenSuite:
    """The suite, with drawn data in its true layout."""
    return find(suite).open(make(suite, folder / "data"))


def plan(*prompts: str, **more) -> Plan:
    """A plan for the tests' tiny model."""
    return Plan(model="tiny", weights="random", prompts=prompts, **more)


def run(segmenter, opened: OpenSuite, folder: Path, *prompts: str, plan_of=plan, **more):
    """Evaluate, and return the outcome."""
    options = {name: more.pop(name) for name in ("sources", "pipeline", "reading", "seed") if name in more}
    return evaluate(segmenter, opened, plan_of(*prompts, **options), folder, **more)
