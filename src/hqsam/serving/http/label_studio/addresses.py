"""Where a task's image is: Label Studio's own paths and clouds' addresses as addresses that can be fetched."""

import base64
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from hqsam.errors import ImageError

CLOUDS = ("s3:", "gs:", "azure-blob:")


@dataclass(frozen=True)
class LabelStudio:
    """A Label Studio server, and the key to it."""

    address: str = ""
    """As http://localhost:8080; empty where it is not known."""
    api_key: str = field(default="", repr=False)

    @property
    def origin(self) -> tuple[str, str]:
        """Scheme and host."""
        return origin_of(self.address)


def origin_of(address: str) -> tuple[str, str]:
    """Return scheme and host with port of an address; their default ports are left out."""
    parts = urlsplit(address)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.scheme, parts.netloc.rpartition("@")[2].lower().removesuffix(default or "\0")


def addresses_of(url: str, task: int | None, server: LabelStudio) -> list[str]:
    """Return the http addresses where an image may be, the likeliest first.

    Args:
        url: what the task's data has: an http address, a path of Label Studio's uploads and local files, or an address
            of S3, GCS or Azure, which Label Studio signs.
        task: the number of the task, which Label Studio needs for signing.
        server: the Label Studio that the task is of.

    Raises:
        ImageError: it is of another form, or Label Studio's own address is needed and not known.
    """
    if url.startswith(("http://", "https://")):
        return [url]
    if url.startswith(CLOUDS):
        signed = base64.urlsafe_b64encode(url.encode()).decode()
        return [f"{_base(server, url)}/tasks/{task or 0}/presign/?fileuri={quote(signed)}"]
    path = f"/data/{url.lstrip('/')}" if url.lstrip("/").startswith("upload/") else url
    if not path.startswith("/"):
        raise ImageError(
            f"the task's image is {url[:200]!r}; expected an http address, one of s3, gs or azure-blob, a path of "
            "Label Studio such as /data/upload/1/cup.jpg, or a data: address"
        )
    addresses = [_base(server, url) + path]
    if path.startswith("/data/upload/"):  # where uploads are in a cloud
        stored = quote(path.removeprefix("/data/"))
        addresses.append(f"{_base(server, url)}/storage-data/uploaded/?filepath={stored}")
    return addresses


def _base(server: LabelStudio, url: str) -> str:
    if urlsplit(server.address).scheme not in ("http", "https"):
        raise ImageError(
            f"the task's image {url[:200]!r} is in Label Studio, whose address is not known; start hqsam serve with "
            "LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, or open the project's settings, Model, once"
        )
    return server.address.rstrip("/")
