"""DICOM segmentations (SEG): a segment for each object, in the frame of reference of its series."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt16

from hqsam import optional, storage
from hqsam.errors import OptionError, OutputError
from hqsam.images.stacks.dicom_stack import DicomStack
from hqsam.images.stacks.stack import Stack
from hqsam.masks.label_blocks import LabelBlock
from hqsam.version import __version__

_MOST_SEGMENTS = (1 << 16) - 1
_LONGEST_LABEL = 64
_SERIES_NUMBER = 1000
_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName"),
)
"""Attributes that every DICOM file has to have, if only with an empty value; anonymous series may lack them."""
_WANTED = ("StudyInstanceUID", "FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")


def write_dicom_seg(path: Path, stack: Stack, blocks: Iterable[LabelBlock], labels: Sequence[str]) -> Path:
    """Write a binary segmentation of the DICOM standard (PS3.3, A.51), which names patient, study and slices.

    Every segment is a "tissue" made by a semi-automatic algorithm: what an object is in the body is not known here.
    Slices without objects are left out, as the standard allows.

    Args:
        path: the file, .dcm.
        stack: the series.
        blocks: its label image: 0 is no object, k the k-th; each pixel of it has at most one object.
        labels: the class of each object.

    Raises:
        OptionError: it is no DICOM series, or there are no objects or too many.
        OutputError: the series lacks what a segmentation has to name, or it cannot be written; nothing half-written was
            left.
        MissingExtra: highdicom is not installed.
    """
    series = check_series(stack)
    if not 0 < len(labels) <= _MOST_SEGMENTS:
        raise OptionError(
            f"a DICOM segmentation has 1 to {_MOST_SEGMENTS} segments, and here are {len(labels)} objects"
        )
    pydicom, _ = _packages()
    slices = [_header(pydicom.dcmread(file, stop_before_pixels=True)) for file in series.slice_paths]
    missing = [name for name in _WANTED if not all(one.get(name) for one in slices)]
    if missing:
        raise OutputError(
            f"{series.path} does not tell its {', '.join(missing)}, which a DICOM segmentation names; choose nifti"
        )
    with storage.replacing(path) as temporary_path, storage.scratch_folder(path) as folder:
        voxels = _label_image(folder, series, blocks)
        try:
            _segmentation(slices, voxels, labels).save_as(temporary_path)
        except (ValueError, TypeError, AttributeError, KeyError) as error:  # of series that break the standard
            raise OutputError(f"cannot write {path}: {error}") from error
        del voxels
    return path


def check_series(stack: Stack) -> DicomStack:
    """Return the stack as a DICOM series.

    Raises:
        OptionError: it is none.
        MissingExtra: highdicom is not installed.
    """
    if not isinstance(stack, DicomStack):
        raise OptionError(f"a DICOM segmentation names the slices that it is of, and {stack.path} is no DICOM series")
    _packages()
    return stack


def _packages() -> tuple[Any, Any]:
    optional.require("highdicom.seg", extra="science")
    return optional.require("pydicom", extra="science"), optional.require("highdicom", extra="science")


def _header(header: Any) -> Any:
    for name in _MAY_BE_EMPTY:
        if name not in header:
            setattr(header, name, "")
    return header


def _label_image(folder: Path, series: DicomStack, blocks: Iterable[LabelBlock]) -> UInt16[np.ndarray, "slice y x"]:
    shape = tuple(series.layout.count(axis) for axis in "zyx")
    voxels = np.memmap(folder / "voxels", np.uint16, "w+", shape=shape)
    for block in blocks:
        voxels[block.z, block.rows] = block.labels
    return voxels


def _segmentation(slices: Sequence[Any], voxels: UInt16[np.ndarray, "slice y x"], labels: Sequence[str]) -> Any:
    _, highdicom = _packages()
    return highdicom.seg.Segmentation(
        source_images=slices,
        pixel_array=voxels,
        segmentation_type="BINARY",
        segment_descriptions=[_segment(number, label) for number, label in enumerate(labels, start=1)],
        series_instance_uid=highdicom.UID(),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="hqsam",
        manufacturer_model_name="hqsam",
        software_versions=__version__,
        device_serial_number="0",
        series_description="hqsam segmentation",
        content_label="HQSAM",
    )


def _segment(number: int, label: str) -> Any:
    highdicom = optional.require("highdicom", extra="science")
    codes = optional.require("pydicom.sr.codedict", extra="science").codes
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label[:_LONGEST_LABEL] or "object",
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Tissue,
        algorithm_type="SEMIAUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name="hqsam", version=__version__, family=codes.cid7162.ArtificialIntelligence
        ),
    )
