"""Objects of a video: added, corrected, followed, removed; streams; with a model that sees."""

import warnings

import numpy as np
import pytest

from hqsam.errors import ImageError, ImageWarning, OptionError, PromptError
from hqsam.masks.boundary import iou
from tests.predict.seeing import discs, seeing_segmenter
from tests.tiny import tiny_segmenter
from tests.video.clips import SIZE_HW, moving_disc, two_discs


@pytest.fixture
def segmenter():
    return seeing_segmenter()[0]


def box_around(mask, margin=2):
    rows, columns = np.nonzero(mask)
    return columns.min() - margin, rows.min() - margin, columns.max() + 1 + margin, rows.max() + 1 + margin


def test_an_object_is_followed_to_the_last_frame(segmenter):
    frames, truth = moving_disc()
    video = segmenter.open_video(frames)
    disc = video.add(frame=0, box=box_around(truth[0]), label="disc")
    assert (disc.object_id.tolist(), disc.labels, disc.status, disc.index) == ([1], ("disc",), ("prompted",), 0)
    followed = list(video.track())
    assert [frame.index for frame in followed] == list(range(12))
    assert all(iou(frame.mask(0), mask) > 0.9 for frame, mask in zip(followed, truth, strict=True))
    assert [frame.status for frame in followed] == [("prompted",)] + [("tracked",)] * 11
    assert all(0 < frame.scores[0] <= 1 and frame.image_name == f"{frame.index:05d}.jpg" for frame in followed)


def test_a_video_closes_what_it_opened_at_the_end_of_with(segmenter, tmp_path):
    frames, truth = moving_disc()
    with segmenter.open_video(frames, results=tmp_path) as video:
        video.add(frame=0, mask=truth[0])
        assert len(list(video.track())) == len(frames)
    assert (tmp_path / "state.safetensors").is_file()
    with segmenter.open_video(frames, results=tmp_path) as again:
        assert again.object_ids == [1]


def test_two_objects_keep_their_numbers(segmenter):
    frames, truth = two_discs()
    video = segmenter.open_video(frames)
    for mask in truth[0]:
        video.add(frame=0, box=box_around(mask))
    for frame in video.track():
        assert frame.object_id.tolist() == [1, 2]
        assert all(iou(frame.mask(row), truth[frame.index][row]) > 0.85 for row in range(2))


def test_a_mask_that_is_given_alone_is_taken_as_it_is(segmenter):
    frames, truth = moving_disc()
    given = truth[0].copy()
    given[:40] = False
    video = segmenter.open_video(frames)
    assert (video.add(mask=given).mask(0) == given).all()


def test_following_starts_at_the_first_prompt_and_goes_both_ways(segmenter):
    frames, truth = moving_disc()
    video = segmenter.open_video(frames)
    video.add(frame=5, mask=truth[5])
    assert [frame.index for frame in video.track()] == list(range(5, 12))
    back = list(video.track(reverse=True))
    assert [frame.index for frame in back] == list(range(5, -1, -1))
    assert all(iou(frame.mask(0), truth[frame.index]) > 0.9 for frame in back)
    assert [frame.index for frame in video.track(0)] == list(range(12))  # frames before are made by now


def test_start_and_stop_are_those_of_range_and_every_leaves_frames_out(segmenter):
    frames, truth = moving_disc()
    video = segmenter.open_video(frames)
    one = video.add(frame=0, mask=truth[0])
    assert [frame.index for frame in video.track(0, 4)] == [0, 1, 2, 3]
    assert [frame.index for frame in video.track(3, 1, reverse=True)] == [3, 2]
    video.correct(one, frame=7, mask=truth[7])
    assert [frame.index for frame in video.track(every=4)] == [0, 4, 7, 8]
    assert [frame.index for frame in video.track(9, 1, reverse=True, every=4)] == [9, 7, 5]


def test_an_object_may_be_added_while_others_are_followed(segmenter):
    frames, truth = two_discs()
    video = segmenter.open_video(frames)
    video.add(frame=0, mask=truth[0][0])
    seen = {}
    for frame in video.track():
        seen[frame.index] = frame.object_id.tolist()
        if frame.index == 4:
            video.add(frame=6, mask=truth[6][1])
    assert seen == {t: [1] if t < 6 else [1, 2] for t in range(12)}
    assert iou(video.masks_of(11).mask(1), truth[11][1]) > 0.85


def test_a_correction_is_kept_and_later_frames_follow_it_while_earlier_ones_stay(segmenter):
    frames, truth = two_discs()
    video = segmenter.open_video(frames)
    one = video.add(frame=0, mask=truth[0][0])
    before = {frame.index: frame for frame in video.track()}
    video.correct(one, frame=6, mask=truth[6][1])  # it is the other disc from now on
    after = {frame.index: frame for frame in video.track()}
    assert all(before[index].rle == after[index].rle for index in range(6))
    assert (after[6].mask(0) == truth[6][1]).all()
    assert after[6].status == ("prompted",)
    assert all(iou(after[index].mask(0), truth[index][1]) > 0.85 for index in range(7, 12))
    assert {frame.index: frame.rle for frame in video.track()} == {index: one.rle for index, one in after.items()}


