"""All parts of one running server, put together."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hqsam.errors import OptionError
from hqsam.serving.answers import EarlierAnswers
from hqsam.serving.decoding import Decoder
from hqsam.serving.features import FeatureCache
from hqsam.serving.gallery import Gallery
from hqsam.serving.jobs import Jobs
from hqsam.serving.metrics import Metrics
from hqsam.serving.models import Models
from hqsam.serving.queues import FairQueue
from hqsam.serving.security import Guard
from hqsam.serving.sessions import Sessions
from hqsam.serving.settings import Settings
from hqsam.serving.store import Store
from hqsam.serving.store.annotations import Annotations
from hqsam.serving.store.classes import Classes
from hqsam.serving.store.images import Images

_OPENINGS, _PROMPTS = 4, 8
_PROMPTS_WAITING = 64
_SECONDS_TO_STOP = 20


class Service:
    """What routes use."""

    def __init__(self, settings: Settings) -> None:
        """Open the database, and get ready; the default model is loaded by `start`.

        Raises:
            OptionError: the database belongs to another folder.
            DataError: the database cannot be used.
            OutputError: it, or the data folder, cannot be written.
        """
        self.settings, self.guard, self.metrics = settings, Guard(settings), Metrics()
        self.store = Store(settings.database_url)
        _check_folder(self.store, settings)
        self.images, self.annotations, self.classes = Images(self.store), Annotations(self.store), Classes(self.store)
        self.gallery = Gallery(settings, self.images)
        self.encoder = FairQueue("encodings", 1, settings.longest_queue)
        self.openings = FairQueue("photos", _OPENINGS, settings.longest_queue)
        self.prompts = FairQueue("prompts", _PROMPTS, _PROMPTS_WAITING)
        self.jobs = Jobs(settings.longest_queue)
        self.features = FeatureCache(settings.feature_folder, settings.feature_disk)
        self.models = Models(settings, self.encoder, Decoder(self.metrics), self.features)
        self.sessions = Sessions(self.gallery, self.models, self.metrics, settings.feature_memory)
        self.earlier = EarlierAnswers()
        self._watch()

    def start(self) -> None:
        """Load the default model and look through the folder, so that the first request is as quick as the others.

        Raises:
            WeightsError: the model cannot be had.
        """
        self.models.load(None)
        self.gallery.walk()

    def close(self) -> None:
        """Stop what is going on; what was answered is kept."""
        self.jobs.close()
        queues = (self.openings, self.prompts, self.encoder)
        for queue in queues:
            queue.close()
        until = time.monotonic() + _SECONDS_TO_STOP
        for each in (self.jobs, *queues):
            each.join(until)
        self.models.close()
        self.store.close()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for a moment."""
        folder = self.new_scratch()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def new_scratch(self) -> Path:
        """A folder that the caller removes."""
        return Path(tempfile.mkdtemp(prefix="hqsam-"))

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("waiting_encodings", "Encoder passes that wait", lambda: len(self.encoder))
        watch("waiting_photos", "Photos that wait to be opened", lambda: len(self.openings))
        watch("waiting_prompts", "Prompts that wait", lambda: len(self.prompts))
        watch("open_photos", "Photos held in memory, encoded", lambda: len(self.sessions))
        watch("memory_feature_bytes", "Bytes of encoded photos in memory", lambda: self.sessions.bytes)
        watch("disk_feature_bytes", "Bytes of encoded photos on disk", lambda: self.features.bytes)
        watch("jobs", "Jobs that have not ended", lambda: len(self.jobs))


def _check_folder(store: Store, settings: Settings) -> None:
    """A database is for one folder: in another, photos of the same names would get the wrong annotations."""
    folder, data = settings.folder, settings.data.resolve()
    if folder is None:
        place = ""
    elif data.is_relative_to(folder.resolve()):
        place = "around the database"  # which may move together
    else:
        place = str(folder.resolve())
    if not place:
        return
    known = store.fact("folder", place)
    if known != place and settings.folder_moved:
        store.change_fact("folder", place)
    elif known != place:
        raise OptionError(
            f"these annotations are of the photos in {known}, not of those in {place}; if that folder was "
            "moved, say --moved; else give another --data or --database"
        )
