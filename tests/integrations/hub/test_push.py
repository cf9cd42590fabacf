import io
import json

import pytest
import yaml
from PIL import Image

import hqsam
from hqsam.errors import CheckpointError, DataError, OptionError, UploadError
from hqsam.evaluation.run import EvaluationConfig, evaluate
from hqsam.integrations.hub import prepare, push
from hqsam.weights.digest import sha256_of_file
from hqsam.weights.inspection import inspect_checkpoint
from hqsam.weights.save import save_model
from tests.evaluation.runs import made
from tests.integrations.hub.stand_in import Repo
from tests.tiny import tiny_model, tiny_segmenter

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own

TERMS = {"licence": "apache-2.0", "base": "sam_vit_b", "data": "40 photos of cups", "data_licence": "CC BY 4.0"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "cups.safetensors"
    save_model(tiny_model("tiny_vit"), path, provenance={"recipe": {"start": "/home/us/sam.pth"}}, licence="apache-2.0")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory, weights):
    folder = tmp_path_factory.mktemp("report")
    config = EvaluationConfig(model="cups", weights=sha256_of_file(weights), prompts=("box",))
    evaluate(tiny_segmenter("tiny_vit"), made("dis", folder), config, folder / "run")
    return folder / "run"


def card_in(folder):
    _, entries, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(entries), text


def test_what_is_pushed_is_loaded_by_the_repos_name(hub, weights):
    pushed = push("us/cups", weights, **TERMS)
    assert pushed.url.startswith(f"{hub.url}/us/cups/commit/")
    files = hub.repos["us/cups"].files
    assert len(hub.repos["us/cups"].commits) == 2, "the Hub's own first one, and ours"
    assert files["model.safetensors"] == weights.read_bytes()
    assert set(files) == {".gitattributes", "model.safetensors", "config.json", "README.md", "masks.jpg"}
    loaded, ours = hqsam.load("us/cups", device="cpu"), tiny_segmenter("tiny_vit")
    assert loaded.config == ours.config
    assert Image.open(io.BytesIO(files["masks.jpg"])).size == (512, 512)
    assert json.loads(files["config.json"])["name"] == "tiny_vit_of_the_tests"


def test_the_card_has_base_data_licences_and_the_figures_of_the_report(tmp_path, weights, report):
    entries, text = card_in(prepare("us/cups", weights, tmp_path, **TERMS, reports=[report]))
    assert (entries["library_name"], entries["license"]) == ("hqsam", "apache-2.0")
    assert entries["pipeline_tag"] == "mask-generation"
    assert "sam_vit_b" in text and "40 photos of cups" in text and "CC BY 4.0" in text
    assert sha256_of_file(weights) in text
    columns = json.loads((report / "report.json").read_text())["columns"]
    miou = next(one["scores"]["DIS-VD"]["mIoU"] for one in columns if one["source"] == "hq")
    assert f"| box | hq | mIoU | {100 * miou:.1f} |" in text
    [model] = entries["model-index"]
    found = {metric["name"]: metric["value"] for result in model["results"] for metric in result["metrics"]}
    assert found["mIoU, prompt: box, masks: hq"] == round(100 * miou, 2)


def test_licences_keep_their_words_and_a_base_of_the_list_brings_its_own(tmp_path, weights):
    folder = prepare("us/cups", weights, tmp_path, **{**TERMS, "licence": "Research only, ask us", "base": "vit_tiny"})
    entries, text = card_in(folder)
    assert (entries["license"], entries["license_name"]) == ("other", "research-only-ask-us")
    assert entries["base_model"] == "lkeab/hq-sam"
    assert "Base model: Apache-2.0. Trained on HQSeg-44K" in text
    assert inspect_checkpoint(folder).licence == "Research only, ask us"


def test_all_that_the_card_lacks_is_named_at_once(tmp_path, weights):
    with pytest.raises(OptionError, match=r"model that it was trained from .*\(--base\).*--data\).*\(--data-licence\)"):
        prepare("us/cups", weights, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_report_about_other_weights(tmp_path, weights, report):
    other = tmp_path / "other.safetensors"
    save_model(tiny_model("tiny_vit"), other, licence="mit")
    with pytest.raises(DataError, match="about other weights"):
        prepare("us/cups", other, tmp_path / "out", **TERMS, reports=[report])
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(DataError, match="no report of an evaluation"):
        prepare("us/cups", weights, tmp_path / "out", **TERMS, reports=[tmp_path])
    with pytest.raises(DataError, match="no evaluation report"):
        prepare("us/cups", weights, tmp_path / "out", **TERMS, reports=[tmp_path / "nowhere"])


@pytest.mark.parametrize("repo", ["cups", "us/cups/more", "", "us/", "us/a b"])
def test_a_name_that_no_repo_can_have(repo, weights):
    with pytest.raises(OptionError, match="owner/name"):
        push(repo, weights, **TERMS)


def test_a_file_that_is_no_checkpoint_reaches_nobody(hub, tmp_path, weights):
    (tmp_path / "page.pth").write_text("<html>")
    with pytest.raises(CheckpointError, match="web page"):
        push("us/cups", tmp_path / "page.pth", **TERMS)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="truncated"):
        push("us/cups", cut, **TERMS)
    assert hub.asked == []


def test_weights_that_hold_nan_are_not_pushed(hub, tmp_path):
    model = tiny_model("tiny_vit")
    next(model.parameters()).data[0] = float("nan")
    save_model(model, tmp_path / "nan.safetensors")
    with pytest.raises(CheckpointError, match="NaN"):
        push("us/cups", tmp_path / "nan.safetensors", **TERMS)
    assert hub.repos == {}


def test_without_a_token(hub, weights, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UploadError, match="no token for the Hub; log in with `hf auth login`, or set HF_TOKEN"):
        push("us/cups", weights, **TERMS)
    assert hub.asked == []


def test_a_token_that_the_hub_refuses(hub, weights, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UploadError, match="nothing was pushed: the Hub refused the token"):
        push("us/cups", weights, **TERMS)
    assert hub.repos == {}


def test_a_server_that_cannot_be_reached(hub, weights, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UploadError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        push("us/cups", weights, **TERMS)
    monkeypatch.setenv("HQSAM_OFFLINE", "1")
    with pytest.raises(UploadError, match="forbidden by HQSAM_OFFLINE"):
        push("us/cups", weights, **TERMS)


def test_a_repo_of_another_model_is_left_alone(hub, tmp_path, weights):
    hub.repos["us/cups"] = Repo(
        [{"model.safetensors": b"", "config.json": b'{"library_name": "hqsam", "name": "vit_l"}'}]
    )
    with pytest.raises(OptionError, match=r"holds hqsam's vit_l, and this is tiny_vit_of_the_tests.*--replace"):
        push("us/cups", weights, **TERMS)
    assert not [asked for asked in hub.asked if not asked.startswith(("GET", "HEAD"))]
