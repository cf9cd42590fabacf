"""Small rasters with a place on a map, for tests."""

from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="needs hqsam[geo]")

NORTH_UP = (0.5, 0.0, 400_000.0, 0.0, -0.5, 5_200_000.0)
UTM = "EPSG:32633"


def write_raster(path: Path, bands: np.ndarray, transform=NORTH_UP, crs=UTM, **profile) -> Path:
    """Write bands [band, height, width] with GDAL itself."""
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=crs, transform=rasterio.Affine(*transform), **profile,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def random_bands(count, height, width, dtype=np.uint8, most=255):
    return np.random.default_rng(0).integers(0, most + 1, (count, height, width)).astype(dtype)
