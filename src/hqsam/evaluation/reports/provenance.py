"""Provenance of a run's scores in sentences: its settings, its machine, and warnings."""

from hqsam.evaluation.reports.summary import Summary
from hqsam.evaluation.suites.suite import OpenSuite

_PIPELINES = {
    "user": "sessions as every user gets them, aspect kept",
    "official": "photo and mask squashed to the model's square, prompts drawn there, as the paper's numbers were made",
}
_READINGS = {
    "single": "SAM's single mask",
    "best": "of SAM's three masks the one with the highest predicted IoU",
}


def how_it_was_made(summary: Summary, suite: OpenSuite) -> list[str]:
    """Return the run's settings and what it ran on."""
    settings, made = summary.settings, summary.made
    boxes = f", boxes from {settings['boxes']}" if settings["boxes"] else ""
    seconds = ", ".join(f"{part} {value:.2f}" for part, value in summary.seconds.items())
    return [
        f"Model {settings['model']} (weights {settings['weights'][:12] or 'unknown'}), {settings['precision']}.",
        f"Pipeline {settings['pipeline']}: {_PIPELINES[settings['pipeline']]}.",
        f"Masks: {_READINGS[settings['reading']]}{boxes}. Random prompts by seed {settings['seed']}.",
        f"{summary.images} of {settings['images']} images, {len(summary.objects.names)} objects, "
        f"{len(summary.skipped)} left out.",
        f"Figures: {suite.suite.metric.about}, in per cent. Two empty masks agree.",
        f"{made['hqsam']}, {made['torch']}, {made['device']}, {made['date']}.",
        f"Seconds an image, partly at the same time: {seconds}.",
    ]


def warnings(summary: Summary, suite: OpenSuite) -> list[str]:
    """Return warnings about what makes the scores other than they seem."""
    said = list(suite.warnings)
    if summary.images < summary.settings["images"]:
        said.append(f"Only {summary.images} of {summary.settings['images']} images were asked about.")
    if suite.suite.ask == "detector" and not summary.settings["boxes"]:
        said.append(
            "Asked with true boxes: the figures are what masks alone could reach, not to be compared with those of a "
            "detector's boxes."
        )
    return said
