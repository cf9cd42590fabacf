# %% [markdown]
# # Every object of an image
#
# Without a prompt, hqsam clicks on a grid of points and keeps the masks that are good, stable and distinct. It is SAM's
# automatic mask generator, with the same settings under the same names.

# %%
from PIL import Image

import hqsam
from hqsam.paths import examples_folder

segmenter = hqsam.load("nano")
photo = examples_folder() / "astronaut.jpg"
found = segmenter.everything(photo, points_per_side=16)
Image.fromarray(found.overlay()).save("everything.webp")
print(found)

# %% [markdown]
# ![All masks in colours](everything.webp)
#
# The result is a table with one row for each mask. Rows are chosen as those of an array are.

# %%
large = found[found.areas > 4000]
for one in large[:3]:
    print(int(one.areas[0]), one.boxes[0].tolist(), round(float(one.scores[0]), 2))

# %% [markdown]
# ## One number for each pixel
#
# Masks overlap, since objects have parts. `disjoint=True` gives each pixel to one of them, and `cover=True` leaves no
# pixel out.

# %%
parts = segmenter.everything(photo, points_per_side=8, cover=True)
labels = parts.label_map()
print(labels.shape, labels.dtype, "0 is left" if (labels == 0).any() else "no pixel is left out")
Image.fromarray(parts.overlay()).save("cover.webp")

# %% [markdown]
# ![The same without gaps and overlaps](cover.webp)
#
# ## Images larger than memory
#
# `everything_in_tiles` reads an image in windows, and joins objects that cross the borders of tiles. Here the photo is
# small; the call is the same for a scan of 100,000 pixels a side, with `pip install "hqsam[tiles]"`.

# %%
files = segmenter.everything_in_tiles(photo, "tiles", tile=256, overlap=0.25, points_per_side=4)
print(files.count, "objects, in", files.label_map)
