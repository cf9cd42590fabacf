"""An engine that many clients share: it queues encodings fairly, caches features and batches prompts."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hqsam.engines import EncodedImage, Engine
from hqsam.errors import OutputError
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.serving.scheduler.batching import DecodeBatcher
from hqsam.serving.scheduler.feature_cache import FeatureCache
from hqsam.serving.scheduler.queues import FairQueue
from hqsam.serving.scheduler.request_context import current_context

_LOG = logging.getLogger("hqsam.serving")


class SharedEngine(Engine):
    """Wraps an engine: encodings wait in a fair queue, features are cached on disk, prompts share decoder passes.

    Sessions, `everything` and `detail` run on it as on any engine, and so keep to the server's policy.
    """

    def __init__(
        self, engine: Engine, model_identity: str, encoder: FairQueue, batcher: DecodeBatcher, features: FeatureCache
    ) -> None:
        self.config, self.device = engine.config, engine.device
        self._engine, self._model_identity = engine, model_identity
        self._encoder, self._batcher, self._features = encoder, batcher, features
        self._writer = ThreadPoolExecutor(1, "hqsam-features")

    def digest(self) -> str:
        """Return the digest of the engine that it wraps."""
        return self._engine.digest()

    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """Return the features of the images: from the disk, or from the encoder when it is their turn."""
        keys = [self._features.key(self._model_identity, image) for image in images]
        encoded = [self._features.read(key, self.device) for key in keys]
        new = [number for number, known in enumerate(encoded) if known is None]
        if new:
            context = current_context()
            context.encoder_passes += 1
            fresh = self._encoder.run(lambda: self._engine.encode([images[number] for number in new]))
            for number, one in zip(new, fresh, strict=True):
                encoded[number] = one
                self._writer.submit(self._write_features, keys[number], one)
        return [one for one in encoded if one is not None]

    def decode(self, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any) -> MaskPrediction:
        """Return the masks of the prompts, decoded together with others about the same image."""
        return self._batcher.decode(self._engine, image, prompts, source, candidates)

    def decode_selected(self, *arguments: Any, **named: Any) -> Any:
        """Decode for `everything` at low priority: clicks of people go first."""
        current_context().raise_if_cancelled()
        self._batcher.wait_until_idle()
        return self._engine.decode_selected(*arguments, **named)

    def close(self) -> None:
        """Finish writing features to disk."""
        self._writer.shutdown(cancel_futures=True)

    def _write_features(self, key: str, encoded: EncodedImage) -> None:
        try:
            self._features.write(key, encoded)
        except OutputError as error:  # a full disk makes opening slower the next time, and stops no one
            _LOG.warning("features not kept", extra={"facts": {"cause": str(error)}})
