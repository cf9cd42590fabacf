"""The part of a segmenter that finds every object of an image: SAM's automatic mask generator."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hqsam.engines import Engine
from hqsam.images.read_options import ReadOptions
from hqsam.images.reading import ImageLike, name_of, read_placed
from hqsam.masks.instances import Instances
from hqsam.masks.overlap import Order, check_order
from hqsam.predict.everything import Progress, find_everything, nothing
from hqsam.predict.image_reference import ImageReference
from hqsam.predict.mask_generator_config import MaskGeneratorConfig
from hqsam.predict.on_map import on_map
from hqsam.predict.sources import check_source
from hqsam.predict.tiles.everything_in_tiles import everything_in_tiles
from hqsam.predict.tiles.results import TiledResult
from hqsam.predict.tiles.tile_run import TileOptions


class MaskGenerator:
    """Finds every object of an image by clicks on a grid."""

    _engine: Engine

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
        bands: tuple[int, ...] | None = None,
        stretch: tuple[float, float] | None = None,
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
        **settings: Any,
    ) -> Instances:
        """Find every object of an image by clicks on a grid: SAM's automatic mask generator.

        >>> found = segmenter.everything("photo.jpg", points_per_side=16)
        >>> found[found.areas > 500].save("out", "coco", "overlay")

        Args:
            image: as for `open`.
            config: the settings as a whole; see `MaskGeneratorConfig`.
            disjoint: give each pixel that several masks claim to one of them.
            cover: fill what no mask claims, so that no pixel is left over; without overlaps, too.
            order: the mask that gets a shared pixel: "small_on_top", "large_on_top", or "first_on_top", the best one.
            progress: called after each batch of clicks with how many are done and how many there are; may raise, to
                stop.
            max_pixels: as for `open`, like all that follow but `settings`.
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
        reading = ReadOptions(
            max_pixels=max_pixels, value_range=value_range, page=page, bands=bands, stretch=stretch,
            channels=channels, z=z, t=t,
        )  # fmt: skip
        placed = read_placed(image, reading)
        reference = ImageReference(image, placed.pixels, reading)
        clicked = find_everything(self._engine, placed.pixels, config, progress)
        found = Instances.join([nothing(placed.pixels), *clicked])
        found = self._about(found, image, reference, config)[np.argsort(-found.scores, kind="stable")]
        found = on_map(found, placed.georeference, placed.valid)
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
        bands: tuple[int, ...] | None = None,
        stretch: tuple[float, float] | None = None,
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
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
        reading = ReadOptions(
            max_pixels=max_pixels, value_range=value_range, page=page, bands=bands, stretch=stretch,
            channels=channels, z=z, t=t,
        )  # fmt: skip
        placed = read_placed(image, reading)
        reference = ImageReference(image, placed.pixels, reading)
        found = find_everything(self._engine, placed.pixels, config, progress)
        named = (self._about(one, image, reference, config) for one in found)
        return (one for each in named for one in on_map(each, placed.georeference, placed.valid))

    def everything_in_tiles(
        self,
        image: str | Path,
        folder: str | Path,
        config: MaskGeneratorConfig | None = None,
        *,
        tile: int = 1024,
        overlap: float = 0.25,
        formats: Sequence[str] = (),
        writing: Mapping[str, Any] | None = None,
        labels: str = "hqsam",
        progress: Progress | None = None,
        value_range: tuple[float, float] | None = None,
        page: int | None = None,
        bands: tuple[int, ...] | None = None,
        stretch: tuple[float, float] | None = None,
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
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
            formats: names of `hqsam.formats.FORMATS` to write beside the label map and COCO, such as "gpkg".
            writing: their options, such as `{"simplify": 0.5}`.
            labels: the name of the label image that an OME-Zarr gets below its `labels`.
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
        reading = ReadOptions(
            value_range=value_range, page=page, bands=bands, stretch=stretch, channels=channels, z=z, t=t
        )
        options = TileOptions(
            side=tile, overlap=overlap, reading=reading, formats=formats, writing=writing, labels=labels,
            progress=progress,
        )  # fmt: skip
        return everything_in_tiles(self._engine, Path(image), Path(folder), config, options)

    def _about(
        self, found: Instances, image: ImageLike, reference: ImageReference, config: MaskGeneratorConfig
    ) -> Instances:
        source = check_source(config.source, self._engine.config)
        return replace(found, image_name=name_of(image), image=reference, metadata={"source": source})
