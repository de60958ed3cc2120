"""Programs are compiled once a machine, not once a run; and once, not by all threads at a time."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Generator, Hashable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

import jax

# What takes less to compile is not worth a file.
_SECONDS = 0.2

# Twenty megabytes each: of more programs, such as for a hundred endpoints in turn, all are dropped.
_MOST = 64

_lock = Lock()
_seen: set[Hashable] = set()


@contextmanager
def first_alone(program: Hashable) -> Generator[None]:
    """Let the first user of a program, which compiles it, be its only one.

    JAX keeps every program that it ever compiled: before there are too many, all are forgotten.
    """
    if program in _seen:
        yield
        return
    with _lock:
        if program not in _seen:
            if len(_seen) >= _MOST:
                jax.clear_caches()
                _seen.clear()
            yield
            _seen.add(program)
            return
    yield


def keep_compiled_programs() -> None:
    """Have JAX keep compiled programs in the user's cache, unless it was told where already.

    Worker processes that this one starts keep theirs there too. A program fits one kind of
    processor: a home directory that several machines share has a folder for each.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kind = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    folder = base / "vcohort" / f"jax-{jax.__version__}-{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # Without a cache all works as well, only later.
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = str(_SECONDS)
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _SECONDS)


def _processor() -> str:
    """Return what tells one kind of processor from another."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    told = [line for line in lines if line.startswith(("model name", "flags"))]
    return " ".join([platform.machine(), platform.processor(), *told[:2]])


def nan_is_meant() -> AbstractContextManager[Any]:
    """Let a patient that gets lost be marked by NaN, under ``jax_debug_nans`` too."""
    config: Any = jax.config
    return jax.debug_nans(False) if config.jax_debug_nans else nullcontext()
