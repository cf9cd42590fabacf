"""Requests as Label Studio sends them."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from hqsam.masks.rle_pack import unpack
from tests.serving.servers import EXAMPLES

PASSWORD_OF_NOBODY = "bm9ib2R5"
CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <{tag} name="mask" toName="image"><Label value="cup"/><Label value="table"/></{tag}>
  <KeyPointLabels name="click" toName="image" smart="true"><Label value="cup"/><Label value="table"/></KeyPointLabels>
  <RectangleLabels name="box" toName="image" smart="true"><Label value="cup"/><Label value="table"/></RectangleLabels>
</View>"""
BITMASKS, BRUSHES = CONFIG.format(tag="BitmaskLabels"), CONFIG.format(tag="BrushLabels")
WIDTH, HEIGHT = 600, 400


def coffee() -> str:
    """The photo of 600 x 400 as a data: address."""
    data = (EXAMPLES / "coffee.jpg").read_bytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def click(x: float, y: float, label: str = "cup", **more: Any) -> dict[str, Any]:
    """A click on a pixel, as the smart tool serializes it."""
    value = {"x": x / WIDTH * 100, "y": y / HEIGHT * 100, "width": 0.3, "keypointlabels": [label], "labels": [label]}
    return _item("click", "keypointlabels", value) | {"is_positive": True} | more


def rectangle(x0: float, y0: float, x1: float, y1: float, label: str = "cup", **more: Any) -> dict[str, Any]:
    """A rectangle."""
    sides = {"x": x0 / WIDTH, "y": y0 / HEIGHT, "width": (x1 - x0) / WIDTH, "height": (y1 - y0) / HEIGHT}
    value = {name: side * 100 for name, side in sides.items()} | {"rotation": 0, "rectanglelabels": [label]} | more
    return _item("box", "rectanglelabels", value)


def predict(url: str, *drawn: dict[str, Any], config: str = BITMASKS, **more: Any) -> dict[str, Any]:
    """The body of /predict; without a drawing its context is null."""
    task = {"id": 7, "data": {"image": url}, "annotations": [], "predictions": [], "project": 1}
    params = {"login": None, "password": None, "context": {"result": list(drawn)} if drawn else None}
    return {"tasks": [task], "project": "1.1730000000", "label_config": config, "params": params} | more


def mask_of(region: dict[str, Any]) -> np.ndarray:
    """The mask of a region of an answer."""
    size_hw = region["original_height"], region["original_width"]
    if region["type"] == "brushlabels":
        return unpack(region["value"]["rle"], size_hw)
    head, _, data = region["value"]["imageDataURL"].partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGBA"))[..., 3] > 0  # what Label Studio's page looks at


def _item(name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    sizes = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return sizes | {"id": "a1", "from_name": name, "to_name": "image", "type": kind, "origin": "manual", "value": value}
