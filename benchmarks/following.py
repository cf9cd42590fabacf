"""`python -m benchmarks.following --data DIR`: J, F and J&F of objects that are followed from their true first mask.

Each VIDEO below DIR holds frames/ and masks/ (label maps of the same names). Beside our following stand what anyone
has without a model: the first mask kept where it is, and the first mask moved along the optical flow (OpenCV's DIS).
As DAVIS has it, the first and the last frame do not count, and each object counts the same.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import hqsam
from hqsam.errors import ImageWarning
from hqsam.evaluation.davis import contour_accuracy
from hqsam.masks.boundary import iou
from hqsam.predict.segmenter import Segmenter
from hqsam.video.trackers.optical_flow import flow_between, moved

Follow = Callable[[Sequence[Path], np.ndarray], Iterator[np.ndarray]]
"""From frames and the mask of the first one to the masks of the others, in order."""


def main() -> None:
    arguments = _arguments()
    ways: dict[str, Follow] = {"first mask kept": keep, "optical flow": flow}
    for model in arguments.models:
        ways[model] = following(hqsam.load(model), arguments.source)
    print("| video | objects | frames | " + " | ".join(f"{name}, J / F / J&F" for name in ways) + " |")
    print("| --- " * (3 + len(ways)) + "|")
    for folder in sorted(path for path in arguments.data.iterdir() if (path / "frames").is_dir()):
        frames = sorted((folder / "frames").iterdir())
        truths = [np.asarray(Image.open(path)) for path in sorted((folder / "masks").iterdir())]
        cells = [_cell(follow, frames, truths) for follow in ways.values()]
        print(f"| {folder.name} | {len(_labels(truths[0]))} | {len(frames)} | " + " | ".join(cells) + " |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.following", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["nano"], help="names or checkpoint files")
    parser.add_argument("--source", help="sum, hq or sam; the model's default if not given")
    return parser.parse_args()


def keep(frames: Sequence[Path], first: np.ndarray) -> Iterator[np.ndarray]:
    """Leave the mask where it is."""
    yield from [first] * (len(frames) - 1)


def flow(frames: Sequence[Path], first: np.ndarray) -> Iterator[np.ndarray]:
    """Move the mask from frame to frame."""
    soft, earlier = first.astype(np.float32), _gray(frames[0])
    for path in frames[1:]:
        later = _gray(path)
        soft, earlier = moved(soft, flow_between(later, earlier)), later
        yield soft > 0.5


def following(segmenter: Segmenter, source: str | None) -> Follow:
    """Return how a model of ours follows."""

    def follow(frames: Sequence[Path], first: np.ndarray) -> Iterator[np.ndarray]:
        with segmenter.open_video([str(path) for path in frames], source=source) as video, warnings.catch_warnings():
            warnings.simplefilter("ignore", ImageWarning)  # an object that is lost
            video.add(frame=0, mask=first)
            for frame in video.track(start=0):
                if frame.index:
                    yield frame.mask(0)

    return follow


def _cell(follow: Follow, frames: Sequence[Path], truths: Sequence[np.ndarray]) -> str:
    region, contour = np.mean([_scores(follow, frames, truths, label) for label in _labels(truths[0])], axis=0)
    return f"{100 * region:.1f} / {100 * contour:.1f} / {50 * (region + contour):.1f}"


def _scores(follow: Follow, frames: Sequence[Path], truths: Sequence[np.ndarray], label: int) -> np.ndarray:
    pairs = [(mask, truth == label) for mask, truth in zip(follow(frames, truths[0] == label), truths[1:], strict=True)]
    return np.mean([(iou(mask, truth), contour_accuracy(mask, truth)) for mask, truth in pairs[:-1]], axis=0)


def _labels(label_map: np.ndarray) -> list[int]:
    return [int(label) for label in np.unique(label_map) if label]


def _gray(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("L"))


if __name__ == "__main__":
    main()
