"""The plugin in the real napari: its manifest, its layers without a window, and its panel in a window off screen."""

import importlib
import os
import re
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hqsam
from hqsam.errors import OptionError, PromptError
from hqsam.integrations.napari.annotator import BACKGROUND, OBJECT, Annotator
from tests.nano import nano_file

if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what napari imports
    napari = pytest.importorskip("napari")

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
CUP, SPOON = (170, 15, 412, 210), (430, 60, 550, 260)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    return hqsam.load(nano_file(tmp_path_factory.mktemp("nano")))


@pytest.fixture(scope="module")
def photo():
    with Image.open(EXAMPLES / "coffee.jpg") as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture
def viewer():
    return pytest.importorskip("napari.components").ViewerModel()


def corners(box_xyxy, before=()):
    """A rectangle as napari has it: rows first, and half a pixel less, since its coordinates are pixels' centres."""
    x0, y0, x1, y1 = np.array(box_xyxy) - 0.5
    return np.array([[*before, y0, x0], [*before, y0, x1], [*before, y1, x1], [*before, y1, x0]])


def test_napari_reads_the_manifest_that_the_package_names_and_finds_the_panel():
    from hqsam.integrations.napari.widget import HqsamWidget

    entry = re.search(r'^\[project.entry-points."napari.manifest"\]\nhqsam = "(.*):(.*)"$', PROJECT, re.MULTILINE)
    assert entry
    module, file = entry.groups()
    manifest = pytest.importorskip("npe2").PluginManifest.from_file(
        Path(importlib.import_module(module).__path__[0]) / file
    )
    (command,), (widget,) = manifest.contributions.commands, manifest.contributions.widgets
    assert manifest.name == "hqsam" and widget.command == command.id
    assert command.python_name == f"{HqsamWidget.__module__}:{HqsamWidget.__name__}"


def test_a_click_and_a_correction_are_those_of_a_session(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image(photo), nano)
    annotator.points.add([110, 290])
    annotator.mark(BACKGROUND)
    annotator.points.add([350, 100])
    annotator.update()
    assert annotator.points.features["label"].tolist() == [OBJECT, BACKGROUND]
    expected = nano.open(photo).segment(points=[(290, 110), (100, 350)], labels=[1, 0]).masks[0]
    np.testing.assert_array_equal(annotator.objects.data, expected)


def test_boxes_are_objects_with_numbers_of_their_own_and_stay_when_ended(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image(photo), nano)
    annotator.boxes.add_rectangles([corners(CUP), corners(SPOON)])
    annotator.update()
    cup, spoon = nano.open(photo).segment(boxes=[CUP, SPOON]).masks
    np.testing.assert_array_equal(annotator.objects.data == 2, spoon)
    np.testing.assert_array_equal(annotator.objects.data == 1, cup & ~spoon)
    annotator.next_object()
    assert not len(annotator.boxes.data)
    annotator.points.add([200, 100])
    annotator.update()
    assert set(np.unique(annotator.objects.data)) >= {2, 3}
    annotator.discard()
    assert set(np.unique(annotator.objects.data)) == {0, 1, 2} and not len(annotator.points.data)


def test_what_was_painted_by_hand_survives_another_answer(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image(photo), nano)
    annotator.boxes.add_rectangles([corners(CUP)])
    annotator.update()
    annotator.objects.data[100:110, 280:290] = 7
    annotator.points.add([110, 300])
    annotator.update()
    annotator.discard()
    assert set(np.unique(annotator.objects.data)) == {0, 7}


def test_in_a_stack_the_visible_plane_is_segmented_as_it_is_shown(viewer, photo, nano):
    gray = photo.astype(np.uint16).mean(axis=2).astype(np.uint16) * 16
    stack = np.stack([np.zeros_like(gray), gray, gray])
    image = viewer.add_image(stack, contrast_limits=(0, 255 * 16), scale=(5, 0.5, 0.5), translate=(0, 3, 4))
    annotator = Annotator(viewer, image, nano)
    viewer.dims.set_current_step(0, 1)
    annotator.points.add([1, 110, 290])
    annotator.points.add([2, 350, 100])  # in another plane
    annotator.update()
    expected = nano.open(gray, value_range=(0, 255 * 16)).segment(points=[(290, 110)], labels=[1]).masks[0]
    np.testing.assert_array_equal(annotator.objects.data[1], expected)
    assert not annotator.objects.data[[0, 2]].any()
    viewer.dims.set_current_step(0, 2)  # ends the object
    assert not len(annotator.points.data) and annotator.objects.data[1].any()


