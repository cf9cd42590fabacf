# %% [markdown]
# # Objects by words
#
# Name what you look for: a zero-shot detector finds boxes of it, and hqsam makes the mask in each box. Any folder or
# repo of Grounding DINO, MM-Grounding DINO or OWLv2 will do, with `pip install "hqsam[text]"`:
#
# ```py
# found = segmenter.segment_text("photo.jpg", ["a cup", "a spoon"], detector="IDEA-Research/grounding-dino-tiny")
# ```
#
# Such a detector is a download of 700 MB. So that this page runs without one, a detector of ten lines stands in for it:
# it knows one photo. It shows, too, how to bring a detector of your own.

# %%
import numpy as np
from PIL import Image

import hqsam
from hqsam.paths import examples_folder
from hqsam.text.detector import Detections
from hqsam.text.everything_by_text import everything_by_text

photo = examples_folder() / "coffee.jpg"


THINGS = {
    "a cup": ((170, 15, 412, 285), 0.83),
    "a mug": ((171, 16, 411, 284), 0.61),
    "a spoon": ((326, 66, 425, 326), 0.74),
    "a saucer": ((76, 66, 480, 388), 0.58),
}


class KnowsOnePhoto:
    """Finds things of a single photo by their names."""

    def detect(self, pixels, labels, threshold=None):
        found = [(label, *THINGS[label]) for label in labels if label in THINGS]
        found = [one for one in found if one[2] >= (threshold or 0.25)]
        boxes = np.array([box for _, box, _ in found], float).reshape(-1, 4)
        return Detections(boxes, np.array([score for *_, score in found]), tuple(label for label, *_ in found))


# %% [markdown]
# ## Masks with names
#
# Each mask has its label and two scores: the detector's for the box, and the model's own for the mask.

# %%
segmenter = hqsam.load("nano")
found = segmenter.segment_text(photo, "a cup, a spoon, a ship", detector=KnowsOnePhoto())
for label, box, mask in zip(found.labels, found.columns["prompt_score"], found.scores, strict=True):
    print(f"{label}: box {box:.2f}, mask {mask:.2f}")
Image.fromarray(found.overlay()).save("words.webp")

# %% [markdown]
# ![A cup and a spoon in colours](words.webp)
#
# There is no ship, so nothing is found by that name. Boxes below the detector's usual score are dropped, and
# `threshold=` sets another.
#
# ## One object, two names
#
# Boxes that overlap by more than `max_overlap` are one object, which keeps the label of the higher score. A part of a
# whole stays an object of its own.

# %%
print(segmenter.segment_text(photo, "a mug, a cup, a saucer", detector=KnowsOnePhoto()).labels)

# %% [markdown]
# ## Everything that words name
#
# `everything_by_text` looks at crops of the image, too, where small things are larger, and arranges the masks: without
# overlaps here, with small ones on top. On the command line it is `hqsam everything photo.jpg --text "cup, spoon"
# --crops 1 --disjoint`, and `hqsam tiles city.tif --text car` for images larger than memory.

# %%
apart = everything_by_text(segmenter, photo, "a cup, a spoon, a saucer", detector=KnowsOnePhoto(), disjoint=True)
print([(label, int(area)) for label, area in zip(apart.labels, apart.areas, strict=True)])
Image.fromarray(apart.overlay()).save("apart.webp")

# %% [markdown]
# ![The same things without overlaps](apart.webp)
#
# ## Keep them
#
# Labels become COCO's categories. `hqsam batch photos/ --prompts text --text "cup, spoon"` does this for an archive.

# %%
apart.save("out", "coco", "labelme")
