"""Work in several threads: how many there may be, and that the first error ends it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(task: Callable[[int], None], tasks: int, workers: int) -> None:
    """Run ``task(index)`` for all indices, some side by side; the first error is raised.

    All threads have ended when this returns, so that a process may fork.
    """
    if min(tasks, workers) == 1:
        for index in range(tasks):
            task(index)
        return
    with ThreadPoolExecutor(workers) as pool:
        pending = [pool.submit(task, index) for index in range(tasks)]
        try:
            done, _ = wait(pending, return_when=FIRST_EXCEPTION)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    for future in pending:
        if future in done:
            future.result()
