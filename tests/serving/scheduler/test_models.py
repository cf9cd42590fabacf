"""The menu of models, and how few of them are held."""

import gc
import shutil
import weakref

import pytest

from hqsam.weights.registry import CHECKPOINTS
from tests.nano import nano_file
from tests.serving.servers import photos_in, running, settings_in


@pytest.fixture
def own(_nano, tmp_path):
    """A server that was started with a file of somebody's own, and holds one model at a time."""
    mine = tmp_path / "mine.safetensors"
    shutil.copy(nano_file(tmp_path), mine)
    settings = settings_in(tmp_path, folder=photos_in(tmp_path / "photos"), model=str(mine), max_models=1)
    with running(settings) as server:
        yield server


def test_the_menu_has_every_model_and_says_which_are_here(server):
    rows = {one["name"]: one for one in server.client.models()}
    assert rows.keys() == CHECKPOINTS.keys() and next(iter(rows)) == "nano"
    assert rows["nano"]["default"] and rows["nano"]["loaded"] and rows["nano"]["bytes"] > 1_000_000
    assert not rows["vit_l"]["installed"] and rows["vit_l"]["bytes"] == CHECKPOINTS["vit_l"].bytes
    assert rows["vit_l"]["sources"] == ["sum", "hq", "sam"] and rows["sam_vit_l"]["sources"] == ["sam"]


def test_a_file_of_ones_own_is_the_first_of_the_menu(own):
    first, *_ = own.client.models()
    assert first["name"] == "mine.safetensors" and first["default"] and first["loaded"]
    assert first["sources"] == ["sum", "hq", "sam"] and first["image_size"] == 512
    assert own.ask("GET", "/v1/health").json["default_model"] == "mine.safetensors"


def test_beyond_their_number_models_are_let_go_with_their_photos_and_come_back(own):
    image = next(own.client.images())["id"]
    own.client.open(image)
    assert own.client.open(image, "nano")["model"] == "nano"
    loaded = [one["name"] for one in own.client.models() if one["loaded"]]
    assert loaded == ["nano"] and len(own.service.sessions) == 1
    assert own.client.open(image)["model"] == "mine.safetensors"


def test_a_name_that_is_none_is_404(server):
    assert server.ask("POST", "/v1/models/nobody/load").code == "not_found"


def test_a_server_that_has_stopped_holds_neither_model_nor_image(_nano, tmp_path):
    with running(settings_in(tmp_path, folder=photos_in(tmp_path / "photos"))) as server:
        server.client.open(next(server.client.images())["id"])
        assert len(server.service.sessions) == 1
        engine = weakref.ref(server.service.models.segmenter(None)._engine)
    gc.collect()
    assert engine() is None and len(server.service.sessions) == 0
