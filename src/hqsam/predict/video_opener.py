"""The part of a segmenter that opens videos and volumes. Rooms above this one follow objects through them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hqsam.masks.outputs import provided

if TYPE_CHECKING:
    from hqsam.video.compatible.settings import Official
    from hqsam.video.video import Video
    from hqsam.volumes.volume import Volume


class VideoOpener:
    """Opens videos, streams and volumes to follow objects through them."""

    def open_video(
        self,
        video: Any = None,
        *,
        source: str | None = None,
        results: str | Path | None = None,
        max_memory: int = 256 << 20,
        compatible: "str | Official | None" = None,
    ) -> "Video":
        """Open a video to follow objects through it. Frames are decoded and encoded when they are needed.

        >>> video = segmenter.open_video("clip.mp4")
        >>> cup = video.add(frame=0, box=(306, 132, 925, 893))
        >>> for frame in video.track():
        ...     frame.index, frame.masks, frame.object_id, frame.scores

        Args:
            video: a video file (needs hqsam[video]), a folder or pattern of frames, a list of paths, PIL images or
                arrays [H, W, 3]; or nothing, for frames that are pushed one by one, as `open_stream` has it.
            source: the source of masks, as for `Session.segment`.
            results: a folder that keeps masks as they are found and the state of the work. If it has one of this
                video, the work goes on there, also after a kill. Without it, masks are in a temporary file.
            max_memory: bytes that encoded frames may take together; the last one is held in any case.
            compatible: "hq" or "sam2" follow every decision of HQ-SAM 2's video predictor, or of SAM 2's, for models
                with a memory of videos; an `Official` of hqsam.video.compatible.settings also has their settings.

        Raises:
            ImageError: it cannot be read, or has no frame.
            MissingExtra: it is a video file, and hqsam[video] is not installed.
            OptionError: the model has no such source.
            OutputError: the folder has the state of another video or model, or cannot be written.
            DataError: the files in the folder are damaged.
        """
        options = {"source": source, "results": results, "max_memory": max_memory, "compatible": compatible}
        return provided("open_video")(self, video, **options)

    def open_stream(self, *, source: str | None = None, max_memory: int = 256 << 20) -> "Video":
        """Return a stream to push frames to: a frame in, the masks of all objects out. The last frames are held.

        >>> live = segmenter.open_stream()
        >>> live.push(array)
        >>> cup = live.add(box=(306, 132, 925, 893))
        >>> frame = live.push(next_array)

        Args:
            source: as for `open_video`, like `max_memory`.
        """
        return provided("open_stream")(self, source=source, max_memory=max_memory)

    def open_volume(
        self,
        path: str | Path,
        *,
        along: str = "z",
        channels: tuple[int | str, ...] | None = None,
        z: int | None = None,
        t: int | None = None,
        value_range: tuple[float, float] | None = None,
        stretch: tuple[float, float] | None = None,
        source: str | None = None,
    ) -> "Volume":
        """Open a stack to segment objects from plane to plane, in depth or in time. Planes are read as they are needed.

        >>> with segmenter.open_volume("cells.ome.zarr", channels=(0,)) as volume:
        ...     volume.add(12, box=(306, 132, 925, 893))
        ...     volume.follow().save("out", "labels", "measured")

        Args:
            path: OME-TIFF, ImageJ's TIFF, OME-Zarr, NIfTI, or a DICOM series.
            along: "z" joins slices to objects in space, "t" follows objects in time.
            channels: as for `open`, like `value_range` and `stretch`; all planes have the same range of values.
            z: with along="t": the slice that is looked at; by default the middle one.
            t: with along="z": the timepoint that is looked at; by default the first.
            source: the source of masks, as for `Session.segment`.

        Raises:
            ImageError: it cannot be read, is no stack, or has a single plane along this axis.
            OptionError: the axis is neither z nor t, or the model has no such source.
            MissingExtra: hqsam[science] is not installed.
        """
        return provided("open_volume")(
            self,
            path,
            along=along,
            channels=channels,
            z=z,
            t=t,
            value_range=value_range,
            stretch=stretch,
            source=source,
        )
