"""Following by a memory of the video, with SAM 2s of random weights: what is remembered, and who it is for."""

from functools import cache

import numpy as np
import pytest
import torch

from hqsam.engines.build import build_engine
from hqsam.errors import OptionError, PromptError
from hqsam.predict.segmenter import Segmenter
from hqsam.video.compatible.compatible_video import CompatibleVideo
from hqsam.video.compatible.settings import Official
from hqsam.video.trackers.memory.object_memory import PROMPTED_FRAMES
from tests.parity.test_transformers import with_varied_weights
from tests.tiny import tiny_model, tiny_segmenter

BOXES = ((20, 16, 80, 70), (50, 30, 120, 90), (4, 40, 60, 94))


@cache
def segmenter(kind="hiera", object_bias=3.0) -> Segmenter:
    """A SAM 2 whose objects are there, unless the bias of their score says that they are not."""
    return Segmenter(build_engine(model(kind, object_bias), torch.device("cpu"), torch.float32))


def model(kind, object_bias):
    made = with_varied_weights(tiny_model(kind))
    with torch.no_grad():
        for name, part in made.named_parameters():
            if name == "mask_decoder.object_head.4.bias":
                part.fill_(object_bias)
            elif name.startswith("memory."):
                part.mul_(2)  # louder, so that what is remembered changes masks
    return made


@cache
def frames(count=12):
    picture = np.random.default_rng(3).integers(0, 256, (24, 34, 3), np.uint8)
    large = np.kron(picture, np.ones((6, 6, 1), np.uint8))
    return tuple(np.ascontiguousarray(large[2 * t : 2 * t + 96, 3 * t : 3 * t + 128]) for t in range(count))


def opened(**more):
    return segmenter().open_video(list(frames()), **more)


def opened_by(compatible) -> CompatibleVideo:
    video = opened(compatible=compatible)
    assert isinstance(video, CompatibleVideo)
    return video


def memory_of(video):
    memory = video.objects[1].memory
    assert memory is not None
    return memory


def masks_of(video, number, **range_):
    return {
        frame.index: frame.mask(frame.object_id.tolist().index(number))
        for frame in video.track(**range_)
        if number in frame.object_id
    }


def same(one, other):
    return one.keys() == other.keys() and all((one[index] == other[index]).all() for index in one)


def test_a_model_with_a_memory_follows_by_it():
    video = opened()
    assert video.tracker.name == "memory" and "remembers" in video.tracker.about
    video.add(frame=0, box=BOXES[0])
    followed = list(video.track())
    assert [frame.status for frame in followed] == [("prompted",)] + [("tracked",)] * 11
    assert len({frame.mask(0).tobytes() for frame in followed}) > 6
    assert all(0 < frame.scores[0] <= 1 for frame in followed)


def test_each_object_is_followed_as_if_it_were_alone():
    together = opened()
    for at, box in enumerate(BOXES):
        together.add(frame=3 * at, box=box)
    list(together.track())
    for at, box in enumerate(BOXES):
        alone = opened()
        alone.add(frame=3 * at, box=box)
        expected, found = masks_of(alone, 1), masks_of(together, at + 1)
        assert list(found) == list(range(3 * at, 12))
        # Batches round otherwise, by a millionth.
        assert all((found[index] ^ expected[index]).mean() < 0.002 for index in expected)


def test_an_object_is_added_after_following_began():
    video = opened()
    video.add(frame=0, box=BOXES[0])
    first = masks_of(video, 1)
    video.add(frame=5, box=BOXES[1])
    late = masks_of(video, 2)
    assert list(late) == list(range(5, 12)) and same(masks_of(video, 1), first)


def test_a_correction_is_kept_and_what_comes_after_follows_it():
    video = opened()
    one = video.add(frame=0, box=BOXES[0])
    before = masks_of(video, 1)
    corrected = video.correct(one, frame=6, points=[(60, 50)], labels=[0]).mask(0)
    assert video.objects[1].prompted[6].recalled and video.objects[1].at == (6, False)
    after = masks_of(video, 1)
    assert same({index: after[index] for index in range(6)}, {index: before[index] for index in range(6)})
    assert (after[6] == corrected).all() and (after[6] != before[6]).any()
    assert all((after[index] != before[index]).any() for index in range(7, 12))


