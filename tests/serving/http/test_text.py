"""Objects by words over HTTP, with a detector whose answers are known."""

import numpy as np
import pytest

from hqsam.errors import CheckpointError, MissingExtra, PromptError, ServerError
from hqsam.masks.boundary import iou
from hqsam.serving.service import Service
from tests.serving.known_boxes import BOXES, KnownBoxes
from tests.serving.servers import photos_in, running, settings_in


@pytest.fixture(scope="module")
def worded(_nano, tmp_path_factory):
    """A server with a detector."""
    home = tmp_path_factory.mktemp("worded")
    with running(settings_in(home, folder=photos_in(home / "photos"), detector=KnownBoxes())) as server:
        yield server


@pytest.fixture
def cup(worded) -> int:
    return next(one["id"] for one in worded.client.images() if one["name"] == "coffee 2.jpg")


def test_masks_by_words_are_those_of_the_boxes_with_labels_and_both_scores(worded, cup):
    told = []
    found = worded.client.segment_text(cup, "cup, spoon", progress=lambda done, total: told.append((done, total)))
    assert found.labels == ("cup", "spoon")
    assert found.columns["prompt_score"].tolist() == [0.83, 0.41]
    plain = worded.client.segment(cup, boxes=[BOXES["cup"][0], BOXES["spoon"][0]])
    assert all(iou(*pair) > 0.99 for pair in zip(found.masks, plain.masks, strict=True))  # in other batches
    np.testing.assert_allclose(found.scores, plain.scores, atol=0.01)
    kept = worded.client.annotate_all(cup, found)
    assert [one["class_name"] for one in kept] == ["cup", "spoon"]


def test_duplicates_are_settled_and_thresholds_hold(worded, cup):
    client = worded.client
    assert client.segment_text(cup, ["mug", "cup"]).labels == ("cup",)
    assert client.segment_text(cup, ["mug", "cup"], max_overlap=1.0).labels == ("cup", "mug")
    assert client.segment_text(cup, ["cup", "spoon"], threshold=0.5).labels == ("cup",)
    assert len(client.segment_text(cup, ["a ship"])) == 0


def test_the_detector_takes_a_label_at_a_time_and_the_job_counts_them(worded, cup):
    detector = worded.service.settings.detector
    detector.asked.clear()
    job = worded.ask("POST", f"/v1/images/{cup}/text", {"labels": ["cup", "spoon"], "threshold": 0.3}).json
    assert job["kind"] == "text" and job["unit"] == "labels" and job["masks"] is None
    worded.client._finished(job, None)
    done = worded.ask("GET", f"/v1/jobs/{job['id']}").json
    assert (done["done"], done["total"]) == (2, 2)
    assert detector.asked == [(("cup",), 0.3), (("spoon",), 0.3)]
    assert [(one["label"], one["prompt_score"]) for one in done["masks"]] == [("cup", 0.83), ("spoon", 0.41)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"labels": []}, "validation"),
        ({"labels": [" "]}, "prompt"),
        ({"labels": ["cup"], "threshold": 3}, "validation"),
        ({"labels": ["cup"], "source": "sum", "model": "no such"}, "not_found"),
        ({"labels": "cup"}, "validation"),
        ({"words": ["cup"]}, "validation"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_at_once(worded, cup, body, code):
    refused = worded.ask("POST", f"/v1/images/{cup}/text", body)
    assert refused.status in (404, 422) and refused.code == code


def test_what_the_detector_refuses_is_the_jobs_error(worded, cup, monkeypatch):
    def refuse(pixels, labels, threshold=None):
        raise PromptError("the label is too long")

    monkeypatch.setattr(worded.service.settings.detector, "detect", refuse)
    with pytest.raises(ServerError, match="too long") as failed:
        worded.client.segment_text(cup, ["cup"])
    assert failed.value.code == "prompt"


def test_a_server_without_a_detector_says_how_to_start_one(server, coffee):
    with pytest.raises(ServerError, match="no detector; start it with --detector") as failed:
        server.client.segment_text(coffee, ["cup"])
    assert failed.value.code == "option"
    assert server.ask("GET", "/v1/project").json["detector"] is None


def test_the_project_names_its_detector(worded):
    assert worded.ask("GET", "/v1/project").json["detector"] == "KnownBoxes"


def test_a_detector_that_cannot_be_had_ends_the_start(_nano, tmp_path, monkeypatch):
    service = Service(settings_in(tmp_path, detector=str(tmp_path)))
    with pytest.raises((CheckpointError, MissingExtra), match=r"no folder of a zero-shot detector|hqsam\[text\]"):
        service.start()
    service.close()
    monkeypatch.setattr("hqsam.text.transformers_detector.require", _missing)
    service = Service(settings_in(tmp_path / "other", detector="owner/other"))
    with pytest.raises(MissingExtra, match=r"hqsam\[text\]"):
        service.start()
    service.close()


def _missing(package, extra):
    raise MissingExtra(f'{package} is not installed; pip install "hqsam[{extra}]"')
