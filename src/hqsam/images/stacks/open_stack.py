"""Recognise stacks, and open them."""

import os
from pathlib import Path
from typing import Any

from hqsam import optional
from hqsam.errors import ImageError
from hqsam.images.read_options import ReadOptions
from hqsam.images.stacks.dicom_stack import DicomStack, is_dicom
from hqsam.images.stacks.nifti_stack import NiftiStack, is_nifti
from hqsam.images.stacks.stack import Stack
from hqsam.images.stacks.tiff_stack import TiffStack, is_tiff_stack
from hqsam.images.stacks.zarr_stack import ZarrStack, is_ome_zarr


def is_stack(image: Any, options: ReadOptions) -> bool:
    """Return True for what is read by planes: OME-Zarr, NIfTI, DICOM, and TIFFs of microscopes with several planes.

    A TIFF of which a page is asked for is read by its pages.

    Raises:
        ImageError: a slice, timepoint or channel is asked for, and it is no stack.
    """
    asked = [name for name in ("z", "t", "channels") if getattr(options, name) is not None]
    found = isinstance(image, str | os.PathLike) and _is_stack(Path(image), options, bool(asked))
    if asked and not found:
        raise ImageError(
            f"{image if isinstance(image, str | os.PathLike) else 'the image'} is no stack with axes, and its "
            f"{asked[0]} was asked for; stacks are OME-TIFF, ImageJ's TIFF, OME-Zarr, NIfTI and DICOM "
            '(pip install "hqsam[science]")'
        )
    return found


def is_stack_file(path: Path) -> bool:
    """Return True for a file or folder that can be opened as a stack, if its package is installed."""
    return is_ome_zarr(path) or is_nifti(path) or is_dicom(path) or is_tiff_stack(path, any_planes=True)


def is_stack_folder(path: Path) -> bool:
    """Return True for a folder that is one image: an OME-Zarr, or a DICOM series if pydicom is installed."""
    return is_ome_zarr(path) or (path.is_dir() and optional.is_installed("pydicom") and is_dicom(path))


def open_stack(path: Path) -> Stack:
    """Open a stack, to be used as a context manager.

    Raises:
        ImageError: it cannot be read, or is none.
        MissingExtra: a package that reads it is not installed.
    """
    if is_ome_zarr(path):
        return ZarrStack(path)
    if is_nifti(path):
        return NiftiStack(path)
    if is_dicom(path):
        return DicomStack(path)
    if not path.exists():
        raise ImageError(f"cannot read {path}: there is no such file or folder")
    if not is_tiff_stack(path, any_planes=True):
        raise ImageError(f"{path} is no stack; expected OME-TIFF, ImageJ's TIFF, OME-Zarr, NIfTI or a DICOM series")
    return TiffStack(path)


def _is_stack(path: Path, options: ReadOptions, any_planes: bool) -> bool:
    if is_ome_zarr(path) or is_nifti(path) or is_dicom(path):
        return True
    return options.page is None and is_tiff_stack(path, any_planes)
