"""The timing of engines and what `auto` makes of it, with engines whose clock is the test's."""

import json

import pytest
import torch

from hqsam.engines import EncodedImage, Engine, VideoEngine, build, quickest
from hqsam.errors import OptionError
from hqsam.hardware import pick_device
from hqsam.model.hq_sam import MaskPrediction
from hqsam.weights.save import save_model
from tests.tiny import tiny_config, tiny_model

CPU = torch.device("cpu")


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class TimedEngine(Engine):
    """An engine that takes so many seconds for an image, and for a click; for the first of each much longer."""

    config, device = tiny_config(), CPU

    def digest(self):
        return self.name

    def __init__(self, name, log, clock, encode, decode=0.0):
        self.name, self.log, self.clock = name, log, clock
        self.seconds = {"encode": encode, "decode": decode}
        self.cold = {"encode", "decode"}

    def _take(self, task):
        self.log.append((self.name, task))
        self.clock.now += self.seconds[task] + (1000 if task in self.cold else 0)
        self.cold.discard(task)

    def encode(self, images):
        self._take("encode")
        return [EncodedImage({}) for _ in images]

    def decode(self, image, prompts, source, candidates):
        self._take("decode")
        return MaskPrediction(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1))


def timed(**engines):
    clock, log = Clock(), []
    built = {name: TimedEngine(name, log, clock, *seconds) for name, seconds in engines.items()}
    return quickest.time_engines(built, clock), log


def test_an_image_and_four_clicks_are_timed_and_the_cold_round_is_not_counted():
    seconds, _ = timed(cpu=(2.0, 0.25), openvino=(1.0, 1.0))
    assert seconds == {"cpu": pytest.approx(3.0), "openvino": pytest.approx(5.0)}


def test_engines_take_turns():
    _, log = timed(cpu=(1.0,), openvino=(1.0,))
    assert [name for name, task in log if task == "encode"] == ["cpu", "openvino"] * 4


def test_a_disturbed_round_does_not_count():
    clock, log = Clock(), []
    engine = TimedEngine("cpu", log, clock, 1.0)
    disturbed = iter([0.0, 50.0, 0.0, 7.0])
    encode = engine.encode
    engine.encode = lambda images: [setattr(clock, "now", clock.now + next(disturbed)), encode(images)][1]
    assert quickest.time_engines({"cpu": engine}, clock) == {"cpu": pytest.approx(1.0)}


@pytest.mark.parametrize(
    ("openvino", "chosen"), [(0.85, "openvino"), (0.89, "openvino"), (0.91, "cpu"), (1.0, "cpu"), (2.0, "cpu")]
)
def test_another_engine_has_to_win_by_more_than_a_tenth(openvino, chosen):
    assert quickest.quickest({"cpu": 1.0, "openvino": openvino, "onnxruntime": 3.0}, "cpu") == chosen


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HQSAM_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_timing_is_kept_for_a_model_a_precision_and_a_processor(cache, monkeypatch):
    config = tiny_config()
    quickest.keep_timing(config, torch.float32, {"cpu": 2.0, "openvino": 1.0})
    assert quickest.kept_timing(config, torch.float32) == {"cpu": 2.0, "openvino": 1.0}
    assert quickest.kept_timing(config, torch.bfloat16) is None
    assert quickest.kept_timing(tiny_config("hiera"), torch.float32) is None
    with monkeypatch.context() as patch:
        patch.setattr(quickest, "cpu_name", lambda: "another processor")
        assert quickest.kept_timing(config, torch.float32) is None
    with monkeypatch.context() as patch:
        patch.setattr(quickest, "best_kernels", lambda precision: "no compiler")
        assert quickest.kept_timing(config, torch.float32) is None
    assert quickest.kept_timing(config, torch.float32) is not None
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert quickest.kept_timing(config, torch.float32) is None


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"seconds": []}', '{"seconds": {"cpu": "soon"}}'])
def test_a_damaged_timing_is_none(cache, damage):
    quickest.keep_timing(tiny_config(), torch.float32, {"cpu": 2.0})
    [path] = (cache / "timings").iterdir()
    path.write_text(damage)
    assert quickest.kept_timing(tiny_config(), torch.float32) is None


