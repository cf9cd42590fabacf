"""The code in docs/maps.md, which needs hqsam[geo]."""

import json
import shutil

import pytest

from hqsam.weights import cache
from hqsam.weights.registry import CHECKPOINTS
from tests.docs.blocks import ROOT, blocks_of

raw = pytest.importorskip("pyogrio.raw", reason="needs hqsam[geo]")
rasterio = pytest.importorskip("rasterio")


@pytest.mark.skipif(not cache.is_available(CHECKPOINTS["nano"]), reason="the bundled weights are not here")
def test_the_page_about_maps_makes_the_files_that_it_names(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    [block, _] = blocks_of(ROOT / "docs" / "maps.md", ("python",))
    exec(compile("\n" * block.line + block.code, "docs/maps.md", "exec"), {"__name__": "__main__"})
    about, _, wkb, columns = raw.read("cup.gpkg")
    table = dict(zip(about["fields"], columns, strict=True))
    assert about["crs"] == "EPSG:32633" and len(wkb) == 1 and table["label"].tolist() == ["cup"]
    with rasterio.open("out/map_labels.tif") as file:
        area = (file.read(1) > 0).sum() * 0.25
    assert table["area_m2"][0] == pytest.approx(area, rel=0.05) and 0 < table["outline_error"][0] <= 0.5 + 1e-6
    [feature] = json.loads((tmp_path / "out" / "map.geojson").read_text())["features"]
    west, north = pytest.importorskip("shapely").from_geojson(json.dumps(feature)).bounds[:2]
    assert 13 < west < 14 and 46 < north < 47
