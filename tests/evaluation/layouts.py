"""Small data folders in the true layout of every suite, made from drawn scenes.

>>> data = make("coco", tmp_path)          # val2017/ and annotations/instances_val2017.json
>>> boxes = detections("coco", data)       # a detector's answers for it, as the suite's tools write them
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from hqsam.evaluation import suites
from hqsam.evaluation.samples import EvaluationSample
from hqsam.masks import rle
from hqsam.masks.boxes import box_of_mask

SIZE_HW = (48, 64)


class Scene(NamedTuple):
    """A photo with objects on it; the first is the largest."""

    image: np.ndarray
    masks: list[np.ndarray]

    @property
    def labels(self) -> np.ndarray:
        labels = np.zeros(self.image.shape[:2], np.uint8)
        for number, mask in enumerate(self.masks, start=1):
            labels[mask] = number
        return labels


def scene(number: int, size_hw: tuple[int, int] = SIZE_HW, objects: int = 2, shift: int = 0) -> Scene:
    """Ellipses of plain colours that do not touch, on a darker ground; `shift` moves them to the right."""
    random = np.random.default_rng(number)
    height, width = size_hw
    image = random.integers(20, 60, (height, width, 3), np.uint8)
    masks = []
    slot = width // objects
    for place in range(objects):
        axes = (max(3, slot // 2 - 5 - 2 * place), int(random.integers(height // 5, height // 3)))
        centre = (slot * place + slot // 2 + shift, height // 2 + int(random.integers(-3, 4)))
        drawn = cv2.ellipse(np.zeros(size_hw, np.uint8), centre, axes, 0, 0, 360, 1, -1)
        masks.append(drawn.astype(bool))
        image[masks[-1]] = random.integers(120, 255, 3, np.uint8)
    return Scene(image, masks)


def make(suite: str, folder: Path) -> Path:
    """A data folder of that suite below `folder`; returns what `--data` takes."""
    _MAKERS[suite](folder)
    return folder


def detections(suite: str, data: Path) -> Path:
    """A detector's or tracker's answers for what `make` made: the true boxes, a pixel off, with falling scores."""
    opened = suites.find(suite).open(data)
    if suite == "davis":
        return _tracked(data)
    if len(opened.splits) > 1:  # image ids are those of each set
        for split in opened.splits:
            _write_json(data / "detections" / f"{split.name}.json", _boxes_found(split.samples))
        return data / "detections"
    found = _tubes_found(opened) if suite.endswith("ytvis") else _boxes_found(opened.samples)
    return _write_json(data / "detections.json", found)


def _fine(folder: Path, images: str, masks: str) -> None:
    for number in range(2):
        drawn = scene(number, (48 + number, 64), objects=1)
        _photo(folder / images / f"photo{number}.jpg", drawn.image)
        _picture(folder / masks / f"photo{number}.png", drawn.masks[0].astype(np.uint8) * 255)


def _four(folder: Path) -> None:
    for row in suites.find("hq4").splits:
        _fine(folder, row.images, row.truth)


def _one_of_four(name: str) -> Callable[[Path], None]:
    return lambda folder: _fine(folder, suites.find(name).splits[0].images, suites.find(name).splits[0].truth)


def _big(folder: Path) -> None:
    for number in range(2):
        drawn = scene(number, (96, 128), objects=1)
        stem = f"2007_00{number}"
        _photo(folder / "BIG/test" / f"{stem}_im.jpg", drawn.image)
        _picture(folder / "BIG/test" / f"{stem}_gt.png", drawn.masks[0].astype(np.uint8) * 255)
        coarse = cv2.blur(drawn.masks[0].astype(np.uint8) * 255, (15, 15))
        _picture(folder / "BIG/test" / f"{stem}_seg.png", np.where(coarse > 128, 255, 0).astype(np.uint8))


def coco_json(scenes: dict[str, Scene], classes: int = 2) -> dict:
    """Annotations of photos by file name: polygons for the first object, run lengths for the others."""
    images, annotations = [], []
    for number, (file, drawn) in enumerate(scenes.items(), start=1):
        height, width = drawn.image.shape[:2]
        images.append({"id": number, "file_name": file, "height": height, "width": width})
        for place, mask in enumerate(drawn.masks):
            annotations.append(annotation_of(mask, len(annotations) + 1, number, place % classes + 1, place == 0))
    categories = [{"id": one + 1, "name": f"class {one + 1}"} for one in range(classes)]
    return {"images": images, "annotations": annotations, "categories": categories}


def annotation_of(mask: np.ndarray, number: int, image: int, category: int, polygons: bool = False) -> dict:
    x0, y0, x1, y1 = box_of_mask(mask).tolist()
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rings = [outline.ravel().tolist() for outline in outlines if len(outline) >= 3]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": rings if polygons else rle.encode(mask),
        "area": int(mask.sum()),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
    }


def _coco(folder: Path) -> None:
    scenes = {f"{number:012d}.jpg": scene(number, (48, 64 + number)) for number in range(1, 4)}
    content = coco_json(scenes)
    crowd = annotation_of(scene(9).masks[0], 99, 1, 1) | {"iscrowd": 1}
    crowd["segmentation"] = {"size": [48, 65], "counts": [0, 48, 48 * 64]}
    _photos(folder / "val2017", scenes)
    _write_json(
        folder / "annotations/instances_val2017.json", content | {"annotations": [*content["annotations"], crowd]}
    )


def _lvis(folder: Path) -> None:
    scenes = {f"{number:012d}.jpg": scene(number) for number in range(1, 4)}
    content = coco_json(scenes)
    for place, image in enumerate(content["images"]):
        image["coco_url"] = f"http://images.cocodataset.org/{'train' if place else 'val'}2017/{image.pop('file_name')}"
        image |= {"neg_category_ids": [3], "not_exhaustive_category_ids": [2] if place else []}
    for annotation in content["annotations"]:
        del annotation["iscrowd"]
    content["categories"] = [
        {"id": number, "name": f"class {number}", "frequency": group} for number, group in enumerate("frc", start=1)
    ]
    for image, (file, drawn) in zip(content["images"], scenes.items(), strict=True):
        _photo(folder / image["coco_url"].split("/")[-2] / file, drawn.image)
    _write_json(folder / "annotations/lvis_v1_val.json", content)


def _uvo(folder: Path) -> None:
    scenes = {f"video{number}_{number}.png": scene(number, objects=3) for number in range(2)}
    for file, drawn in scenes.items():
        _picture(folder / "uvo_videos_sparse_frames" / file, drawn.image)
    _write_json(folder / "FrameSet/UVO_frame_val.json", coco_json(scenes))


def _sginw(folder: Path) -> None:
    for number, row in enumerate(suites.find("sginw").splits):
        scenes = {f"{row.name}.rf.jpg": scene(number)}
        content = coco_json(scenes)
        for place, annotation in enumerate(content["annotations"]):
            annotation["id"] = place  # Roboflow counts from 0
        _photos(folder / row.images, scenes)
        _write_json(folder / row.truth, content)


def _videos(folder: Path, images: str, truth: str) -> None:
    videos, annotations = [], []
    for number in (1, 2):
        frames = [scene(number, shift=frame) for frame in range(3)]
        files = [f"video{number}/{frame * 5:05d}.jpg" for frame in range(3)]
        _photos(folder / images, dict(zip(files, frames, strict=True)))
        videos.append({"id": number, "height": 48, "width": 64, "length": 3, "file_names": files})
        for place in range(2):
            masks = [drawn.masks[place] for drawn in frames]
            annotations.append(_track(masks, len(annotations) + 1, number, place + 1))
    categories = [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}]
    _write_json(folder / truth, {"videos": videos, "annotations": annotations, "categories": categories})


def _track(masks: list[np.ndarray], number: int, video: int, category: int) -> dict:
    """The second class's object is hidden in the last frame."""
    seen = [None if category == 2 and frame == len(masks) - 1 else mask for frame, mask in enumerate(masks)]
    return {
        "id": number,
        "video_id": video,
        "category_id": category,
        "iscrowd": 0,
        "segmentations": [None if mask is None else rle.encode(mask) for mask in seen],
        "areas": [None if mask is None else int(mask.sum()) for mask in seen],
        "bboxes": [None if mask is None else _xywh(mask) for mask in seen],
    }


