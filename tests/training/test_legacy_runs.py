"""Runs, feature caches and evaluations that version 0.1 began are gone on with by the commands that began them."""

import json
import zipfile
from pathlib import Path

import pytest

from hqsam.cli import main
from hqsam.weights.load import load_model
from tests import needs
from tests.training.small import write_photos

ARCHIVE = Path(__file__).with_name("runs_of_version_0.1.zip")
WORDS = [
    "--data",
    "data",
    "--model",
    "models/smallest.safetensors",
    "--hold-out",
    "0.2",
    "--device",
    "cpu",
    "--workers",
    "0",
    "--no-tensorboard",
]
FINETUNE = ["precision=float32", "stages.0.steps=6", "stages.0.warmup=2", "stages.0.validate_every=3"]
NANO = [
    "precision=float32",
    "read_at=0",
    *(
        f"stages.{number}.{setting}"
        for number, steps in enumerate((4, 0, 0, 2))
        for setting in (f"steps={steps}", "warmup=1", "sampling.size=96", "sampling.batch_size=2")
    ),
    *(
        f"stages.{number}.sampling.{setting}"
        for number in range(4)
        for setting in ("objects=2", "weights=[]", "unions=[]")
    ),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    write_photos(tmp_path / "data", 6)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def hqsam(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(left.value.code or 0)


def go_on(recipe: str, run: str, settings: list[str], *words: str) -> list[dict]:
    """Give the command again that began a run, and return the lines of its metrics."""
    changes = [word for setting in settings for word in ("--set", setting)]
    assert hqsam("train", recipe, *WORDS, "--out", f"runs/{run}", *changes, *words) == 0
    return [json.loads(line) for line in (Path("runs") / run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("run", "settings", "words"),
    [
        ("hq-stopped", [], ()),
        ("cached-stopped", ["views=2"], ("--cache", "features")),
        ("lora-stopped", [], ("--train", "lora")),
    ],
)
def test_a_finetuning_goes_on_from_its_checkpoint(folder, run, settings, words):
    if "lora" in words:
        needs.package("peft", install='pip install "hqsam[train]"')
    kept = {path.name: path.read_bytes() for path in (folder / "features").glob("*.safetensors")}
    lines = go_on("finetune", run, [*FINETUNE, *settings], *words)
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 5, 6]
    assert [line["step"] for line in lines if "note" in line] == [4]
    assert load_model(folder / "runs" / run / "model.safetensors").hq is not None
    assert {path.name: path.read_bytes() for path in (folder / "features").glob("*.safetensors")} == kept


def test_a_training_of_the_first_nano_is_not_gone_on_with(folder, capsys):
    """Recipe `nano` is another model by now; the run's folder stays as it is."""
    run = folder / "runs" / "nano-stopped"
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    changes = [word for setting in NANO for word in ("--set", setting)]
    assert hqsam("train", "nano", *WORDS, "--out", "runs/nano-stopped", *changes) == 1
    assert "is another's" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_an_evaluation_goes_on_after_its_last_image(folder):
    records = folder / "evaluate" / "cut" / "records-1-of-1.jsonl"
    before = records.read_text()
    words = [
        "--data",
        "data",
        "--model",
        "models/smallest.safetensors",
        "--out",
        "evaluate/cut",
        "--precision",
        "float32",
        "--workers",
        "1",
    ]
    prompts = ["--prompt", "box", "--prompt", "click:1,3", "--prompt", "noisy-box:0.2"]
    assert hqsam("evaluate", "folder", *words, *prompts) == 0
    assert records.read_text().startswith(before) and len(records.read_text().splitlines()) == 6
    assert (folder / "evaluate" / "cut" / "report.json").is_file()
