# %% [markdown]
# # Gallery: SAM, HQ-SAM and their sum, by `nano`
#
# Each row is one prompt on one example photo: the mask of the SAM part alone, of the HQ part alone, and their sum, which is the default; then the sum with `detail` and `snap`. These are the
# masks of the smallest model there is, on photos that it was not trained on, and nothing was chosen to look good: the prompts are those of `hqsam demo`, and failures stay. Official
# checkpoints are far better.

# %%
from PIL import Image

import hqsam
from hqsam.cli.demo import EXAMPLES
from hqsam.images.contact_sheet import Panel, contact_sheet
from hqsam.paths import examples_folder

segmenter = hqsam.load("nano")


def row(example):
    """Return the panels of one example: each source, from the same prompt."""
    session = segmenter.open(examples_folder() / example.image)
    kinds = {
        "SAM": {"source": "sam"},
        "HQ": {"source": "hq"},
        "sum": {},
        "sum, detail, snap": {"detail": True, "snap": True},
    }
    for name, options in kinds.items():
        answer = session.segment(**example.prompt, **options)
        yield Panel(answer.overlay(), f"{name}: {example.what}, by {example.how}; score {answer.scores.mean():.2f}")


for example in EXAMPLES:
    sheet = contact_sheet(list(row(example)), columns=4, panel_width=300)
    Image.fromarray(sheet).save(example.image.replace(".jpg", ".webp"), quality=85)

# %% [markdown]
# ![The cup](coffee.webp)
#
# ![Head, patch and helmet](astronaut.webp)
#
# ![An eye](cat.webp)
#
# ![The photographer](photographer.webp)
#
# ![The rocket](rocket.webp)
#
# ## What to see in it
#
# Where SAM's mask is of the right thing, HQ changes its edge; where it is of the wrong thing, no finer edge helps. Thin parts, such as a tripod's legs, are what a model of this size loses
# first. [How good is it](../how_good.md) has numbers in place of impressions.
