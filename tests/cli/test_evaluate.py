import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from hqsam.cli.evaluate import _folder_name
from hqsam.weights.digest import sha256_of_file
from tests.evaluation.layouts import make


@pytest.fixture
def data(tmp_path):
    return make("folder", tmp_path / "data")


def test_the_list_names_every_suite_and_its_printed_numbers(hqsam):
    from hqsam.evaluation.suites import SUITES

    listed = hqsam("evaluate", "--list")
    assert listed.code == 0 and all(name in listed.out for name in SUITES)
    one = hqsam("evaluate", "dis", "--list")
    assert one.code == 0 and "mIoU 78.6" in one.out and "DIS5K/DIS-VD/im" in one.out and "470 images" in one.out


def test_a_folder_is_measured_and_the_reports_are_named(hqsam, data, tiny_file, tmp_path):
    out = tmp_path / "out"
    words = ("--data", data, "--model", tiny_file, "--source", "hq,sam", "--prompt", "box", "--prompt", "click:1,2")
    done = hqsam("evaluate", "folder", *words, "--out", out, "--precision", "float32")
    assert done.code == 0, done.err
    assert "| tiny.safetensors | hq | 2 clicks |" in done.out and str(out / "report.html") in done.out
    settings = json.loads((out / "run.json").read_text())
    assert settings["sources"] == ["hq", "sam"] and settings["pipeline"] == "user" and len(settings["weights"]) == 64


def test_a_report_names_the_model_that_the_environment_names(hqsam, data, tiny_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HQSAM_MODEL", str(tiny_file))
    done = hqsam("evaluate", "folder", "--data", data, "--precision", "float32")
    assert done.code == 0, done.err
    settings = json.loads((tmp_path / "runs" / "evaluate" / "folder-tiny" / "run.json").read_text())
    assert settings["model"] == "tiny.safetensors" and settings["weights"] == sha256_of_file(tiny_file)


def test_each_size_of_a_model_has_a_folder_of_its_own():
    names = ["sam2.1_hiera_t", "sam2.1_hiera_b+", "me/cups.v2", "runs/mine/model.safetensors", "best.pt"]
    assert [_folder_name("folder", name) for name in names] == [
        "folder-sam2.1_hiera_t", "folder-sam2.1_hiera_b+", "folder-cups.v2", "folder-mine", "folder-best"
    ]  # fmt: skip


def test_shards_say_what_is_left_and_the_last_writes_the_reports(hqsam, data, tiny_file, tmp_path):
    words = ("evaluate", "folder", "--data", data, "--model", tiny_file, "--out", tmp_path / "out")
    first = hqsam(*words, "--shard", "1/2")
    assert first.code == 0 and "2 of 3 images are done" in first.out
    assert not (tmp_path / "out/report.json").exists()
    assert "wrote" in hqsam(*words, "--shard", "2/2").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["folders"], "did you mean 'folder'"),
        (["folder", "--prompt", "boxes"], "unknown prompt 'boxes'"),
        (["folder", "--prompt", "click:0"], "cannot be meant"),
        (["folder", "--shard", "5/4"], "shard '5/4' cannot be meant"),
        (["folder", "--source", "hd"], "unknown source 'hd'"),
        (["folder", "--prompt", "clicks-to-target", "--pipeline", "official"], "--pipeline user"),
    ],
)
def test_a_question_put_wrongly_is_answered_with_code_2(hqsam, data, tiny_file, tmp_path, words, said):
    answered = hqsam("evaluate", *words, "--data", data, "--model", tiny_file, "--out", tmp_path / "out")
    assert answered.code == 2 and said in answered.err
    assert not (tmp_path / "out").exists()


def test_data_that_does_not_fit_the_suite_is_said_before_a_model_is_loaded(hqsam, data):
    answered = hqsam("evaluate", "dis", "--data", data, "--model", "no such model")
    assert answered.code == 1 and "DIS5K/DIS-VD/im" in answered.err


