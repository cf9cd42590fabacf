"""Groups of things that belong together, found pair by pair: parts of one object that several tiles or scenes saw."""

import numpy as np
from jaxtyping import Float


class Groups:
    """Things numbered from 0, each alone until it is joined with another (a disjoint-set forest)."""

    def __init__(self, count: int) -> None:
        self._leaders = list(range(count))

    def join(self, one: int, other: int) -> None:
        """Put the groups of two things together."""
        first, second = sorted((self._leader(one), self._leader(other)))
        self._leaders[second] = first

    def all(self) -> list[list[int]]:
        """Return the members of each group, in order, the groups in the order of their first members."""
        groups: dict[int, list[int]] = {}
        for number in range(len(self._leaders)):
            groups.setdefault(self._leader(number), []).append(number)
        return list(groups.values())

    def _leader(self, number: int) -> int:
        while self._leaders[number] != number:
            self._leaders[number] = self._leaders[self._leaders[number]]
            number = self._leaders[number]
        return number


def mutual_matches(agreement: Float[np.ndarray, "one other"], least: float) -> list[tuple[int, int]]:
    """Return rows and columns that are each other's best match, and agree by at least so much."""
    if not agreement.size:
        return []
    best = agreement.argmax(axis=1)
    return [
        (row, int(column))
        for row, column in enumerate(best)
        if agreement[row, column] >= least and agreement[:, column].argmax() == row
    ]
