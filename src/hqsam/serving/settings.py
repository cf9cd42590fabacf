"""Settings of a server, and the folder of its annotations."""

import base64
import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from hqsam.errors import OptionError
from hqsam.paths import user_data_folder
from hqsam.storage.file_names import name_bytes

IN_FOLDER_NAME = ".hqsam"
"""A folder of this name among the images is used if it is there; the server never creates it."""
DATABASE_FILE = "annotations.db"


def new_token() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of one server."""

    data: Path
    """Annotations (unless `database` says otherwise), uploads and thumbnails."""
    folder: Path | None = None
    """Images to annotate; only read."""
    database: str = ""
    """A SQLAlchemy URL such as postgresql://user@host/name; by default SQLite in `data`."""
    follow_links: bool = False
    """Show images that are links to files outside of the folder, as git-annex and DVC have them."""
    sequences: bool = False
    """The images of each folder are the frames of a video: objects can be followed along them."""
    folder_moved: bool = False
    """The folder is the one of the database, and was moved."""
    cache: Path | None = None
    """Encoded images, which may be deleted at any time. By default in `data`."""
    host: str = "127.0.0.1"
    port: int = 8765
    token: str = field(default_factory=new_token, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    """Further host names of the server; see `http.security`."""
    model: str = "nano"
    """The model used where a request names none: a name of the table, or a checkpoint file."""
    detector: Any = None
    """Finds objects by words: a folder or repo of a zero-shot detector, or an object with `detect`. None: no words."""
    device: str = "auto"
    precision: str = "auto"
    upload_bytes: int = 100 << 20
    max_pixels: int = 100_000_000
    feature_memory: int = 1 << 30
    """Bytes of encoded images that are held in memory."""
    feature_disk: int = 4 << 30
    """Bytes of encoded images that are kept on disk."""
    max_models: int = 2
    """Number of models that are held in memory."""
    max_queue: int = 16
    """Encodings that may wait; further requests get 503."""
    label_studio: bool = False
    """Answer Label Studio's requests; see `http.security`."""
    label_studio_url: str = ""
    """Its address, as http://localhost:8080; by default what it says itself."""
    label_studio_api_key: str = field(default="", repr=False)
    """The key with which images of its tasks are fetched; by default what it sends."""
    label_studio_frames: int = 20
    """Frames of a video that rectangles are followed into by one request."""
    image_hosts: tuple[str, ...] = ()
    """Hosts on the local network from which images of its tasks may be fetched, besides its own."""
    requests_per_second: float | None = None
    """Limit for each client; None is no limit."""
    idle_timeout: float = 20.0
    """Seconds without a byte of a request that has begun, after which the connection is closed."""

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise OptionError(f"{self.folder} is not a folder; give the folder of the images to annotate")
        if self.label_studio_url and not self.label_studio_url.startswith(("http://", "https://")):
            raise OptionError(
                f"{self.label_studio_url!r} is no address of Label Studio; give one as http://localhost:8080"
            )
        if len(self.token) < 16 or not all("!" <= letter <= "~" for letter in self.token):
            raise OptionError("the token is too weak; use 16 or more letters and digits, without spaces")

    @property
    def label_studio_password(self) -> str:
        """The password of Label Studio's requests. It changes with the token, which cannot be told from it."""
        digest = hmac.digest(self.token.encode(), b"hqsam label studio", "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode("ascii")

    @property
    def database_url(self) -> str:
        """The database as a URL for SQLAlchemy."""
        url = self.database or f"sqlite:///{(self.data / DATABASE_FILE).absolute()}"
        for scheme in ("postgresql://", "postgres://"):
            url = "postgresql+psycopg://" + url.removeprefix(scheme) if url.startswith(scheme) else url
        return url

    @property
    def feature_folder(self) -> Path:
        """The folder of encoded images."""
        return (self.cache or self.data) / "features"


def data_folder(folder: Path | None) -> Path:
    """Return the default folder for the annotations of a folder of images.

    It is `.hqsam` in the folder, if the user has created that; else a folder in the user's data, one for each folder of
    images. So nothing is written among images unasked.
    """
    if folder is None:
        return user_data_folder() / "uploads"
    if (folder / IN_FOLDER_NAME).is_dir():
        return folder / IN_FOLDER_NAME
    place = folder.resolve()
    return user_data_folder() / f"{place.name or 'root'}-{sha256(name_bytes(str(place))).hexdigest()[:10]}"
