import numpy as np
import pytest

from benchmarks import tables
from benchmarks.measure import race
from benchmarks.sizes import size_of


@pytest.mark.parametrize(
    ("model", "total_mib", "learnable_mib"),
    [("vit_b", 362.1, 4.1), ("vit_l", 1196.1, 5.1), ("vit_h", 2452.1, 6.1), ("vit_tiny", 40.3, 1.7)],
)
def test_sizes_are_those_of_the_paper_s_table_10(model, total_mib, learnable_mib):
    size = size_of(model)
    assert size.hq_mib == pytest.approx(learnable_mib, abs=0.05)
    # The paper's totals are sizes of files; the tiny model's holds index tables, too, which are no parameters.
    assert size.mib == pytest.approx(total_mib, rel=0.03 if model == "vit_tiny" else 0.005)


def test_the_paper_s_learnable_millions_are_mebibytes():
    assert size_of("vit_l").hq_parameters == 1_333_248


class Recorder:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def open(self, image):
        self.log.append(self.name)

    def click(self, session, point):
        self.log.append(point)


def test_contestants_take_turns_in_changing_order_and_the_first_round_is_not_counted():
    log, photo = [], np.zeros((30, 40, 3), np.uint8)
    times = race({name: Recorder(name, log) for name in "ab"}, photo, rounds=2, clicks=3)
    assert [entry for entry in log if isinstance(entry, str)] == ["a", "b", "b", "a", "a", "b"]
    assert {name: (len(one.open_s), len(one.click_s)) for name, one in times.items()} == {"a": (2, 6), "b": (2, 6)}


def test_a_model_that_was_not_raced_still_has_its_sizes_in_the_table():
    sizes = {"parameters": 1_500_000, "hq_parameters": 0, "mib": 5.72, "hq_mib": 0.0, "race": {}}
    assert "1.50" in tables.efficiency({"nano": sizes})
    assert "nano" not in tables.the_race({"nano": sizes})
