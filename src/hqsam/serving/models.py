"""The models of the menu: which there are, which are here, and the few that are in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from hqsam import hardware
from hqsam.engines.build import build_engine, check_backend
from hqsam.model.config import MODELS, ModelConfig
from hqsam.predict.segmenter import Segmenter
from hqsam.serving import schemas
from hqsam.serving.decoding import Decoder
from hqsam.serving.features import FeatureCache
from hqsam.serving.queues import FairQueue
from hqsam.serving.refusal import Refusal, not_found
from hqsam.serving.settings import Settings
from hqsam.serving.shared_engine import SharedEngine
from hqsam.weights import cache
from hqsam.weights.load import load_model, locate
from hqsam.weights.registry import CHECKPOINTS, Checkpoint
from hqsam.weights.transfer import Progress


class Models:
    """All names of the table, and the one that the server was started with, which may be a file."""

    def __init__(self, settings: Settings, encoder: FairQueue, decoder: Decoder, features: FeatureCache) -> None:
        self._settings, self._encoder, self._decoder, self._features = settings, encoder, decoder, features
        self.default = settings.model if settings.model in CHECKPOINTS else Path(settings.model).name
        """The name of the model where a request names none."""
        self._loaded: OrderedDict[str, tuple[Segmenter, SharedEngine]] = OrderedDict()
        self._own_config = MODELS["nano"]
        """Of the default model, once it was loaded."""
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._on_unload: list[Callable[[str], None]] = []

    def on_unload(self, forget: Callable[[str], None]) -> None:
        """Be told the name of a model that is let go, so as not to hold on to it."""
        self._on_unload.append(forget)

    def list(self) -> "list[schemas.Model]":
        """The menu, the default first."""
        rows = [_row(one, self.default, set(self._loaded)) for one in CHECKPOINTS.values()]
        if self.default not in CHECKPOINTS:
            rows.append(self._own_row())
        return sorted(rows, key=lambda row: not row.default)

    def name(self, asked: str | None) -> str:
        """The model that a request means.

        Raises:
            Refusal: 404, there is none of that name.
        """
        name = asked or self.default
        if name != self.default and name not in CHECKPOINTS:
            raise not_found(f"model {name!r}; GET /v1/models lists them")
        return name

    def segmenter(self, asked: str | None) -> Segmenter:
        """The model, loaded now if it is on this machine.

        Raises:
            Refusal: 404 for a name that is none, 409 if its checkpoint is not here.
        """
        name = self.name(asked)
        with self._lock:
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name][0]
        if name != self.default and not cache.is_available(CHECKPOINTS[name]):
            raise Refusal(
                409, "model_not_installed", f"{name} is not on this machine; load it with POST /v1/models/{name}/load"
            )
        return self.load(name)

    def load(self, asked: str | None, on_progress: Progress | None = None) -> Segmenter:
        """The model, downloaded if need be.

        Raises:
            Refusal: 404 for a name that is none.
            DownloadError: it cannot be fetched.
        """
        name = self.name(asked)
        source = self._settings.model if name == self.default else name
        path = locate(source, on_progress)
        with self._loading:
            if name not in self._loaded:
                self._keep(name, self._shared(source, path))
            segmenter = self._loaded[name][0]
        if name == self.default:
            self._own_config = segmenter.config
        return segmenter

    def close(self) -> None:
        """Finish what is being written."""
        for _, engine in self._loaded.values():
            engine.close()

    def _shared(self, source: str, path: Path) -> SharedEngine:
        device = hardware.pick_device(self._settings.device)
        precision = hardware.pick_precision(self._settings.precision, device)
        check_backend("auto", device, precision)
        about = path.stat()
        engine = build_engine(load_model(source), device, precision)
        kind = type(engine).__name__
        identity = f"{path.name} {about.st_size} {about.st_mtime_ns} {kind} {precision} {device.type}"
        return SharedEngine(engine, identity, self._encoder, self._decoder, self._features)

    def _keep(self, name: str, engine: SharedEngine) -> None:
        let_go = []
        with self._lock:
            self._loaded[name] = Segmenter(engine), engine
            while len(self._loaded) > max(1, self._settings.models_loaded):
                let_go.append(self._loaded.popitem(last=False))
        for other, (_, its_engine) in let_go:
            its_engine.close()
            for forget in self._on_unload:
                forget(other)

    def _own_row(self) -> schemas.Model:
        """Of the file that the server was started with."""
        size = locate(self._settings.model).stat().st_size
        own = Checkpoint(name=self.default, file=self.default, origin=f"the file {self.default}", licence="")
        loaded = self.default in self._loaded
        return _view(own, self._own_config, bytes=size, bundled=False, installed=True, loaded=loaded, default=True)


def _row(one: Checkpoint, default: str, loaded: set[str]) -> schemas.Model:
    here = cache.is_available(one)
    size = one.bytes or (cache.checkpoint_path(one).stat().st_size if here else 0)
    return _view(
        one,
        MODELS[one.name],
        bytes=size,
        bundled=one.is_bundled,
        installed=here,
        loaded=one.name in loaded,
        default=one.name == default,
    )


def _view(one: Checkpoint, config: ModelConfig, **more: Any) -> schemas.Model:
    about = {"name": one.name, "origin": one.origin, "licence": one.licence, "notice": one.notice}
    return schemas.Model(**about, sources=cast("Any", list(config.sources)), image_size=config.image_size, **more)
