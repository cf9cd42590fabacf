"""Random numbers by name: each purpose has a stream of its own, so that no two draw the same numbers.

A stream follows from the run's seed, a word that says what it is for, and numbers such as a row's or a step's. So any
row or step can be drawn again alone, which is what resuming and sharing work among processes stand on.
"""

import hashlib

import numpy as np

VERSION = 2
"""Version of how training draws its random numbers. Version 1 did not say so, and some of its streams were shared."""


def random_stream(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator of one purpose, such as `random_stream(seed, "loader.row", 17)`.

    Args:
        seed: the run's seed, 0 or more.
        purpose: room and use, such as "training.rounds"; another word is another stream.
        numbers: which of the purpose's streams, 0 or more each: a row, a step, an epoch.
    """
    # Hashed, because NumPy's seeds are not told apart safely: (1, 2) is (1, 2, 0) to it, and (2**32,) is (0, 1).
    digest = hashlib.blake2b(repr((int(seed), purpose, *map(int, numbers))).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def derived_seed(seed: int, purpose: str, *numbers: int) -> int:
    """Return a seed for another generator, such as torch's: 0 to 2**62."""
    return int(random_stream(seed, purpose, *numbers).integers(2**62))
