"""Kinds of arrays, for annotations: by what they hold, and of how many.

Laws, endpoints and the engine's steps are written for one patient: each of its numbers is an array
of no axes. In a test that loads ``jaxtyping`` first, each call is checked against its annotations;
elsewhere all kinds stand for anything, and nobody waits for an import.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jax import Array
    from jaxtyping import Bool, Float, Shaped, UInt32

    Number: TypeAlias = Float[Array, ""]
    Flag: TypeAlias = Bool[Array, ""]
    Counter: TypeAlias = UInt32[Array, ""]
    Value: TypeAlias = Shaped[Array, ""]
    Numbers: TypeAlias = Float[Array, "..."]
    Flags: TypeAlias = Bool[Array, "..."]
    Counters: TypeAlias = UInt32[Array, "..."]
else:
    Number = Flag = Counter = Value = Numbers = Flags = Counters = Any
