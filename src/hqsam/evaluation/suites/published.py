"""Printed numbers of SAM and HQ-SAM: Ke et al., NeurIPS 2023 (version 2 with supplement), in per cent.

`vit_tiny` is Light HQ-SAM, whose SAM is MobileSAM.
"""

from collections.abc import Iterator

from hqsam.evaluation.suites.suite import MEAN, Published, Source

_L = "vit_l"
_OVERLAP = ("mIoU", "mBIoU")

ScorePair = tuple[tuple[float, ...], tuple[float, ...]]
"""SAM's numbers, and HQ-SAM's."""


def table_row(
    where: str,
    split: str,
    names: tuple[str, ...],
    pair: ScorePair,
    *,
    model: str = _L,
    prompt: str = "box",
    hq: Source = "hq",
) -> Iterator[Published]:
    """Yield SAM's and HQ-SAM's numbers of one line of a table."""
    sources: tuple[Source, Source] = ("sam", hq)
    for source, values in zip(sources, pair, strict=True):
        scores = dict(zip(names, values, strict=True))
        yield Published(model=model, source=source, split=split, prompt=prompt, scores=scores, where=where)


def _fine(split: str, sam: tuple[float, float], hq: tuple[float, float]) -> tuple[Published, ...]:
    return tuple(table_row("table 2", split, _OVERLAP, (sam, hq)))


def _by_clicks(split: str, sam: tuple[float, ...], hq: tuple[float, ...]) -> tuple[Published, ...]:
    """Return mBIoU by the numbers of clicks."""
    prompts = ("1 click", "3 clicks", "5 clicks", "5 + 5 clicks", "10 clicks", "10 + 5 clicks")
    return tuple(
        one
        for prompt, *pair in zip(prompts, sam, hq, strict=True)
        for one in table_row("figure of points", split, ("mBIoU",), ((pair[0],), (pair[1],)), prompt=prompt)
    )


DIS = _fine("DIS-VD", (62.0, 52.8), (78.6, 70.4)) + _by_clicks(
    "DIS-VD", (17.9, 50.4, 55.3, 55.1, 56.8, 59.6), (18.1, 58.3, 66.0, 66.2, 69.3, 70.0)
)
COIFT = _fine("COIFT", (92.1, 86.5), (94.8, 90.1)) + _by_clicks(
    "COIFT", (61.8, 81.3, 83.9, 83.6, 86.3, 86.4), (62.8, 83.5, 86.5, 86.7, 88.6, 88.4)
)
HRSOD = _fine("HRSOD", (90.2, 83.1), (93.6, 86.9))
THIN = _fine("ThinObject5K-TE", (73.6, 61.8), (89.5, 79.9))

_BACKBONES: dict[str, tuple[ScorePair, ScorePair]] = {
    # mIoU and mBIoU over the four sets; AP, AP_B, AP_L, AP_M and AP_S on COCO
    "vit_tiny": (((69.0, 58.8), (81.4, 71.6)), ((44.3, 28.6, 61.8, 48.1, 28.8), (45.0, 29.6, 62.8, 48.8, 29.2))),
    "vit_b": (((70.6, 62.3), (86.3, 78.1)), ((44.4, 28.2, 57.7, 48.7, 32.1), (46.7, 31.3, 62.9, 50.5, 32.0))),
    "vit_l": (((79.5, 71.1), (89.1, 81.8)), ((48.5, 33.3, 63.9, 53.1, 34.1), (49.5, 34.4, 66.2, 53.8, 33.9))),
    "vit_h": (((75.6, 68.3), (89.3, 81.5)), ((48.9, 34.0, 64.5, 53.3, 34.4), (49.9, 34.9, 66.5, 54.0, 34.2))),
}

FOUR = (
    *(
        one
        for model, (fine, _) in _BACKBONES.items()
        for one in table_row("table 10", MEAN, _OVERLAP, fine, model=model)
    ),
    *table_row("table 13", MEAN, _OVERLAP, ((65.7, 57.1), (82.8, 73.4)), prompt="noisy box 0.2"),
    *table_row("table 13", MEAN, _OVERLAP, ((46.4, 39.8), (69.9, 60.3)), prompt="noisy box 0.4"),
)

BIG = (
    *table_row("table 6", "BIG", _OVERLAP, ((81.1, 70.4), (86.0, 75.3))),
    *table_row("table 6", "BIG", _OVERLAP, ((66.6, 41.8), (86.9, 75.1)), prompt="coarse mask"),
)

