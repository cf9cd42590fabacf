"""The shape of one object, by scikit-image: area, centre, axes of the ellipse with the same moments, direction."""

import numpy as np
from jaxtyping import Bool, Float

from hqsam import optional


def shape_of(
    mask: Bool[np.ndarray, "rows columns"] | Bool[np.ndarray, "slices rows columns"],
    corner: tuple[int, ...],
    spacing: tuple[float, ...],
) -> dict[str, float]:
    """Return measurements of an object in units of `spacing`.

    Args:
        mask: the object in the smallest box around it, with at least one pixel.
        corner: the place of the box's first pixel in the image: y, x, or z, y, x.
        spacing: the distance of pixels along the same axes.

    Returns:
        `area` (of a volume `volume`); `centroid_z`, `centroid_y` and `centroid_x`, measured from the centre of the
        first pixel; `equivalent_diameter` of the circle or ball of the same size; the full lengths `axis_major` and
        `axis_minor`, in a volume also `axis_middle`; in a plane the `orientation` of the major axis, in radians from
        the y axis to the x axis, from -pi/2 to pi/2, in a volume its direction as a unit vector.

    Raises:
        MissingExtra: scikit-image is not installed.
    """
    measure = optional.require("skimage.measure", extra="science")
    [found] = measure.regionprops(mask.astype(np.uint8), spacing=spacing)
    names = "zyx"[-mask.ndim :]
    offset = np.array(corner, np.float64) * np.array(spacing)
    centre = {
        f"centroid_{name}": float(value) for name, value in zip(names, np.array(found.centroid) + offset, strict=True)
    }
    size = {"area" if mask.ndim == 2 else "volume": float(found.area)}
    return {
        **size,
        **centre,
        "equivalent_diameter": float(found.equivalent_diameter_area),
        **_axes(np.asarray(found.inertia_tensor, np.float64)),
        **({"orientation": float(found.orientation)} if mask.ndim == 2 else {}),
    }


def _axes(inertia: Float[np.ndarray, "axis axis"]) -> dict[str, float]:
    """Return the axes of the ellipse or ellipsoid that has the same moments; scikit-image has no middle one."""
    values, vectors = np.linalg.eigh(inertia)  # the least moment of inertia is that around the longest axis
    if len(values) == 2:
        major, minor = 4 * np.sqrt(np.maximum(values[::-1], 0))
        return {"axis_major": float(major), "axis_minor": float(minor)}
    variances = np.maximum(values.sum() / 2 - values, 0)  # rounding makes that of a flat object negative
    lengths = dict(zip(("axis_major", "axis_middle", "axis_minor"), 2 * np.sqrt(5 * variances), strict=True))
    major = vectors[:, 0] * np.sign(vectors[np.abs(vectors[:, 0]).argmax(), 0])
    directions = dict(zip(("direction_z", "direction_y", "direction_x"), major, strict=True))
    return {name: float(value) for name, value in (lengths | directions).items()}
