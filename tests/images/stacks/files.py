"""Small stacks, written here by the formats' own libraries, with their values known."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import ImageWarning

SHAPE = {"t": 2, "c": 3, "z": 4, "y": 37, "x": 53}
STEPS = {"z": 2.0, "y": 0.25, "x": 0.25}


def with_notes(work):
    """What a function returns, and the text of all its ImageWarnings; `pytest.warns` would raise those that differ."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ImageWarning)
        result = work()
    return result, " | ".join(str(one.message) for one in caught)


def numbered(axes="tczyx", dtype=np.uint16, shape=None):
    """Values that are all different, as far as the type allows."""
    sizes = [(shape or SHAPE)[axis] for axis in axes]
    return np.arange(np.prod(sizes), dtype=np.int64).reshape(sizes).astype(dtype)


def write_ome_tiff(path: Path, values, axes="TCZYX", **options) -> Path:
    tifffile = pytest.importorskip("tifffile")
    about = {"axes": axes, "TimeIncrement": 30.0, "TimeIncrementUnit": "s"}
    for axis, step in STEPS.items():
        about |= {f"PhysicalSize{axis.upper()}": step, f"PhysicalSize{axis.upper()}Unit": "µm"}
    if "C" in axes:
        about["Channel"] = {"Name": ["DAPI", "GFP", "RFP"][: values.shape[axes.index("C")]]}
    tifffile.imwrite(path, values, ome=True, photometric="minisblack", metadata=about, **options)
    return path


def write_imagej(path: Path, values, axes="TZCYX", **options) -> Path:
    tifffile = pytest.importorskip("tifffile")
    about = {"axes": axes, "spacing": 2.0, "unit": "um", "finterval": 30.0}
    tifffile.imwrite(path, values, imagej=True, resolution=(4, 4), metadata=about, **options)
    return path


def write_ome_zarr(
    path: Path, values, axes="tczyx", version="0.4", levels=2, omero=None, dataset="{}", **options
) -> Path:
    """Write an image as the specification has it, each level half as wide and high as the one before."""
    zarr = pytest.importorskip("zarr")
    form = 2 if version == "0.4" else 3
    group = zarr.create_group(str(path), zarr_format=form)
    kinds = {"t": "time", "c": "channel"}
    units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    datasets = []
    for level in range(levels):
        part = values[..., :: 2**level, :: 2**level]
        more = (
            {"chunk_key_encoding": {"name": "v2", "separator": "/"}} if form == 2 else {"dimension_names": list(axes)}
        )
        chunks = tuple(1 if axis in "tcz" else 32 for axis in axes)
        name = dataset.format(level)
        array = group.create_array(name, shape=part.shape, dtype=part.dtype, chunks=chunks, **more, **options)
        array[:] = part
        scale = [{"t": 30.0, **STEPS}.get(axis, 1.0) * (2**level if axis in "yx" else 1) for axis in axes]
        datasets.append({"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    said = [
        {"name": axis, "type": kinds.get(axis, "space"), **({"unit": units[axis]} if axis in units else {})}
        for axis in axes
    ]
    multiscale = {"axes": said, "datasets": datasets, "name": "cells"}
    if version == "0.4":
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
        if omero:
            group.attrs["omero"] = omero
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [multiscale], **({"omero": omero} if omero else {})}
    return path


OBLIQUE = np.array([[-0.5, 0.1, 0.0, 20.0], [0.08, 0.6, 0.2, -30.0], [0.0, -0.15, 2.5, 7.0], [0, 0, 0, 1]])
"""An affine that no axis of the patient is parallel to."""


def write_nifti(path: Path, voxels, affine=OBLIQUE, **header) -> Path:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(voxels, affine)
    image.set_sform(affine, code=1)
    image.set_qform(None, code=0)
    image.header.set_xyzt_units("mm", "sec")
    for name, value in header.items():
        image.header[name] = value
    nibabel.save(image, path)
    return path


def write_dicom_series(folder: Path, slices, spacing=(0.7, 0.5), step=2.5, directions=(1, 0, 0, 0, 1, 0), **changes):
    """Write slices [n, rows, columns] of uint16 with a slope of 2 and an intercept of -1000, in no order of names."""
    pydicom = pytest.importorskip("pydicom")
    folder.mkdir(exist_ok=True)
    series, study = pydicom.uid.generate_uid(), pydicom.uid.generate_uid()
    normal = np.cross(directions[:3], directions[3:])
    for number, pixels in enumerate(slices):
        meta = pydicom.dataset.FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        one = pydicom.dataset.FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        one.SeriesInstanceUID, one.StudyInstanceUID, one.Modality = series, study, "CT"
        one.Rows, one.Columns = pixels.shape
        one.SamplesPerPixel, one.PhotometricInterpretation = 1, "MONOCHROME2"
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
        one.PixelSpacing, one.SliceThickness = list(spacing), step
        one.ImageOrientationPatient = [float(value) for value in directions]
        one.ImagePositionPatient = [float(value) for value in np.array([10.0, 20.0, 30.0]) + number * step * normal]
        one.InstanceNumber = len(slices) - number
        one.RescaleSlope, one.RescaleIntercept = 2, -1000
        one.PixelData = np.ascontiguousarray(pixels, np.uint16).tobytes()
        for name, value in changes.items():
            setattr(one, name, value)
        one.save_as(folder / f"{(number * 7) % 13:02}_{number}.dcm", enforce_file_format=True)
    return folder
