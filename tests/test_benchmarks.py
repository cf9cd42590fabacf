import contextlib
import importlib
import io
import json
import sys

import numpy as np
import pytest
from rich.console import Console

from benchmarks import page, parts, plot, report, system_load, tables
from benchmarks.benchmark_image import benchmark_image, boxes_on, points_on
from benchmarks.coarse_masks import CoarseMasks
from benchmarks.measure import Setup, WorkerProcess, measure_in_turns
from benchmarks.sizes import size_of
from hqsam.data.sample import Sample
from hqsam.masks.boundary import iou
from hqsam.masks.polygons import to_polygons


@pytest.mark.parametrize("command", ["__main__", "choosing", "detail", "experiments", "page", "quality", "training"])
def test_every_command_says_how_it_is_used(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [command, "--help"])
    with pytest.raises(SystemExit) as left:
        importlib.import_module(f"benchmarks.{command}").main()
    assert left.value.code == 0 and "usage: python -m benchmarks" in capsys.readouterr().out


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


def test_the_photo_of_the_race_is_of_the_size_that_the_tables_say():
    assert benchmark_image().shape == (1365, 2048, 3)
    assert benchmark_image(512).shape == (341, 512, 3)


def test_prompts_lie_within_the_photo_and_boxes_are_as_many_as_asked():
    photo = benchmark_image(300)
    boxes = boxes_on(photo, 64)
    assert boxes.shape == (64, 4)
    assert (boxes >= 0).all() and (boxes <= [300, 200, 300, 200]).all() and (boxes[:, 2:] > boxes[:, :2]).all()
    assert all(0 < x < 300 and 0 < y < 200 for x, y in points_on(photo, 10))


def test_coarse_masks_have_few_corners_and_lie_where_the_true_ones_do():
    y, x = np.mgrid[:120, :160]
    labels = ((y - 60) ** 2 + (x - 80) ** 2 < 45**2).astype(np.uint16)
    labels[:3, :3] = 2
    [rough] = CoarseMasks([Sample(np.zeros((120, 160, 3), np.uint8), labels)])
    [outline] = to_polygons(rough.mask(1), tolerance=1.5)
    assert 4 <= len(outline.exterior) <= 12 < len(to_polygons(labels == 1, tolerance=1.5)[0].exterior)
    assert 0.8 < iou(rough.mask(1), labels == 1) < 0.99
    assert rough.mask(2).any()
    assert not rough.whole, "training reads label maps"


class Recorder:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def do(self, task, **settings):
        self.log.append((self.name, task))
        return [1.0] * settings.get("count", 1)


def test_implementations_take_turns_in_changing_order_and_the_first_round_is_not_counted():
    log = []
    runners = {name: Recorder(name, log) for name in ("hqsam", "hqsam float32")}
    times = measure_in_turns(runners, {"open": {}, "click": {"count": 3}}, rounds=2)
    opened = [name for name, task in log if task == "open"]
    assert opened == ["hqsam", "hqsam float32", "hqsam float32", "hqsam", "hqsam", "hqsam float32"]
    assert {name: (len(one["open"]), len(one["click"])) for name, one in times.items()} == {
        "hqsam": (2, 6),
        "hqsam float32": (2, 6),
    }


def test_who_cannot_do_a_task_is_not_asked_to():
    log = []
    times = measure_in_turns({"openvino": Recorder("openvino", log)}, {"open": {}, "click": {}}, rounds=1, warm=False)
    assert log == [("openvino", "open")] and set(times["openvino"]) == {"open"}


@pytest.fixture(scope="module")
def nano():
    return Setup("nano", "cpu", {}, sys.executable)


def test_an_implementation_in_a_process_of_its_own_does_every_task_and_tells_its_memory(nano):
    ours = WorkerProcess("hqsam", nano)
    try:
        assert [len(ours.do("open", long_side=256)), len(ours.do("click", count=2))] == [1, 2]
        assert min(ours.do("batch", boxes=2) + ours.do("everything", points_per_side=2)) > 0
        memory = ours.memory()
        assert memory["peak"] >= memory["now"] > 50 << 20
        assert ours.start["load_s"] > 0
    finally:
        ours.close()


def test_an_implementation_that_fails_is_an_error_and_not_a_time(nano, capfd):
    ours = WorkerProcess("hqsam", nano)
    try:
        with pytest.raises(RuntimeError, match="ended"):
            ours.do("no such task")
    finally:
        ours.close()
    assert "AttributeError" in capfd.readouterr().err


