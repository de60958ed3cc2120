"""For which kind of device programs are traced, and what its compiler is told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

import jax
import jax.numpy as jnp

# LLVM uses half the width of a vector register unless told otherwise.
_ON_A_CPU = {"xla_cpu_prefer_vector_width": "512"}

# Loops that end when all patients are done become parts of a CUDA graph: else the host would have
# to read, turn by turn, whether one more is needed.
_ON_A_GPU = {
    "xla_gpu_enable_command_buffer": "FUSION,CUSTOM_CALL,DYNAMIC_SLICE_FUSION,WHILE,CONDITIONAL"
}

_told: ContextVar[str | None] = ContextVar("platform", default=None)


def platform() -> str:
    """Return the kind of device, as JAX calls it: ``"cpu"`` or ``"gpu"``, say."""
    return _told.get() or jax.default_backend()


@contextmanager
def compiling_for(kind: str) -> Generator[None]:
    """Trace programs for a kind of device that this process may not have."""
    token = _told.set(kind)
    try:
        yield
    finally:
        _told.reset(token)


@cache
def compiler_options(kind: str) -> dict[str, str]:
    """Return options of ``jax.jit`` for a kind of device; none that its XLA does not know."""
    if kind == "cpu":
        return _ON_A_CPU
    try:
        jax.jit(jnp.negative, compiler_options=_ON_A_GPU)(0.0)
    except jax.errors.JaxRuntimeError:
        return {}
    return _ON_A_GPU