def test_a_click_on_a_followed_frame_is_answered_by_memory_and_one_on_another_frame_by_the_frame_alone():
    video, fresh = opened(), opened()
    one = video.add(frame=0, box=BOXES[0])
    list(video.track(stop=5))
    ahead = video.correct(one, frame=8, points=[(60, 50)], labels=[1])
    assert (ahead.mask(0) == fresh.add(frame=8, points=[(60, 50)], labels=[1]).mask(0)).all()
    recalled = video.correct(one, frame=4, points=[(60, 50)], labels=[1])
    assert (recalled.mask(0) != opened().add(frame=4, points=[(60, 50)], labels=[1]).mask(0)).any()


def test_a_correction_far_back_rebuilds_what_was_remembered_then():
    video = opened(max_memory=1)
    one = video.add(frame=0, box=BOXES[0])
    list(video.track())
    video.correct(one, frame=3, box=BOXES[1])
    memory = memory_of(video)
    assert memory["prompted.frames"].tolist() == [0, 3] and memory["followed.frames"].tolist() == [1, 2]


def test_absent_objects_have_no_mask_and_come_back():
    with pytest.warns(match="not seen from frame 1"):
        video = segmenter(object_bias=-9.0).open_video(list(frames()))
        video.add(frame=0, mask=np.pad(np.ones((40, 50), bool), ((20, 36), (30, 48))))
        gone = list(video.track(stop=6))
    assert [frame.status for frame in gone[1:]] == [("absent",)] * 5
    assert not any(frame.mask(0).any() or frame.scores[0] for frame in gone[1:])
    video.tracker = segmenter().open_video(list(frames())).tracker  # it is seen again
    back = list(video.track(6))
    assert {frame.status for frame in back} == {("tracked",)} and back[0].mask(0).any()


