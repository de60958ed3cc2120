"""How cells are cut into chunks: what is computed, written and lost as one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Chunks:
    """Chunks of ``part`` cells along each dimension of ``shape``; at its ends they are smaller."""

    shape: tuple[int, ...]
    part: tuple[int, ...]

    @property
    def grid(self) -> tuple[int, ...]:
        """Chunks along each dimension."""
        return tuple(-(-size // part) for size, part in zip(self.shape, self.part, strict=True))

    def __len__(self) -> int:
        return math.prod(self.grid)

    def region(self, chunk: int) -> tuple[slice, ...]:
        """Return where a chunk lies."""
        place = np.unravel_index(chunk, self.grid)
        return tuple(
            slice(int(at) * part, min((int(at) + 1) * part, size))
            for at, part, size in zip(place, self.part, self.shape, strict=True)
        )

    def size(self, chunk: int) -> int:
        """Return how many cells a chunk holds."""
        return math.prod(part.stop - part.start for part in self.region(chunk))

    def cells(self, chunk: int) -> np.ndarray:
        """Return the numbers of a chunk's cells, in the shape of its region."""
        numbers = [np.arange(part.start, part.stop) for part in self.region(chunk)]
        return np.ravel_multi_index(np.ix_(*numbers), self.shape)


def cut(shape: Sequence[int], cells: int) -> Chunks:
    """Return chunks of at most so many cells, whole along the last dimensions, of like sizes."""
    parts: list[int] = []
    for size in reversed(shape):
        pieces = -(-size // cells)
        parts.append(-(-size // pieces))
        cells = max(1, cells // size)
    return Chunks(tuple(shape), tuple(reversed(parts)))
