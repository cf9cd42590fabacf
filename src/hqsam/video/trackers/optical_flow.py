"""Dense optical flow by DIS (Kroeger et al., 2016), and masks that are moved along it."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

FLOW_SIDE = 512
"""Longer side at which flow is computed: full size takes 4 times as long, and moved masks as well."""


def flow_between(
    later: UInt8[np.ndarray, "height width"], earlier: UInt8[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width 2"]:
    """Return for each pixel of the later frame where it was in the earlier one, as x, y to add, in pixels."""
    height, width = later.shape
    scale = min(1.0, FLOW_SIDE / max(height, width))
    size = max(round(width * scale), 16), max(round(height * scale), 16)  # DIS needs a few patches
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (later, earlier)]
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = cv2.resize(dis.calc(small[0], small[1], None), (width, height))  # type: ignore[call-overload]
    return (flow * np.array([width / size[0], height / size[1]])).astype(np.float32)


def moved(
    values: Float32[np.ndarray, "height width"], flow: Float32[np.ndarray, "height width 2"]
) -> Float32[np.ndarray, "height width"]:
    """Return a map of the earlier frame, such as a soft mask, as it lies in the later one."""
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]].astype(np.float32)
    return cv2.remap(
        values, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