def _davis(folder: Path) -> None:
    for number, video in enumerate(("bear", "camel")):
        for frame in range(4):
            drawn = scene(number, objects=number + 1, shift=frame)
            _photo(folder / "JPEGImages/480p" / video / f"{frame:05d}.jpg", drawn.image)
            _palette(folder / "Annotations/480p" / video / f"{frame:05d}.png", drawn.labels)
    listing = folder / "ImageSets/2017/val.txt"
    listing.parent.mkdir(parents=True)
    listing.write_text("bear\ncamel\n")


def _folder(folder: Path) -> None:
    for number in range(3):
        drawn = scene(number, objects=1 + number % 2)
        _photo(folder / "images" / f"photo{number}.jpg", drawn.image)
        _picture(folder / "masks" / f"photo{number}.png", drawn.labels)


def _boxes_found(samples: Sequence[EvaluationSample]) -> list[dict]:
    found = []
    for sample in samples:
        for place, target in enumerate(sample.targets()):
            x, y, width, height = _xywh(target.truth)
            found.append(
                {
                    "image_id": sample.about["image_id"],
                    "category_id": target.about["category_id"],
                    "bbox": [x - 1.0, y, width + 1.0, height],
                    "score": 0.9 - 0.1 * place,
                }
            )
    return found


