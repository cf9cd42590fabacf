"""Sequences: the frames of a folder, objects along them, following, and export as videos have it."""

import zipfile
from pathlib import Path
from typing import Annotated

from fastapi import Query, Request, Response

from hqsam import storage
from hqsam.predict.sources import check_source
from hqsam.serving.http.converters import to_annotation, to_job
from hqsam.serving.http.dependencies import AnnotationId, ContextDep, ImageId, ServiceDep, binary, router
from hqsam.serving.http.file_answers import file_answer
from hqsam.serving.http.following import Follower
from hqsam.serving.http.schemas import annotations, sequences
from hqsam.serving.http.schemas.jobs import Job as JobSchema
from hqsam.serving.scheduler.jobs import Job
from hqsam.serving.scheduler.request_context import RequestContext
from hqsam.serving.service import Service
from hqsam.serving.store.errors import NotFoundError
from hqsam.serving.store.sequence_video import sequence_name, tracked_video
from hqsam.video.results import VideoResults
from hqsam.video.writers import write

routes = router("sequences")
_FILE = binary(description="A file, or a zip of several.")


@routes.get("/images/{image_id}/sequence")
def get_sequence(image_id: ImageId, service: ServiceDep) -> sequences.Sequence:
    """Return the sequence that an image is a frame of: the images of its folder, and the objects along them."""
    found = service.sequences.of_image(image_id)
    tracks = [
        sequences.Track(track=one.number, class_name=one.class_name, keyframes=one.keyframes, tracked=one.tracked)
        for one in service.sequences.tracks(found)
    ]
    place = found.place_of(image_id)
    return sequences.Sequence(name=found.name, place=place, images=found.image_ids, tracks=tracks)


@routes.post("/images/{image_id}/follow", status_code=202)
def start_following(
    image_id: ImageId, body: sequences.FollowRequest, service: ServiceDep, context: ContextDep
) -> JobSchema:
    """Start a job that follows the objects of a frame into the next ones. Each frame is stored when it is done."""
    model = service.models.resolve(body.model)
    segmenter = service.models.segmenter(model)
    check_source(body.source, segmenter.config)
    follower = Follower(service, image_id, body)
    job = Job("follow", model, image_id, context)
    service.jobs.submit(job, lambda job: follower.run(segmenter, job))
    return to_job(job, with_masks=False)


@routes.put("/annotations/{annotation_id}/track")
def set_track(annotation_id: AnnotationId, body: sequences.TrackUpdate, service: ServiceDep) -> annotations.Annotation:
    """Say which object of the sequence an annotation is, such as one that was lost and is drawn again."""
    image_id = service.annotations.get(annotation_id).row.image_id
    found = service.sequences.of_image(image_id)
    return to_annotation(service.sequences.set_track(found, annotation_id, body.track))


@routes.get("/images/{image_id}/sequence/export", response_class=Response, responses=_FILE)
async def export_sequence(
    image_id: ImageId,
    request: Request,
    service: ServiceDep,
    context: ContextDep,
    format_name: Annotated[sequences.SequenceFormat, Query(alias="format")] = "davis",
) -> Response:
    """Return the objects of a sequence in any format of `hqsam track`."""
    return await file_answer(
        request, context, service, lambda folder: _export(service, context, image_id, format_name, folder)
    )


def _export(service: Service, context: RequestContext, image_id: int, format_name: str, folder: Path) -> Path:
    sequence = service.sequences.of_image(image_id)
    name = sequence_name(sequence, service.settings.folder)
    video = tracked_video(sequence, service.sequences, service.library, name)
    if not video.objects:
        raise NotFoundError("there is nothing to export: no object of this sequence was followed yet")
    results = VideoResults(video, lambda done, total: context.raise_if_cancelled())
    (written,) = write(results, folder, [format_name])
    if written.is_file():
        return written
    path = folder / f"{name}_{format_name}.zip"
    with storage.replacing(path) as temporary_path, zipfile.ZipFile(temporary_path, "w") as archive:
        for file in sorted(written.iterdir()):
            archive.write(file, f"{name}/{file.name}")
    return path
