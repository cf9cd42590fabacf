"""Prompts that are decoded together get the answers that they would get alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from hqsam.engines import Engine
from hqsam.predict.segmenter import Segmenter
from hqsam.serving.metrics import Metrics
from hqsam.serving.scheduler.batching import DecodeBatcher
from hqsam.serving.scheduler.errors import ClientDisconnected
from hqsam.serving.scheduler.request_context import RequestContext, in_context
from tests.serving.servers import wait_until


class Like(Engine):
    """An engine that does as another."""

    def __init__(self, engine):
        self.engine, self.config, self.device, self.digest = engine, engine.config, engine.device, engine.digest

    def encode(self, images):
        return self.engine.encode(images)

    def decode(self, image, prompts, source, candidates):
        return self.engine.decode(image, prompts, source, candidates)

    def decode_selected(self, *arguments):
        return self.engine.decode_selected(*arguments)


class Slow(Like):
    """Waits to be let on, and remembers how many prompts came at a time."""

    def __init__(self, engine):
        super().__init__(engine)
        self.go, self.batches = threading.Event(), []

    def decode(self, image, prompts, source, candidates):
        self.batches.append(len(prompts))
        assert self.go.wait(10)
        return super().decode(image, prompts, source, candidates)


class Through(Like):
    """An engine whose prompts go through a batcher."""

    def __init__(self, engine, batcher):
        super().__init__(engine)
        self._batcher = batcher

    def decode(self, image, prompts, source, candidates):
        return self._batcher.decode(self.engine, image, prompts, source, candidates)


@pytest.fixture
def setting(tiny_segmenter):
    slow = Slow(tiny_segmenter._engine)
    batcher = DecodeBatcher(Metrics())
    photo = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    return slow, batcher, Segmenter(Through(slow, batcher)).open(photo), tiny_segmenter.open(photo)


def test_clicks_that_come_at_the_same_time_share_a_pass(setting):
    slow, batcher, shared, alone = setting
    clicks = [(10 + 9 * number, 20 + 5 * number) for number in range(9)]
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(shared.segment, points=[clicks[0]], labels=[1])
        wait_until(lambda: slow.batches)
        others = [pool.submit(shared.segment, points=[click], labels=[1]) for click in clicks[1:]]
        other = pool.submit(shared.segment, points=[(5, 5), (50, 60)], labels=[1, 0])
        wait_until(lambda: len(batcher._pending) == 10)
        slow.go.set()
        answers = [one.result(10) for one in (first, *others)]
        assert np.allclose(
            other.result(10).logits, alone.segment(points=[(5, 5), (50, 60)], labels=[1, 0]).logits, atol=1e-4
        )
    assert sorted(slow.batches) == [1, 1, 8]
    for click, answer in zip(clicks, answers, strict=True):
        expected = alone.segment(points=[click], labels=[1])
        assert np.allclose(answer.logits, expected.logits, atol=1e-4)
        assert np.allclose(answer.scores, expected.scores, atol=1e-5)


def test_a_click_that_nobody_waits_for_costs_nothing(setting):
    slow, batcher, shared, _ = setting
    context = RequestContext("hover")
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(shared.segment, points=[(5, 5)], labels=[1])
        wait_until(lambda: slow.batches)
        left = pool.submit(in_context(context, lambda: shared.segment(points=[(9, 9)], labels=[1])))
        wait_until(lambda: len(batcher._pending) == 2)
        context.cancel()
        slow.go.set()
        first.result(10)
        with pytest.raises(ClientDisconnected):
            left.result(10)
    assert slow.batches == [1]


def test_a_fault_is_everybodys_who_shared_the_pass_and_nobody_elses(setting):
    slow, _, shared, _ = setting
    slow.go.set()
    real = slow.engine
    slow.engine = None
    with pytest.raises(AttributeError):
        shared.segment(points=[(5, 5)], labels=[1])
    slow.engine = real
    assert torch.is_tensor(torch.from_numpy(shared.segment(points=[(5, 5)], labels=[1]).logits))
