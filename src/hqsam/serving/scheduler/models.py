"""The models that this server can run, and the few of them that are in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hqsam import hardware
from hqsam.engines.build import device_for, load_engine
from hqsam.model.config import MODELS, ModelConfig
from hqsam.predict.segmenter import Segmenter
from hqsam.serving.scheduler.batching import DecodeBatcher
from hqsam.serving.scheduler.errors import ModelNotInstalledError, NotFoundError
from hqsam.serving.scheduler.feature_cache import FeatureCache
from hqsam.serving.scheduler.queues import FairQueue
from hqsam.serving.scheduler.shared_engine import SharedEngine, share
from hqsam.serving.settings import Settings
from hqsam.weights import cache
from hqsam.weights.load import locate
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.transfer import Progress


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model that this server can run."""

    checkpoint: Checkpoint
    config: ModelConfig
    bytes: int
    """Size of the download, or of the bundled file."""
    is_installed: bool
    """True if it is on this machine and can be opened at once."""
    is_loaded: bool
    """True if it is in memory."""
    is_default: bool
    """True for the model that is used when a request names none."""


class ModelManager:
    """Loads models by name: those of the table, and the one that the server was started with, which may be a file."""

    def __init__(self, settings: Settings, encoder: FairQueue, batcher: DecodeBatcher, features: FeatureCache) -> None:
        self._settings, self._encoder, self._batcher, self._features = settings, encoder, batcher, features
        self.default = settings.model if settings.model in CHECKPOINTS else Path(settings.model).name
        """The name of the model where a request names none."""
        self._loaded: OrderedDict[str, tuple[Segmenter, SharedEngine]] = OrderedDict()
        self._custom_config = MODELS["nano"]
        """Config of the default model, once it was loaded."""
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._on_unload: list[Callable[[str], None]] = []

    def on_unload(self, callback: Callable[[str], None]) -> None:
        """Call this function with the name of each model that leaves memory."""
        self._on_unload.append(callback)

    def list(self) -> "list[ModelInfo]":
        """Return every model, the default first."""
        models = [self._info(one, MODELS[one.name], cache.is_available(one)) for one in CHECKPOINTS.values()]
        if self.default not in CHECKPOINTS:
            about = f"the file {self.default}"
            custom = Checkpoint(name=self.default, file=self.default, origin=about, licence="")
            models.append(self._info(custom, self._custom_config, is_installed=True))
        return sorted(models, key=lambda model: not model.is_default)

    def resolve(self, name: str | None) -> str:
        """Return the name of the model that a request means: the default one if it names none.

        Raises:
            NotFoundError: there is no model of that name.
        """
        name = name or self.default
        if name != self.default and name not in CHECKPOINTS:
            raise NotFoundError(f"there is no model {name!r}; GET /v1/models lists them")
        return name

    def segmenter(self, name: str | None) -> Segmenter:
        """Return the model, loaded now if it is on this machine.

        Raises:
            NotFoundError: there is no model of that name.
            ModelNotInstalledError: its checkpoint has to be downloaded first.
        """
        name = self.resolve(name)
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name][0]
        if name != self.default and not cache.is_available(CHECKPOINTS[name]):
            raise ModelNotInstalledError(f"{name} is not on this machine; load it with POST /v1/models/{name}/load")
        return self.load(name)

    def load(self, name: str | None, on_progress: Progress | None = None) -> Segmenter:
        """Return the model, downloaded and loaded if need be.

        Raises:
            NotFoundError: there is no model of that name.
            DownloadError: it cannot be fetched.
        """
        name = self.resolve(name)
        origin = self._settings.model if name == self.default else name
        path = locate(origin, on_progress)
        with self._loading:
            if name not in self._loaded:
                self._put(name, self._open_engine(origin, path))
            segmenter = self._loaded[name][0]
        if name == self.default:
            self._custom_config = segmenter.config
        return segmenter

    def close(self) -> None:
        """Finish writing features to disk, and let every model go: FastAPI's caches keep a closed server for good."""
        with self._lock:
            loaded = dict(self._loaded)
            self._loaded.clear()
        for name, (_, engine) in loaded.items():
            self._unload(name, engine)

    def _open_engine(self, origin: str, path: Path) -> SharedEngine:
        device = device_for(origin, self._settings.device)
        precision = hardware.pick_precision(self._settings.precision, device)
        about = path.stat()
        engine = load_engine(origin, device, precision)
        kind = type(engine).__name__
        identity = f"{path.name} {about.st_size} {about.st_mtime_ns} {kind} {precision} {device.type}"
        return share(engine, identity, self._encoder, self._batcher, self._features)

    def _put(self, name: str, engine: SharedEngine) -> None:
        evicted = []
        with self._lock:
            self._loaded[name] = Segmenter(engine), engine
            while len(self._loaded) > max(1, self._settings.max_models):
                evicted.append(self._loaded.popitem(last=False))
        for other, (_, its_engine) in evicted:
            self._unload(other, its_engine)

    def _unload(self, name: str, engine: SharedEngine) -> None:
        engine.close()
        for callback in self._on_unload:
            callback(name)

    def _info(self, checkpoint: Checkpoint, config: ModelConfig, is_installed: bool) -> ModelInfo:
        name = checkpoint.name
        is_custom = name not in CHECKPOINTS
        path = locate(self._settings.model) if is_custom else cache.checkpoint_path(checkpoint)
        size = checkpoint.bytes or (path.stat().st_size if is_installed else 0)
        return ModelInfo(
            checkpoint=checkpoint,
            config=config,
            bytes=size,
            is_installed=is_installed,
            is_loaded=name in self._loaded,
            is_default=name == self.default,
        )
