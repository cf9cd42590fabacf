"""Random numbers by name: each purpose has a stream of its own, so that no two draw the same numbers.

A stream follows from the run's seed, a word that says what it is for, and numbers such as a row's or a step's. So any
row or step can be drawn again alone, which is what resuming and sharing work among processes stand on.
"""

import zlib

import numpy as np


def random_stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator of one purpose, such as `random_stream(seed, "loader.row", 17)`.

    Args:
        seed: the run's seed, 0 or more.
        purpose: room and use, such as "training.rounds"; another word is another stream.
        numbers: which of the purpose's streams, 0 or more each: a row, a step, an epoch.
    """
    # As spawn_key, which NumPy keeps apart from the seed: in default_rng((1, 2)) and (1, 2, 0) are the same stream.
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), *numbers)))


def derived_seed(seed: int, purpose: str, *numbers: int) -> int:
    """Return a seed for another generator, such as torch's: 0 to 2**62."""
    return int(random_stream(seed, purpose, *numbers).integers(2**62))