def _tubes_found(opened: suites.OpenSuite) -> list[dict]:
    found: dict[tuple[int, int], dict] = {}
    lengths = {video["id"]: video["length"] for video in opened.splits[0].annotations["videos"]}
    for sample in opened.samples:
        for target in sample.targets():
            video, frame = sample.about["video_id"], sample.about["frame"]
            tube = found.setdefault(
                (video, target.about["track"]),
                {
                    "video_id": video,
                    "category_id": target.about["category_id"],
                    "score": 0.9,
                    "segmentations": [None] * lengths[video],
                },
            )
            tube["segmentations"][frame] = rle.encode(target.truth)
    return list(found.values())


def _tracked(data: Path) -> Path:
    for path in sorted((data / "Annotations/480p").glob("*/*.png")):
        _palette(data / "tracked" / path.parent.name / path.name, np.asarray(Image.open(path)))
    return data / "tracked"


def _xywh(mask: np.ndarray) -> list[int]:
    x0, y0, x1, y1 = box_of_mask(mask).tolist()
    return [x0, y0, x1 - x0, y1 - y0]


def _photos(folder: Path, scenes: dict[str, Scene]) -> None:
    for file, drawn in scenes.items():
        _photo(folder / file, drawn.image)


def _photo(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95)


def _picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _palette(path: Path, labels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels.astype(np.uint8), mode="L").convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.putdata(labels.ravel().tolist())
    picture.save(path)


def _write_json(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


_MAKERS: dict[str, Callable[[Path], None]] = {
    "dis": _one_of_four("dis"),
    "coift": _one_of_four("coift"),
    "hrsod": _one_of_four("hrsod"),
    "thin": _one_of_four("thin"),
    "hq4": _four,
    "big": _big,
    "coco": _coco,
    "lvis": _lvis,
    "uvo": _uvo,
    "sginw": _sginw,
    "hqytvis": lambda folder: _videos(folder, "train/JPEGImages", "annotations/ytvis_hq-test.json"),
    "ytvis": lambda folder: _videos(folder, "valid/JPEGImages", "annotations/instances_val_sub.json"),
    "davis": _davis,
    "folder": _folder,
}
