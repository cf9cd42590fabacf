"""The handler of a Nuclio function for CVAT's interactors, for servers that have no agents (CVAT Community).

CVAT sends the whole image with each prompt. So the last images stay encoded, found again by their bytes.
"""

import base64
import binascii
import hashlib
import io
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from hqsam.errors import InputError
from hqsam.integrations.cvat.interaction import arguments_of
from hqsam.integrations.cvat.masks import crop_of, encode_mask
from hqsam.predict.segmenter import Segmenter, load
from hqsam.predict.session import Session

_SESSIONS = 16
"""Images that stay encoded, 5 to 40 MB each."""


class Interactor:
    """Answers CVAT's requests for masks."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the mask in both forms that CVAT's page has asked for: `shapes`, and `mask` with its `bounds`.

        Args:
            request: `image`, a file in base64; `pos_points` and `neg_points`, lists of x, y; `obj_bbox`, two corners or
                nothing.

        Raises:
            InputError: the request is of another form, the image cannot be read, or a prompt does not fit it.
        """
        session = self._session(_image_of(request))
        try:
            positive, negative = request.get("pos_points") or [], request.get("neg_points") or []
            arguments = arguments_of(positive, negative, request.get("obj_bbox"))
        except (TypeError, ValueError) as error:
            raise InputError(f"pos_points and neg_points are lists of [x, y], obj_bbox two of them: {error}") from error
        points = encode_mask(session.segment(**arguments).rle[0])
        crop, bounds = crop_of(points)
        shape = {"type": "mask", "points": points, "group": 0, "occluded": False, "rotation": 0, "attributes": []}
        return {"shapes": [shape | {"source": "semi-auto"}], "mask": crop.astype(int).tolist(), "bounds": list(bounds)}

    def _session(self, data: bytes) -> Session:
        key = hashlib.sha256(data).digest()
        with self._lock:
            if key not in self._sessions:
                self._sessions[key] = self._segmenter.open(io.BytesIO(data))
            self._sessions.move_to_end(key)
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
            return self._sessions[key]


def init_context(context: Any) -> None:
    """Load the model named by HQSAM_MODEL; Nuclio calls this once in each worker."""
    model, device = os.environ.get("HQSAM_MODEL", "nano"), os.environ.get("HQSAM_DEVICE", "auto")
    context.user_data.interactor = Interactor(load(model, device))
    context.logger.info(f"hqsam has loaded {model}")


def handler(context: Any, event: Any) -> Any:
    """Answer one request; what cannot be used gets status 400 and the reason."""
    try:
        body = event.body if isinstance(event.body, Mapping) else json.loads(event.body)
        answer, status = context.user_data.interactor.answer(body), 200
    except (InputError, ValueError) as error:
        answer, status = {"error": str(error)}, 400
        context.logger.warn(str(error))
    text = json.dumps(answer, separators=(",", ":"))
    return context.Response(body=text, headers={}, content_type="application/json", status_code=status)


def _image_of(request: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(request["image"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise InputError("the request has no image; expected a file in base64 under 'image'") from error
