"""DICOM segmentations: read back by plain pydicom and by highdicom, each voxel where the series has it."""

import numpy as np
import pytest

from hqsam.errors import OptionError, OutputError
from hqsam.formats.dicom_seg import write_dicom_seg
from hqsam.images.stacks.open_stack import open_stack
from hqsam.images.walk import is_own_result
from hqsam.masks.label_blocks import LabelBlock
from tests.images.stacks.files import write_dicom_series, write_nifti

pydicom = pytest.importorskip("pydicom", reason="needs hqsam[science]")
highdicom = pytest.importorskip("highdicom", reason="needs hqsam[science]")
LABELS = np.zeros((4, 37, 53), np.uint32)
"""[z, y, x]; the first slice is empty."""
LABELS[1:3, 5:20, 10:30] = 1
LABELS[2:, 22:36, 40:53] = 2
CLASSES = ["liver", "a long name " * 9]
AXIAL, CORONAL, OBLIQUE = (1, 0, 0, 0, 1, 0), (1, 0, 0, 0, 0, -1), (0.8, 0.6, 0, 0, 0, -1)


def series(folder, directions=AXIAL, **changes):
    return write_dicom_series(
        folder, LABELS * 100, directions=directions, **{"FrameOfReferenceUID": pydicom.uid.generate_uid()} | changes
    )


def write(path, image, classes=CLASSES):
    blocks = (LabelBlock(0, z, slice(0, 37), plane) for z, plane in enumerate(LABELS))
    with open_stack(image) as stack:
        return write_dicom_seg(path, stack, blocks, classes)


def in_the_patient(affine, voxels):
    """Millimetres of the middles of voxels, given by their three indices; in one order."""
    places = voxels @ affine[:3, :3].T + affine[:3, 3]
    return sorted(map(tuple, places.round(3).tolist()))


@pytest.mark.parametrize("directions", [AXIAL, CORONAL, OBLIQUE])
def test_every_voxel_is_where_the_series_has_it(tmp_path, directions):
    image = series(tmp_path / "ct", directions)
    seg = highdicom.seg.segread(write(tmp_path / "ct_seg.dcm", image))
    with open_stack(image) as stack:
        right_front_up = stack.affine
    left_back_up = np.diag([-1, -1, 1, 1]) @ right_front_up
    for number in (1, 2):
        read = seg.get_volume(segment_numbers=[number], combine_segments=True)
        expected = in_the_patient(left_back_up, np.argwhere(number == LABELS)[:, ::-1])
        assert in_the_patient(read.affine, np.argwhere(read.array)) == expected


def test_frames_name_the_slices_and_the_patient_that_they_are_of(tmp_path):
    image = series(tmp_path / "ct", PatientID="17", PatientName="Doe^Jane")
    seg = pydicom.dcmread(write(tmp_path / "ct_seg.dcm", image))
    slices = {file.SOPInstanceUID: file for file in map(pydicom.dcmread, image.iterdir())}
    one = next(iter(slices.values()))
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert seg[name].value == one[name].value
    assert seg.SeriesInstanceUID != one.SeriesInstanceUID and seg.Modality == "SEG"
    frames = []
    for frame, pixels in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        source = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        np.testing.assert_array_equal(pixels > 0, slices[source].pixel_array == number * 100)
        frames.append(number)
    assert frames == [1, 1, 2, 2], "slices without an object are left out"
    assert [one.SegmentLabel for one in seg.SegmentSequence] == ["liver", CLASSES[1][:64].strip()]


def test_a_series_without_names_is_segmented_and_our_file_is_no_image_to_work_on(tmp_path):
    path = write(tmp_path / "ct_seg.dcm", series(tmp_path / "ct"))
    assert pydicom.dcmread(path).PatientName == ""
    assert is_own_result(path)
    another = tmp_path / "another_seg.dcm"
    another.write_bytes(next((tmp_path / "ct").iterdir()).read_bytes())
    assert not is_own_result(another)


def test_what_cannot_be_named_is_refused_and_leaves_nothing(tmp_path):
    path = tmp_path / "out_seg.dcm"
    scan = write_nifti(tmp_path / "scan.nii.gz", LABELS.astype(np.int16).transpose(2, 1, 0))
    with pytest.raises(OptionError, match="is no DICOM series"):
        write(path, scan)
    with pytest.raises(OptionError, match="here are 0 objects"):
        write(path, series(tmp_path / "a"), classes=[])
    with pytest.raises(OutputError, match=r"does not tell its FrameOfReferenceUID.*choose nifti"):
        write(path, series(tmp_path / "b", FrameOfReferenceUID=""))
    assert not list(tmp_path.glob("*seg*")) and not list(tmp_path.glob(".hqsam*"))
