"""A client for the annotator's HTTP API; it needs none of the packages that a server does."""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import uuid4

import numpy as np
from jaxtyping import Bool

from hqsam import storage
from hqsam.errors import DataError, OptionError, ServerError
from hqsam.masks.instances import Instances
from hqsam.masks.rle import encode

_ENDED = ("done", "failed", "cancelled")
_PAGE = 200


class Client:
    """Sends requests to one server. Safe to use from threads: each request has a connection of its own.

    >>> client = hqsam.Client("http://127.0.0.1:8765", token="the-token-it-printed")
    >>> image = client.upload("cup.jpg")
    >>> cup = client.segment(image["id"], box=(170, 15, 412, 210))
    >>> client.annotate(image["id"], cup, "cup")
    """

    def __init__(
        self, address: str = "http://127.0.0.1:8765", token: str = "", *, timeout: float = 120, retries: int = 5
    ) -> None:
        """Prepare a client; no request is sent yet.

        Args:
            address: as `hqsam serve` prints it, with the token in it or without.
            token: the server's token; by default the one in the address, or `HQSAM_TOKEN`.
            timeout: seconds that one response may take.
            retries: times to try again when the server is busy, after the seconds that it says.

        Raises:
            OptionError: the address is not one of a server.
        """
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f"{address!r} is no address of a server; give one as http://127.0.0.1:8765")
        self._parts, self._timeout, self._retries = parts, timeout, retries
        self._token = token or parse_qs(parts.query).get("token", [""])[0] or os.environ.get("HQSAM_TOKEN", "")
        self._name = uuid4().hex[:12]

    def health(self) -> dict[str, Any]:
        """Return status and version of the server."""
        return self.request("GET", "/v1/health")

    def models(self) -> list[dict[str, Any]]:
        """Return every model, the default first."""
        return self.request("GET", "/v1/models")

    def load_model(self, name: str, progress: Callable[[int, int], None] | None = None) -> None:
        """Let the server download and load a model.

        Args:
            name: a name of `models()`.
            progress: called with bytes done and all bytes; may raise to cancel.

        Raises:
            ServerError: it cannot be downloaded or loaded.
        """
        self._finished(self.request("POST", f"/v1/models/{quote(name, safe='')}/load"), progress)

    def images(self, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield every image, or those of a status: todo, done, to_review or rejected; requested page by page."""
        offset = 0
        while True:
            query = urlencode({"offset": offset, "limit": _PAGE} | ({"status": status} if status else {}))
            part = self.request("GET", f"/v1/images?{query}")["images"]
            yield from part
            if len(part) < _PAGE:
                return
            offset += _PAGE

    def upload(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Add an image and return it; the same file twice is one image.

        Raises:
            DataError: the file cannot be read.
            ServerError: the server does not take it.
        """
        return self._send_file("/v1/images", Path(path), {})

    def open(self, image: int, model: str | None = None) -> dict[str, Any]:
        """Encode an image on the server, so that prompts about it are answered quickly."""
        return self.request("POST", f"/v1/images/{image}/open", {"model": model})

    def segment(
        self,
        image: int,
        *,
        points: Any = None,
        labels: Any = None,
        box: Any = None,
        boxes: Any = None,
        mask: Bool[np.ndarray, "height width"] | None = None,
        refine: Instances | None = None,
        candidates: int | str = 1,
        source: str | None = None,
        detail: bool = False,
        snap: bool = False,
        model: str | None = None,
    ) -> Instances:
        """Return the masks for one prompt, or for each of `boxes`.

        Args:
            image: the number of an image.
            points: clicks x, y [K, 2], with `labels` [K]: 1 on the object, 0 beside it.
            labels: see `points`.
            box: x0, y0, x1, y1.
            boxes: several boxes [N, 4], a prompt each.
            mask: a bool mask [H, W] of the image.
            refine: one mask of an earlier call, whose prompts are kept.
            candidates: 1 or 3 masks for each prompt, or "first", for mask 0 where SAM 2 would choose another.
            source: "sum", "hq" or "sam"; by default the model's first.
            detail: look again, closer, at the object and its edge.
            snap: move edges of masks to edges of the photo nearby.
            model: a name of `models()`; by default the server's.

        Returns:
            Instances with the column `refine`, a name for each mask that a later call can refine; and with models of
            SAM 2 `object_score`, above 0 where the object is in the image.

        Raises:
            OptionError: `refine` is not one mask of an earlier call.
            ServerError: the prompt does not fit the image, or the server cannot answer.
        """
        prompt: dict[str, Any] = {"points": _listed(points), "labels": _listed(labels), "box": _listed(box) or None}
        if mask is not None:
            prompt["mask"] = encode(mask)
        if refine is not None:
            if len(refine) != 1 or "refine" not in refine.columns:
                raise OptionError("refine takes one mask that segment() has returned, such as refine=many[0]")
            prompt["refine"] = refine.columns["refine"][0]
        prompts = [{"box": one} for one in _listed(boxes)] or [prompt]
        how = {"model": model, "source": source, "candidates": candidates, "detail": detail, "snap": snap}
        answer = self.request("POST", f"/v1/images/{image}/masks", {"prompts": prompts, **how})
        found = _instances(answer["masks"], (answer["height"], answer["width"]), image)
        found = found.with_columns(refine=tuple(one.get("refine") for one in answer["masks"]))
        objects = tuple(one.get("object_score") for one in answer["masks"])
        return found if None in objects else found.with_columns(object_score=objects)

    def everything(
        self,
        image: int,
        *,
        points_per_side: int = 32,
        source: str | None = None,
        model: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Instances:
        """Return every object of an image.

        Args:
            image: the number of an image.
            points_per_side: clicks along each side of the grid.
            source: "sum", "hq" or "sam"; by default the model's first.
            model: a name of `models()`; by default the server's.
            progress: called with clicks done and all clicks; may raise to cancel.

        Raises:
            ServerError: the server cannot do it.
        """
        asked = {"points_per_side": points_per_side, "source": source, "model": model}
        job = self._finished(self.request("POST", f"/v1/images/{image}/everything", asked), progress)
        about = self.request("GET", f"/v1/images/{image}")
        return _instances(job["masks"], (about["height"], about["width"]), image)

    def segment_text(
        self,
        image: int,
        labels: str | Sequence[str],
        *,
        threshold: float | None = None,
        max_overlap: float = 0.7,
        source: str | None = None,
        detail: bool = False,
        snap: bool = False,
        model: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Instances:
        """Return every object of an image that words name; for servers that were started with `--detector`.

        Args:
            image: the number of an image.
            labels: what to look for, each in a few words; or one text with commas.
            threshold: lowest score of a box, 0 to 1; by default the detector's own.
            max_overlap: boxes of any labels with a larger IoU are one object.
            source: "sum", "hq" or "sam"; by default the model's first.
            detail: look again, closer, at the objects and their edges.
            snap: move edges of masks to edges of the photo nearby.
            model: a name of `models()`; by default the server's.
            progress: called with labels done and all labels; may raise to cancel.

        Returns:
            Instances, best box first, with `labels`, and the detector's scores in `columns["prompt_score"]` [N].

        Raises:
            ServerError: the server has no detector, or cannot do it.
        """
        words = labels.split(",") if isinstance(labels, str) else list(labels)
        asked = {"labels": words, "threshold": threshold, "max_overlap": max_overlap, "source": source, "model": model}
        start = self.request("POST", f"/v1/images/{image}/text", asked | {"detail": detail, "snap": snap})
        masks = self._finished(start, progress)["masks"]
        about = self.request("GET", f"/v1/images/{image}")
        found = _instances(masks, (about["height"], about["width"]), image)
        scores = np.array([one["prompt_score"] for one in masks], np.float64)
        return found.with_labels([one["label"] for one in masks]).with_columns(prompt_score=scores)

    def annotations(self, image: int) -> list[dict[str, Any]]:
        """Return the annotations of an image, from back to front."""
        return self.request("GET", f"/v1/images/{image}/annotations")

    def annotate(
        self, image: int, mask: Instances | Bool[np.ndarray, "height width"], class_name: str = "object", **more: Any
    ) -> dict[str, Any]:
        """Add one mask to the annotations of an image, and return the annotation.

        Args:
            image: the number of an image.
            mask: one mask of `segment` or `everything`, or a bool mask [H, W].
            class_name: the class of the object.
            more: further fields of the API's AnnotationCreate.

        Raises:
            OptionError: `mask` holds none or several; `annotate_all` takes several.
            ServerError: the mask does not fit the image.
        """
        if isinstance(mask, Instances) and len(mask) != 1:
            raise OptionError(f"got {len(mask)} masks; give one, such as masks[0], or use annotate_all")
        one = mask if isinstance(mask, Instances) else Instances.from_masks([mask])
        return self.annotate_all(image, one.with_labels(class_name), **more)[0]

    def annotate_all(self, image: int, masks: Instances, **more: Any) -> list[dict[str, Any]]:
        """Add masks to the annotations of an image, all or none; their labels are the classes.

        Raises:
            ServerError: a mask does not fit the image.
        """
        new = [
            {"class_name": label, "key": uuid4().hex, "rle": masks.rle[row], "score": masks.known_score(row), **more}
            for row, label in enumerate(masks.labels)
        ]
        return self.request("POST", f"/v1/images/{image}/annotations", new) if new else []

    def export(self, path: str | os.PathLike[str], format_name: str = "coco", images: list[int] | None = None) -> Path:
        """Write annotations to a file: one of the format's, or a zip if there are several.

        Args:
            path: where to write it.
            format_name: a name of `hqsam.formats.FORMATS`.
            images: numbers of images; by default all that have annotations or are done.

        Raises:
            ServerError: there is no such format, or nothing to write.
            OutputError: the file cannot be written.
        """
        query = {"format": format_name} | ({"images": ",".join(map(str, images))} if images else {})
        storage.write_bytes(path, self._ask("GET", f"/v1/export?{urlencode(query)}"))
        return Path(path)

    def import_file(self, path: str | os.PathLike[str], image: int | None = None) -> dict[str, Any]:
        """Import COCO or labelme JSON, a zip of them, or a mask or label map of one image."""
        return self._send_file("/v1/import", Path(path), {} if image is None else {"image": str(image)})

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send any request of the API, and return the JSON of its response.

        Raises:
            ServerError: the server cannot be reached, or refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        answer = self._ask(method, path, data, {"Content-Type": "application/json"} if data else {})
        return json.loads(answer) if answer else None

    def _finished(self, job: dict[str, Any], progress: Callable[[int, int], None] | None) -> dict[str, Any]:
        try:
            while job["state"] not in _ENDED:
                if progress:
                    progress(job["done"], job["total"])
                time.sleep(0.1)
                job = self.request("GET", f"/v1/jobs/{job['id']}")
        except BaseException:
            self.request("DELETE", f"/v1/jobs/{job['id']}")
            raise
        if job["state"] != "done":
            error = job["error"] or {"code": "cancelled", "message": "the job was cancelled"}
            raise ServerError(error["message"], 200, error["code"])
        return job

    def _send_file(self, path: str, file: Path, fields: dict[str, str]) -> dict[str, Any]:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {file}: {error}") from error
        border = uuid4().hex
        heads = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
        heads.append(f'name="file"; filename="{quote(file.name, safe=" .-_()")}"\r\n\r\n'.encode() + data)
        begin = f"--{border}\r\nContent-Disposition: form-data; ".encode()
        body = b"".join(begin + head + b"\r\n" for head in heads) + f"--{border}--\r\n".encode()
        answer = self._ask("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={border}"})
        return json.loads(answer)

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> bytes:
        """Return the response's bytes; try again while the server is busy."""
        status, wait, answer = self._once(method, path, body, headers or {})
        for _ in range(self._retries):
            if status != 503:
                break
            time.sleep(min(wait, 30.0))
            status, wait, answer = self._once(method, path, body, headers or {})
        if status >= 300:
            raise _error(status, answer)
        return answer

    def _once(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, float, bytes]:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=self._timeout)
        known = {"Authorization": f"Bearer {self._token}", "X-Hqsam-Client": self._name}
        try:
            connection.request(method, self._parts.path.rstrip("/") + path, body, headers | known)
            response = connection.getresponse()
            return response.status, float(response.headers.get("Retry-After", "1")), response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ServerError(f"no answer from {self._parts.scheme}://{self._parts.netloc}: {error!r}") from error
        finally:
            connection.close()


def _error(status: int, answer: bytes) -> ServerError:
    try:
        detail = json.loads(answer)["error"]
        return ServerError(detail["message"], status, detail["code"])
    except (ValueError, LookupError, TypeError):
        return ServerError(f"the server answered {status}: {answer[:200]!r}", status, "unknown")


def _instances(masks: list[dict[str, Any]], size_hw: tuple[int, int], image: int) -> Instances:
    return Instances.from_rle(
        [one["rle"] for one in masks],
        size_hw,
        scores=[one["score"] for one in masks],
        prompt_index=[one["prompt"] for one in masks],
        image_name=f"image_{image}",
    )


def _listed(given: Any) -> list[Any]:
    return [] if given is None else np.asarray(given).tolist()
