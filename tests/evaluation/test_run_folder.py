import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from hqsam.errors import DataError, OptionError, OutputError
from hqsam.evaluation.prefetch import prefetch
from hqsam.evaluation.record import Column, PredictionRecord, SampleRecord, TargetRecord, columns_of, from_json, rows_of
from hqsam.evaluation.run_folder import Shard, open_run_folder, parse_shard, read_records
from hqsam.masks.rle import encode

SETTINGS = {"suite": "folder", "model": "tiny", "seed": 0}


def record(sample="photo", **more):
    mask = encode(np.eye(4, 6, dtype=bool))
    answers = [
        PredictionRecord("hq", "box", 0, 0.5, 0.25, 0.9, mask),
        PredictionRecord("hq", "3 clicks", 0, 0.75, 0.5, 0.8, mask),
        PredictionRecord("hq", "3 clicks", 1, None, None, 0.7, mask, ious=(0.25, 0.75)),
    ]
    target = TargetRecord("1", {"category_id": 3}, tuple(answers))
    return SampleRecord(sample, (4, 6), {"image_id": 7}, (target,), {"2": "empty"}, {"encode": 0.5}, **more)


def test_a_record_survives_the_trip_through_its_line():
    assert from_json(json.loads(json.dumps(record().to_json()))) == record()


@pytest.mark.parametrize("line", [{}, [], "words", None, {"case": "photo", "targets": [{}]}])
def test_a_line_of_something_else_is_refused(line):
    with pytest.raises(DataError, match="no line of hqsam's evaluation"):
        from_json(line)


def test_rows_are_of_one_column_and_one_trial_and_know_their_image():
    assert columns_of([record()]) == [Column("hq", "box"), Column("hq", "3 clicks")]
    (row,) = rows_of([record()], Column("hq", "3 clicks"), trial=1)
    assert row.about == {"image_id": 7, "category_id": 3} and row.iou is None and row.score == 0.7
    assert rows_of([record()], Column("hq", "3 clicks"), trial=2) == []


@given(st.integers(1, 9), st.lists(st.integers(), max_size=40))
def test_shards_share_the_work_without_gap_or_overlap(count, items):
    parts = [Shard(number, count).part(items) for number in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == sorted(items)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_shards_are_read_from_words():
    assert parse_shard("2/4") == Shard(2, 4)
    for text in ("0/4", "5/4", "2", "a/b", "-1/3", ""):
        with pytest.raises(OptionError, match="cannot be meant"):
            parse_shard(text)


def test_what_was_added_is_there_again(tmp_path):
    with open_run_folder(tmp_path / "run", SETTINGS) as results:
        assert results.records == {}
        results.add(record("a"))
    with open_run_folder(tmp_path / "run", SETTINGS) as results:
        assert results.records == {"a": record("a")}


def test_files_of_several_machines_are_joined_by_lying_in_one_folder(tmp_path):
    for number in (1, 2):
        with open_run_folder(tmp_path / str(number), SETTINGS, Shard(number, 2)) as results:
            results.add(record(f"photo{number}"))
    (tmp_path / "2/records-2-of-2.jsonl").rename(tmp_path / "1/records-2-of-2.jsonl")
    with open_run_folder(tmp_path / "1", SETTINGS) as results:
        assert set(results.records) == {"photo1", "photo2"}


def test_a_line_that_a_kill_tore_is_no_answer(tmp_path):
    with open_run_folder(tmp_path, SETTINGS) as results:
        results.add(record("a"))
        results.add(record("b"))
    path = tmp_path / "records-1-of-1.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    assert set(read_records(tmp_path)) == {"a"}


def test_other_settings_are_another_run_and_leave_no_trace(tmp_path):
    with open_run_folder(tmp_path / "run", SETTINGS):
        pass
    before = sorted((tmp_path / "run").iterdir())
    with (
        pytest.raises(OutputError, match="model was 'tiny' and is 'nano'; weights was None and is 'abc'"),
        open_run_folder(tmp_path / "run", SETTINGS | {"model": "nano", "weights": "abc"}),
    ):
        pass
    assert sorted((tmp_path / "run").iterdir()) == before


@pytest.mark.parametrize("content", ["{", "[]", "7"])
def test_a_damaged_manifest_is_no_run(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(OutputError, match=r"run\.json is not of an evaluation"), open_run_folder(tmp_path, SETTINGS):
        pass


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds other files"), open_run_folder(tmp_path, SETTINGS):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"), open_run_folder(tmp_path / "file", SETTINGS):
        pass


def test_one_part_is_done_by_one_process_at_a_time(tmp_path):
    with open_run_folder(tmp_path, SETTINGS, Shard(1, 2)):
        for other in (Shard(1, 2), Shard(1, 1), Shard(2, 3)):
            with pytest.raises(OutputError, match="part 1 of 2"), open_run_folder(tmp_path, SETTINGS, other):
                pass
        with open_run_folder(tmp_path, SETTINGS, Shard(2, 2)):
            pass
    with open_run_folder(tmp_path, SETTINGS):
        pass


def test_a_lock_that_a_killed_process_left_holds_nobody_up(tmp_path):
    FileLock(tmp_path / ".records-1-of-1.lock").acquire().lock.release(force=True)
    with open_run_folder(tmp_path, SETTINGS) as results:
        results.add(record())


def test_work_goes_ahead_in_order_and_not_further_than_told():
    begun, lock = [], threading.Lock()

    def slow(item):
        with lock:
            begun.append(item)
        time.sleep(0.01 * (item % 3))
        return item

    with ThreadPoolExecutor(4) as pool:
        results = prefetch(pool, slow, range(20), depth=3)
        assert next(results) == 0
        time.sleep(0.1)
        assert sorted(begun) == [0, 1, 2, 3]
        assert list(results) == list(range(1, 20))


def test_an_error_in_a_thread_comes_out_in_its_place_and_stops_the_rest():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    with ThreadPoolExecutor(2) as pool:
        results = prefetch(pool, lambda item: 1 / (item - 2), items(), depth=2)
        assert [next(results), next(results)] == [-0.5, -1]
        with pytest.raises(ZeroDivisionError):
            next(results)
    assert len(taken) < 10
