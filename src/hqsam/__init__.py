"""Pixel-accurate masks: Segment Anything in High Quality.

>>> import hqsam
>>> segmenter = hqsam.load("nano")
>>> session = segmenter.open("photo.jpg")
>>> cup = session.segment(box=(306, 132, 925, 893))
"""

import importlib
from typing import TYPE_CHECKING, Any

from hqsam.masks.outputs import PROVIDERS
from hqsam.version import __version__

if TYPE_CHECKING:
    from hqsam.client import Client
    from hqsam.masks.instances import Instances
    from hqsam.predict.result import Segmentation
    from hqsam.predict.segmenter import Segmenter, load
    from hqsam.predict.session import Session

__all__ = ["Client", "Instances", "Segmentation", "Segmenter", "Session", "__version__", "load"]

# Imported on first use, so that `import hqsam` and `hqsam --help` do not wait for torch.
_HOMES = {
    "Client": "hqsam.client",
    "Instances": "hqsam.masks.instances",
    "load": "hqsam.predict.segmenter",
    "Segmenter": "hqsam.predict.segmenter",
    "Session": "hqsam.predict.session",
    "Segmentation": "hqsam.predict.result",
}

# The methods of `Instances` and `Segmenter` that rooms above theirs provide.
PROVIDERS.update(
    {name: f"hqsam.formats.outputs:{name}" for name in ("cutout", "overlay", "save", "to_coco", "to_html")}
)
PROVIDERS["to_supervision"] = "hqsam.integrations.supervision:to_supervision"
PROVIDERS.update({name: f"hqsam.video.open_video:{name}" for name in ("open_video", "open_stream")})
PROVIDERS["open_volume"] = "hqsam.volumes.open_volume:open_volume"
PROVIDERS["segment_text"] = "hqsam.text.segment_text:segment_text"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hqsam' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
