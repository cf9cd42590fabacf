"""An engine that many clients share."""

from contextlib import closing

import numpy as np

import hqsam
from hqsam.serving.metrics import Metrics
from hqsam.serving.scheduler.batching import DecodeBatcher
from hqsam.serving.scheduler.feature_cache import FeatureCache
from hqsam.serving.scheduler.queues import FairQueue
from hqsam.serving.scheduler.shared_engine import share


def test_work_that_is_under_way_when_its_model_leaves_memory_goes_on(_nano, tmp_path):
    features = FeatureCache(tmp_path, 1 << 30)
    with closing(FairQueue("images", threads=1, max_waiting=4)) as encoder:
        engine = share(hqsam.load("nano", device="cpu")._engine, "nano", encoder, DecodeBatcher(Metrics()), features)
        engine.close()
        assert len(engine.encode([np.zeros((512, 512, 3), np.uint8)])) == 1
    assert features.bytes == 0
