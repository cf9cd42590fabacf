"""Average precision of masks and of their boundaries, by COCO's rules and LVIS's, through faster-coco-eval."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import numpy as np

from hqsam.errors import DataError
from hqsam.evaluation.record import Row
from hqsam.evaluation.samples import OpenSplit
from hqsam.formats.coco_reader import mask_or_none
from hqsam.optional import require

Rules = Literal["coco", "any class", "lvis"]
"""Rules of matching: COCO's; COCO's without classes; LVIS's, where only classes that were looked for in an image
count."""

Result = dict[str, Any]
"""One entry of a COCO results JSON: image_id, category_id, score and segmentation (run lengths)."""

STRICT, USUAL = 0.01, 0.02
"""Widths of boundaries as a share of the image's diagonal: of `AP_B_strict` in the paper, and of `AP_B`."""

AREAS = {"small": [0, 32**2], "medium": [32**2, 96**2], "large": [96**2, 1e5**2]}
_MOST = {"coco": 100, "any class": 100, "lvis": 300}


def score_split(split: OpenSplit, rows: Sequence[Row], rules: Rules = "coco") -> dict[str, float]:
    """Return AP of masks, of boundaries and of strict boundaries over the samples of a split.

    Raises:
        DataError: an answer does not say its image or its class.
        MissingExtra: faster-coco-eval is not installed.
    """
    assert split.annotations is not None
    image_ids = {sample.about["image_id"] for sample in split.samples}
    results = [result_of(row) for row in rows]
    masks = average_precision(split.annotations, results, image_ids=image_ids, rules=rules)
    return masks | {
        f"{name.replace('AP', 'AP_B')}{ending}": value
        for ratio, ending in ((USUAL, ""), (STRICT, "_strict"))
        for name, value in average_precision(
            split.annotations, results, image_ids=image_ids, rules=rules, boundary=ratio
        ).items()
        if name in ("AP", "AP50", "AP75")
    }


def result_of(row: Row) -> Result:
    """Return a prediction as a COCO result; its score is the detector's or, where there was none, the model's.

    Raises:
        DataError: it does not say its image or its class.
    """
    try:
        image_id, category_id = row.about["image_id"], row.about["category_id"]
    except KeyError as error:
        raise DataError(f"the answer about {row.target} of {row.sample} has no {error}, which AP needs") from error
    score = row.about.get("score", row.score)
    return {"image_id": image_id, "category_id": category_id, "score": score, "segmentation": dict(row.rle)}


def average_precision(
    annotations: dict[str, Any],
    results: Sequence[Result],
    *,
    image_ids: Collection[int] | None = None,
    rules: Rules = "coco",
    boundary: float | None = None,
) -> dict[str, float]:
    """Return AP, AP50, AP75, AP_S, AP_M and AP_L, from 0 to 1; by LVIS's rules also AP_r, AP_c and AP_f.

    What is not defined, such as AP of small objects where there are none, is left out.

    Args:
        annotations: an annotation file as COCO or LVIS has it.
        results: masks with scores; of each image and class the 100 best count (LVIS: of each image the 300 best).
        image_ids: which images count; all, if it is None.
        rules: whose.
        boundary: None for AP of masks; else how wide boundaries are, as a share of the diagonal. A pair of masks then
            overlaps as much as the smaller of its mask IoU and its boundary IoU says (Cheng et al., 2021).

    Raises:
        DataError: a result is about an image that the annotations do not have, or its mask has another size.
        MissingExtra: faster-coco-eval is not installed.
    """
    truth = _truth(annotations, image_ids, rules)
    found = _results(results, annotations, truth, rules)
    table = _precision_table(truth, found, rules, boundary)
    scores = _summary(table)
    return scores | _by_frequency(truth, table) if rules == "lvis" else scores


def _truth(annotations: dict[str, Any], image_ids: Collection[int] | None, rules: Rules) -> dict[str, Any]:
    """Return a copy of the annotations of the images that count, with run lengths, which may be written into.

    Annotations are numbered again, because an id of 0, as Roboflow's exports have it, is taken for "unmatched".
    """
    sizes = {image["id"]: (image["height"], image["width"]) for image in annotations["images"]}
    wanted = sizes.keys() if image_ids is None else set(image_ids)
    kept = [each for each in annotations["annotations"] if each["image_id"] in wanted]
    masks = [mask_or_none(each["segmentation"], sizes[each["image_id"]]) for each in kept]
    return {
        "images": [dict(image) for image in annotations["images"] if image["id"] in wanted],
        "annotations": [
            {**_under(each, rules), "id": number, "segmentation": mask}
            for number, (each, mask) in enumerate(zip(kept, masks, strict=True), start=1)
            if mask is not None
        ],
        "categories": [{"id": 1, "name": "object"}] if rules == "any class" else annotations["categories"],
    }


