"""FiftyOne's real zoo, labels and samples; its database, which a dataset needs, is left out."""

import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hqsam
from hqsam.errors import InputError, OptionError
from hqsam.integrations.fiftyone.labels import _shares
from hqsam.weights import cache
from hqsam.weights.registry import CHECKPOINTS
from tests.nano import nano_file

SOURCE = Path(hqsam.__file__).parent / "integrations" / "fiftyone"
EXAMPLES = Path(__file__).parents[2] / "examples"
CUP, SPOON = (170, 15, 412, 210), (430, 60, 550, 260)
HEIGHT, WIDTH = 400, 600

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_manifest_lists_the_table_of_checkpoints():
    manifest = json.loads((SOURCE / "manifest.json").read_text())
    rows = {row["base_name"]: row for row in manifest["models"]}
    assert list(rows) == [f"hqsam/{name}" for name in CHECKPOINTS]
    for name, checkpoint in CHECKPOINTS.items():
        row = rows[f"hqsam/{name}"]
        assert row["base_filename"] == f"{name}{Path(checkpoint.file).suffix}"
        assert row.get("size_bytes") == checkpoint.bytes and row["license"] == checkpoint.licence
    assert manifest["name"] != "hqsam"  # FiftyOne imports the folder under this name, and would hide the package


@pytest.fixture
def fo():
    return pytest.importorskip("fiftyone")


@pytest.fixture(scope="module")
def nano_path(tmp_path_factory):
    return nano_file(tmp_path_factory.mktemp("nano"))


@pytest.fixture
def model(fo, nano_path):
    from hqsam.integrations.fiftyone import load_model

    return load_model("nano", str(nano_path), device="cpu")


@pytest.fixture
def sample(fo):
    boxes = [share_of(CUP), share_of(SPOON)]
    detections = [fo.Detection(label=name, bounding_box=box) for name, box in zip(("cup", "spoon"), boxes, strict=True)]
    points = [(290 / WIDTH, 110 / HEIGHT), (float("nan"), float("nan")), (100 / WIDTH, 350 / HEIGHT)]
    keypoint = fo.Keypoint(label="cup", points=points, sam_labels=[1, 1, 0])
    return fo.Sample(
        filepath=str(EXAMPLES / "coffee.jpg"),
        boxes=fo.Detections(detections=detections),
        points=fo.Keypoints(keypoints=[keypoint]),
        scene=fo.Classification(label="table"),
    )


def share_of(box_xyxy):
    x0, y0, x1, y1 = box_xyxy
    return [x0 / WIDTH, y0 / HEIGHT, (x1 - x0) / WIDTH, (y1 - y0) / HEIGHT]


def apply(model, sample, **fields):
    """What `apply_model` does with one sample, with FiftyOne's own functions."""
    fou = pytest.importorskip("fiftyone.core.utils")
    foui = pytest.importorskip("fiftyone.utils.image")

    with fou.SetAttributes(model, needs_fields=fields), model:
        labels = model.predict(foui.read(sample.filepath), sample=sample)
    sample.add_labels(labels, label_field="masks")
    return sample["masks"].detections


def full(detection):
    """The mask of a detection in the whole image, as FiftyOne makes it."""
    return detection.to_segmentation(frame_size=(WIDTH, HEIGHT), target=1).mask > 0


def test_boxes_become_masks_with_their_labels_and_scores(model, sample):
    found = apply(model, sample, box_prompt_field="boxes")
    expected = model._segmenter.open(EXAMPLES / "coffee.jpg").segment(boxes=[CUP, SPOON])
    assert [one.label for one in found] == ["cup", "spoon"]
    np.testing.assert_allclose([one.confidence for one in found], expected.scores)
    for one, mask in zip(found, expected.masks, strict=True):
        np.testing.assert_array_equal(full(one), mask)


def test_keypoints_are_clicks_on_and_beside_one_object(model, sample):
    (found,) = apply(model, sample, point_prompt_field="points")
    session = model._segmenter.open(EXAMPLES / "coffee.jpg")
    expected = session.segment(points=[(290, 110), (100, 350)], labels=[1, 0])
    np.testing.assert_array_equal(full(found), expected.masks[0])


