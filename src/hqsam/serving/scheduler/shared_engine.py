"""An engine that many clients share: it queues encodings fairly, caches features and batches prompts."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from hqsam.engines import EncodedImage, Engine, ObjectMasks, VideoEngine
from hqsam.errors import OutputError
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.memory.bank import MemoryBank
from hqsam.model.preprocess import Pixels
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

    def encode(self, images: Sequence[Pixels]) -> list[EncodedImage]:
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
                with suppress(RuntimeError):  # closed: other models came into memory while this work went on
                    self._writer.submit(self._write_features, keys[number], one)
        return [one for one in encoded if one is not None]

    def decode(self, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any) -> MaskPrediction:
        """Return the masks of the prompts, decoded together with others about the same image."""
        return self._batcher.decode(self._engine, image, prompts, source, candidates)

    def decode_selected(self, *arguments: Any, **named: Any) -> Any:
        """Decode for `everything` at low priority: clicks of people go first."""
        self._give_way()
        return self._engine.decode_selected(*arguments, **named)

    def close(self) -> None:
        """Finish writing features to disk; work that goes on keeps no further ones."""
        self._writer.shutdown(cancel_futures=True)

    def _give_way(self) -> None:
        """Wait a while for clicks that are pending; for work of low priority.

        Raises:
            ClientDisconnected: the client has left.
        """
        current_context().raise_if_cancelled()
        self._batcher.wait_until_idle()

    def _write_features(self, key: str, encoded: EncodedImage) -> None:
        try:
            self._features.write(key, encoded)
        except OutputError as error:  # a full disk makes opening slower the next time, and stops no one
            _LOG.warning("features not kept", extra={"facts": {"cause": str(error)}})


class SharedVideoEngine(SharedEngine, VideoEngine):
    """Shares a model with a memory of videos. Following an object is work of low priority: clicks go first."""

    def __init__(
        self,
        engine: VideoEngine,
        model_identity: str,
        encoder: FairQueue,
        batcher: DecodeBatcher,
        features: FeatureCache,
    ) -> None:
        super().__init__(engine, model_identity, encoder, batcher, features)
        self._video_engine = engine

    def recall(self, image: EncodedImage, bank: MemoryBank) -> EncodedImage:
        """Return a frame encoded for some objects, with what is remembered of each."""
        self._give_way()
        return self._video_engine.recall(image, bank)

    def decode_objects(
        self, image: EncodedImage, prompts: PromptBatch, source: Source, memory_source: Source, ambiguous: bool
    ) -> ObjectMasks:
        """Decode one prompt for each object (`VideoEngine.decode_objects`)."""
        self._give_way()
        return self._video_engine.decode_objects(image, prompts, source, memory_source, ambiguous)

    def point_at_masks(
        self, image: EncodedImage, masks: Float[Tensor, "object side side"], source: Source
    ) -> Float[Tensor, "object channel"]:
        """Return object pointers for masks that were given (`VideoEngine.point_at_masks`)."""
        self._give_way()
        return self._video_engine.point_at_masks(image, masks, source)

    def absent_pointer(self) -> Float[Tensor, "channel"]:
        """Return the object pointer of an object that is not in a frame."""
        return self._video_engine.absent_pointer()

    def remember(
        self,
        image: EncodedImage,
        logits: Float[Tensor, "object height width"],
        object_scores: Float[Tensor, "object"],
        as_prompted: Bool[Tensor, "object"],
    ) -> Float[Tensor, "object memory_channel map_height map_width"]:
        """Return the maps that are remembered of objects in a frame (`VideoEngine.remember`)."""
        self._give_way()
        return self._video_engine.remember(image, logits, object_scores, as_prompted)


def share(
    engine: Engine, model_identity: str, encoder: FairQueue, batcher: DecodeBatcher, features: FeatureCache
) -> SharedEngine:
    """Return an engine for many clients; it follows objects by a memory if the one that it wraps does."""
    if engine.config.memory is not None and isinstance(engine, VideoEngine):
        return SharedVideoEngine(engine, model_identity, encoder, batcher, features)
    return SharedEngine(engine, model_identity, encoder, batcher, features)
