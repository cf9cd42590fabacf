# %% [markdown]
# # The first mask
#
# From a photo to a mask, a correction, and files that other programs read. Everything here runs on the bundled model
# `nano`, with no download; put the name of a stronger one, such as `vit_l`, in its place for real work.
#
# An image is opened once, which is the slow part, and then answers as many prompts as you like.

# %%
from PIL import Image

import hqsam
from hqsam.paths import examples_folder

photo = examples_folder() / "coffee.jpg"  # or any file of yours, an array, a PIL image
segmenter = hqsam.load("nano")
session = segmenter.open(photo)

# %% [markdown]
# ## A box
#
# Prompts are in the pixels of the upright image: x to the right, y down. A box is x0, y0, x1, y1.

# %%
cup = session.segment(box=(170, 15, 412, 210))
Image.fromarray(cup.overlay()).save("cup.webp")
print(cup)

# %% [markdown]
# ![The cup in colour, in its box](cup.webp)
#
# In a notebook, a cell that ends in `cup` shows this picture by itself. `cup.scores` is how good the model thinks its
# masks are, as an IoU from 0 to 1; `cup.masks` are bool arrays of the image's size.

# %%
print(cup.masks.shape, cup.masks.dtype, cup.boxes.tolist())

# %% [markdown]
# ## Clicks, and a correction
#
# A click of label 1 says "this", a click of label 0 "not this". One click may mean several things: a part, the object,
# or all that belongs together. `candidates=3` gives three masks, `best()` the one of the highest score.

# %%
face = segmenter.open(examples_folder() / "cat.jpg")
three = face.segment(points=[(172, 115)], labels=[1], candidates=3)
print([f"{area} pixels, {score:.2f}" for area, score in zip(three.areas, three.scores, strict=True)])
eye = face.segment(points=[(200, 170)], labels=[0], refine=three.best())  # not the cheek
Image.fromarray(eye.overlay()).save("eye.webp")

# %% [markdown]
# ![An eye, by a click and a correction](eye.webp)
#
# ## Finer edges
#
# `detail=True` encodes a crop around the object once more, and `snap=True` moves the mask's edge to an edge of the photo
# nearby.

# %%
fine = session.segment(box=(170, 15, 412, 210), detail=True, snap=True)
Image.fromarray(fine.cutout()).save("cutout.webp")

# %% [markdown]
# ![The cup cut out, on transparency](cutout.webp)
#
# ## Files
#
# A path with a suffix is one file; a folder takes as many formats as you name.

# %%
fine.save("cup.png")  # black and white
fine.save("cup.svg")  # outlines
files = fine.save("out", "coco", "yolo", "overlay", labels="cup")
print([file.name for file in files])

# %% [markdown]
# The same on the command line:
#
# ```sh
# hqsam segment coffee.jpg --box 170,15,412,210 --detail --snap --format coco,yolo,overlay --out out
# ```