def test_boxes_and_points_pair_up(fo, model, sample):
    with pytest.raises(InputError, match="2 boxes and 1 keypoints"):
        apply(model, sample, box_prompt_field="boxes", point_prompt_field="points")
    sample["boxes"] = fo.Detections(detections=sample["boxes"].detections[:1])
    (found,) = apply(model, sample, box_prompt_field="boxes", point_prompt_field="points")
    session = model._segmenter.open(EXAMPLES / "coffee.jpg")
    expected = session.segment(box=CUP, points=[(290, 110), (100, 350)], labels=[1, 0])
    np.testing.assert_array_equal(full(found), expected.masks[0])


def test_one_field_may_hold_either_and_may_be_empty(fo, model, sample):
    assert len(apply(model, sample, prompt_field="boxes")) == 2
    assert len(apply(model, sample, prompt_field="points")) == 1
    sample["boxes"] = fo.Detections()
    assert apply(model, sample, prompt_field="boxes") == []


def test_a_batch_of_images_has_the_masks_of_each_alone(model, sample):
    fou = pytest.importorskip("fiftyone.core.utils")
    foui = pytest.importorskip("fiftyone.utils.image")

    image = foui.read(sample.filepath)
    with fou.SetAttributes(model, needs_fields={"prompt_field": "boxes"}):
        batch = model.predict_all([image, image[:, :500]], samples=[sample, sample])
    (alone,) = (apply(model, sample, prompt_field="boxes"),)
    for one, other in zip(batch[0].detections, alone, strict=True):
        overlap = (full(one) & full(other)).sum() / (full(one) | full(other)).sum()
        assert overlap > 0.98  # a batch rounds in another order
    assert len(batch[1].detections) == 2


def test_without_prompts_every_object_is_found(fo, nano_path, sample):
    from hqsam.integrations.fiftyone import load_model

    model = load_model("nano", str(nano_path), device="cpu", points_per_side=4)
    found = apply(model, sample)
    expected = model._segmenter.everything(EXAMPLES / "coffee.jpg", points_per_side=4)
    assert len(found) == len(expected) > 0
    for one, mask in zip(found, expected.masks, strict=True):
        np.testing.assert_array_equal(full(one), mask)
        assert 0 <= one.stability <= 1


@settings(max_examples=200)
@given(
    st.integers(1, 5000).flatmap(lambda side: st.tuples(st.integers(0, side - 1), st.integers(1, side), st.just(side)))
)
def test_fiftyone_rounds_shares_to_the_pixels_that_they_were_made_of(stretch):
    start, length, side = stretch
    end = min(side, start + length)
    first, share = _shares(start, end, side)
    assert int(side * first) == start and int(side * (first + share)) == end


def test_what_cannot_be_used_is_said(model, sample):
    with pytest.raises(InputError, match="scene holds Classification"):
        apply(model, sample, prompt_field="scene")
    with pytest.raises(OptionError, match="no argument 'boxes_field'"):
        apply(model, sample, boxes_field="boxes")
    model.needs_fields = {"prompt_field": "boxes"}
    with pytest.raises(OptionError, match="no sample"):
        model.predict(np.zeros((8, 8, 3), np.uint8))


class Archive(BaseHTTPRequestHandler):
    """Serves the folder as the archive of a repository."""

    def do_GET(self):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for path in sorted(SOURCE.iterdir()):
                if path.is_file():
                    archive.write(path, f"repository/src/{path.name}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(data.getvalue())))
        self.end_headers()
        self.wfile.write(data.getvalue())

    def log_message(self, format, *args):
        """Print nothing."""


def test_fiftyones_zoo_registers_downloads_and_loads_the_source(fo, tmp_path, monkeypatch, nano_path, sample):
    foz = pytest.importorskip("fiftyone.zoo")

    monkeypatch.setattr(fo.config, "model_zoo_dir", str(tmp_path))
    monkeypatch.setattr(cache, "_BUNDLED", nano_path.parent)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Archive)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        foz.register_zoo_model_source(f"http://127.0.0.1:{server.server_port}/hqsam.zip")
    finally:
        server.shutdown()
        server.server_close()
    assert "hqsam/nano" in foz.list_zoo_models()
    model = foz.load_zoo_model("hqsam/nano", device="cpu", cache=False)
    assert (tmp_path / "hqsam-zoo" / "nano.safetensors").read_bytes() == nano_path.read_bytes()
    assert len(apply(model, sample, box_prompt_field="boxes")) == 2
    foz.delete_zoo_model("hqsam/nano")
    assert nano_path.is_file()
