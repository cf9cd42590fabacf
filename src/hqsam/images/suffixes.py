"""How files of photos are called."""

from pathlib import PurePath

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".avif"),
    }
)


def is_image_name(name: str) -> bool:
    """Whether a file is a photo by its name; hidden ones are none: Macs leave a `._photo.jpg` beside each photo."""
    return PurePath(name).suffix.lower() in SUFFIXES and not name.startswith(".")
