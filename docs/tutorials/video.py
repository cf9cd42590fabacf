# %% [markdown]
# # Follow an object through a video
#
# Name an object on one frame, and it is followed through the others. Any image model can do it, `nano` too. Video files
# need `pip install "hqsam[video]"`; here a camera pans over a photo, so that nothing has to be downloaded.

# %%
import numpy as np
from PIL import Image

import hqsam
from hqsam.images.reading import read_image
from hqsam.paths import examples_folder

photo = read_image(examples_folder() / "cat.jpg")
frames = [np.ascontiguousarray(photo[20 + 3 * step : 280 + 3 * step, 6 * step : 360 + 6 * step]) for step in range(6)]
print(len(frames), "frames of", frames[0].shape)

# %% [markdown]
# ## Name it once, then track

# %%
segmenter = hqsam.load("nano")
video = segmenter.open_video(frames)
eye = video.add(frame=0, box=(134, 64, 208, 128), label="eye")
for frame in video.track():
    print(frame.index, frame.status, frame.boxes.tolist())
    Image.fromarray(frame.overlay(frames[frame.index])).save(f"frame_{frame.index}.webp")

# %% [markdown]
# ![The first frame](frame_0.webp) ![The last frame](frame_5.webp)
#
# ## Correct it, and go on
#
# A correction on any frame is kept; the next `track()` makes again only what follows it.

# %%
video.correct(eye, frame=3, points=[(20, 20)], labels=[0])
for frame in video.track(start=3):
    print(frame.index, frame.areas.tolist())

# %% [markdown]
# ## Save it
#
# `davis` writes label maps in DAVIS' palette; there are also `ytvis`, `coco`, `csv`, `overlay` (mp4) and `cutout`.

# %%
video.save("out", "davis", "csv")
