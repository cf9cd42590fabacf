"""Files about the objects of a volume: label images with the geometry of the stack, and tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hqsam.errors import OptionError
from hqsam.formats import dicom_seg, nifti_labels, ome_tiff_labels, zarr_labels
from hqsam.formats.object_table import write_rows
from hqsam.formats.stack_labels import check_outside
from hqsam.images.stacks.open_stack import open_stack
from hqsam.images.stacks.stack import Stack
from hqsam.images.stacks.zarr_stack import is_ome_zarr
from hqsam.storage.file_names import name_here
from hqsam.volumes.measured import measured
from hqsam.volumes.volume_objects import VolumeObjects


@dataclass(frozen=True)
class Target:
    """The place of the files."""

    stack: Stack
    folder: Path
    labels: str
    """The name of the label image in an OME-Zarr."""

    def path(self, ending: str) -> Path:
        """Return a file named after the stack."""
        name = self.stack.path.name
        for suffix in (".nii.gz", ".ome.tif", ".ome.tiff", ".ome.zarr"):
            name = name.removesuffix(suffix)
        return self.folder / name_here(f"{Path(name).stem or name}{ending}")


def _axes(found: VolumeObjects, stack: Stack) -> str:
    """Return the axes of a label image that has only the axis that was gone along."""
    return f"{found.along}yx" if stack.layout.count(found.along) > 1 else "yx"


def _write_zarr(found: VolumeObjects, target: Target) -> Path:
    blocks = found.blocks(zarr_labels.ROWS_AT_ONCE)
    return zarr_labels.write_zarr_labels(found.path, target.labels, blocks)


def _write_ome_tiff(found: VolumeObjects, target: Target) -> Path:
    blocks = found.blocks(ome_tiff_labels.ROWS_AT_ONCE)
    axes = _axes(found, target.stack)
    return ome_tiff_labels.write_ome_tiff_labels(target.path("_labels.ome.tif"), target.stack.layout, axes, blocks)


def _write_nifti(found: VolumeObjects, target: Target) -> Path:
    if found.along == "t" and target.stack.layout.count("z") > 1:
        raise OptionError("a NIfTI of one slice in time would have another place than its scan; choose ome_tiff")
    axes = "tzyx" if found.along == "t" else "zyx"
    blocks = found.blocks(target.stack.layout.count("y"))
    return nifti_labels.write_nifti_labels(target.path("_labels.nii.gz"), target.stack, axes, blocks, len(found))


def _write_dicom_seg(found: VolumeObjects, target: Target) -> Path:
    blocks = found.blocks(target.stack.layout.count("y"))
    return dicom_seg.write_dicom_seg(target.path("_seg.dcm"), target.stack, blocks, found.labels)


def _write_labels(found: VolumeObjects, target: Target) -> Path:
    if is_ome_zarr(found.path):
        return _write_zarr(found, target)
    return _write_nifti(found, target) if target.stack.is_scan else _write_ome_tiff(found, target)


def _write_measured(found: VolumeObjects, target: Target) -> Path:
    return write_rows(target.path("_measured.csv"), measured(found, target.stack))


def _write_parquet(found: VolumeObjects, target: Target) -> Path:
    return write_rows(target.path("_measured.parquet"), measured(found, target.stack))


WRITERS: dict[str, Callable[[VolumeObjects, Target], Path]] = {
    "labels": _write_labels,
    "ome_zarr": _write_zarr,
    "ome_tiff": _write_ome_tiff,
    "nifti": _write_nifti,
    "dicom_seg": _write_dicom_seg,
    "measured": _write_measured,
    "measured_parquet": _write_parquet,
}
"""The formats: `labels` is that of ome_zarr, ome_tiff and nifti which is the stack's own kind."""


def check_formats(path: Path, folder: Path, formats: Sequence[str], labels: str) -> None:
    """Look before the work whether results can be written.

    Raises:
        OptionError: there is no such format, or it does not fit the stack.
        OutputError: the folder lies within the image, or the image has such labels that are not ours.
        MissingExtra: a package is not installed.
    """
    for name in formats:
        if name not in WRITERS:
            raise OptionError(f"there is no format {name!r} of volumes; choose from {', '.join(WRITERS)}")
    if "ome_zarr" in formats and not is_ome_zarr(path):
        raise OptionError(f"labels go into the OME-Zarr of their image, and {path} is none; choose ome_tiff or nifti")
    if "dicom_seg" in formats:
        with open_stack(path) as stack:
            dicom_seg.check_series(stack)
    check_outside(folder, path)
    if "ome_zarr" in formats or ("labels" in formats and is_ome_zarr(path)):
        zarr_labels.check_zarr_labels(path, labels)


def write(found: VolumeObjects, folder: Path, formats: Sequence[str], labels: str) -> list[Path]:
    """Write files in several formats; see `VolumeObjects.save`."""
    check_formats(found.path, folder, formats, labels)
    with open_stack(found.path) as stack:
        target = Target(stack, folder, labels)
        return [WRITERS[name](found, target) for name in dict.fromkeys(formats)]
