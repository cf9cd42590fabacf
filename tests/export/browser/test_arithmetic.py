"""What the page computes beside the model, run by node, is what Python computes."""

import json
import subprocess

import numpy as np
import pytest
import torch

from hqsam.export.browser.export_browser import copy_page
from hqsam.geometry import Frame
from hqsam.images.cutout import soft_alpha
from hqsam.model.config import MODELS
from hqsam.model.preprocess import normalise_and_pad, resize_image
from tests import needs

NANO = MODELS["nano"]
ABOUT = {
    "imageSize": NANO.image_size,
    "maskSize": NANO.mask_size,
    "stride": NANO.stride,
    "padding": NANO.padding,
    "mean": NANO.pixel_mean,
    "deviation": NANO.pixel_std,
}
SIZES = [(300, 400), (1031, 777), (512, 512), (40, 900), (64, 32)]


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """Runs an expression of the page's modules; arrays come and go as bytes."""
    program = needs.program("node", install="apt-get install npm") / "node"
    folder = tmp_path_factory.mktemp("page")
    copy_page(folder)
    (folder / "package.json").write_text('{"type": "module"}')

    def run(code: str, values: np.ndarray, kind: type) -> np.ndarray:
        (folder / "in.bin").write_bytes(np.ascontiguousarray(values).tobytes())
        script = f"""
            import fs from "node:fs";
            import {{ encoderInput, resize }} from "./segmenter/resize.js";
            import {{ eachRow, maskOf }} from "./masks/full_size.js";
            import {{ softEdge }} from "./masks/soft_edge.js";
            const about = {json.dumps(ABOUT)};
            const bytes = fs.readFileSync("in.bin");
            const values = {"new Float32Array" if values.dtype == np.float32 else "new Uint8ClampedArray"}(
                bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
            const found = (() => {{ {code} }})();
            fs.writeFileSync("out.bin", Buffer.from(found.buffer, found.byteOffset, found.byteLength));
        """
        (folder / "run.js").write_text(script)
        subprocess.run([program, "run.js"], cwd=folder, check=True)
        return np.frombuffer((folder / "out.bin").read_bytes(), kind)

    return run


@pytest.fixture(scope="module")
def logits():
    """Of a round object with a hole, unevenly steep."""
    y, x = np.mgrid[:128, :128].astype(np.float32)
    away = np.hypot(x - 50, y - 40)
    return (np.minimum(30 - away, away - 8) * (0.2 + x / 100)).astype(np.float32)


@pytest.mark.parametrize("size_hw", SIZES)
def test_photos_are_prepared_as_in_python(node, size_hw):
    height, width = size_hw
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    size = f"{{width: {width}, height: {height}}}"
    small = resize_image(photo[..., :3], Frame(size_hw, NANO.image_size))
    ours = normalise_and_pad([small], NANO)[0].numpy()
    theirs = node(f"return encoderInput(values, {size}, about).data;", photo, np.float32).reshape(ours.shape)
    assert np.abs(theirs - ours).max() <= 1.01 / 128, "one grey level"
    assert (theirs != ours).mean() < 0.02


@pytest.mark.parametrize("size_hw", SIZES)
def test_masks_are_made_as_in_python(node, size_hw, logits):
    height, width = size_hw
    ours = Frame(size_hw, NANO.image_size).masks_to_image(torch.from_numpy(logits)[None])[0].numpy()
    size = f"{{width: {width}, height: {height}}}"
    code = f"""
        const all = new Float32Array({height * width});
        eachRow(values, about, {size}, {size}, (row, y) => all.set(row, y * {width}));
        return all;
    """
    assert np.abs(node(code, logits, np.float32).reshape(size_hw) - ours).max() < 1e-3


def test_soft_edges_are_those_of_python(node, logits):
    size_hw = (300, 400)
    full = Frame(size_hw, NANO.image_size).masks_to_image(torch.from_numpy(logits)[None])[0].numpy()
    code = """
        const mask = maskOf(values, about, { width: 400, height: 300 });
        const { box, alpha } = softEdge(mask, values, about);
        const all = new Uint8Array(400 * 300);
        for (let y = box.y0; y < box.y1; y++) {
          for (let x = box.x0; x < box.x1; x++) all[400 * y + x] = alpha[(y - box.y0) * (box.x1 - box.x0) + x - box.x0];
        }
        return all;
    """
    ours = soft_alpha(full) * 255
    assert np.abs(node(code, logits, np.uint8).reshape(size_hw) - ours).max() <= 1
