"""NIfTI and DICOM: every slice to the value, the geometry as the file has it."""

import numpy as np
import pytest

from hqsam.errors import ImageError, ImageWarning
from hqsam.images.reading import read_image
from hqsam.images.stacks.open_stack import open_stack
from tests.images.stacks.files import OBLIQUE, with_notes, write_dicom_series, write_nifti

pytest.importorskip("nibabel", reason="needs hqsam[science]")
pytest.importorskip("pydicom", reason="needs hqsam[science]")
VOXELS = np.random.default_rng(0).integers(0, 4000, (31, 23, 5)).astype(np.int16)


@pytest.mark.parametrize("name", ["brain.nii", "brain.nii.gz"])
def test_slices_of_a_nifti(tmp_path, name):
    with open_stack(write_nifti(tmp_path / name, VOXELS)) as stack:
        assert dict(stack.layout.sizes) == {"z": 5, "y": 23, "x": 31} and stack.is_scan
        for z in range(5):
            np.testing.assert_array_equal(stack.read(0, 0, z, slice(0, 23), slice(0, 31)), VOXELS[..., z].T)
        np.testing.assert_array_equal(stack.read(0, 0, 2, slice(3, 9), slice(10, 20)), VOXELS[10:20, 3:9, 2].T)
        assert stack.layout.unit == "millimeter"
        assert stack.layout.spacing("xyz") == pytest.approx(np.linalg.norm(OBLIQUE[:3, :3], axis=0))


def test_a_nifti_in_time_and_one_of_a_single_slice(tmp_path):
    series = np.stack([VOXELS, VOXELS[::-1]], axis=3)
    with open_stack(write_nifti(tmp_path / "bold.nii.gz", series)) as stack:
        assert stack.layout.count("t") == 2
        np.testing.assert_array_equal(stack.read(1, 0, 4, slice(0, 23), slice(0, 31)), VOXELS[::-1, :, 4].T)
    with open_stack(write_nifti(tmp_path / "slice.nii", VOXELS[..., 0])) as stack:
        assert dict(stack.layout.sizes) == {"y": 23, "x": 31}
        np.testing.assert_array_equal(stack.read(0, 0, 0, slice(0, 23), slice(0, 31)), VOXELS[..., 0].T)


def test_slope_and_intercept_of_a_nifti_count(tmp_path):
    nibabel = pytest.importorskip("nibabel", reason="needs hqsam[science]")
    image = nibabel.Nifti1Image(VOXELS, OBLIQUE)
    image.header.set_slope_inter(0.5, -10)
    nibabel.save(image, tmp_path / "scaled.nii")
    expected = np.asarray(nibabel.load(tmp_path / "scaled.nii").dataobj)[..., 1].T
    with open_stack(tmp_path / "scaled.nii") as stack:
        np.testing.assert_allclose(stack.read(0, 0, 1, slice(0, 23), slice(0, 31)), expected)
        assert stack.layout.dtype == np.float64


def test_slices_of_a_dicom_series_are_in_the_order_of_their_places(tmp_path):
    slices = np.random.default_rng(1).integers(0, 2000, (6, 20, 30)).astype(np.uint16)
    directions = (0.8, 0.6, 0, 0, 0, -1)
    with open_stack(write_dicom_series(tmp_path / "ct", slices, directions=directions)) as stack:
        assert dict(stack.layout.sizes) == {"z": 6, "y": 20, "x": 30} and stack.is_scan
        for z in range(6):
            np.testing.assert_allclose(stack.read(0, 0, z, slice(0, 20), slice(0, 30)), slices[z] * 2.0 - 1000)
        assert stack.layout.spacing("zyx") == pytest.approx((2.5, 0.7, 0.5))
        # The centre of a voxel, as the standard's equation has it: position + column * spacing * direction + ...
        normal = np.cross(directions[:3], directions[3:])
        place = np.array([10.0, 20, 30]) + 4 * 2.5 * normal + 7 * 0.5 * np.array(directions[:3])
        place += 3 * 0.7 * np.array(directions[3:])
        np.testing.assert_allclose(stack.affine @ [7, 3, 4, 1], [*(place * [-1, -1, 1]), 1], atol=1e-9)


def test_the_window_of_a_dicom_is_what_is_seen(tmp_path):
    slices = np.full((2, 20, 30), 500, np.uint16)  # 0 in Hounsfield units
    slices[:, :, :10], slices[:, :, 20:] = 400, 700
    folder = write_dicom_series(tmp_path / "ct", slices, WindowCenter=[40, 300], WindowWidth=[400, 1500])
    pixels, said = with_notes(lambda: read_image(folder))
    assert "no medical device" in said
    assert (pixels[0, 0, 0], pixels[0, 29, 0]) == (0, 255)
    assert pixels[0, 15, 0] == round((0 - (40 - 0.5 - 199.5)) / 399 * 255)


def test_low_values_are_white_where_the_dicom_says_so(tmp_path):
    slices = np.zeros((2, 20, 30), np.uint16)
    slices[:, :, 15:] = 2000
    folder = write_dicom_series(tmp_path / "xr", slices, PhotometricInterpretation="MONOCHROME1")
    pixels, _ = with_notes(lambda: read_image(folder))
    assert pixels[0, 0, 0] > pixels[0, 29, 0]


def mixed(folder):
    slices = np.zeros((3, 20, 30), np.uint16)
    write_dicom_series(folder, slices)
    write_dicom_series(folder / "more", slices)
    for file in (folder / "more").iterdir():
        file.rename(folder / f"second_{file.name}")


def missing(folder):
    write_dicom_series(folder, np.zeros((6, 20, 30), np.uint16))
    next(folder.glob("*_3.dcm")).unlink()


def twice(folder):
    write_dicom_series(folder, np.zeros((3, 20, 30), np.uint16), ImagePositionPatient=[0, 0, 0])


def several_frames(folder):
    write_dicom_series(folder, np.zeros((1, 20, 30), np.uint16), NumberOfFrames=2)


def nothing(folder):
    write_dicom_series(folder, np.zeros((1, 20, 30), np.uint16))
    file = next(folder.iterdir())
    file.write_bytes(file.read_bytes()[:132] + b"\1" * 40)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (mixed, "2 series"),
        (missing, "slices missing"),
        (twice, "at one place"),
        (several_frames, "many frames"),
        (nothing, "ct"),
    ],
)
def test_series_that_cannot_be_one_volume_say_why(tmp_path, spoil, said):
    spoil(tmp_path / "ct")
    with pytest.raises(ImageError, match=said):
        open_stack(tmp_path / "ct")


def test_other_files_in_the_folder_are_left_out_with_a_note(tmp_path):
    folder = write_dicom_series(tmp_path / "ct", np.zeros((3, 20, 30), np.uint16))
    (folder / "readme.txt").write_text("no scan")
    with pytest.warns(ImageWarning, match=r"readme\.txt"):
        assert open_stack(folder).layout.count("z") == 3


def test_damaged_files_are_errors_of_ours(tmp_path):
    (tmp_path / "brain.nii").write_bytes(b"no scan")
    (tmp_path / "slice.dcm").write_bytes(b"no scan")
    for name in ("brain.nii", "slice.dcm"):
        with pytest.raises(ImageError, match=name):
            open_stack(tmp_path / name)
