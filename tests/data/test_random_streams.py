"""Streams of random numbers are told apart by their words and their numbers."""

import numpy as np
import torch

from hqsam.data.random_streams import derived_seed, random_stream


def first(*words) -> float:
    return float(random_stream(*words).random())


def test_a_stream_is_the_same_whenever_it_is_asked_for():
    assert first(42, "loader.row", 3) == first(42, "loader.row", 3)


def test_another_seed_purpose_or_number_is_another_stream():
    streams = [
        (seed, purpose, *numbers)
        for seed in (0, 1, 42, 1042, 2**40)
        for purpose in ("loader.row", "loader.order", "training.prompts", "training.rounds")
        for numbers in ((), (0,), (1,), (1, 0), (0, 1), (2**32,), (2**33 + 1,))
    ]
    assert len({first(*stream) for stream in streams}) == len(streams)


def test_numpy_s_own_seeds_are_not_told_apart_which_is_why_streams_are_hashed():
    assert np.random.default_rng((1, 2)).random() == np.random.default_rng((1, 2, 0)).random()


def test_a_stream_s_numbers_never_change():
    assert round(first(42, "loader.row", 3), 12) == 0.640177245945


def test_a_derived_seed_is_one_that_torch_takes():
    assert torch.Generator().manual_seed(derived_seed(1, "training.step", 5)).initial_seed() == derived_seed(
        1, "training.step", 5
    )
    assert derived_seed(1, "training.step", 5) != derived_seed(1, "training.step", 6)
