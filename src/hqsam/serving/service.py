"""The service: store and scheduler of one running server, put together."""

import time

from hqsam.errors import OptionError
from hqsam.serving.metrics import Metrics
from hqsam.serving.scheduler.batching import DecodeBatcher
from hqsam.serving.scheduler.feature_cache import FeatureCache
from hqsam.serving.scheduler.jobs import JobManager
from hqsam.serving.scheduler.models import ModelManager
from hqsam.serving.scheduler.queues import FairQueue
from hqsam.serving.scheduler.result_cache import ResultCache
from hqsam.serving.scheduler.sessions import SessionCache
from hqsam.serving.settings import Settings
from hqsam.serving.store.annotations import AnnotationTable
from hqsam.serving.store.batches import BatchTable
from hqsam.serving.store.classes import ClassTable
from hqsam.serving.store.database import Database
from hqsam.serving.store.image_library import ImageLibrary
from hqsam.serving.store.images import ImageTable
from hqsam.serving.store.sequences import SequenceTable
from hqsam.text.detector import Detector
from hqsam.text.segment_text import detector_of

_OPENING_THREADS, _PROMPT_THREADS = 4, 8
_MAX_PROMPTS_WAITING = 64
_STOP_TIMEOUT = 20.0


class Service:
    """The store and the scheduler of one server, which its routes use."""

    def __init__(self, settings: Settings) -> None:
        """Open the database; `start` loads the default model.

        Raises:
            OptionError: the database belongs to another folder.
            DataError: the database cannot be used.
            OutputError: it, or the data folder, cannot be written.
        """
        self.settings, self.metrics = settings, Metrics()
        self.database = Database(settings.database_url)
        _check_folder(self.database, settings)
        self.images, self.annotations = ImageTable(self.database), AnnotationTable(self.database)
        self.classes, self.batches = ClassTable(self.database), BatchTable(self.database)
        self.sequences = SequenceTable(self.database, self.batches)
        self.library = ImageLibrary(settings, self.images)
        self.encoder = FairQueue("encodings", 1, settings.max_queue)
        self.openings = FairQueue("images", _OPENING_THREADS, settings.max_queue)
        self.prompts = FairQueue("prompts", _PROMPT_THREADS, _MAX_PROMPTS_WAITING)
        self.jobs = JobManager(settings.max_queue)
        self.features = FeatureCache(settings.feature_folder, settings.feature_disk)
        self.models = ModelManager(settings, self.encoder, DecodeBatcher(self.metrics), self.features)
        self.sessions = SessionCache(self.models, self.metrics, settings.feature_memory, settings.max_pixels)
        self.results = ResultCache()
        self.detector: Detector | None = None
        """Finds objects by words, once the server has started with one."""
        self._add_gauges()

    def start(self) -> None:
        """Load the default model and the detector, and list the folder: the first request is as quick as the others.

        Raises:
            WeightsError: the model or the detector cannot be loaded.
            MissingExtra: a detector was asked for, and hqsam[text] is not installed.
        """
        if self.settings.detector is not None:
            self.detector = detector_of(self.settings.detector, self.settings.device)
        self.models.load(None)
        self.library.walk()

    def close(self) -> None:
        """Stop the work that is going on, and wait for it; everything that was answered is stored."""
        self.jobs.close()
        queues = (self.openings, self.prompts, self.encoder)
        for queue in queues:
            queue.close()
        until = time.monotonic() + _STOP_TIMEOUT
        for each in (self.jobs, *queues):
            each.join(until)
        self.models.close()
        self.database.close()

    def _add_gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge("waiting_encodings", "Encoder passes that wait", lambda: len(self.encoder))
        gauge("waiting_photos", "Images that wait to be opened", lambda: len(self.openings))
        gauge("waiting_prompts", "Prompts that wait", lambda: len(self.prompts))
        gauge("open_photos", "Images held in memory, encoded", lambda: len(self.sessions))
        gauge("memory_feature_bytes", "Bytes of encoded images in memory", lambda: self.sessions.bytes)
        gauge("disk_feature_bytes", "Bytes of encoded images on disk", lambda: self.features.bytes)
        gauge("jobs", "Jobs that have not finished", lambda: len(self.jobs))


def _check_folder(database: Database, settings: Settings) -> None:
    """Refuse a database of another folder, where images of the same names would get the wrong annotations."""
    if settings.folder is None:
        return
    folder = settings.folder.resolve()
    inside = settings.data.resolve().is_relative_to(folder)  # so both may move together
    place = "around the database" if inside else str(folder)
    known = database.metadata("folder", place)
    if known != place and settings.folder_moved:
        database.set_metadata("folder", place)
    elif known != place:
        raise OptionError(
            f"these annotations are of the images in {known}, not of those in {place}; if that folder was "
            "moved, say --moved; else give another --data or --database"
        )
