"""The list of classes, changes of it, and undoing of changes."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import Body, File, Path, Query, UploadFile
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from hqsam.errors import DataError
from hqsam.serving.http.dependencies import ServiceDep, router
from hqsam.serving.http.schemas import classes as schemas
from hqsam.serving.http.schemas.common import Id
from hqsam.serving.http.schemas.images import StatusCounts
from hqsam.serving.service import Service
from hqsam.serving.store.batches import BatchResult
from hqsam.serving.store.class_files import read_class_file
from hqsam.serving.store.classes import ClassEntry

routes = router("classes")
_MAX_CLASSES = 2000
ClassNumber = Annotated[int, Path(ge=1, le=65_535, description="Number of a class.", examples=[1])]


@routes.get("/classes")
def list_classes(service: ServiceDep) -> list[schemas.ObjectClass]:
    """Return the classes of objects in their order."""
    counts = service.classes.counts()
    return [
        schemas.ObjectClass(
            number=one.number,
            name=one.name,
            colour=one.colour,
            key=one.key,
            annotation_count=counts.get(one.name, (0, 0))[0],
        )
        for one in service.classes.list()
    ]


@routes.put("/classes")
def replace_classes(
    classes: Annotated[list[schemas.ClassEntry], Body(max_length=_MAX_CLASSES)], service: ServiceDep
) -> list[schemas.ObjectClass]:
    """Set the list of classes; those with annotations stay, at its end, if they are not in it."""
    service.classes.replace([ClassEntry(**one.model_dump()) for one in classes])
    return list_classes(service)


@routes.post("/classes")
def add_class(entry: schemas.ClassEntry, service: ServiceDep) -> list[schemas.ObjectClass]:
    """Add one class at the end of the list, or change it if it is there; a key that another class has is not taken."""
    service.classes.add(ClassEntry(**entry.model_dump()))
    return list_classes(service)


@routes.post("/classes/file")
async def read_class_list(
    service: ServiceDep,
    file: Annotated[UploadFile, File()],
    renumber: Annotated[bool, Query(description="Take the file's numbers for classes that have others.")] = False,
) -> list[schemas.ObjectClass]:
    """Set the list of classes from a file, with its numbers; 409 if classes have other numbers already.

    Names on lines, YOLO's data.yaml, COCO JSON, a table with the columns number, name and colour, or JSON.
    """
    entries = read_class_file(await file.read())
    try:
        for one in entries:
            schemas.ClassEntry(**asdict(one))
    except ValidationError as error:
        raise DataError(f"a class of the file cannot be taken: {error.errors()[0]['msg']}") from error
    await run_in_threadpool(service.classes.replace, entries, renumber=renumber)
    return await run_in_threadpool(list_classes, service)


@routes.patch("/classes/{number:int}")
def change_class(number: ClassNumber, change: schemas.ClassUpdate, service: ServiceDep) -> schemas.ClassChange:
    """Change a class; a new name is given to all its annotations, and 409 if another class has it."""
    sent = change.model_dump(exclude_unset=True)
    changes = {name: value for name, value in sent.items() if value is not None or name == "key"}
    return _class_change(service, service.batches.update_class(number, **changes))


@routes.post("/classes/{number:int}/merge")
def merge_classes(number: ClassNumber, merge: schemas.MergeRequest, service: ServiceDep) -> schemas.ClassChange:
    """Give all annotations of a class another class, and remove it."""
    return _class_change(service, service.batches.merge_class(number, merge.into))


@routes.delete("/classes/{number:int}")
def remove_class(
    number: ClassNumber, service: ServiceDep, annotations: Annotated[Literal["refuse", "delete"], Query()] = "refuse"
) -> schemas.ClassChange:
    """Remove a class; 409 if it has annotations, unless they are to be deleted with it."""
    return _class_change(service, service.batches.remove_class(number, with_annotations=annotations == "delete"))


@routes.post("/batches/{batch}/undo")
def undo_batch(batch: Annotated[Id, Path(description="Number of a batch.")], service: ServiceDep) -> schemas.UndoResult:
    """Take back an import, a copy or a change of classes; annotations that were changed since are left alone."""
    result = service.batches.undo(batch)
    return schemas.UndoResult(batch=result.batch, undone=result.changed, skipped=result.skipped, images=result.images)


@routes.get("/statistics")
def get_statistics(service: ServiceDep) -> schemas.Statistics:
    """Return counts of images by status, and of images and annotations by class."""
    counts = service.classes.counts()
    classes = []
    for one in service.classes.list():
        annotations, images = counts.get(one.name, (0, 0))
        about = {"number": one.number, "name": one.name, "colour": one.colour}
        classes.append(schemas.ClassStatistics(**about, images=images, annotations=annotations))
    images = StatusCounts(**service.images.status_counts())
    return schemas.Statistics(images=images, annotations=sum(one.annotations for one in classes), classes=classes)


def _class_change(service: Service, result: BatchResult) -> schemas.ClassChange:
    return schemas.ClassChange(classes=list_classes(service), changed=result.changed, batch=result.batch)
