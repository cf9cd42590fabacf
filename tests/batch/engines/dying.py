"""Workers of a batch job that kill themselves on some images, for several processes and for Ray."""

import os
import signal
from dataclasses import replace
from pathlib import Path

from hqsam.batch.engines import worker_process
from hqsam.batch.engines.ray import ChunkActor
from hqsam.batch.image_work import ImageWork

_compute = ImageWork.compute


def _compute_or_die(self, works):
    if works[0].item.name == "day/0005.png" and not works[0].has_failed:
        os.kill(os.getpid(), signal.SIGKILL)
    _compute(self, works)


def dies_on_one_image(pipe, job):
    """Die each time that the image `day/0005.png` is to be computed."""
    ImageWork.compute = _compute_or_die
    worker_process.work_on_chunks(pipe, job)


class DyingActor(ChunkActor):
    """Dies each time that the image `day/0005.png` is to be computed."""

    def __init__(self, job, version):
        ImageWork.compute = _compute_or_die
        super().__init__(job, version)


def dies_once(pipe, job):
    """Die at the image `night/0004.png`, the first time."""

    def compute(self, works):
        mark = Path(job.out).parent / "has-died"
        if works[0].item.name == "night/0004.png" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        _compute(self, works)

    ImageWork.compute = compute
    worker_process.work_on_chunks(pipe, job)


def has_another_model(pipe, job):
    """Have weights that are not those of the job."""
    worker_process.work_on_chunks(pipe, replace(job, model_digest="another"))
