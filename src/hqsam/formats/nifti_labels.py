"""Label images as NIfTI, with the geometry of the scan that they are for."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hqsam import optional, storage
from hqsam.errors import OutputError
from hqsam.images.stacks.dicom_stack import DicomStack
from hqsam.images.stacks.nifti_stack import NiftiStack
from hqsam.images.stacks.stack import Stack
from hqsam.masks.label_blocks import LabelBlock

_MOST_LABELS = 1 << 16


def write_nifti_labels(path: Path, stack: Stack, axes: str, blocks: Iterable[LabelBlock], count: int) -> Path:
    """Write a label image of 16 bits, or 32 if there are many objects: 0 is no object, k the k-th.

    A NIfTI's own affine and codes are kept as they are; of a DICOM series the affine comes from its positions; other
    stacks have one of their distances alone.

    Args:
        path: the file, .nii or .nii.gz.
        stack: the scan.
        axes: "zyx", "yx" or "tzyx".
        blocks: the labels.
        count: the number of objects.

    Raises:
        OutputError: it cannot be written; nothing half-written was left.
        MissingExtra: nibabel is not installed.
    """
    nibabel = optional.require("nibabel", extra="science")
    dtype = np.dtype(np.uint16 if count < _MOST_LABELS else np.int32)
    layout = stack.layout
    shape = tuple(layout.count(axis) for axis in ("xyzt" if "t" in axes else "xyz"))
    suffix = ".nii.gz" if path.name.endswith(".gz") else ".nii"
    with storage.replacing(path) as temporary_path, storage.scratch_folder(path) as folder:
        voxels = np.memmap(folder / "voxels", dtype, "w+", shape=shape, order="F")
        for block in blocks:
            place = (slice(None), block.rows, block.z, block.t)[: len(shape)]
            voxels[place] = block.labels.T
        written = folder / f"labels{suffix}"  # nibabel goes by the suffix
        try:
            image = nibabel.Nifti1Image(voxels, *_geometry(stack), dtype=dtype)
            image.header["descrip"] = b"hqsam"  # by which `images.walk` knows it for no image to work on
            image.header.set_slope_inter(1, 0)
            nibabel.save(image, written)
        except (ValueError, nibabel.spatialimages.HeaderDataError) as error:
            raise OutputError(f"cannot write {path}: {error}") from error
        written.replace(temporary_path)
        del image, voxels
    return path


def _geometry(stack: Stack) -> tuple[np.ndarray, Any]:
    """Return an affine, and the header that it comes from if there is one."""
    nibabel = optional.require("nibabel", extra="science")
    if isinstance(stack, NiftiStack) and isinstance(stack.image, nibabel.Nifti1Image | nibabel.Nifti2Image):
        header = nibabel.Nifti1Header.from_header(stack.image.header, check=False)
        header["cal_min"] = header["cal_max"] = 0
        return stack.image.affine, header
    if isinstance(stack, NiftiStack):
        return stack.image.affine, None
    affine = stack.affine if isinstance(stack, DicomStack) else None
    if affine is None:
        affine = np.diag([*stack.layout.spacing("xyz"), 1.0])
    header = nibabel.Nifti1Header()
    header.set_xyzt_units(
        "mm" if stack.layout.unit == "millimeter" else "micron" if stack.layout.unit == "micrometer" else 0
    )
    return affine, header
