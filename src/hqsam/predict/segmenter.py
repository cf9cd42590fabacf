"""The segmenter: a model that is ready to open images. `hqsam.load` makes one."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hqsam.engines import Engine
from hqsam.engines.build import load_engine
from hqsam.errors import OptionError
from hqsam.geometry import Frame
from hqsam.hardware import pick_device, pick_precision
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import ImageLike, name_of, read_image, read_with
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import Order, check_order
from hqsam.model.config import ModelConfig
from hqsam.model.preprocess import resize_longest_side
from hqsam.predict.everything import Progress, find_everything, nothing
from hqsam.predict.image_reference import ImageReference
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.session import Session
from hqsam.predict.sources import check_source
from hqsam.predict.tiles.everything_in_tiles import TiledResult, everything_in_tiles


def load(
    name: str | Path = "nano", device: str | torch.device = "auto", precision: str = "auto", backend: str = "auto"
) -> "Segmenter":
    """Load a model by its name, from a checkpoint file, or from a Hugging Face repo, ready to segment.

    >>> segmenter = hqsam.load("vit_l", device="cuda")

    Args:
        name: a name of `hqsam models`, such as "nano" (the bundled one), "vit_b", "vit_l" or "vit_h"; a path; or a repo
            id.
        device: "cuda", "mps", "cpu" or a torch.device; "auto" takes the first of these that is there.
        precision: "float32", "bfloat16", "float16" or "int8"; "auto" is bfloat16 where the hardware computes it
            natively, else float32. int8 is for processors with VNNI, and for the encoder's matrix products alone: the
            quickest, and a little less exact than bfloat16.
        backend: "torch", the plain model on any device, or "cpu", the same tuned to processors; "auto" takes what is
            quickest on the device.

    Raises:
        OptionError: there is no such model, device, precision or backend.
        CheckpointError: the file is damaged, unsafe or of another model.
        DownloadError: the weights are not here and cannot be fetched.
    """
    place = pick_device(device)
    dtype = pick_precision(precision, place)
    return Segmenter(load_engine(name, place, dtype, backend))


class Segmenter:
    """A loaded model that opens images. Nothing in it changes, so threads may share one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def config(self) -> ModelConfig:
        """The model's config, with every size of it."""
        return self._engine.config

    @property
    def name(self) -> str:
        """The model's name, such as vit_l."""
        return self._engine.config.name

    @property
    def device(self) -> torch.device:
        """The device that it computes on."""
        return self._engine.device

    def open(
        self,
        image: ImageLike,
        max_pixels: int | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
    ) -> Session:
        """Read and encode an image: the slow part, once per image. Prompt the session as often as you like.

        >>> session = segmenter.open("photo.jpg")
        >>> cup = session.segment(box=(306, 132, 925, 893))

        Args:
            image: a path, an open file, a PIL image or an array [H, W, 3] of uint8 RGB; see `images.reading` for what
                else. Files are turned upright, and prompts and masks are in the pixels of the upright image.
            max_pixels: files of more are refused; by default `HQSAM_MAX_PIXELS`, or 250 million.
            value_range: the values that become black and white, for images of more than 8 bits: (0, 4095) for 12. By
                default the file's tags or its values tell; what is chosen is an `ImageWarning`.
            page: the page of a stack or frame of an animation, counted from 1.

        Returns:
            The encoded image.

        Raises:
            ImageError: it cannot be read, is too large, or is no image.
        """
        return next(self.open_many([image], 8, max_pixels, value_range=value_range, page=page))

    def open_many(
        self,
        images: Iterable[ImageLike],
        batch_size: int = 8,
        max_pixels: int | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
    ) -> Iterator[Session]:
        """Open many images: yield their sessions in order, encoded a batch at a time as they are asked for.

        Args:
            images: each as for `open`; the iterable is read as far as it is needed.
            batch_size: how many images are encoded together, 1 or more.
            max_pixels: as for `open`.

        Raises:
            ImageError: one of a batch cannot be read; the sessions of earlier batches have been yielded.
            OptionError: the batch size is below 1.
        """
        if batch_size < 1:
            raise OptionError(f"batch_size is {batch_size}; give 1 or more images at a time")
        options = ReadOptions(max_pixels=max_pixels, value_range=value_range, page=page)
        return self._open_batches(iter(images), batch_size, options)

    def everything(
        self,
        image: ImageLike,
        config: MaskGeneratorConfig | None = None,
        *,
        disjoint: bool = False,
        cover: bool = False,
        order: Order = "small_on_top",
        progress: Progress | None = None,
        max_pixels: int | None = None,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
        **settings: Any,
    ) -> Instances:
        """Find every object of an image by clicks on a grid: SAM's automatic mask generator.

        >>> found = segmenter.everything("photo.jpg", points_per_side=16)
        >>> found[found.areas > 500].save("out", "coco", "overlay", image="photo.jpg")

        Args:
            image: as for `open`.
            config: the settings as a whole; see `MaskGeneratorConfig`.
            disjoint: give each pixel that several masks claim to one of them.
            cover: fill what no mask claims, so that no pixel is left over; without overlaps, too.
            order: the mask that gets a shared pixel: "small_on_top", "large_on_top", or "first_on_top", the best one.
            progress: called after each batch of clicks with how many are done and how many there are; may raise, to
                stop.
            max_pixels: as for `open`, like `value_range` and `page`.
            settings: single settings by SAM's own names, as in `points_per_side=64`.

        Returns:
            The masks, best first, with columns as in SAM's records: `point_coords` [N, 1, 2], `stability_score` [N] and
            `crop_box` [N, 4], which is x, y, width, height.

        Raises:
            ImageError: the image cannot be read, is too large, or is no image.
            OptionError: there is no such setting, or it cannot have this value.
        """
        config = MaskGeneratorConfig.of(config, settings)
        check_order(order)
        pixels = read_image(image, max_pixels, value_range=value_range, page=page)
        found = Instances.join([nothing(pixels), *find_everything(self._engine, pixels, config, progress)])
        found = self._about(found, image, config)[np.argsort(-found.scores, kind="stable")]
        return found.disjoint(order, cover) if disjoint or cover else found

    def stream_everything(
        self,
        image: ImageLike,
        config: MaskGeneratorConfig | None = None,
        *,
        progress: Progress | None = None,
        max_pixels: int | None = None,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
        **settings: Any,
    ) -> Iterator[Instances]:
        """Find every object of an image, and yield each as soon as it is certain; close the iterator to stop.

        With crops, those of the first crop come while the others are yet to be looked at; with one crop, after the
        last click. The image is read, and the settings are checked, when this is called.

        Args:
            image: as for `open`.
            config: as for `everything`, and so are the others.

        Returns:
            An iterator of instances of one mask each.

        Raises:
            ImageError: the image cannot be read, is too large, or is no image.
            OptionError: there is no such setting, or it cannot have this value.
        """
        config = MaskGeneratorConfig.of(config, settings)
        pixels = read_image(image, max_pixels, value_range=value_range, page=page)
        found = find_everything(self._engine, pixels, config, progress)
        return (self._about(one, image, config) for one in found)

    def everything_in_tiles(
        self,
        image: str | Path,
        folder: str | Path,
        config: MaskGeneratorConfig | None = None,
        *,
        tile: int = 1024,
        overlap: float = 0.25,
        progress: Progress | None = None,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
        **settings: Any,
    ) -> TiledResult:
        """Find every object of an image that is too large for memory, or whose objects are a few pixels large.

        The image is looked at tile by tile, objects are joined across seams, and the result is on disk: a label map and
        COCO records. A run that was killed goes on where it was when it is asked for the same again.

        Args:
            image: its file. A TIFF is read in windows, if hqsam[tiles] is installed; other files as a whole.
            folder: where the results go.
            config: what to look for in each tile, and `settings`: as for `everything`.
            tile: how wide and high tiles are, in the image's pixels: 64 or more.
            overlap: the share of that by which they overlap, at least: 0.05 to 0.5; objects are joined by what they
                have there.
            progress: called after each tile with how many are done and how many there are; may raise, to stop.
            value_range: as for `open`, like `page`.

        Returns:
            The paths of the files, and the number of objects.

        Raises:
            ImageError: the image cannot be read, or not in parts.
            OptionError: there is no such setting, or it cannot have this value.
            OutputError: a result cannot be written, or the folder has the journal of an unfinished, other run.
        """
        config = MaskGeneratorConfig.of(config, settings)
        options = {"config": config, "side": tile, "overlap": overlap, "progress": progress}
        reading = ReadOptions(value_range=value_range, page=page)
        return everything_in_tiles(self._engine, Path(image), Path(folder), **options, reading=reading)

    def _about(self, found: Instances, image: ImageLike, config: MaskGeneratorConfig) -> Instances:
        source = check_source(config.source, self.config)
        return replace(found, image_name=name_of(image), metadata={"source": source})

    def _open_batches(self, images: Iterator[ImageLike], batch_size: int, options: ReadOptions) -> Iterator[Session]:
        size = self.config.image_size
        while batch := list(islice(images, batch_size)):
            frames, resized, references, names = [], [], [], [name_of(image) for image in batch]
            for image in batch:
                pixels = read_with(image, options)
                frames.append(Frame((pixels.shape[0], pixels.shape[1]), size))
                resized.append(resize_longest_side(pixels, size))  # the full-size pixels are not kept
                references.append(ImageReference(image, pixels, options))
            for frame, encoded, name, reference in zip(
                frames, self._engine.encode(resized), names, references, strict=True
            ):
                yield Session(frame, encoded, self._engine, name, reference)
