"""An engine that many clients use at once: the same answers, and a rule for whose turn it is."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hqsam.engines import EncodedImage, Engine
from hqsam.errors import OutputError
from hqsam.model.hq_sam import MaskPrediction, Source
from hqsam.model.prompt_encoder import PromptBatch
from hqsam.serving.asks import current_ask
from hqsam.serving.decoding import Decoder
from hqsam.serving.features import FeatureCache
from hqsam.serving.queues import FairQueue

_LOG = logging.getLogger("hqsam.serving")


class SharedEngine:
    """Takes its turns for encoding, keeps what was encoded, and decodes prompts together.

    Everything above it, sessions, `everything` and `detail`, runs on it as on any engine, and so obeys.
    """

    def __init__(
        self, engine: Engine, identity: str, encoder: FairQueue, decoder: Decoder, features: FeatureCache
    ) -> None:
        self.config, self.device = engine.config, engine.device
        self._engine, self._identity = engine, identity
        self._encoder, self._decoder, self._features = encoder, decoder, features
        self._writer = ThreadPoolExecutor(1, "hqsam-features")

    def digest(self) -> str:
        """That of the engine it shares."""
        return self._engine.digest()

    def encode(self, images: list[UInt8[np.ndarray, "_ _ 3"]]) -> list[EncodedImage]:
        """From the disk where they are known, else by the encoder, when it is our turn."""
        keys = [self._features.key(self._identity, image) for image in images]
        encoded = [self._features.read(key, self.device) for key in keys]
        new = [number for number, known in enumerate(encoded) if known is None]
        if new:
            ask = current_ask()
            ask.encoder_passes += 1
            fresh = self._encoder.run(lambda: self._engine.encode([images[number] for number in new]))
            for number, one in zip(new, fresh, strict=True):
                encoded[number] = one
                self._writer.submit(self._remember, keys[number], one)
        return [one for one in encoded if one is not None]

    def decode(self, image: EncodedImage, prompts: PromptBatch, source: Source, candidates: Any) -> MaskPrediction:
        """Together with whatever else asks about the same image."""
        return self._decoder.decode(self._engine, image, prompts, source, candidates)

    def decode_selected(self, *arguments: Any, **named: Any) -> Any:
        """For `everything`, which is not in a hurry: people's clicks go first."""
        current_ask().check()
        self._decoder.give_way()
        return self._engine.decode_selected(*arguments, **named)

    def close(self) -> None:
        """Finish what is being written."""
        self._writer.shutdown(cancel_futures=True)

    def _remember(self, key: str, encoded: EncodedImage) -> None:
        try:
            self._features.write(key, encoded)
        except OutputError as error:  # a full disk makes opening slower the next time, and stops nobody
            _LOG.warning("features not kept", extra={"facts": {"cause": str(error)}})
