"""Several processes of one program, as ``jax.distributed`` starts them: each takes its share.

A chunk belongs to one process. The first one creates the store and holds its lock; each notes its
chunks in a file of its own. In a program of one process all of this does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
from jax.experimental import multihost_utils


def rank() -> int:
    """Return this process's number."""
    return jax.process_index()


def share(chunks: Sequence[int]) -> Sequence[int]:
    """Return the chunks that this process computes."""
    return chunks[rank() :: jax.process_count()]


def wait_for_all(moment: str) -> None:
    """Wait until every process has come to this moment."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(f"vcohort: {moment}")