def test_planes_may_lie_across_the_stack(viewer, nano):
    volume = np.random.default_rng(0).integers(0, 255, (30, 40, 50), np.uint8)
    annotator = Annotator(viewer, viewer.add_image(volume, contrast_limits=(0, 255)), nano)
    viewer.dims.order = (1, 2, 0)  # shows rows along axis 2 and columns along axis 0
    viewer.dims.set_current_step(1, 20)
    annotator.points.add([10, 20, 25])
    annotator.update()
    expected = nano.open(volume[:, 20, :].T, value_range=(0, 255)).segment(points=[(10, 25)], labels=[1]).masks[0]
    np.testing.assert_array_equal(annotator.objects.data[:, 20, :].T > 0, expected)


def test_of_a_multiscale_image_the_largest_is_segmented(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image([photo, photo[::2, ::2]], multiscale=True), nano)
    annotator.points.add([110, 290])
    annotator.update()
    expected = nano.open(photo).segment(points=[(290, 110)], labels=[1]).masks[0]
    np.testing.assert_array_equal(annotator.objects.data, expected)


def test_a_plane_is_encoded_once_until_its_pixels_change(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image(photo), nano)
    for row in (100, 120):
        annotator.points.add([row, 290])
        annotator.update()
    assert len(annotator._sessions) == 1
    annotator.image.data = photo[::-1]
    assert not annotator._sessions


def test_every_object_fills_what_is_free(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image(photo), nano)
    annotator.boxes.add_rectangles([corners(CUP)])
    annotator.update()
    cup = annotator.objects.data == 1
    request = annotator.request()
    annotator.add_everything(request, annotator.everything(request, 4))
    np.testing.assert_array_equal(annotator.objects.data == 1, cup)
    assert annotator.objects.data.max() > 1


def test_what_cannot_be_done_is_said(viewer, photo, nano):
    annotator = Annotator(viewer, viewer.add_image(photo), nano)
    annotator.boxes.add_rectangles([corners(CUP), corners(SPOON)])
    annotator.points.add([110, 290])
    with pytest.raises(PromptError, match="2 boxes"):
        annotator.update()
    viewer.add_image(np.zeros((4, 5, 6)))
    viewer.dims.ndisplay = 3
    with pytest.raises(OptionError, match="in 2D"):
        annotator.update()


@pytest.fixture
def application():
    widgets = pytest.importorskip("qtpy.QtWidgets")
    return widgets.QApplication.instance() or widgets.QApplication([])


def wait_for(application, panel, until, seconds=300):
    end = time.monotonic() + seconds
    while panel._busy or not until():
        assert time.monotonic() < end, panel.status.value
        application.processEvents()
        time.sleep(0.01)


def test_the_panel_starts_answers_clicks_and_finds_every_object(application, viewer, photo, nano):
    from hqsam.integrations.napari.widget import HqsamWidget

    panel = HqsamWidget(viewer)
    panel.start.native.click()
    assert "open an image first" in panel.status.value
    panel.image.choices = [viewer.add_image(photo)]  # in a window napari fills in the layers
    panel._models["nano"] = nano
    panel.start.native.click()
    wait_for(application, panel, lambda: panel.annotator is not None)
    use_the_panel(application, panel, nano.open(photo).segment(points=[(290, 110)], labels=[1]).masks[0])


def use_the_panel(application, panel, expected):
    annotator = panel.annotator
    annotator.points.add([110, 290])
    panel._end_object()  # while the model is at work: once the mask is there
    panel.points_per_side.value = 4
    panel.everything.native.click()  # and then this
    wait_for(application, panel, lambda: "objects found" in panel.status.value)
    assert not len(annotator.points.data) and annotator.objects.data.max() > 1
    np.testing.assert_array_equal(annotator.objects.data == 1, expected)
    annotator.boxes.add_rectangles([corners(CUP), corners(SPOON)])
    wait_for(application, panel, lambda: "predicted IoU" in panel.status.value)
    annotator.points.add([110, 290])
    wait_for(application, panel, lambda: "2 boxes" in panel.status.value)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="napari's window needs OpenGL: a screen, or xvfb-run")
def test_the_plugin_opens_in_napari_s_window(application, photo, nano, tmp_path):
    from hqsam.integrations.napari.widget import HqsamWidget

    window = napari.Viewer(show=False)
    try:
        image = window.add_image(photo, name="coffee")
        panel = HqsamWidget(window)
        window.window.add_dock_widget(panel, name="HQ-SAM")
        assert panel.image.value is image
        panel._models["nano"] = nano
        panel.start.native.click()
        wait_for(application, panel, lambda: panel.annotator is not None)
        use_the_panel(application, panel, nano.open(photo).segment(points=[(290, 110)], labels=[1]).masks[0])
        target = os.environ.get("HQSAM_TEST_SCREENSHOT", str(tmp_path / "window.png"))
        assert window.screenshot(target, canvas_only=False, flash=False).std() > 0
    finally:
        window.close()
