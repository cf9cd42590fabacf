"""As much of a CVAT server as its own client needs to annotate one task: real requests and responses over HTTP."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cvat_sdk.version import VERSION
from PIL import Image

_DATE = "2026-01-01T00:00:00Z"


class Task:
    """A task of a few images, and what was sent to be its annotations."""

    def __init__(self, photos: list[Path], labels: dict[str, str]) -> None:
        """Make a task of these photos, with labels and their types."""
        self.photos, self.labels = photos, labels
        self.sent: dict[str, Any] = {}

    def respond(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Any:
        """The response to one request: bytes, or what becomes JSON."""
        match method, path:
            case "GET", "/api/server/about":
                texts = dict.fromkeys(("description", "logo_url", "subtitle"), "")
                return {"name": "CVAT", "version": VERSION, **texts}
            case "POST", ("/api/auth/login" | "/api/auth/logout"):
                return {"key": "a-key", "detail": ""}
            case "GET", "/api/tasks/1":
                return self._task()
            case "GET", "/api/tasks/1/data/meta":
                return self._meta()
            case "GET", "/api/labels":
                return {"count": len(self.labels), "next": None, "previous": None, "results": self._labels()}
            case "GET", "/api/tasks/1/data":
                assert query["type"] == ["chunk"] and query["quality"] == ["original"]
                return self._chunk()
            case (("PATCH" | "PUT"), "/api/tasks/1/annotations"):
                self.sent = json.loads(body)
                return {"version": 1, "tags": [], "shapes": [], "tracks": []}
        raise LookupError(f"{method} {path}")

    def _task(self) -> dict[str, Any]:
        return {
            "id": 1,
            "name": "cups",
            "jobs": {"url": "http://127.0.0.1/jobs", "count": 1, "completed": 0, "validation": 0},
            "labels": {"url": "http://127.0.0.1/labels"},
            "created_date": _DATE,
            "updated_date": _DATE,
            "data_chunk_size": 72,
            "data_original_chunk_type": "imageset",
            "size": len(self.photos),
            "mode": "annotation",
            "dimension": "2d",
            "organization": None,
            "organization_id": None,
        }

    def _labels(self) -> list[dict[str, Any]]:
        more = {"attributes": [], "sublabels": [], "parent_id": None, "has_parent": False, "color": "#ff0000"}
        return [{"id": 50 + n, "name": name, "type": kind} | more for n, (name, kind) in enumerate(self.labels.items())]

    def _meta(self) -> dict[str, Any]:
        frames = []
        for photo in self.photos:
            with Image.open(photo) as image:
                frames.append({"name": photo.name, "width": image.width, "height": image.height, "related_files": 0})
        last = len(frames) - 1
        numbers = {"chunk_size": 72, "size": len(frames), "start_frame": 0, "stop_frame": last, "image_quality": 70}
        return numbers | {"chunks_updated_date": _DATE, "deleted_frames": [], "frame_filter": "", "frames": frames}

    def _chunk(self) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as chunk:
            for number, photo in enumerate(self.photos):
                chunk.write(photo, f"{number:06d}.jpeg")
        return file.getvalue()


@contextmanager
def serving(task: Task) -> Iterator[str]:
    """Serve the task until the block ends, and give the address."""

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer, status = task.respond(self.command, parts.path.rstrip("/"), parse_qs(parts.query), body), 200
            except LookupError as error:
                answer, status = {"detail": str(error)}, 404
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            kind = "application/zip" if isinstance(answer, bytes) else "application/vnd.cvat+json"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            for cookie in ("sessionid=s; Path=/", "csrftoken=c; Path=/"):
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PATCH = do_PUT = do_POST = respond  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