@pytest.fixture
def runtimes(cache, monkeypatch):
    """Runtimes whose engines are made at once, with what was built in a list; graphs are there for those in `ready`."""
    built, ready = [], set()

    def build_for(name):
        def build_one(model, device, precision):
            built.append(name)
            return TimedEngine(name, [], Clock(), 1.0)

        return build_one

    for name in ("onnxruntime", "openvino"):
        row = build.BACKENDS[name]
        monkeypatch.setitem(
            build.BACKENDS,
            name,
            build.Backend(
                devices=row.devices, build=build_for(name), package="torch", is_ready=lambda model, n=name: n in ready
            ),
        )
    return built, ready


@pytest.fixture
def checkpoint(tmp_path):
    save_model(tiny_model(), tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def keep(**seconds):
    quickest.keep_timing(tiny_config(), torch.float32, seconds)


def test_auto_never_times_and_never_exports(runtimes, checkpoint, cache, monkeypatch):
    monkeypatch.setattr(build, "time_engines", lambda engines: pytest.fail("auto timed"))
    engine = build.load_engine(checkpoint, CPU, torch.float32)
    assert type(engine).__name__ == "CpuEngine" and runtimes[0] == [] and not (cache / "timings").exists()


def test_auto_goes_by_a_timing_where_the_graphs_are(runtimes, checkpoint):
    built, ready = runtimes
    keep(cpu=2.0, onnxruntime=3.0, openvino=1.0)
    assert type(build.load_engine(checkpoint, CPU, torch.float32)).__name__ == "CpuEngine"  # graphs of other weights
    ready.add("openvino")
    assert build.load_engine(checkpoint, CPU, torch.float32).name == "openvino"
    assert type(build.load_engine(checkpoint, CPU, torch.float32, "cpu")).__name__ == "CpuEngine"
    assert built == ["openvino"]


def test_quickest_times_once_and_keeps_what_it_found(runtimes, checkpoint, monkeypatch):
    built, _ = runtimes
    asked = []

    def time_engines(engines):
        asked.append(list(engines))
        return {"cpu": 1.0, "onnxruntime": 0.5, "openvino": 0.7}

    monkeypatch.setattr(build, "time_engines", time_engines)
    for _ in range(2):
        assert build.load_engine(checkpoint, CPU, torch.float32, "quickest").name == "onnxruntime"
    assert asked == [["cpu", "onnxruntime", "openvino"]]
    assert built == ["onnxruntime", "openvino", "onnxruntime"]


def test_a_timing_without_a_runtime_that_is_here_now_is_repeated(runtimes, checkpoint, monkeypatch):
    keep(cpu=1.0, onnxruntime=3.0)
    monkeypatch.setattr(build, "time_engines", lambda engines: {"cpu": 1.0, "onnxruntime": 3.0, "openvino": 0.5})
    assert build.load_engine(checkpoint, CPU, torch.float32, "quickest").name == "openvino"


def test_a_model_with_a_memory_of_videos_keeps_the_engine_that_has_it(runtimes, tmp_path):
    built, ready = runtimes
    ready.update(("onnxruntime", "openvino"))
    save_model(tiny_model("hiera"), tmp_path / "tiny.safetensors")
    quickest.keep_timing(tiny_config("hiera"), torch.float32, {"cpu": 2.0, "onnxruntime": 3.0, "openvino": 1.0})
    for backend in ("auto", "quickest"):
        assert isinstance(build.load_engine(tmp_path / "tiny.safetensors", CPU, torch.float32, backend), VideoEngine)
    assert built == []


def test_int8_is_ours_alone(runtimes, monkeypatch):
    monkeypatch.setattr(build, "check_int8", lambda: None)
    monkeypatch.setitem(
        build.BACKENDS,
        "cpu",
        build.Backend(devices=("cpu",), build=lambda *_: TimedEngine("ours", [], Clock(), 1.0), int8=True),
    )
    assert build.build_engine(tiny_model(), CPU, torch.int8, "quickest").name == "ours"
    assert runtimes[0] == []


def test_an_unknown_backend_is_told_the_known_ones():
    with pytest.raises(OptionError, match="choose one of auto, quickest, cpu, torch"):
        build.load_engine("nano", pick_device("cpu"), torch.float32, "fastest")


def test_the_kept_file_says_what_it_is_about(cache):
    quickest.keep_timing(tiny_config(), torch.float32, {"cpu": 2.0})
    [path] = (cache / "timings").iterdir()
    measured = json.loads(path.read_text())["measured"]
    assert {"hqsam", "torch", "processor", "threads", "model", "precision"} <= set(measured)