def test_a_stream_has_the_masks_of_a_file():
    video, live = opened(), segmenter().open_stream()
    video.add(frame=0, box=BOXES[0])
    video.add(frame=4, box=BOXES[1])
    pushed = {}
    for index, frame in enumerate(frames()):
        pushed[index] = live.push(frame)
        if index in (0, 4):
            live.add(box=BOXES[index // 4])
    for frame in video.track():
        if frame.index in (0, 4):
            continue  # a stream returns these before the object is named
        assert frame.rle == pushed[frame.index].rle


def test_work_goes_on_from_a_saved_state_as_if_it_had_not_stopped(tmp_path):
    whole, first = opened(), opened(results=tmp_path)
    for video in (whole, first):
        one = video.add(frame=0, box=BOXES[0])
        video.add(frame=1, mask=np.pad(np.ones((40, 50), bool), ((20, 36), (30, 48))))
        list(video.track(stop=5))
        video.correct(one, frame=4, points=[(60, 50)], labels=[0])
        list(video.track(stop=7))
    first.close()
    second = opened(results=tmp_path)
    assert second.objects[1].prompted[4].recalled
    for number in (1, 2):
        assert same(masks_of(second, number), masks_of(whole, number))


def test_a_memory_does_not_grow():
    video = opened()
    one = video.add(frame=0, box=BOXES[0])
    for index in range(1, 12):
        list(video.track(stop=index + 1))
        if index > 1:
            video.correct(one, frame=index, points=[(60, 50)], labels=[index % 2])
    memory = memory_of(video)
    assert memory["prompted.frames"].tolist() == [0, *range(13 - PROMPTED_FRAMES, 12)]
    assert all(len(memory[f"prompted.{part}"]) == PROMPTED_FRAMES for part in ("maps", "pointers"))
    follower = opened()
    follower.add(frame=0, box=BOXES[0])
    list(follower.track())
    memory = memory_of(follower)
    assert memory["followed.maps"].shape == (7, 16, 8, 8) and memory["followed.maps"].dtype == torch.bfloat16


def test_leaving_frames_out_counts_in_steps():
    every = opened()
    every.add(frame=0, box=BOXES[0])
    assert [frame.index for frame in every.track(every=3)] == [0, 3, 6, 9]
    left = segmenter().open_video([frames()[index] for index in (0, 3, 6, 9)])
    left.add(frame=0, box=BOXES[0])
    assert [every.masks_of(3 * frame.index).mask(0).tobytes() for frame in left.track()][1:] == [
        frame.mask(0).tobytes() for frame in left.track()
    ][1:]


def test_both_engines_follow_alike():
    made = model("hiera", 3.0)
    plain = Segmenter(build_engine(made, torch.device("cpu"), torch.float32, "torch"))
    videos = [plain.open_video(list(frames())), opened()]
    for video in videos:
        video.add(frame=0, box=BOXES[0])
        video.add(frame=0, points=[(64, 40)], labels=[1])
        list(video.track(stop=5))
    for number in (1, 2):
        one, other = (masks_of(video, number, stop=5) for video in videos)
        assert all((one[index] ^ other[index]).mean() < 0.005 for index in one)


def test_in_bfloat16_masks_are_all_but_the_same():
    half = Segmenter(build_engine(model("hiera", 3.0), torch.device("cpu"), torch.bfloat16))
    videos = [half.open_video(list(frames())), opened()]
    for video in videos:
        video.add(frame=0, box=BOXES[0])
    one, other = (masks_of(video, 1, stop=4) for video in videos)
    assert all((one[index] ^ other[index]).mean() < 0.1 for index in one)  # weights are random, and loud


def test_hq_masks_are_shown_and_the_sum_is_remembered():
    shown, summed, plain = (opened(source=source) for source in ("hq", "sum", "sam"))
    for video in (shown, summed, plain):
        video.add(frame=0, box=BOXES[0])
        list(video.track(stop=6))
    assert torch.equal(memory_of(shown)["followed.maps"], memory_of(summed)["followed.maps"])
    assert not torch.equal(memory_of(plain)["followed.maps"], memory_of(summed)["followed.maps"])
    assert (shown.masks_of(5).mask(0) != summed.masks_of(5).mask(0)).any()


class TestOfficialPredictors:
    """What they do differently from each other, and from ours."""

    def corrected(self, compatible):
        video = opened_by(compatible)
        one = video.add(frame=0, box=BOXES[0])
        video.add(frame=0, points=[(70, 60)], labels=[1])
        before = masks_of(video, 1)
        click = video.correct(one, frame=6, points=[(60, 50)], labels=[0]).mask(0)
        return before, click, masks_of(video, 1), video

    def test_sam_2_forgets_a_click_on_a_followed_frame(self):
        before, click, after, _ = self.corrected("sam2")
        assert (click != before[6]).any() and same(before, after)

    def test_hq_keeps_it_and_later_frames_follow(self):
        before, click, after, video = self.corrected("hq")
        assert (after[6] == click).all() and all((after[index] == before[index]).all() for index in range(6))
        assert any((after[index] != before[index]).any() for index in range(7, 12))
        with pytest.raises(PromptError, match="takes no new object"):
            video.add(frame=2, box=BOXES[1])

    @pytest.mark.parametrize("predictor", ["hq", "sam2"])
    def test_as_a_conditioning_frame_it_changes_earlier_ones(self, predictor):
        settings = Official(predictor=predictor, add_all_frames_to_correct_as_cond=True)
        before, click, after, video = self.corrected(settings)
        assert (after[6] == click).all() and any((after[index] != before[index]).any() for index in range(1, 6))
        assert [6 in record.conditioning for record in video.predictor.records.values()] == [True, predictor == "hq"]

    def test_masks_are_kept_apart(self):
        settings = Official(predictor="hq", non_overlap_masks=True)
        before, _, _, video = self.corrected(settings)
        assert before and all(np.sum(list(video.masks_of(index).masks), axis=0).max() <= 1 for index in range(12))

    def test_objects_without_a_prompt_on_a_frame_of_another_are_remembered_as_empty(self):
        video = opened_by("hq")
        video.add(frame=0, box=BOXES[0])
        video.add(frame=3, box=BOXES[1])
        frame = next(iter(video.track()))
        assert frame.object_id.tolist() == [1, 2] and not frame.mask(1).any()
        assert [list(record.conditioning) for record in video.predictor.records.values()] == [[0, 3], [0, 3]]
        removed = opened_by("sam2")
        removed.add(frame=0, box=BOXES[0])
        removed.remove(1)
        with pytest.raises(PromptError, match="no object"):
            removed.track()

    def test_they_are_for_models_with_a_memory_and_whole_videos(self, tmp_path):
        with pytest.raises(OptionError, match="no memory of videos"):
            tiny_segmenter("vit").open_video(list(frames()), compatible="hq")
        with pytest.raises(OptionError, match="'hq', 'sam2'"):
            opened_by("sam3")
        for more in ({"results": tmp_path}, {"video": None}):
            with pytest.raises(OptionError, match="official predictor has no"):
                segmenter().open_video(**{"video": list(frames()), "compatible": "hq", **more})
        video = opened_by("hq")
        with pytest.raises(PromptError, match="alone, or points and a box"):
            video.add(frame=0, mask=np.ones((96, 128), bool), points=[(3, 3)])
        assert not video.predictor.records
        video.add(frame=0, box=BOXES[0])
        with pytest.raises(OptionError, match="every"):
            list(video.track(every=2))
