"""Makes the picture of the README, with the bundled model and without touching up: `python docs/images/make.py`."""

from pathlib import Path

from PIL import Image

import hqsam
from hqsam import storage
from hqsam.cli.demo import EXAMPLES, segment_example
from hqsam.images.contact_sheet import Panel, contact_sheet
from hqsam.paths import examples_folder


def main() -> None:
    segmenter = hqsam.load("nano", device="cpu", precision="float32")
    overlays, cutouts = [], []
    for example in EXAMPLES:
        photo = examples_folder() / example.image
        _, answer = segment_example(segmenter, example, photo)
        overlays.append(Panel(answer.overlay(photo), f"{example.what}, by {example.how}"))
        cutouts.append(Panel(answer.cutout(photo)))
    sheet = contact_sheet([*overlays, *cutouts], columns=len(EXAMPLES), panel_width=300)
    with storage.replacing(Path(__file__).with_name("demo.jpg")) as path:
        Image.fromarray(sheet).save(path, quality=88, optimize=True)


if __name__ == "__main__":
    main()
