"""Segmenters and sessions in other processes."""

import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from hqsam.engines.build import build_engine, load_again, load_engine
from hqsam.errors import CheckpointError, OptionError
from hqsam.predict.segmenter import Segmenter
from hqsam.predict.session import Session
from hqsam.weights.save import save_model
from tests.tiny import tiny_model

PHOTO = np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)
PLACE = torch.device("cpu"), torch.float32


@pytest.fixture
def segmenter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model(tiny_model("vit"), "tiny.safetensors")
    yield Segmenter(load_engine("tiny.safetensors", *PLACE))
    load_again.cache_clear()


def pixels(session: Session, detail: bool = False) -> list[int]:
    return session.segment(boxes=[(10, 5, 80, 50), (3, 4, 40, 40)], detail=detail).areas.tolist()


def open_and_count(segmenter: Segmenter) -> list[int]:
    return pixels(segmenter.open(PHOTO))


def test_pickles_answer_as_what_they_are_of_from_any_folder(segmenter, tmp_path, monkeypatch):
    expected = open_and_count(segmenter)
    pickled = pickle.dumps([segmenter, segmenter.open(PHOTO)])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again, session = pickle.loads(pickled)
    assert open_and_count(again) == pixels(session) == expected
    assert again._engine is session.engine  # one model for all that comes from there
    assert len(pickle.dumps(segmenter)) < 1000


def test_the_image_of_a_session_is_found_again_for_detail(segmenter, tmp_path):
    from PIL import Image

    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    for image in (PHOTO, tmp_path / "photo.png"):
        session = segmenter.open(image)
        assert pixels(pickle.loads(pickle.dumps(session)), detail=True) == pixels(session, detail=True)


def test_a_file_that_holds_other_weights_by_now_is_an_error(segmenter):
    pickled = pickle.dumps(segmenter)
    other = tiny_model("vit")
    with torch.no_grad():
        other.mask_decoder.iou_token.add_(1)
    save_model(other, "tiny.safetensors")
    with pytest.raises(CheckpointError, match="other weights than when this was pickled"):
        pickle.loads(pickled)


def test_a_model_in_memory_cannot_be_sent_and_says_what_can():
    segmenter = Segmenter(build_engine(tiny_model("vit"), *PLACE))
    with pytest.raises(OptionError, match=r"save it by.*load the file by hqsam.load"):
        pickle.dumps(segmenter.open(PHOTO))


def test_a_pool_of_new_processes_takes_segmenters_and_sessions(segmenter):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.map_async(pixels, [segmenter.open(PHOTO)]).get(300), pool.apply_async(open_and_count, [segmenter])
        assert found[0][0] == found[1].get(300) == open_and_count(segmenter)


FORKING = """
import multiprocessing, sys
import numpy as np, torch
torch.set_num_threads(2)
from hqsam.engines.build import load_engine
from hqsam.predict.segmenter import Segmenter
segmenter = Segmenter(load_engine(sys.argv[1], torch.device("cpu"), torch.float32))
PHOTO = np.random.default_rng(3).integers(0, 255, (60, 90, 3), dtype=np.uint8)
def count(_):
    x = torch.randn(600, 600)
    (x @ x).softmax(1)  # large enough for more than one thread
    return segmenter.open(PHOTO).segment(box=(10, 5, 80, 50)).areas.tolist()
expected = count(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    try:
        found = pool.map_async(count, range(2)).get(timeout=60)
    except multiprocessing.TimeoutError:
        pool.terminate()
        sys.exit("the children hang")
assert found == [expected] * 2, found
assert torch.get_num_threads() == 2
"""


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
def test_children_of_a_fork_do_not_wait_for_threads_that_they_have_not(segmenter, tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(tmp_path / "tiny.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
