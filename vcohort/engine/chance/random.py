"""Counter-based random numbers: Threefry-2x32-20 (Salmon et al. 2011, SC'11, 16).

A draw is a pure function of (seed, purpose, patient, step, index), in plain integer
arithmetic: no state is carried, and neither blocks nor devices nor order can change it.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)
_ROUNDS_OF_FOUR = 5


class Key(NamedTuple):
    """A 64-bit key, as two 32-bit words."""

    high: Array
    low: Array


def threefry(key: Key, high: ArrayLike, low: ArrayLike) -> tuple[Array, Array]:
    """Encrypt the 64-bit counter (high, low) under a key: 64 random bits as two words."""
    schedule = (key.high, key.low, key.high ^ key.low ^ _PARITY)
    x = jnp.asarray(high).astype(jnp.uint32) + schedule[0]
    y = jnp.asarray(low).astype(jnp.uint32) + schedule[1]
    for group in range(_ROUNDS_OF_FOUR):
        for rotation in _ROTATIONS[group % 2]:
            x = x + y
            y = ((y << rotation) | (y >> (32 - rotation))) ^ x
        x = x + schedule[(group + 1) % 3]
        y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def seed_key(seed: int, purpose: str) -> Key:
    """Return the key of a seed (64 bits) for one purpose, such as the name of a method."""
    words = Key(jnp.uint32((seed >> 32) & 0xFFFFFFFF), jnp.uint32(seed & 0xFFFFFFFF))
    return _fold_once(words, np.uint32(zlib.crc32(purpose.encode())))


@jax.jit
def _fold_once(key: Key, high: ArrayLike) -> Key:
    """Fold outside of a program: compiled, since operation by operation it takes a millisecond."""
    return fold(key, high, 0)


def fold(key: Key, high: ArrayLike, low: ArrayLike) -> Key:
    """Return the key that belongs to a number under a key."""
    return Key(*threefry(key, high, low))


def uniform(bits: Array, dtype: jnp.dtype) -> Array:
    """Map 32 random bits to the open interval (0, 1)."""
    digits = min(32, jnp.finfo(dtype).nmant)
    return ((bits >> (32 - digits)).astype(dtype) + 0.5) * jnp.asarray(0.5**digits, dtype)


def uniforms(key: Key, high: ArrayLike, low: ArrayLike, dtype: jnp.dtype) -> tuple[Array, Array]:
    """Return two independent uniform numbers in (0, 1)."""
    x, y = threefry(key, high, low)
    return uniform(x, dtype), uniform(y, dtype)


def normal(u: Array) -> Array:
    """Return the standard normal number of a uniform one (by inversion, cheaper than ``ndtri``)."""
    return jnp.sqrt(2.0).astype(u.dtype) * jax.lax.erf_inv(2.0 * u - 1.0)
