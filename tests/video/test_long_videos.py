"""Thousands of frames: memory stays flat, and the last frame is no more work than the hundredth."""

import math
import tracemalloc

import psutil
import pytest

from hqsam.video.mask_places import MaskPlaces
from tests.predict.seeing import discs, seeing_segmenter

FRAMES = 4_000
SIZE_HW = (48, 64)


class Circling:
    """A disc that goes round for as long as it is watched."""

    name, size_hw = "circling", SIZE_HW

    def __len__(self):
        return FRAMES

    def disc(self, index):
        return discs(SIZE_HW, (32 + 12 * math.sin(index / 9), 24 + 8 * math.sin(index / 13), 9))

    def read(self, index):
        return self.disc(index)[0]

    def frame_name(self, index):
        return f"{index:05d}.png"

    def seconds(self, index):
        return None


class Counter(list):
    """Counts what an engine is asked, without keeping it."""

    taken = 0

    def append(self, _):
        self.taken += 1

    def __iadd__(self, more):
        self.taken += len(more)
        return self


@pytest.mark.slow
def test_memory_and_work_stay_flat_for_thousands_of_frames(tmp_path):
    segmenter, engine = seeing_segmenter()
    engine.asked, engine.encoded_sizes = Counter(), Counter()
    frames = Circling()
    video = segmenter.open_video(frames)
    video.add(frame=0, mask=frames.disc(0)[1][0])
    process, memory, work = psutil.Process(), {}, {}
    for frame in video.track():
        if frame.index in (100, 200, FRAMES - 101, FRAMES - 1):
            memory[frame.index] = process.memory_full_info().uss
            work[frame.index] = engine.asked.taken, engine.encoded_sizes.taken
    assert memory[FRAMES - 1] - memory[100] < 3000 * FRAMES, "bytes"
    first, last = (
        [b - a for a, b in zip(work[start], work[start + 100], strict=True)] for start in (100, FRAMES - 101)
    )
    assert last == first
    assert engine.encoded_sizes.taken == FRAMES
    assert len(video.tracks.frames_of(1)) == FRAMES

    tracemalloc.start()
    video.save(tmp_path, "coco", "ytvis")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "coco.json").stat().st_size > 200 * FRAMES
    assert peak < 8 << 20


def test_the_place_of_a_mask_takes_twelve_bytes():
    places = MaskPlaces()
    tracemalloc.start()
    for frame in range(20_000):
        places.enter(1, frame, 100 * frame, 100)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 20_000 * 12 * 1.2


def test_places_are_found_by_object_and_frame():
    places = MaskPlaces()
    for frame in (3, 5, 9):
        places.enter(2, frame, 10 * frame, 7)
    places.enter(2, 5, 400, 8)
    assert [places.get(2, frame) for frame in (3, 4, 5, 9, 10, -1)] == [(30, 7), None, (400, 8), (90, 7), None, None]
    assert places.get(1, 3) is None
    assert places.frames_of(2) == [3, 5, 9]
    assert places.first_in(2, range(8, 2, -1), 1) == [5]
    assert places.first_in(2, range(4, 20), 5) == [5, 9]
    places.forget(2)
    assert places.frames_of(2) == []
