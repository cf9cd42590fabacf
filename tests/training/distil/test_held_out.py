"""Held-out photos, whose masks a teacher makes once."""

import pytest
import torch

from hqsam.errors import OutputError
from hqsam.training.distil.held_out import answer_held_out
from hqsam.training.distributed import SingleProcess
from tests.tiny import tiny_segmenter
from tests.training.small import drawn_samples

ALONE = SingleProcess(torch.device("cpu"))


def answered(path, fingerprint, segmenter=tiny_segmenter):
    return answer_held_out(drawn_samples(2), [0, 1], path, segmenter, ALONE, fingerprint=fingerprint)


def test_masks_are_made_once_and_those_of_other_photos_are_not_taken_for_them(tmp_path):
    def not_again():
        raise AssertionError("the teacher is asked again")

    first = answered(tmp_path / "held_out.jsonl", "a")
    again = answered(tmp_path / "held_out.jsonl", "a", not_again)
    assert [one.areas for one in again] == [one.areas for one in first]
    with pytest.raises(OutputError, match="an unfinished run with other photos"):
        answered(tmp_path / "held_out.jsonl", "b")
