"""A server with the frames of two discs, and a model that takes no time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from hqsam.model.hq_sam import HQSam
from hqsam.weights.save import save_model
from tests.serving.servers import Running, running, settings_in, wait_until
from tests.tiny import tiny_model
from tests.video.clips import two_discs

FRAMES = 8


def frames_in(folder: Path, count: int = FRAMES, size_hw: tuple[int, int] = (96, 128)) -> list[Any]:
    """Write frames as PNGs into a folder; return the true masks [frame][object]."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures, truth = two_discs(count, size_hw)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{number:05d}.png")
    return truth


@contextmanager
def sequence_server(home: Path, model: HQSam | None = None, **choices: Any) -> Iterator[Running]:
    """Serve the folder `clip` as a sequence, with a model of random weights: what is followed is decided by optical
    flow, unless the model has a memory."""
    file = home / "tiny.safetensors"
    save_model(model or tiny_model("tiny_vit"), file)
    settings = settings_in(home, folder=home / "clip", model=str(file), sequences=True, **choices)
    with running(settings) as server:
        yield server


def follow(server: Running, image_id: int, **request: Any) -> dict[str, Any]:
    """Start a job that follows, and return it when it has finished."""
    answer = server.ask("POST", f"/v1/images/{image_id}/follow", request)
    assert answer.status == 202, answer.body
    job = answer.json["id"]
    wait_until(lambda: server.ask("GET", f"/v1/jobs/{job}").json["state"] not in ("queued", "running"), 120)
    return server.ask("GET", f"/v1/jobs/{job}").json
