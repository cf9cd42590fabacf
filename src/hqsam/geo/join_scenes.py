"""Join what was found in several scenes of one area: objects that two scenes saw become one, on one grid of pixels."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from hqsam.errors import InputError
from hqsam.geo.scene_grid import SceneGrid
from hqsam.masks.groups import Groups, mutual_matches
from hqsam.masks.instances import Instances
from hqsam.masks.runs import Runs, crop_runs, union

LEAST_AGREEMENT = 0.4
"""IoU where two scenes overlap, from which two objects are one."""


def join_scenes(
    scenes: Sequence[Instances], name: str = "joined", least_agreement: float = LEAST_AGREEMENT
) -> Instances:
    """Return the objects of several scenes as those of one image, which covers all of them.

    >>> both = join_scenes([*formats.read("west.gpkg"), *formats.read("east.gpkg")])
    >>> both.save("out", "gpkg", "cog")

    Where two scenes overlap, each object joins the one of the other scene that it agrees with best, if that holds for
    both, and becomes the union of the two. Scenes may be in other coordinate systems or at other resolutions: the
    pixels of the result are those of the first scene, and masks of other grids are painted on them anew.

    Args:
        scenes: masks with a place (`metadata["georeference"]`); of each scene those of the whole scene.
        name: the name of the image that covers all; files take their names from it.
        least_agreement: IoU within the overlap from which two objects are one, 0 to 1.

    Returns:
        The objects, in the order in which they first come. A joined one has the label of its part of the higher score,
        and the mean of the scores, weighted by area. `columns["scenes"]` is the number of scenes that saw it. Of other
        columns those are kept that all scenes have, with the values of the part whose label it is.

    Raises:
        InputError: there is no scene.
        DataError: a scene has no place, or they lie too far apart.
    """
    if not scenes:
        raise InputError("there is no scene to join; give the results of two or more")
    grid = SceneGrid.around(scenes)
    rows = [(scene, row) for scene, found in enumerate(scenes) for row in range(len(found))]
    runs = [grid.runs(scenes[scene], row) for scene, row in rows]
    groups = Groups(len(rows))
    for one, other in combinations(range(len(scenes)), 2):
        shared = _intersection(grid.box(scenes[one])[None], grid.box(scenes[other])[None])[0, 0]
        sides = [[number for number, (scene, _) in enumerate(rows) if scene == which] for which in (one, other)]
        ones, others = ([runs[number] for number in side] for side in sides)
        agreement = _agreement(ones, others, shared, grid.size_hw[0])
        for row, column in mutual_matches(agreement, least_agreement):
            groups.join(sides[0][row], sides[1][column])
    return _joined(scenes, rows, runs, groups.all(), grid, name)


def _agreement(
    ones: list[Runs], others: list[Runs], shared: Int[np.ndarray, "4"], height: int
) -> Float[np.ndarray, "one other"]:
    """Return the IoU of each with each other inside of a box; 0 where one has no pixel there."""
    boxes = [_intersection(_boxes(side, height), shared[None])[:, 0] for side in (ones, others)]
    areas = [
        [_crop(one, box, height).sum() for one, box in zip(side, of, strict=True)]
        for side, of in zip((ones, others), boxes, strict=True)
    ]
    both = _intersection(*boxes)
    agreement = np.zeros(both.shape[:2])
    for row, column in np.argwhere((both[..., 2:] > both[..., :2]).all(axis=-1)):
        box = both[row, column]
        shared_pixels = (_crop(ones[row], box, height) & _crop(others[column], box, height)).sum()
        agreement[row, column] = shared_pixels / max(1, areas[0][row] + areas[1][column] - shared_pixels)
    return agreement


def _boxes(runs: list[Runs], height: int) -> Int[np.ndarray, "mask 4"]:
    return np.array([one.box_xyxy(height) for one in runs], np.int64).reshape(-1, 4)


def _intersection(boxes: Int[np.ndarray, "box 4"], others: Int[np.ndarray, "other 4"]) -> np.ndarray:
    """Return what each box has in common with each other one, [box, other, 4]; without area where they are apart."""
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    return np.concatenate([corner, np.maximum(corner, np.minimum(boxes[:, None, 2:], others[None, :, 2:]))], axis=2)


def _crop(runs: Runs, box: Int[np.ndarray, "4"], height: int) -> np.ndarray:
    x0, y0, x1, y1 = box.tolist()
    return crop_runs(runs, height, (slice(y0, y1), slice(x0, x1)))


def _joined(
    scenes: Sequence[Instances],
    rows: list[tuple[int, int]],
    runs: list[Runs],
    groups: list[list[int]],
    grid: SceneGrid,
    name: str,
) -> Instances:
    named = [max(group, key=lambda number: _surety(scenes, rows[number], runs[number])) for group in groups]
    filled = [scene.columns.keys() for scene in scenes if len(scene)]
    kept = sorted(set.intersection(*map(set, filled))) if filled else []
    columns: dict[str, Any] = {
        column: tuple(scenes[scene].columns[column][row] for scene, row in (rows[number] for number in named))
        for column in kept
    }
    columns["scenes"] = [len({rows[number][0] for number in group}) for group in groups]
    return Instances.from_rle(
        [union([runs[number] for number in group]).to_rle(grid.size_hw) for group in groups],
        grid.size_hw,
        scores=[_mean_score(scenes, [rows[number] for number in group]) for group in groups],
        labels=[scenes[scene].labels[row] for scene, row in (rows[number] for number in named)],
        columns=columns,
        metadata={"georeference": grid.place},
        image_name=name,
    )


def _surety(scenes: Sequence[Instances], place: tuple[int, int], runs: Runs) -> tuple[float, int]:
    """Return how sure a part's label is: the detector's score if there is one, else the mask's; then its area."""
    scene, row = place
    of_words = scenes[scene].columns.get("prompt_score")
    score = scenes[scene].known_score(row) if of_words is None else of_words[row]
    return (-1.0 if score is None else float(score)), runs.area


def _mean_score(scenes: Sequence[Instances], parts: list[tuple[int, int]]) -> float | None:
    known = [(scenes[scene].known_score(row), int(scenes[scene].areas[row])) for scene, row in parts]
    scores = [score for score, _ in known if score is not None]
    weights = [max(area, 1) for score, area in known if score is not None]
    return float(np.average(scores, weights=weights)) if scores else None