def test_clicks_on_one_frame_add_up(segmenter):
    frames, _ = moving_disc()
    video = segmenter.open_video(frames)
    one = video.add(points=[(30, 48)])
    video.correct(one, frame=0, points=[(90, 20)], labels=[0])
    prompt = video.objects[1].prompted[0].prompt
    assert prompt["points"].tolist() == [[30, 48], [90, 20]]
    assert prompt["labels"].tolist() == [1, 0]


def test_what_is_made_already_is_not_made_again(segmenter):
    frames, truth = moving_disc()
    segmenter, engine = seeing_segmenter()
    video = segmenter.open_video(frames)
    video.add(frame=0, mask=truth[0])
    first = [frame.rle for frame in video.track(0, 6)]
    asked, encoded = len(engine.asked), len(engine.encoded_sizes)
    assert [frame.rle for frame in video.track(0, 6)] == first
    assert (len(engine.asked), len(engine.encoded_sizes)) == (asked, encoded)
    list(video.track())
    assert len(engine.encoded_sizes) == 12  # each frame once


def test_going_on_gives_what_one_pass_gives(segmenter):
    frames, truth = moving_disc()
    whole, parts = segmenter.open_video(frames), segmenter.open_video(frames)
    for video in (whole, parts):
        video.add(frame=0, mask=truth[0])
    list(parts.track(0, 5))
    assert [frame.rle for frame in parts.track()] == [frame.rle for frame in whole.track()]


def test_frames_are_encoded_once_for_all_objects_and_few_are_held():
    frames, truth = two_discs()
    segmenter, engine = seeing_segmenter()
    video = segmenter.open_video(frames, max_memory=1)
    for mask in truth[0]:
        video.add(frame=0, mask=mask)
    list(video.track())
    assert len(engine.encoded_sizes) == 12
    assert len(video.cache._held) == 1


def test_an_object_that_goes_behind_another_thing_is_absent_and_comes_back(segmenter):
    pictures, masks = [], []
    for t in range(24):
        picture, (mask,) = discs((96, 160), (20 + 5 * t, 48, 13))
        picture[:, 70:100] = (0, 90, 0)  # a green post in front
        mask[:, 70:100] = False
        pictures.append(picture)
        masks.append(mask)
    video = segmenter.open_video(pictures)
    video.add(frame=0, mask=masks[0])
    with pytest.warns(ImageWarning, match="object 1 .* is not seen from frame"):
        followed = list(video.track())
    hidden = [t for t in range(24) if not masks[t].any()]
    assert all(followed[t].status == ("absent",) and not followed[t].mask(0).any() for t in hidden)
    assert all(followed[t].scores[0] == 0 for t in hidden)
    assert iou(followed[23].mask(0), masks[23]) > 0.8


def test_an_object_that_leaves_the_picture_is_absent(segmenter):
    frames, truth = moving_disc(20, start=(100, 48), step=(6, 0))
    video = segmenter.open_video(frames)
    video.add(frame=0, mask=truth[0])
    with pytest.warns(ImageWarning, match="not seen"):
        last = list(video.track())[-1]
    assert last.status == ("absent",)


def test_an_object_that_turns_into_something_else_is_given_up(segmenter):
    frames, truth = moving_disc()
    for frame in frames[6:]:
        frame[frame[..., 0] > 0] = (200, 40, 0)
    video = segmenter.open_video(frames)
    video.add(frame=0, mask=truth[0])
    with pytest.warns(ImageWarning, match="correct it on that frame"):
        followed = list(video.track())
    assert [frame.status[0] for frame in followed[5:8]] == ["tracked", "absent", "absent"]


def test_a_removed_object_is_gone_also_while_it_is_followed(segmenter):
    frames, truth = two_discs()
    video = segmenter.open_video(frames)
    one, two = (video.add(frame=0, mask=mask) for mask in truth[0])
    seen = []
    for frame in video.track():
        seen.append(frame.object_id.tolist())
        if frame.index == 3:
            video.remove(one)
        if frame.index == 7:
            video.remove(two)
    assert seen == [[1, 2]] * 4 + [[2]] * 4
    with pytest.raises(PromptError, match="no object 1, or it was removed"):
        video.correct(1, frame=0, points=[(30, 48)])
    assert video.add(frame=0, mask=truth[0][0]).object_id.tolist() == [3]


