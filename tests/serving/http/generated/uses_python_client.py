"""Uses the client that openapi-python-client generated: `python uses_python_client.py ADDRESS TOKEN IMAGE`."""

import sys
from io import BytesIO

from hqsam_api.api.annotations import add_annotations, list_annotations
from hqsam_api.api.export_and_import import export_annotations, import_annotations
from hqsam_api.api.images import image_thumbnail, list_images, upload_image
from hqsam_api.api.masks import predict_masks
from hqsam_api.client import AuthenticatedClient
from hqsam_api.models import (
    AnnotationCreate,
    BodyImportAnnotations,
    BodyUploadImage,
    MasksRequest,
    MasksRequestCandidatesType0,
    Prompt,
    PromptLabelsItem,
)
from hqsam_api.types import File

address, token, path = sys.argv[1:]
client = AuthenticatedClient(base_url=address, token=token, raise_on_unexpected_status=True)
with open(path, "rb") as file:  # noqa: PTH123
    image = upload_image.sync(client=client, body=BodyUploadImage(file=File(file, "coffee.jpg", "image/jpeg")))
assert (image.width, image.height, image.name) == (600, 400, "coffee.jpg"), image
assert image_thumbnail.sync(image.id, client=client).payload.read().startswith(b"\xff\xd8\xff")

by_box = predict_masks.sync(image.id, client=client, body=MasksRequest([Prompt(box=[170, 15, 412, 210])]))
click = Prompt(points=[[300, 100]], labels=[PromptLabelsItem.VALUE_1])
by_click = predict_masks.sync(
    image.id, client=client, body=MasksRequest([click], candidates=MasksRequestCandidatesType0.VALUE_3)
)
assert len(by_box.masks) == 1 and len(by_click.masks) == 3, (by_box, by_click)

cup = add_annotations.sync(image.id, client=client, body=AnnotationCreate(by_box.masks[0].rle, class_name="cup"))
assert cup.class_name == "cup" and cup.area == by_box.masks[0].area, cup
exported = export_annotations.sync(client=client, format_="coco", images=str(image.id)).payload.read()
assert b'"cup"' in exported, exported[:200]
import_annotations.sync(client=client, body=BodyImportAnnotations(file=[File(BytesIO(exported), "coco.json")]))
assert {one.class_name for one in list_annotations.sync(image.id, client=client)} == {"cup"}
assert image.id in [one.id for one in list_images.sync(client=client, limit=500).images]
print("done")  # noqa: T201