def _results(
    results: Sequence[Result], annotations: dict[str, Any], truth: dict[str, Any], rules: Rules
) -> list[Result]:
    """Return copies of the results that count."""
    _check(results, annotations)
    wanted = {image["id"] for image in truth["images"]}
    kept = [_under(result, rules) for result in results if result["image_id"] in wanted]
    return _looked_for(_best_of_each_image(kept, _MOST[rules]), truth) if rules == "lvis" else kept


def _check(results: Sequence[Result], annotations: dict[str, Any]) -> None:
    sizes = {image["id"]: [image["height"], image["width"]] for image in annotations["images"]}
    foreign = {result["image_id"] for result in results} - sizes.keys()
    if foreign:
        some = ", ".join(str(number) for number in sorted(foreign, key=str)[:3])
        raise DataError(f"results are about {len(foreign)} images that the annotations do not have, such as {some}")
    for result in results:
        image_id, size = result["image_id"], list(result["segmentation"]["size"])
        if size != sizes[image_id]:
            raise DataError(
                f"a mask of image {image_id} has the size {size} (height, width), and the image {sizes[image_id]}"
            )


def _under(entry: dict[str, Any], rules: Rules) -> dict[str, Any]:
    return {**entry, "category_id": 1} if rules == "any class" else dict(entry)


def _best_of_each_image(results: Iterable[Result], most: int) -> list[Result]:
    by_image: dict[Any, list[Result]] = defaultdict(list)
    for result in results:
        by_image[result["image_id"]].append(result)
    ranked = (sorted(group, key=lambda result: -result["score"])[:most] for group in by_image.values())
    return [result for group in ranked for result in group]


def _looked_for(results: Iterable[Result], truth: dict[str, Any]) -> list[Result]:
    """Return the results of classes that are known to be in their image or not; others are neither right nor wrong.

    faster-coco-eval leaves them out as well, but fails where an image has no others (1.8.0).
    """
    known = {(image["id"], category) for image in truth["images"] for category in image["neg_category_ids"]}
    known |= {(each["image_id"], each["category_id"]) for each in truth["annotations"]}
    return [result for result in results if (result["image_id"], result["category_id"]) in known]


def _precision_table(truth: dict[str, Any], results: list[Result], rules: Rules, boundary: float | None) -> np.ndarray:
    """Return precision by IoU threshold, recall, class and area; -1 where there is nothing to find."""
    library = require("faster_coco_eval", extra="evaluate")
    coco = library.COCO(truth)
    evaluation = library.COCOeval_faster(
        coco,
        _lightened(coco.loadRes(results), truth),
        iouType="segm" if boundary is None else "boundary",
        ranges=AREAS,
        lvis_style=rules == "lvis",
        boundary_dilation_ratio=boundary or USUAL,
    )
    evaluation.params.maxDets = [_MOST[rules]]
    evaluation.evaluate()
    evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"])[..., 0]


def _lightened(found: Any, truth: dict[str, Any]) -> Any:
    """Remove the masks of results whose class is nowhere in their image, as only their areas count.

    Most of a detector's results are such, and the boundary of each would be computed: this saves most of the time.
    """
    present = {(each["image_id"], each["category_id"]) for each in truth["annotations"]}
    for result in found.dataset["annotations"]:
        if (result["image_id"], result["category_id"]) not in present:
            result["segmentation"] = {"size": [1, 1], "counts": "1"}
    return found


def _summary(table: np.ndarray) -> dict[str, float]:
    every, small, medium, large = (table[..., area] for area in range(4))
    return _means({"AP": every, "AP50": every[0], "AP75": every[5], "AP_S": small, "AP_M": medium, "AP_L": large})


def _by_frequency(truth: dict[str, Any], table: np.ndarray) -> dict[str, float]:
    """Return AP of LVIS's rare (below 10 training images), common (below 100) and frequent classes."""
    frequencies = [each["frequency"] for each in sorted(truth["categories"], key=lambda each: each["id"])]
    groups = {f"AP_{group}": np.array([each == group for each in frequencies]) for group in "rcf"}
    return _means({name: table[:, :, group, 0] for name, group in groups.items()})


def _means(parts: dict[str, np.ndarray]) -> dict[str, float]:
    defined = {name: part[part > -1] for name, part in parts.items()}
    return {name: float(values.mean()) for name, values in defined.items() if values.size}
