# %% [markdown]
# # From a detector's boxes to a data set
#
# A detector gives boxes, and a data set for segmentation needs masks. This is a job for `hqsam batch`: it takes COCO
# results of any detector, makes a mask for each box, survives failures and kills, and writes COCO, Parquet, WebDataset
# or files.

# %%
import json
from pathlib import Path

from PIL import Image

from hqsam.batch.job import BatchJob
from hqsam.batch.run_batch import BatchRun
from hqsam.batch.sources import find_items
from hqsam.formats import coco
from hqsam.paths import examples_folder

photos = examples_folder()

# %% [markdown]
# ## The boxes
#
# COCO results name an image, a category, a box (x, y, width, height) and a score. Image ids may be file names without
# their suffix.

# %%
boxes = [
    {"image_id": "coffee.jpg", "category_id": 1, "bbox": [170, 15, 242, 195], "score": 0.9},
    {"image_id": "astronaut.jpg", "category_id": 2, "bbox": [150, 12, 155, 183], "score": 0.8},
    {"image_id": "astronaut.jpg", "category_id": 3, "bbox": [278, 342, 222, 170], "score": 0.7},
]
Path("boxes.json").write_text(json.dumps(boxes))

# %% [markdown]
# ## The masks

# %%
items = find_items([str(photos / "coffee.jpg"), str(photos / "astronaut.jpg")], "boxes.json")
summary = BatchRun()(BatchJob(out="masks", formats=("coco",), model="nano"), items)
print(summary["images"], "images,", summary["masks"], "masks")

# %% [markdown]
# The same on the command line, also with `--engine ray` on many machines:
#
# ```sh
# hqsam batch photos/ --prompts boxes.json --model nano --format coco --out masks
# ```
#
# ## Look at them

# %%
for number, masks in enumerate(coco.read(Path("masks/annotations.json"))):
    picture = masks.overlay(photos / masks.image_name)
    Image.fromarray(picture).save(f"masks_{number}.webp")

# %% [markdown]
# ![Masks of the first image](masks_0.webp)
# ![Masks of the second image](masks_1.webp)
#
# ## Train on them
#
# A COCO file and a folder of its images are training data as they are: `hqsam data check` says what is wrong with them,
# and `hqsam train finetune` trains. [Training](../training.md) goes on from here.
