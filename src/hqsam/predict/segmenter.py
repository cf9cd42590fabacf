"""The segmenter: a model that is ready to open images. `hqsam.load` makes one."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from hqsam.engines import Engine
from hqsam.engines.build import device_for, load_engine
from hqsam.errors import OptionError
from hqsam.geo.georeference import Georeference
from hqsam.hardware import pick_precision
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import ImageLike, name_of, read_placed
from hqsam.masks.instances import Instances
from hqsam.masks.outputs import provided
from hqsam.masks.rle import Rle, encode
from hqsam.model.config import ModelConfig
from hqsam.model.preprocess import prepare_image
from hqsam.predict.image_reference import ImageReference
from hqsam.predict.mask_generator import MaskGenerator
from hqsam.predict.session import Session
from hqsam.predict.video_opener import VideoOpener


def load(
    name: str | Path = "nano", device: str | torch.device = "auto", precision: str = "auto", backend: str = "auto"
) -> "Segmenter":
    """Load a model by its name, from a checkpoint file, or from a Hugging Face repo, ready to segment.

    >>> segmenter = hqsam.load("vit_l", device="cuda")

    Args:
        name: a name of `hqsam weights list`, such as "nano" (the bundled one), "vit_b", "vit_l" or "vit_h"; a path of a
            checkpoint, or of a folder that `hqsam export` wrote; or a repo id.
        device: "cuda", "mps", "cpu" or a torch.device; "auto" takes the first of these that is there.
        precision: "float32", "bfloat16", "float16" or "int8"; "auto" is bfloat16 where the hardware is faster
            in it, else float32. int8 is for processors with VNNI, and for the encoder's matrix products alone: the
            quickest, and a little less exact than bfloat16.
        backend: "torch", the plain model on any device, "cpu", the same tuned to processors, or "onnxruntime" or
            "openvino", for which a checkpoint is exported once into the cache. "quickest" exports it for both, times
            all that is installed, and keeps the result in the cache; "auto" goes by such a result, and takes ours
            where there is none.

    Raises:
        OptionError: there is no such model, device, precision or backend.
        CheckpointError: the file is damaged, unsafe or of another model.
        DownloadError: the weights are not here and cannot be fetched.
    """
    place = device_for(name, device, backend)
    dtype = pick_precision(precision, place)
    return Segmenter(load_engine(name, place, dtype, backend))


class Segmenter(MaskGenerator, VideoOpener):
    """A loaded model that opens images. Nothing in it changes, so threads may share one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        """The runtime that encodes images and decodes prompts."""
        return self._engine

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
        bands: tuple[int, ...] | None = None,
        stretch: tuple[float, float] | None = None,
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
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
            bands: bands of a raster, counted from 1: one, or three for red, green and blue (docs/maps.md).
            stretch: the percentiles of each band or channel that become black and white.
            channels: channels of a stack (OME-TIFF, OME-Zarr, ...), from 0 or by name: one, or up to three for red,
                green and blue (docs/microscopes.md).
            z: the slice of a stack, from 0; by default the middle one.
            t: the timepoint of a stack, from 0.

        Returns:
            The encoded image.

        Raises:
            ImageError: it cannot be read, is too large, or is no image.
        """
        reading: dict[str, Any] = {"value_range": value_range, "page": page, "bands": bands, "stretch": stretch}
        reading |= {"channels": channels, "z": z, "t": t}
        return next(self.open_many([image], 8, max_pixels, **reading))

    def open_many(
        self,
        images: Iterable[ImageLike],
        batch_size: int = 8,
        max_pixels: int | None = None,
        *,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
        bands: tuple[int, ...] | None = None,
        stretch: tuple[float, float] | None = None,
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
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
        options = ReadOptions(
            max_pixels=max_pixels, value_range=value_range, page=page, bands=bands, stretch=stretch,
            channels=channels, z=z, t=t,
        )  # fmt: skip
        return self._open_batches(iter(images), batch_size, options)

    def segment_text(
        self,
        image: ImageLike,
        labels: str | Sequence[str],
        *,
        detector: Any = None,
        threshold: float | None = None,
        max_overlap: float = 0.7,
        crops: int = 0,
        source: str | None = None,
        detail: bool = False,
        snap: bool = False,
        max_pixels: int | None = None,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
        bands: tuple[int, ...] | None = None,
        stretch: tuple[float, float] | None = None,
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
    ) -> Instances:
        """Segment every object that words name: a zero-shot detector finds boxes, and this model masks in them.

        >>> found = segmenter.segment_text("photo.jpg", ["a cup", "a spoon"])
        >>> found.labels, found.columns["prompt_score"], found.scores

        Args:
            image: as for `open`.
            labels: what to look for, each in a few words; or one text with commas.
            detector: a folder or a repo of transformers' Grounding DINO, MM-Grounding DINO or OWLv2 (needs
                hqsam[text]), or an object with `detect` as `hqsam.text.detector.Detector` has it. By default
                IDEA-Research/grounding-dino-tiny, fetched once. A detector that is named is kept for the next call.
            threshold: the lowest score of a box, 0 to 1; by default 0.25 for Grounding DINO, 0.1 for OWLv2.
            max_overlap: boxes of any labels with a larger IoU are one object, which keeps the label of higher score.
            crops: look again at 2 x 2 parts (1), and at 4 x 4 (2), ..., where small objects are larger; slower.
            source: as for `Session.segment`, like `detail` and `snap`.
            max_pixels: as for `open`, like all that follow.

        Returns:
            The masks, best box first: `labels`, the detector's scores in `columns["prompt_score"]` [N], predicted IoUs
            in `scores` [N]. None where nothing was found.

        Raises:
            PromptError: there is no label, or one is longer than the detector reads.
            OptionError: a threshold is not from 0 to 1, `crops` is negative, or the model has no such source.
            MissingExtra: hqsam[text] is not installed.
            CheckpointError: the detector is none, or damaged.
            DownloadError: the detector is not here and cannot be fetched.
            ImageError: the image cannot be read, is too large, or is no image.
        """
        how = {"crops": crops, "source": source, "detail": detail, "snap": snap, "max_pixels": max_pixels}
        return provided("segment_text")(
            self, image, labels, detector=detector, threshold=threshold, max_overlap=max_overlap, **how,
            value_range=value_range, page=page, bands=bands, stretch=stretch, channels=channels, z=z, t=t,
        )  # fmt: skip

    def digest(self) -> str:
        """Return a short name of the weights and the way to compute, by which work can be resumed."""
        return f"{self.name} {self.device.type} {self._engine.digest()}"

    def _open_batches(self, images: Iterator[ImageLike], batch_size: int, options: ReadOptions) -> Iterator[Session]:
        while batch := list(islice(images, batch_size)):
            frames, resized, references, names = [], [], [], [name_of(image) for image in batch]
            places: list[tuple[Georeference | None, Rle | None]] = []
            for image in batch:
                placed = read_placed(image, options)
                pixels = placed.pixels
                frame, prepared = prepare_image(pixels, self.config)
                frames.append(frame)
                resized.append(prepared)  # the full-size pixels are not kept
                references.append(ImageReference(image, pixels, options))
                places.append((placed.georeference, None if placed.valid is None else encode(placed.valid)))
            for frame, encoded, name, reference, place in zip(
                frames, self._engine.encode(resized), names, references, places, strict=True
            ):
                yield Session(frame, encoded, self._engine, name, reference, *place)
