"""The plugin of QGIS: its client of the server here, all of it in a QGIS without a display where one is installed."""

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hqsam
from tests.docs.blocks import ROOT
from tests.serving.servers import TOKEN, running, settings_in

PLUGIN = ROOT / "integrations" / "qgis"
SYSTEM_PYTHON = Path("/usr/bin/python3")
BOX = (170, 15, 412, 210)


def module(name):
    """A file of the plugin that does not need QGIS."""
    about = importlib.util.spec_from_file_location(f"hqsam_qgis_{name}", PLUGIN / "hqsam_qgis" / f"{name}.py")
    loaded = importlib.util.module_from_spec(about)
    about.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def served(_nano, tmp_path_factory):
    with running(settings_in(tmp_path_factory.mktemp("served"))) as server:
        yield server


def address_of(server):
    return f"{server.address}/?token={TOKEN}"


def test_no_file_of_the_plugin_imports_more_than_the_standard_library_and_qgis():
    import ast
    import sys

    for path in (PLUGIN / "hqsam_qgis").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "qgis"}, (path.name, name)


def test_the_client_gives_the_polygons_that_the_library_gives(served):
    client = module("server").Server(address_of(served))
    assert client.health()["status"] == "ok"
    photo = ROOT / "examples" / "coffee.jpg"
    number = client.upload(photo.read_bytes(), "coffee.jpg")
    polygons, score = client.segment(number, box=BOX)
    expected = served.client.segment(number, box=BOX)
    assert score == pytest.approx(expected.scores[0], abs=1e-4)
    [exact] = expected.to_polygons()
    assert sorted(map(len, (one["exterior"] for one in polygons))) == sorted(len(one.exterior) for one in exact)
    by_click, _ = client.segment(number, points=[(290, 110)], labels=[1], tolerance=1)
    assert by_click


def test_a_server_that_is_not_there_or_refuses_is_an_error_to_read(served):
    server = module("server")
    with pytest.raises(server.ServerError, match="no address of a server"):
        server.Server("localhost")
    with pytest.raises(server.ServerError, match="Is `hqsam serve` running"):
        server.Server("http://127.0.0.1:9/?token=x", timeout=2).health()
    with pytest.raises(server.ServerError, match="token"):
        server.Server(address_of(served).partition("?")[0]).upload(b"", "a.png")


@pytest.mark.slow
def test_a_box_on_the_map_becomes_an_outline_where_the_object_is(served, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    shapely = pytest.importorskip("shapely")
    have_qgis = [str(SYSTEM_PYTHON), "-c", "import qgis.core"]
    if not SYSTEM_PYTHON.exists() or subprocess.run(have_qgis, capture_output=True).returncode:
        pytest.skip("needs QGIS; install it with: apt-get install qgis python3-qgis")
    with Image.open(ROOT / "examples" / "coffee.jpg") as image:
        pixels = np.asarray(image.convert("RGB"))
    transform = rasterio.Affine(0.5, 0, 400_000, 0, -0.5, 5_200_000)
    with rasterio.open(
        tmp_path / "map.tif", "w", driver="GTiff", width=600, height=400, count=3, dtype="uint8", crs="EPSG:32633",
        transform=transform, photometric="RGB",
    ) as file:  # fmt: skip
        file.write(pixels.transpose(2, 0, 1))
    on_map = [400_000 + BOX[0] / 2, 5_200_000 - BOX[3] / 2, 400_000 + BOX[2] / 2, 5_200_000 - BOX[1] / 2]
    result = tmp_path / "found.json"
    command = [SYSTEM_PYTHON, Path(__file__).with_name("run_in_qgis.py"), PLUGIN, tmp_path / "map.tif"]
    finished = subprocess.run(
        [*map(str, command), address_of(served), str(result)],
        input=f"{json.dumps(on_map)}\n{json.dumps([BOX[:2], BOX[2:]])}\n",
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert result.exists(), finished.stderr[-3000:]
    about = json.loads(result.read_text())
    assert about["buttons"] == 2 and about["unloaded"] and not about["torch"]
    assert not about["refused"] and about["nothing"] and about["answers"]
    assert "Is `hqsam serve` running" in about["said"][0]
    assert about["crs"] == "EPSG:32633" and about["same_view"] and len(about["outlines"]) == 3
    expected = hqsam.load("nano").open(pixels).segment(box=BOX).masks[0]
    for outline in about["outlines"][:2]:  # by a rectangle, and by the mouse
        geometry = shapely.from_wkt(outline["wkt"])
        mask = pytest.importorskip("rasterio.features").rasterize([geometry], (400, 600), transform=transform) > 0
        assert (mask & expected).sum() / (mask | expected).sum() > 0.97
