"""Masks to try everything on: random ones of every density, and the awkward shapes by name."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

sizes = st.tuples(st.integers(1, 14), st.integers(1, 14))


def masks_of(size_hw: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
    fills = st.sampled_from([st.booleans(), st.just(True), st.just(False)])
    return fills.flatmap(lambda fill: arrays(bool, size_hw, elements=st.booleans(), fill=fill))


def dense_noise(size_hw: tuple[int, int]) -> st.SearchStrategy[np.ndarray]:
    """Many specks, holes and touching corners: hypothesis alone shrinks towards dull masks."""
    seeds, shares = st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.4, 0.5, 0.6, 0.9])
    return st.builds(lambda seed, share: np.random.default_rng(seed).random(size_hw) < share, seeds, shares)


masks = sizes.flatmap(lambda size: masks_of(size) | dense_noise(size))
pairs = sizes.flatmap(
    lambda size: st.tuples(dense_noise(size), dense_noise(size)) | st.tuples(masks_of(size), masks_of(size))
)
stacks = sizes.flatmap(lambda size: st.lists(dense_noise(size) | masks_of(size), min_size=1, max_size=5).map(np.stack))


def draw(picture: str) -> np.ndarray:
    """A mask from lines of text in which # is inside."""
    return np.array([[letter == "#" for letter in line] for line in picture.split()])


AWKWARD = {
    "one pixel": np.ones((1, 1), bool),
    "nothing": np.zeros((3, 4), bool),
    "nothing, one pixel": np.zeros((1, 1), bool),
    "everything": np.ones((3, 5), bool),
    "a one-pixel diagonal": np.eye(6, dtype=bool),
    "a rising diagonal": np.fliplr(np.eye(6, dtype=bool)),
    "a chessboard": np.indices((5, 6)).sum(axis=0) % 2 == 0,
    "rings in rings": draw("######### #.......# #.#####.# #.#...#.# #.#.#.#.# #.#...#.# #.#####.# #.......# #########"),
    "a hole that touches the outside at a corner": draw("### #.# ##."),
    "two holes that touch": draw("##### #.### ##.## #####"),
    "two holes that touch, rising": draw("##### ##.## #.### #####"),
    "parts that touch, beside a hole": draw("###.. #.#.. ##### ..#.# ..###"),
    "one row": np.array([[True, False, True, True, False]]),
    "one column": np.array([[True], [False], [True], [True]]),
}
