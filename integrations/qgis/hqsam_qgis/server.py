"""A running hqsam server, by the standard library alone."""

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid

NO_ANSWER = "no answer from {address}: {reason}. Is `hqsam serve` running, and is this the address that it printed?"


class ServerError(Exception):
    """The server cannot be reached, or refuses; the message can be shown."""


class Server:
    """Sends images and prompts to one server."""

    def __init__(self, address, timeout=120):
        """Take the address that `hqsam serve` prints, with the token in it."""
        parts = urllib.parse.urlsplit(address.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ServerError(f"{address!r} is no address of a server; paste the one that `hqsam serve` prints")
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._token = urllib.parse.parse_qs(parts.query).get("token", [""])[0]
        self._timeout = timeout

    def health(self):
        """Return status and version of the server."""
        return self._ask("GET", "/v1/health")

    def upload(self, png, name):
        """Add an image, the bytes of a PNG, and return its number."""
        border = uuid.uuid4().hex
        head = f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + png + f"\r\n--{border}--\r\n".encode()
        return self._ask("POST", "/v1/images", body, f"multipart/form-data; boundary={border}")["id"]

    def segment(self, image, points=(), labels=(), box=None, tolerance=0.0):
        """Return the polygons of one object, and its score.

        Args:
            image: a number from `upload`.
            points: clicks x, y in pixels.
            labels: for each 1 on the object, 0 beside it.
            box: x0, y0, x1, y1 in pixels.
            tolerance: outlines may be off by so many pixels, to have fewer corners.

        Returns:
            Polygons {"exterior": [[x, y], ...], "holes": [...]} in pixels, and the predicted IoU.
        """
        prompt = {"points": [list(point) for point in points], "labels": list(labels), "box": box and list(box)}
        asked = {"prompts": [prompt], "format": "polygons", "tolerance": tolerance}
        answer = self._ask("POST", f"/v1/images/{image}/masks", json.dumps(asked).encode(), "application/json")
        mask = answer["masks"][0]
        return mask["polygons"], mask["score"]

    def _ask(self, method, path, body=None, kind=None):
        headers = {"Authorization": f"Bearer {self._token}"}
        if kind:
            headers["Content-Type"] = kind
        request = urllib.request.Request(self._base + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ServerError(_reason(error)) from error
        except (OSError, ValueError) as error:
            raise ServerError(NO_ANSWER.format(address=self._base, reason=error)) from error


def _reason(error):
    """Return what the server says about why it refuses."""
    try:
        return json.loads(error.read())["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return f"the server answered {error.code}"
