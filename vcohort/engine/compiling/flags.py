"""What the flags of JAX would refuse, and is meant."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax


def nan_is_meant() -> AbstractContextManager[Any]:
    """Let a patient that gets lost be marked by NaN, under ``jax_debug_nans`` too."""
    config: Any = jax.config
    return jax.debug_nans(False) if config.jax_debug_nans else nullcontext()
