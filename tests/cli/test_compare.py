import json

import pytest

from tests.evaluation.layouts import detections, make


@pytest.fixture
def evaluated(hqsam, tiny_file, tmp_path):
    def evaluate(name, *words, suite="folder"):
        data = tmp_path / "data" / suite
        data = data if data.exists() else make(suite, data)
        out = tmp_path / name
        assert hqsam("evaluate", suite, "--data", data, "--model", tiny_file, "--out", out, *words).code == 0
        return out

    return evaluate


def test_two_runs_are_compared_object_by_object(hqsam, evaluated):
    one, other = evaluated("one"), evaluated("other", "--pipeline", "official")
    compared = hqsam("compare", one, other / "report.json")
    assert compared.code == 0 and "sum, box" in compared.out and "95 %" in compared.out
    assert "pipeline is user in A and official in B" in compared.err
    told = json.loads(hqsam("compare", one, other, "--json").out)
    first, second, *_ = told
    assert first["a"] == second["a"] == ["sum", "box"]
    assert (first["score"], second["score"]) == ("IoU", "boundary IoU")
    assert all(row["low"] <= row["difference"] <= row["high"] and row["objects"] == 4 for row in told)


def test_a_run_beside_itself_differs_by_nothing(hqsam, evaluated):
    run = evaluated("run")
    told = json.loads(hqsam("compare", run, run, "--json").out)
    assert {(row["difference"], row["low"], row["high"], row["wins"]) for row in told} == {(0, 0, 0, 0.5)}


def test_sources_of_one_run_are_compared_by_name(hqsam, evaluated):
    run = evaluated("run")
    told = json.loads(hqsam("compare", run, run, "--source", "sam,hq", "--json").out)
    assert {(*row["a"], *row["b"]) for row in told} == {("sam", "box", "hq", "box")}


def test_what_does_not_pair_is_said(hqsam, evaluated, tmp_path):
    run = evaluated("run")
    fewer = evaluated("fewer", "--limit", "2")
    apart = hqsam("compare", run, fewer)
    assert apart.code == 1 and "the two do not pair" in apart.err and "only in one" in apart.err
    nothing = hqsam("compare", run, run, "--source", "sam,hd")
    assert nothing.code == 2 and "nothing to compare" in nothing.err
    data = make("coco", tmp_path / "data" / "coco")
    boxes = evaluated("boxes", "--prompt", f"detector:{detections('coco', data)}", suite="coco")
    assert "no IoU of single objects" in hqsam("compare", boxes, boxes).err
    (tmp_path / "other.json").write_text("[]")
    assert "not a report.json" in hqsam("compare", tmp_path / "other.json", run).err
    assert "cannot read" in hqsam("compare", tmp_path / "missing.json", run).err
