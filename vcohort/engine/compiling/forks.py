"""JAX's threads do not live on in a forked process: what waits for them there waits for ever."""

from __future__ import annotations

import os

from vcohort.errors import VcohortError


class _Process:
    """What this process knows of itself."""

    has_run = False
    is_lame = False


def about_to_run() -> None:
    """Note that this process runs programs of JAX; refuse where one that did was forked to it."""
    if _Process.is_lame:
        raise VcohortError(
            "This process was forked from one that had already computed, and JAX does not live "
            "through a fork: it would wait for ever. Start workers with "
            "multiprocessing.get_context('spawn'), or fork before the first computation."
        )
    _Process.has_run = True


def _note_fork() -> None:
    _Process.is_lame = _Process.has_run


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
