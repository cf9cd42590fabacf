"""The semi-supervised protocol, on drawn videos in the layouts of DAVIS and YTVIS, and its metric."""

import json
from pathlib import Path

import numpy as np
import pytest

from hqsam.errors import OptionError
from hqsam.evaluation.run_folder import Shard
from hqsam.evaluation.samples import EvaluationSample, OpenSplit, Target
from hqsam.evaluation.video_objects import score_split
from hqsam.masks import rle
from tests.evaluation.runs import made, run
from tests.evaluation.test_davis import row
from tests.predict.seeing import seeing_segmenter


def reference_j_and_f(predicted, truth):
    """J and F of one frame, written from the definitions: areas, and contour pixels within 0.008 of the diagonal."""
    union = (predicted | truth).sum()
    region = (predicted & truth).sum() / union if union else 1.0
    reach = np.ceil(0.008 * np.hypot(*truth.shape))
    found, wanted = (contour_pixels(mask) for mask in (predicted, truth))
    if not len(found) or not len(wanted):
        return region, float(len(found) == len(wanted))
    distances = np.hypot(*(found[:, None] - wanted[None]).transpose(2, 0, 1))
    precision, recall = (distances.min(axis=1) <= reach).mean(), (distances.min(axis=0) <= reach).mean()
    return region, 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def contour_pixels(mask):
    """A pixel is on the contour if the one to the right, below or across differs; at the edge it stands for them."""
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    here = padded[:-1, :-1]
    return np.argwhere((here != padded[:-1, 1:]) | (here != padded[1:, :-1]) | (here != padded[1:, 1:]))


def record_lines(folder):
    lines = [line for path in sorted(folder.glob("records-*.jsonl")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def davis(tmp_path_factory):
    """A finished run on two drawn videos of four frames, of one and of two objects."""
    folder = tmp_path_factory.mktemp("davis")
    opened = made("davis", folder)
    outcome = run(seeing_segmenter()[0], opened, folder / "run", "track")
    return opened, outcome, folder / "run"


def test_davis_gives_the_first_mask_and_its_scores_are_those_of_the_reference(davis):
    opened, outcome, folder = davis
    assert (outcome.done, outcome.total) == (8, 8)
    lines = {line["case"]: line for line in record_lines(folder)}
    pairs: dict = {}
    for sample in opened.samples:
        answers = {one["about"]["track"]: one["answers"][0] for one in lines[sample.name]["targets"]}
        assert {answer["prompt"] for answer in answers.values()} == {"first mask"}
        scored = sorted(answers.items(), key=lambda item: item[1]["score"])
        labels = np.zeros(lines[sample.name]["size_hw"], int)
        for track, answer in scored:
            labels[rle.decode(answer["rle"])] = track
        for target in sample.targets():
            track = target.about["track"]
            if sample.about["frame"] == 0:
                assert (rle.decode(answers[track]["rle"]) == target.truth).all()
            elif sample.about["frame"] < 3:
                pairs.setdefault((sample.about["video_id"], track), []).append(
                    reference_j_and_f(labels == track, target.truth)
                )
    region, contour = np.mean([np.mean(values, axis=0) for values in pairs.values()], axis=0)
    report = json.loads((folder / "report.json").read_text())
    scores = report["columns"][0]["scores"]["DAVIS-2017"]
    assert scores["J"] == pytest.approx(region)
    assert scores["F"] == pytest.approx(contour)
    assert scores["J&F"] == pytest.approx((region + contour) / 2)
    assert 0.3 < scores["J&F"] <= 1


def test_published_numbers_of_the_same_protocol_are_in_the_report(davis):
    published = json.loads((davis[2] / "report.json").read_text())["published"]
    assert {one["scores"]["J&F"] for one in published if one["prompt"] == "first mask"} == {89.8, 91.0}


def test_a_run_goes_on_by_whole_videos_and_gives_the_same(davis, tmp_path):
    opened, _, folder = davis
    expected = record_lines(folder)
    half = tmp_path / "half"
    half.mkdir()
    (half / "run.json").write_text((folder / "run.json").read_text())
    (half / "records-1-of-1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in expected[:6]))
    assert run(seeing_segmenter()[0], opened, half, "track").done == 8
    without_times = [[{**line, "seconds": 0} for line in lines] for lines in (record_lines(half), expected)]
    assert without_times[0] == without_times[1]


def test_shards_share_videos_and_not_frames(davis, tmp_path):
    opened, _, folder = davis
    segmenter = seeing_segmenter()[0]
    first = run(segmenter, opened, tmp_path, "track", shard=Shard(1, 2))
    assert first.done == 4
    assert {line["about"]["video_id"] for line in record_lines(tmp_path)} == {"bear"}
    assert run(segmenter, opened, tmp_path, "track", shard=Shard(2, 2)).reports
    report, whole = (json.loads((place / "report.json").read_text()) for place in (tmp_path, folder))
    assert report["columns"][0]["scores"] == whole["columns"][0]["scores"]


def test_ytvis_is_scored_by_j_and_f_and_objects_start_where_they_are_first_seen(tmp_path):
    opened = made("ytvis", tmp_path)
    assert run(seeing_segmenter()[0], opened, tmp_path / "run", "track").reports
    scores = json.loads((tmp_path / "run" / "report.json").read_text())["columns"][0]["scores"]["YTVIS-2019"]
    assert scores["J&F"] == pytest.approx((scores["J"] + scores["F"]) / 2)
    assert "AP" not in scores


SIZE_HW = (60, 80)
LEFT, RIGHT = np.zeros(SIZE_HW, bool), np.zeros(SIZE_HW, bool)
LEFT[10:40, 5:30], RIGHT[10:40, 40:70] = True, True


def split_of(frames):
    def sample(number, truths):
        targets = [Target(f"object-{track}", truth, about={"track": track}) for track, truth in truths.items()]
        about = {"video_id": 1, "frame": number}
        return EvaluationSample(f"bear/{number}", Path("photo.jpg"), lambda: targets, None, about)

    return OpenSplit("YTVIS", tuple(sample(number, truths) for number, truths in enumerate(frames)))


def test_an_object_counts_from_the_frame_after_its_first_to_the_last():
    split = split_of([{1: LEFT}, {1: LEFT, 2: RIGHT}, {1: LEFT, 2: RIGHT}])
    rows = [row(1, LEFT), row(2, LEFT), row(2, LEFT, track=2, score=0.1)]
    scores = score_split(split, rows)
    assert scores == {"J": 0.5, "F": 0.5, "J&F": 0.5}  # the second object has one frame, and is wrong there


def test_what_is_hidden_is_rightly_without_a_mask():
    split = split_of([{1: LEFT}, {}, {1: LEFT}])
    assert score_split(split, [row(2, LEFT)])["J&F"] == 1
    assert score_split(split, [row(1, LEFT), row(2, LEFT)])["J"] == 0.5
    assert score_split(split_of([{1: LEFT}]), [row(0, LEFT)]) == {}


def test_following_goes_with_videos_alone_and_with_no_other_prompt(tmp_path, davis):
    segmenter = seeing_segmenter()[0]
    with pytest.raises(OptionError, match="has no videos; --prompt track goes with davis"):
        run(segmenter, made("folder", tmp_path), tmp_path / "run", "track")
    with pytest.raises(OptionError, match="goes with no other prompt"):
        run(segmenter, davis[0], tmp_path / "run", "track", "box")
    with pytest.raises(OptionError, match="default source"):
        run(segmenter, davis[0], tmp_path / "run", "track", sources=("sum", "sam"))