SIZES = {"parameters": 1_500_000, "hq_parameters": 0, "mib": 5.72, "hq_mib": 0.0}
REPORT = {
    "device": "cpu",
    "versions": {"hqsam": "1", "torch": "2"},
    "peers": {"torch": "2"},
    "machine": {"device": "cpu (Some CPU)", "threads": "2 available"},
    "models": {
        "nano": {
            "sizes": SIZES,
            "speed": {
                "date": "2026-01-01 12:00",
                "others_cores": 0.25,
                "clock": "seconds, all threads",
                "boxes": 64,
                "seconds": {
                    "hqsam": {"open": [1.0, 3.0, 2.0], "click": [0.01], "batch": [0.5]},
                    "openvino": {"open": [3.0]},
                },
            },
        }
    },
}


def test_what_others_do_meanwhile_is_told_and_our_own_work_is_not_others(monkeypatch):
    monkeypatch.setattr(system_load, "_busy_seconds", iter([10.0, 13.0]).__next__)
    monkeypatch.setattr(system_load, "_own_seconds", iter([1.0, 3.0]).__next__)
    monkeypatch.setattr(system_load.time, "perf_counter", iter([0.0, 2.0]).__next__)
    assert system_load.with_system_load(lambda: {"seen": 1}) == {"seen": 1, "others_cores": 0.5}


def test_a_table_shows_medians_and_how_many_times_ours_they_are():
    header, ours, peer = tables.speed(REPORT["models"])
    assert ours == ["nano", "hqsam", "2.000", "1.00", "10.0", "1.00", "0.500", "1.00"]
    assert peer == ["nano", "openvino", "3.000", "1.50", "", "", "", ""]
    assert header[6] == "64 boxes (s)"


def test_a_model_that_was_not_raced_still_has_its_sizes_in_the_table():
    models = {"nano": {"sizes": SIZES}}
    assert tables.sizes(models)[1][:2] == ["nano", "1.50"]
    assert len(tables.speed(models)) == 1


def test_the_page_gets_its_tables_between_the_marks_and_keeps_what_people_wrote(tmp_path):
    target, source = tmp_path / "page.md", tmp_path / "bench.json"
    target.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    source.write_text(json.dumps(REPORT))
    page.write(source, target)
    page.write(source, target)
    text = target.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert text.count("| nano | openvino | 3.000 | 1.50 |") == 1
    assert (
        "Some CPU" in text
        and "2026-01-01" in text
        and "seconds, all threads. Meanwhile other programs kept 0.2 to 0.2" in text
    )


def test_the_plot_has_a_bar_for_each_who_was_timed_in_proportion():
    drawn = plot.bars(REPORT["models"], "open")
    widths = [float(part.partition('"')[0]) for part in drawn.split('<rect class="bar" width="')[1:]]
    assert len(widths) == 2 and widths[1] == pytest.approx(widths[0] * 1.5, rel=0.01)


def test_parts_of_a_model_are_measured_and_fit_the_tables(nano):
    result = {
        "speed": parts.speed(nano, ["hqsam"], rounds=1, asked=["open"]),
        "alone": {"who": parts.alone(nano, ["hqsam"], 1)},
    }
    assert len(tables.speed({"nano": result})) == len(tables.alone({"nano": result})) == 2


def test_how_cost_grows_is_measured_and_can_be_printed(nano, monkeypatch):
    monkeypatch.setattr(parts, "WorkerProcess", Pretender)
    monkeypatch.setattr(parts, "worker_processes", lambda names, setup: contextlib.nullcontext({"hqsam": Pretender()}))
    measured = parts.growth(nano, rounds=1, most_points=8)
    titles = dict(tables.growth({"nano": {"growth": measured}}))
    assert titles["Boxes in one batch"][1:] == [["nano", n, "1.000"] for n in ("1", "4", "16", "64")]
    assert titles["Everything, by clicks"][1:] == [["nano", n, "1.000"] for n in ("16", "64")]
    assert ["nano", "1", "1.000", "1000.0", "1.000"] in titles["By threads"]
    printed = io.StringIO()
    Console(file=printed).print(report.summary({"models": {"nano": {"sizes": SIZES, "growth": measured}}}))
    assert "By threads" in printed.getvalue()


class Pretender:
    """An implementation that takes a second for everything."""

    def __init__(self, *arguments):
        self.closed = False

    def do(self, task, **settings):
        return [1.0]

    def close(self):
        self.closed = True