COCO = tuple(
    one
    for model, (_, coco) in _BACKBONES.items()
    for one in table_row(
        "table 10",
        "COCO",
        ("AP", "AP_B", "AP_L", "AP_M", "AP_S"),
        coco,
        model=model,
        prompt="detector",
        hq="sum",
    )
)

_STRICT_FIRST = ("AP_B_strict", "AP_B75_strict", "AP_B50_strict", "AP_B", "AP_B75", "AP_B50", "AP")
UVO = tuple(
    table_row(
        "table 5",
        "UVO",
        _STRICT_FIRST,
        ((8.6, 3.7, 25.6, 17.3, 14.4, 37.7, 29.7), (9.9, 5.0, 28.2, 18.5, 16.3, 38.6, 30.1)),
        prompt="detector",
        hq="sum",
    )
)
LVIS = tuple(
    table_row(
        "table 7",
        "LVIS",
        ("AP_B_strict", "AP_B75_strict", "AP_B", "AP_B75", "AP"),
        ((32.1, 32.8, 38.5, 40.9, 43.6), (32.5, 33.5, 38.8, 41.2, 43.9)),
        prompt="detector",
        hq="sum",
    )
)
HQYTVIS = tuple(
    table_row(
        "table 8",
        "HQ-YTVIS",
        ("AP_B", "AP_B75", "AP_B50", "AP", "AP75", "AP50"),
        ((30.2, 19.1, 72.9, 60.7, 68.1, 90.5), (34.0, 24.3, 79.5, 63.6, 70.5, 91.1)),
        prompt="detector",
        hq="sum",
    )
)
YTVIS = tuple(
    table_row(
        "table 11",
        "YTVIS-2019",
        ("AP", "AP50", "AP75", "AP_L", "AP_M", "AP_S"),
        ((51.8, 82.1, 55.4, 65.5, 52.0, 34.2), (53.2, 82.9, 58.3, 66.4, 53.3, 33.7)),
        prompt="detector",
        hq="sum",
    )
)
DAVIS = tuple(
    table_row(
        "table 12",
        "DAVIS-2017",
        ("J&F", "J", "F"),
        ((82.0, 79.0, 84.9), (83.2, 80.3, 86.1)),
        prompt="detector",
        hq="sum",
    )
)

_SAM2_DAVIS: tuple[tuple[str, Source, float], ...] = (
    ("sam2.1_hiera_l", "sam", 89.8),
    ("hq_sam2_hiera_l", "sum", 91.0),
)
DAVIS += tuple(
    Published(
        model=model,
        source=source,
        split="DAVIS-2017",
        prompt="first mask",
        scores={"J&F": value},
        where="README of HQ-SAM 2",
    )
    for model, source, value in _SAM2_DAVIS
)

SGINW_AP: dict[str, tuple[float, float]] = {
    "Airplane-Parts": (37.2, 37.6),
    "Bottles": (65.4, 66.3),
    "Brain-Tumor": (11.9, 12.0),
    "Chicken": (84.5, 84.5),
    "Cows": (47.5, 47.8),
    "Electric-Shaver": (71.7, 72.1),
    "Elephants": (77.9, 77.5),
    "Fruits": (82.3, 82.3),
    "Garbage": (24.0, 25.0),
    "Ginger-Garlic": (45.8, 45.6),
    "Hand": (70.0, 74.8),
    "Hand-Metal": (81.2, 81.2),
    "House-Parts": (8.4, 8.5),
    "HouseHold-Items": (60.1, 60.1),
    "Nutterfly-Squireel": (71.3, 77.1),
    "Phones": (35.4, 35.3),
    "Poles": (23.3, 20.1),
    "Puppies": (50.1, 50.1),
    "Rail": (8.7, 7.7),
    "Salmon-Fillet": (32.9, 42.2),
    "Strawberry": (83.5, 85.6),
    "Tablets": (29.8, 29.7),
    "Toolkits": (20.8, 21.8),
    "Trash": (30.0, 30.0),
    "Watermelon": (64.2, 65.6),
}
"""AP of SAM and of HQ-SAM with ViT-H, by the names as they are spelled on disk; from the authors' logs."""

SGINW = (
    *(
        one
        for split, (sam, hq) in SGINW_AP.items()
        for one in table_row(
            "official logs", split, ("AP",), ((sam,), (hq,)), model="vit_h", prompt="detector", hq="sum"
        )
    ),
    *table_row("section 4", MEAN, ("AP",), ((48.7,), (49.6,)), model="vit_h", prompt="detector", hq="sum"),
)
