"""What is estimated of a population, as one vector, and what the vector means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array


class Effects(NamedTuple):
    """What a vector says: arrays with its leading dimensions.

    ``typical`` (parameter,): places of the typical values on their scales; ``covariate``
    (effect,): slopes; ``root`` (random, random): lower root of the covariance of the random
    effects; ``widths`` (width,): logs of the standard deviations of the errors.
    """

    typical: Array
    covariate: Array
    root: Array
    widths: Array


@dataclass(frozen=True)
class Layout:
    """Which number of a vector is what.

    ``parameters``: their names; ``random``: places, among them, of those with a random effect;
    ``block``: of each random effect, the number of the block within which it correlates;
    ``effects``: of each covariate effect, the place of its parameter; ``widths``: how many.
    """

    parameters: tuple[str, ...]
    random: tuple[int, ...]
    block: tuple[int, ...]
    effects: tuple[int, ...]
    widths: int

    @cached_property
    def entries(self) -> tuple[tuple[int, int], ...]:
        """Row and column of each number of the root, the diagonal first."""
        count = len(self.random)
        below = [(row, column) for row in range(count) for column in range(row)
                 if self.block[row] == self.block[column]]  # fmt: skip
        return (*((each, each) for each in range(count)), *below)

    @property
    def size(self) -> int:
        """How many numbers a vector has."""
        return len(self.parameters) + len(self.effects) + len(self.entries) + self.widths

    @property
    def ends(self) -> tuple[int, int, int]:
        """Where typical values, covariate effects and the root end."""
        first = len(self.parameters)
        second = first + len(self.effects)
        return first, second, second + len(self.entries)

    def effects_of(self, vector: Array) -> Effects:
        """Return what a vector (number,) says; the diagonal of the root is kept as logs."""
        typical, covariate, entries, widths = jnp.split(vector, self.ends)
        count = len(self.random)
        root = jnp.zeros((count, count), vector.dtype)
        for number, (row, column) in enumerate(self.entries):
            each = entries[number]
            root = root.at[row, column].set(jnp.exp(each) if row == column else each)
        return Effects(typical, covariate, root, widths)

    def root_of(self, vector: np.ndarray) -> np.ndarray:
        """Return the root (random, random) that a vector (number,) says, in NumPy."""
        entries = np.split(vector, self.ends)[2]
        root = np.zeros((len(self.random), len(self.random)))
        for number, (row, column) in enumerate(self.entries):
            root[row, column] = np.exp(entries[number]) if row == column else entries[number]
        return root

    def vector_of(
        self, typical: Array, covariate: Array, covariance: Array, widths: Array
    ) -> Array:
        """Return the vector of typical values, slopes, covariance (random, random) and widths."""
        root = jnp.linalg.cholesky(covariance)
        entries = [jnp.log(root[row, column]) if row == column else root[row, column]
                   for row, column in self.entries]  # fmt: skip
        return jnp.concatenate([typical, covariate, jnp.stack(entries), widths])

    def same_block(self) -> np.ndarray:
        """Return which covariances (random, random) may differ from 0."""
        block = np.array(self.block)
        return block[:, None] == block[None, :]
