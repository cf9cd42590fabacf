"""HQSeg-44K in miniature, in its own layout."""

from hqsam.data.check import check_datasets
from hqsam.data.hqseg44k import TRAINING, VALIDATION
from hqsam.data.open_dataset import open_datasets
from tests.data.drawn import mask, photo
from tests.docs.blocks import ROOT


def lay_out(root, subsets, count=2):
    for subset in subsets:
        for number in range(count):
            photo(root / subset.images / f"{number}.jpg"), mask(root / subset.masks / f"{number}.png")
    return root


def test_the_table_adds_up_to_the_paper_s_44320_and_its_four_validation_sets():
    assert sum(subset.expected for subset in TRAINING) == 44320
    assert [subset.expected for subset in VALIDATION] == [470, 280, 287, 500]


def test_the_training_s_folders_are_known_by_themselves(tmp_path):
    sets = open_datasets(lay_out(tmp_path, [*TRAINING, *VALIDATION]))
    assert list(sets) == [subset.name for subset in TRAINING]
    assert [len(found) for found in sets.values()] == [2] * 7
    assert sets["FSS"][1].object_ids == [1]
    assert list(open_datasets(str(tmp_path), split="validation")) == ["DIS-VD", "COIFT", "HRSOD", "ThinObject5K-TE"]


def test_other_counts_absent_sets_and_broken_pairs_are_said(tmp_path):
    lay_out(tmp_path, TRAINING[:3])
    (tmp_path / TRAINING[2].masks / "1.png").unlink()
    report = check_datasets(open_datasets(tmp_path))
    by_kind = {kind: [one.name for one in found] for kind, found in report.by_kind().items()}
    assert by_kind == {
        "no_mask": ["FSS/1"],
        "absent_set": [subset.name for subset in TRAINING[3:]],
        "unexpected_count": ["DIS-TR", "ThinObject5K-TR", "FSS"],
    }
    assert "1 image with masks" in report.by_kind()["unexpected_count"][2].detail
    assert "10000 are expected" in report.by_kind()["unexpected_count"][2].detail


def test_the_document_s_table_is_the_code_s():
    rows = [line for line in (ROOT / "docs" / "data.md").read_text("utf-8").splitlines() if line.startswith("|")]
    for subset in (*TRAINING, *VALIDATION):
        told = [row for row in rows if f"`{subset.images}`" in row]
        assert len(told) == 1
        assert subset.name in told[0] and f"| {subset.expected:,} |" in told[0]
        assert subset.masks == subset.images or f"`{subset.masks.rsplit('/', 1)[1]}`" in told[0]
