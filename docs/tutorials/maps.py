# %% [markdown]
# # Objects of a map
#
# From an aerial image to outlines in a GeoPackage, with areas in square metres. It needs `pip install "hqsam[geo]"`.
# To have something to work on, this page lays a photo on the ground as if it had been taken from the air: half a metre
# a pixel, in UTM zone 33.

# %%
import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image

import hqsam
from hqsam import formats
from hqsam.geo.join_scenes import join_scenes
from hqsam.geo.vector_prompts import VectorPrompts
from hqsam.paths import examples_folder
from hqsam.predict.segment_features import segment_features

pixels = np.asarray(Image.open(examples_folder() / "coffee.jpg").convert("RGB")).transpose(2, 0, 1)


def write_map(path, columns):
    """Write some columns of the photo as a GeoTIFF that lies where they do."""
    part = pixels[:, :, columns]
    place = rasterio.Affine(0.5, 0, 400_000 + 0.5 * columns.start, 0, -0.5, 5_200_000)
    profile = {"driver": "GTiff", "width": part.shape[2], "height": part.shape[1], "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, crs="EPSG:32633", transform=place, photometric="RGB") as file:
        file.write(part)


write_map("map.tif", slice(0, 600))

# %% [markdown]
# ## A prompt on the map
#
# Prompts may be in the image's own coordinates, or in any system, such as longitude and latitude. The result knows
# where it lies.

# %%
segmenter = hqsam.load("nano")
session = segmenter.open("map.tif")
corners = (400_085, 5_199_857, 400_206, 5_199_992)  # easting, northing of two opposite corners
pond = session.segment(box=session.georeference.box_to_pixels(corners)).with_labels("pond")
pond.save("pond.gpkg", simplify=0.5)  # outlines at most half a metre off
Image.fromarray(pond.overlay()).save("pond.webp")

# %% [markdown]
# ![The pond in colour](pond.webp)
#
# Any program for maps opens the file. Its attributes are measured on the ellipsoid.

# %%
about, _, outlines, columns = pyogrio.raw.read("pond.gpkg")
table = dict(zip(about["fields"], columns, strict=True))
print(about["crs"], table["label"][0], f"{table['area_m2'][0]:.0f} square metres")

# %% [markdown]
# ## Many prompts, from a vector file
#
# `read_vector_prompts("houses.gpkg")` reads points, boxes and polygons of any vector file in any CRS; here they are made
# by hand. Their attributes travel to the masks. On the command line it is
# `hqsam segment map.tif --prompts houses.gpkg --format gpkg`, and `hqsam tiles` for maps larger than memory, which finds
# everything if it gets no prompts.

# %%
boxes = {"pond": (400_085, 5_199_857, 400_206, 5_199_992), "car park": (400_163, 5_199_837, 400_212, 5_199_967)}
things = VectorPrompts(
    "things",
    tuple(shapely.box(*box) for box in boxes.values()),
    tuple({"label": label, "parcel": number} for number, label in enumerate(boxes, start=1)),
    "EPSG:32633",
)
found = segment_features(session, things)
print(found.labels, found.columns["parcel"])

# %% [markdown]
# ## Two scenes, one map
#
# Maps come in pieces that overlap. Each of these two scenes has a part of the pond:

# %%
for name, columns in {"west": slice(0, 380), "east": slice(250, 600)}.items():
    write_map(f"{name}.tif", columns)
    part = segment_features(segmenter.open(f"{name}.tif"), things)
    part.save(f"{name}.gpkg")
    Image.fromarray(part.overlay()).save(f"{name}.webp")

# %% [markdown]
# ![The western scene](west.webp) ![The eastern scene](east.webp)
#
# What is written is read back, with its place, and `join_scenes` makes one object of what both scenes saw of it. On the
# command line it is `hqsam join west.gpkg east.gpkg --format gpkg,cog`.

# %%
both = join_scenes([*formats.read("west.gpkg"), *formats.read("east.gpkg")], name="both")
for label, scenes, area in zip(both.labels, both.columns["scenes"], both.areas, strict=True):
    print(f"{label}: seen by {scenes} scenes, {area * 0.25:.0f} square metres")
both.save("out", "gpkg", "cog")
Image.fromarray(both.overlay("map.tif")).save("both.webp")

# %% [markdown]
# ![Both objects, whole, over the whole map](both.webp)
#
# [Maps](../maps.md) has the rest: bands and stretch, prompts from vector files, outlines with right angles, QGIS.
