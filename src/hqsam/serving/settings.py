"""What a server is told when it starts, and where its annotations lie."""

import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from hqsam.errors import OptionError
from hqsam.paths import user_data_folder

IN_FOLDER = ".hqsam"
"""A folder of this name among the photos is used if it is there; it is never made unasked."""
DATABASE_FILE = "annotations.db"


def new_token() -> str:
    """A password that nobody guesses, made anew at each start."""
    return secrets.token_urlsafe(24)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every choice of one server."""

    data: Path
    """Annotations (unless `database` says otherwise), uploads and thumbnails."""
    folder: Path | None = None
    """Photos to work through; only read."""
    database: str = ""
    """A URL of SQLAlchemy's, such as postgresql://user@host/name; by default SQLite in `data`."""
    folder_moved: bool = False
    """The database was made for another place of the same folder."""
    cache: Path | None = None
    """Encoded photos; what is there can be made again. By default in `data`."""
    host: str = "127.0.0.1"
    port: int = 8765
    token: str = field(default_factory=new_token, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    """Further names that the server may be called by; see `security`."""
    model: str = "nano"
    """The model where a request names none: a name of the table, or a checkpoint file."""
    device: str = "auto"
    precision: str = "auto"
    upload_bytes: int = 100 << 20
    max_pixels: int = 100_000_000
    feature_memory: int = 1 << 30
    """Bytes of encoded photos that are held in memory."""
    feature_disk: int = 4 << 30
    """Bytes of encoded photos that are kept on disk."""
    models_loaded: int = 2
    """How many models are held in memory."""
    longest_queue: int = 16
    """Encodings that may wait; requests beyond get 503."""
    requests_per_second: float | None = None
    """For each client; None is no limit."""
    silence_seconds: float = 20.0
    """A client that begins a request and then sends nothing for so long is hung up on."""

    def __post_init__(self) -> None:
        if self.folder is not None and not self.folder.is_dir():
            raise OptionError(f"{self.folder} is not a folder; give the folder of the photos to work through")
        if len(self.token) < 16 or not all("!" <= letter <= "~" for letter in self.token):
            raise OptionError("the token is too weak; use 16 or more letters and digits, without spaces")

    @property
    def database_url(self) -> str:
        """As SQLAlchemy takes it."""
        url = self.database or f"sqlite:///{(self.data / DATABASE_FILE).absolute()}"
        for scheme in ("postgresql://", "postgres://"):
            url = "postgresql+psycopg://" + url.removeprefix(scheme) if url.startswith(scheme) else url
        return url

    @property
    def feature_folder(self) -> Path:
        """Where encoded photos are kept."""
        return (self.cache or self.data) / "features"


def data_folder(folder: Path | None) -> Path:
    """Where the annotations of a folder of photos lie, if nobody says where.

    `.hqsam` in the folder, if somebody made it; else one of its own for each folder, in the user's data: photos are
    not written beside unasked.
    """
    if folder is None:
        return user_data_folder() / "uploads"
    if (folder / IN_FOLDER).is_dir():
        return folder / IN_FOLDER
    place = folder.resolve()
    return user_data_folder() / f"{place.name or 'root'}-{sha256(str(place).encode()).hexdigest()[:10]}"