def test_a_stream_gives_the_masks_of_the_file(segmenter):
    frames, truth = two_discs()
    video, live = segmenter.open_video(frames), segmenter.open_stream()
    video.add(frame=0, mask=truth[0][0])
    video.add(frame=3, mask=truth[3][1])
    pushed = []
    for number, frame in enumerate(frames):
        pushed.append(live.push(frame))
        if number in (0, 3):
            live.add(mask=truth[number][number // 3])
    for number, (one, other) in enumerate(zip(pushed, video.track(), strict=True)):
        if number not in (0, 3):  # the frame was answered before the object was added
            assert (one.rle, one.object_id.tolist()) == (other.rle, other.object_id.tolist())


def test_a_correction_in_a_stream_is_followed_and_nothing_piles_up(segmenter):
    frames, truth = two_discs(60, (96, 400))
    live = segmenter.open_stream()
    live.push(frames[0])
    one = live.add(mask=truth[0][0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageWarning)
        for frame in frames[1:5]:
            live.push(frame)
        live.correct(one, mask=truth[4][1])
        assert iou(live.push(frames[5]).mask(0), truth[5][1]) > 0.5  # wide pictures are coarse in the tiny model
        for frame in frames[6:]:
            live.push(frame)
    assert len(live.tracks.frames_of(1)) == 16
    assert len(live) == 60


def test_a_stream_that_sends_no_picture_or_stops_keeps_what_it_has(segmenter, tmp_path):
    frames, truth = two_discs(20)
    live = segmenter.open_stream()
    live.push(frames[0])
    live.add(mask=truth[0][0])
    for broken in (None, np.zeros((0, 0, 3), np.uint8), frames[1][:50], b"no picture"):
        with pytest.raises(ImageError):
            live.push(broken)
    assert len(live) == 1
    assert [live.push(frame).index for frame in frames[1:]] == list(range(1, 20))
    live.close()
    live.save(tmp_path, "csv", "cutout_png")  # of the last frames, which are held
    assert len((tmp_path / "tracks.csv").read_text().splitlines()) == 1 + 16
    assert len(list((tmp_path / "cutouts").iterdir())) == 16


def test_open_video_with_nothing_is_a_stream(segmenter):
    video = segmenter.open_video()
    with pytest.raises(ImageError, match="no frame yet"):
        video.add(box=(1, 2, 3, 4))
    assert len(video.push(np.zeros((10, 20, 3), np.uint8))) == 0


def test_prompts_that_do_not_fit_are_refused_and_leave_nothing(segmenter):
    frames, truth = moving_disc()
    video = segmenter.open_video(frames)
    with pytest.raises(PromptError, match="no object to follow"):
        video.track()
    bad = [
        ({"box": (300, 300, 400, 400)}, PromptError, "outside"),
        ({}, PromptError, "empty"),
        ({"labels": [1]}, PromptError, "labels without points"),
        ({"points": [(1, 2), (3, 4)], "labels": [1]}, PromptError, "one object at a time"),
        ({"frame": 12, "box": (1, 2, 30, 40)}, ImageError, "no frame 12 in video; its frames are 0 to 11"),
        ({"mask": np.zeros(SIZE_HW, bool)}, PromptError, "is empty"),
        ({"mask": np.ones((3, 4), bool)}, PromptError, "shape"),
    ]
    for given, error, words in bad:
        with pytest.raises(error, match=words):
            video.add(**given)
    assert video.object_ids == []
    video.add(frame=0, mask=truth[0])
    with pytest.raises(ImageError, match="no frame 40"):
        video.track(40)
    with pytest.raises(OptionError, match="every is 0"):
        video.track(every=0)
    with pytest.raises(OptionError, match="open_stream"):
        video.push(frames[0])
    with pytest.raises(OptionError, match="max_memory"):
        segmenter.open_video(frames, max_memory=0)


def test_a_frame_that_cannot_be_read_ends_following_and_what_was_found_is_kept(segmenter):
    frames, truth = moving_disc()
    frames[6] = frames[6][:50]
    video = segmenter.open_video(frames)
    video.add(frame=0, mask=truth[0])
    found = []
    with pytest.raises(ImageError, match="frame 6"):
        found += [frame.index for frame in iter(video.track().__next__, None)]
    assert len(video.masks_of(5)) == 1
    assert len(video.masks_of(6)) == 0


@pytest.mark.parametrize("kind", ["vit", "tiny_vit", "plain_vit", "plain_tiny_vit"])
def test_every_kind_of_model_follows(kind):
    frames, truth = moving_disc(4)
    video = tiny_segmenter(kind).open_video(frames)
    video.add(frame=0, mask=truth[0])
    assert "no memory for video" in video.tracker.about
    followed = list(video.track())
    assert iou(followed[-1].mask(0), truth[3]) > 0.5  # random weights agree with nothing, and so optical flow decides