def test_without_data_it_says_how_to_ask(hqsam):
    answered = hqsam("evaluate", "folder")
    assert answered.code == 2 and "--data DIR" in answered.err


def test_a_folder_of_another_run_is_not_touched(hqsam, data, tiny_file, tmp_path):
    words = ("evaluate", "folder", "--data", data, "--model", tiny_file, "--out", tmp_path / "out")
    assert hqsam(*words).code == 0
    before = (tmp_path / "out/report.json").read_bytes()
    again = hqsam(*words, "--prompt", "click:1")
    assert again.code == 1 and "another run" in again.err and "--out" in again.err
    assert (tmp_path / "out/report.json").read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_killed_run_goes_on_and_ends_where_an_unbroken_one_does(hqsam, tiny_file, tmp_path):
    data = make_many(tmp_path / "data", 40)
    words = [
        "evaluate",
        "folder",
        "--data",
        data,
        "--model",
        tiny_file,
        "--precision",
        "float32",
        "--prompt",
        "click:1,3",
    ]
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = kill_after(3, [*words, "--out", killed], killed / "records-1-of-1.jsonl")
    assert 3 <= done < 40
    assert hqsam(*words, "--out", killed).code == 0
    assert hqsam(*words, "--out", whole).code == 0
    assert (killed / "report.csv").read_text() == (whole / "report.csv").read_text()
    assert len((killed / "records-1-of-1.jsonl").read_text().splitlines()) == 40


def make_many(folder, count):
    """More photos than can be done before the kill."""
    made = make("folder", folder)
    for kind, suffix in (("images", ".jpg"), ("masks", ".png")):
        content = (made / kind / f"photo0{suffix}").read_bytes()
        for number in range(3, count):
            (made / kind / f"photo{number}{suffix}").write_bytes(content)
    return made


def kill_after(lines, words, journal):
    """Start the command, kill it once the journal has so many lines; how many it has then."""
    command = [sys.executable, "-c", "from hqsam.cli import main; main()", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") >= lines:
                break
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return journal.read_bytes().count(b"\n")


def test_two_processes_cannot_do_the_same_part(hqsam, data, tiny_file, tmp_path):
    from filelock import FileLock

    out = tmp_path / "out"
    out.mkdir()
    words = ("evaluate", "folder", "--data", data, "--model", tiny_file, "--out", out)
    with FileLock(out / ".records-1-of-2.lock"):
        for part in ("1/2", "1/1", "2/3"):
            refused = hqsam(*words, "--shard", part)
            assert refused.code == 1 and "another process is working on part 1 of 2" in refused.err
        assert hqsam(*words, "--shard", "2/2").code == 0


def test_models_of_two_training_runs_have_the_names_of_their_runs(hqsam, data, tiny_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cups", "cats.v2"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        shutil.copy(tiny_file, tmp_path / "runs" / name / "model.safetensors")
        done = hqsam("evaluate", "folder", "--data", data, "--model", f"runs/{name}/model.safetensors")
        assert done.code == 0, done.err
        assert f"| {name} | sum | box |" in done.out
        assert (tmp_path / "runs" / "evaluate" / f"folder-{name}" / "report.json").is_file()


def test_an_evaluation_of_version_0_1_that_names_no_run_goes_on(hqsam, data, tiny_file, tmp_path):
    path = shutil.copy(tiny_file, tmp_path / "model.safetensors")
    words = ("evaluate", "folder", "--data", data, "--model", path, "--out", tmp_path / "out")
    assert hqsam(*words).code == 0
    settings = json.loads((tmp_path / "out" / "run.json").read_text())
    assert settings["model"] == tmp_path.name
    (tmp_path / "out" / "run.json").write_text(json.dumps({**settings, "model": "model.safetensors"}))
    assert hqsam(*words).code == 0
    (tmp_path / "out" / "run.json").write_text(json.dumps({**settings, "model": "other"}))
    assert hqsam(*words).code == 1
