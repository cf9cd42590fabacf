"""A server from Python: what the page can do, a program can.

With the standard library alone, so that a machine that only asks needs none of the packages that a server does.
"""

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit
from uuid import uuid4

import numpy as np
from jaxtyping import Bool

from hqsam import storage
from hqsam.errors import DataError, OptionError, ServerError
from hqsam.masks.rle import Rle, decode, encode

_ENDED = ("done", "failed", "cancelled")
_PAGE = 200


@dataclass(frozen=True)
class RemoteMask:
    """One mask that a server found."""

    prompt: int
    """The number of its prompt."""
    score: float
    """Predicted IoU."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 around the mask."""
    area: int
    rle: Rle = field(repr=False)
    refine: str | None = field(default=None, repr=False)
    """What `segment(refine=...)` takes, to go on from it."""

    @property
    def mask(self) -> Bool[np.ndarray, "height width"]:
        """Made anew each time; keep it while you need it."""
        return decode(self.rle)


class Client:
    """Talks to one server. Safe to use from threads: each request has a connection of its own."""

    def __init__(
        self, address: str = "http://127.0.0.1:8765", token: str = "", *, timeout: float = 120, retries: int = 5
    ) -> None:
        """Nothing is asked yet.

        Args:
            address: as `hqsam serve` prints it, with the token in it or without.
            token: the server's; by default the one in the address, or `HQSAM_TOKEN`.
            timeout: seconds that one answer may take.
            retries: how often to come again when the server is busy, each time when it says.

        Raises:
            OptionError: the address is none.
        """
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f"{address!r} is no address of a server; give one as http://127.0.0.1:8765")
        self._parts, self._timeout, self._retries = parts, timeout, retries
        self._token = token or parse_qs(parts.query).get("token", [""])[0] or os.environ.get("HQSAM_TOKEN", "")
        self._name = uuid4().hex[:12]

    def health(self) -> dict[str, Any]:
        """The server's version."""
        return self.request("GET", "/v1/health")

    def models(self) -> list[dict[str, Any]]:
        """Every model, the default first."""
        return self.request("GET", "/v1/models")

    def load_model(self, name: str, progress: Callable[[int, int], None] | None = None) -> None:
        """Have a model downloaded and loaded; `progress` is told bytes and all bytes.

        Raises:
            ServerError: it cannot be.
        """
        self._finished(self.request("POST", f"/v1/models/{quote(name, safe='')}/load"), progress)

    def images(self, status: str | None = None) -> Iterator[dict[str, Any]]:
        """Every photo, or those `todo` or `done`; asked for in parts."""
        offset = 0
        while True:
            query = urlencode({"offset": offset, "limit": _PAGE} | ({"status": status} if status else {}))
            part = self.request("GET", f"/v1/images?{query}")["images"]
            yield from part
            if len(part) < _PAGE:
                return
            offset += _PAGE

    def upload(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Add a photo; the same file twice is one photo.

        Raises:
            DataError: the file cannot be read.
            ServerError: the server does not take it.
        """
        return self._send_file("/v1/images", Path(path), {})

    def open(self, image: int, model: str | None = None) -> dict[str, Any]:
        """Have a photo encoded, so that prompts are quick."""
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
        refine: RemoteMask | None = None,
        candidates: int = 1,
        source: str | None = None,
        detail: bool = False,
        model: str | None = None,
    ) -> list[RemoteMask]:
        """Masks for one prompt, or one for each of `boxes`; the arguments are those of `Session.segment`.

        Raises:
            ServerError: the prompt does not fit the photo, or the server cannot answer.
        """
        prompt: dict[str, Any] = {"points": _listed(points), "labels": _listed(labels), "box": _listed(box) or None}
        if mask is not None:
            prompt["mask"] = encode(mask)
        if refine is not None:
            prompt["refine"] = refine.refine
        prompts = [{"box": one} for one in _listed(boxes)] or [prompt]
        how = {"model": model, "source": source, "candidates": candidates, "detail": detail}
        return _masks(self.request("POST", f"/v1/images/{image}/masks", {"prompts": prompts, **how}))

    def everything(
        self,
        image: int,
        *,
        points_per_side: int = 32,
        source: str | None = None,
        model: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[RemoteMask]:
        """Every object of a photo; `progress` is told clicks done and all clicks, and may raise to cancel.

        Raises:
            ServerError: the server cannot do it.
        """
        asked = {"points_per_side": points_per_side, "source": source, "model": model}
        return _masks(self._finished(self.request("POST", f"/v1/images/{image}/everything", asked), progress))

    def annotations(self, image: int) -> list[dict[str, Any]]:
        """The objects of a photo that somebody keeps, oldest first."""
        return self.request("GET", f"/v1/images/{image}/annotations")

    def annotate(
        self, image: int, mask: RemoteMask | Bool[np.ndarray, "height width"], class_name: str = "object", **more: Any
    ) -> dict[str, Any]:
        """Keep an object; `more` are further fields of the API's NewAnnotation."""
        known = {"rle": mask.rle, "score": mask.score} if isinstance(mask, RemoteMask) else {"rle": encode(mask)}
        new = {"class_name": class_name, "key": uuid4().hex, **known, **more}
        return self.request("POST", f"/v1/images/{image}/annotations", new)

    def export(self, path: str | os.PathLike[str], format_name: str = "coco", images: list[int] | None = None) -> Path:
        """Write annotations to a file: one of the format's, or a zip if there are several.

        Raises:
            ServerError: there is no such format, or nothing to write.
            OutputError: the file cannot be written.
        """
        query = {"format": format_name} | ({"images": ",".join(map(str, images))} if images else {})
        storage.write_bytes(path, self._ask("GET", f"/v1/export?{urlencode(query)}"))
        return Path(path)

    def import_file(self, path: str | os.PathLike[str], image: int | None = None) -> dict[str, Any]:
        """Take in COCO JSON, or a PNG mask for one photo."""
        return self._send_file("/v1/import", Path(path), {} if image is None else {"image": str(image)})

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Any request of the API: JSON in, JSON out.

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
        """The answer's bytes; comes again while the server is busy."""
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


def _masks(answer: dict[str, Any]) -> list[RemoteMask]:
    return [
        RemoteMask(one["prompt"], one["score"], tuple(one["box"]), one["area"], one["rle"], one.get("refine"))
        for one in answer["masks"]
    ]


def _listed(given: Any) -> list[Any]:
    return [] if given is None else np.asarray(given).tolist()
