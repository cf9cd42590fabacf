import numpy as np
import pytest

import hqsam
from hqsam.batch.image_work import ImageWork
from hqsam.batch.run_batch import BatchRun
from hqsam.batch.sources import find_items
from hqsam.errors import CheckpointError, OptionError
from hqsam.formats import coco
from tests.text.tiny_detectors import save_grounding_dino

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = save_grounding_dino(tmp_path_factory.mktemp("detector"))
    return {"labels": ["a cup", "a spoon"], "detector": str(folder), "threshold": 0.5}


def test_each_image_has_the_masks_that_segment_text_gives_for_it(job, archive, tmp_path, words, tiny_file):
    items = find_items([str(archive)], "text")[:3]
    summary = BatchRun(chunk_size=2)(job(text=words), items)
    assert summary["failures"] == 0
    found = {one.image_name: one for one in coco.read(tmp_path / "out" / "annotations.json")}
    segmenter = hqsam.load(tiny_file, "cpu", "float32")
    for item in items:
        expected = segmenter.segment_text(item.image.url, **words)
        assert len(expected) > 0
        assert list(found[item.name].rle) == list(expected.rle)
        assert found[item.name].labels == expected.labels
        assert np.allclose(found[item.name].columns["prompt_score"], expected.columns["prompt_score"], atol=1e-4)


def test_other_words_are_another_job(job, archive, words):
    items = find_items([str(archive)], "text")
    one, other = job(text=words), job(text={**words, "labels": ["a cat"]})
    assert one.identity(items, 4) != other.identity(items, 4)
    assert "text" not in job().identity(items, 4), "which runs that were begun without it must go on with"


def test_a_detector_that_is_missing_ends_the_job_before_its_first_image(job, words, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="no folder of a zero-shot detector"):
        ImageWork(job(text={**words, "detector": str(tmp_path / "empty")}))


def test_words_and_prompts_go_together_on_the_command_line(archive, tmp_path):
    from typer.testing import CliRunner

    from hqsam.cli import app

    asked = ["batch", str(archive), "--prompts", "everything", "--text", "cup", "--out", str(tmp_path / "out")]
    finished = CliRunner().invoke(app, asked)
    assert isinstance(finished.exception, OptionError)
