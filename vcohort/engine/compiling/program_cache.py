"""Programs are compiled once a machine, not once a run; and once, not by all threads at a time."""

from __future__ import annotations

import hashlib
import os
import platform
import warnings
from collections.abc import Generator, Hashable
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

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
                forget_programs()
            yield
            _seen.add(program)
            return
    yield


def forget_programs() -> None:
    """Drop all compiled programs of this process."""
    jax.clear_caches()
    _seen.clear()


def keep_compiled_programs() -> None:
    """Have JAX keep compiled programs in the user's cache, unless it was told where already.

    JAX's own ``JAX_ENABLE_COMPILATION_CACHE=false`` keeps none. Worker processes that this one
    starts keep theirs there too. A program fits one kind of processor: a home directory that
    several machines share has a folder for each.
    """
    # A program that was kept by half, on a full disk or by a kill, is compiled anew each time.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    config: Any = jax.config
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") or config.jax_compilation_cache_dir:
        return
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kind = hashlib.sha256(_processor().encode()).hexdigest()[:12]
    folder = base / "vcohort" / f"jax-{jax.__version__}-{kind}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # Without a cache all works as well, only later.
    wanted = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": _SECONDS,
    }
    for name, value in wanted.items():
        os.environ[name.upper()] = str(value)
        jax.config.update(name, value)
    # Where something was compiled before, JAX has settled on keeping nothing.
    compilation_cache.reset_cache()


def _processor() -> str:
    """Return what tells one kind of processor from another."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    told = [line for line in lines if line.startswith(("model name", "flags"))]
    return " ".join([platform.machine(), platform.processor(), *told[:2]])
