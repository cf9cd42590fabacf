"""Every object of a photo, as a job that tells how far it is."""

from hqsam.masks.runs import runs_from_rle
from hqsam.predict.segmenter import Segmenter
from hqsam.serving import schemas
from hqsam.serving.gallery import Photo
from hqsam.serving.jobs import Job


def find_everything(segmenter: Segmenter, photo: Photo, asked: schemas.AskEverything, job: Job) -> None:
    """Leave the masks in the job."""
    found = segmenter.everything(
        photo.path, points_per_side=asked.points_per_side, source=asked.source, progress=job.progress
    )
    height, _ = photo.size_hw
    masks = []
    for rle, score in zip(found.to_rle(), found.scores, strict=True):
        runs = runs_from_rle(rle)
        x0, y0, x1, y1 = runs.box_xyxy(height).tolist()
        box = x0, y0, x1, y1
        masks.append(schemas.Mask(prompt=0, score=float(score), box=box, area=runs.area, rle=schemas.Rle.of(rle)))
    job.masks = masks
