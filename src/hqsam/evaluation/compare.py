"""Paired comparison of two runs over the same objects, with bootstrap intervals.

Objects of one image are not independent of each other, so whole images are resampled (paired bootstrap), the same ones
from both runs. The interval is where 95 % of the differences lie. Frames of one video are not independent either,
which is not accounted for: for videos the intervals are too narrow.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from hqsam.errors import DataError, OptionError
from hqsam.evaluation.record import Column

Score = Literal["IoU", "boundary IoU"]
SCORES: tuple[Score, ...] = ("IoU", "boundary IoU")
ObjectKey = tuple[str, str]
"""The names of a sample and of its target."""

_RESAMPLES_AT_ONCE = 500


@dataclass(frozen=True)
class SavedReport:
    """The part of a `report.json` that is compared."""

    path: Path
    settings: dict[str, Any]
    values: dict[Column, dict[ObjectKey, tuple[float, float]]]
    """IoU and boundary IoU of each object, by column."""


class Difference(NamedTuple):
    """Comparison of one column of A with one of B by one score; means are from 0 to 1."""

    score: Score
    a: Column
    b: Column
    mean_a: float
    mean_b: float
    low: float
    high: float
    """The upper end of the interval of B - A."""
    wins: float
    """Share of the objects whose mask is better in B; equal ones count half."""
    objects: int
    images: int

    @property
    def difference(self) -> float:
        """The difference of the means, B - A."""
        return self.mean_b - self.mean_a


def read_report(path: Path) -> SavedReport:
    """Read a `report.json`, or the one in the folder of a run.

    Raises:
        DataError: it cannot be read or is no report, or no answer in it has a true mask to be compared with.
    """
    path = path / "report.json" if path.is_dir() else path
    try:
        content = json.loads(path.read_text("utf-8"))
        objects, columns = content["objects"], [(one["source"], one["prompt"]) for one in content["columns"]]
        names = [(sample, target) for sample, target in objects["names"]]
        values = {
            Column(*column): _present(names, objects["values"][str(Column(*column))])
            for column in columns
            if str(Column(*column)) in objects["values"]
        }
        settings = dict(content["settings"])
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; give a report.json of hqsam evaluate") from error
    except (ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} is not a report.json of hqsam evaluate ({type(error).__name__}: {error})") from error
    if not values:
        raise DataError(
            f"{path} has no IoU of single objects, as its boxes came from a detector; only masks that have a true one "
            "can be compared in pairs"
        )
    return SavedReport(path, settings, values)


def compare(
    a: SavedReport,
    b: SavedReport,
    sources: tuple[str, str] | None = None,
    prompts: tuple[str, str] | None = None,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Difference]:
    """Compare columns of A with columns of B: those of the same source and prompt, or those named for each.

    Raises:
        OptionError: a report has no such column, or the two have none in common.
        DataError: the reports are not about the same objects.
    """
    pairs = _columns(a, b, sources, prompts)
    return [_difference(a, b, *pair, score, resamples, seed) for pair in pairs for score in SCORES]


def interval(
    values_a: Float[np.ndarray, "object"],
    values_b: Float[np.ndarray, "object"],
    images: Int[np.ndarray, "object"],
    resamples: int = 10_000,
    seed: int = 0,
    share: float = 0.95,
) -> tuple[float, float]:
    """Return the interval of the mean of B - A in `share` of the resamples.

    Args:
        values_a: a score of each object in A.
        values_b: the same in B.
        images: number of each object's image, from 0 on.
        resamples: how often images are resampled.
        seed: of the resampling.
        share: width of the interval."""
    sums = np.bincount(images, values_b - values_a)
    counts = np.bincount(images)
    random, means = np.random.default_rng(seed), []
    for start in range(0, resamples, _RESAMPLES_AT_ONCE):
        some = min(_RESAMPLES_AT_ONCE, resamples - start)
        chosen = random.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=some)
        means.append((chosen @ sums) / (chosen @ counts))
    low, high = np.quantile(np.concatenate(means), [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _present(names: Sequence[ObjectKey], values: Sequence[Any]) -> dict[ObjectKey, tuple[float, float]]:
    if len(names) != len(values):
        raise ValueError(f"{len(names)} objects and {len(values)} values")
    return {name: (float(its[0]), float(its[1])) for name, its in zip(names, values, strict=True) if its is not None}


def _columns(
    a: SavedReport, b: SavedReport, sources: tuple[str, str] | None, prompts: tuple[str, str] | None
) -> list[tuple[Column, Column]]:
    if sources is None and prompts is None:
        chosen = [(column, column) for column in a.values if column in b.values]
    else:
        chosen = [(one, _other(one, b, sources, prompts)) for one in a.values if _is_asked(one, sources, prompts)]
        chosen = [(one, other) for one, other in chosen if other in b.values]
    if not chosen:
        raise OptionError(
            f"there is nothing to compare: {a.path} has {_listed(a)}, and {b.path} has {_listed(b)}; name what to take "
            "of each, as in --source sam,hq or --prompt box,'noisy box 0.2'"
        )
    return chosen


def _is_asked(column: Column, sources: tuple[str, str] | None, prompts: tuple[str, str] | None) -> bool:
    return (sources is None or column.source == sources[0]) and (prompts is None or column.prompt == prompts[0])


def _other(column: Column, b: SavedReport, sources: tuple[str, str] | None, prompts: tuple[str, str] | None) -> Column:
    return Column(sources[1] if sources else column.source, prompts[1] if prompts else column.prompt)


def _listed(report: SavedReport) -> str:
    return " / ".join(str(column) for column in report.values)


def _difference(
    a: SavedReport, b: SavedReport, column_a: Column, column_b: Column, score: Score, resamples: int, seed: int
) -> Difference:
    of_a, of_b = a.values[column_a], b.values[column_b]
    _check_paired(a, b, of_a.keys() ^ of_b.keys(), len(of_a.keys() & of_b.keys()))
    names, place = list(of_a), SCORES.index(score)
    values_a, values_b = (np.array([values[name][place] for name in names]) for values in (of_a, of_b))
    images = np.unique([sample for sample, _ in names], return_inverse=True)[1]
    low, high = interval(values_a, values_b, images, resamples, seed)
    wins = float(((values_b > values_a) + 0.5 * (values_b == values_a)).mean())
    means = float(values_a.mean()), float(values_b.mean())
    return Difference(score, column_a, column_b, *means, low, high, wins, len(names), int(images.max()) + 1)


def _check_paired(a: SavedReport, b: SavedReport, alone: set[ObjectKey], shared: int) -> None:
    if not alone:
        return
    sample, target = min(alone)
    has = a.path if any((sample, target) in values for values in a.values.values()) else b.path
    raise DataError(
        f"the two do not pair: {shared} objects are in both, and {len(alone)} only in one, such as {target} of "
        f"{sample} in {has}. Evaluate both on the same suite, data and --limit"
    )
