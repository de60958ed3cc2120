"""Who computes the chunks: this process here; ``cluster`` has the workers of a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Protocol

import jax
import numpy as np

from vcohort.progress import progress_bar
from vcohort.sweeps.compute.batches import CPU_BATCH
from vcohort.sweeps.compute.chunk import compute_chunk
from vcohort.sweeps.compute.variables import read_cells
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.store.processes import share, wait_for_all
from vcohort.sweeps.store.store import Writer
from vcohort.threads import cores

Arrays = dict[str, np.ndarray]


class Executor(Protocol):
    """Computes the chunks of a plan."""

    def arrays(self, plan: Plan, progress: bool | None) -> Iterator[tuple[int, Arrays]]:
        """Yield each chunk with its arrays, in any order."""
        ...

    def fill(self, store: Writer, progress: bool | None) -> None:
        """Compute and write all chunks that the store misses."""
        ...


def chunk_arrays(plan: Plan, chunk: int, threads: int | None = None, on_done: Any = None) -> Arrays:
    """Compute the arrays of one chunk."""
    cells = plan.chunks.cells(chunk)
    told = {"on_done": on_done} if on_done else {}
    found = compute_chunk(plan, [int(cell) for cell in cells.ravel()], threads, **told)
    return read_cells(plan, found, cells.shape)


class LocalExecutor:
    """Computes in this process, on all its cores or devices."""

    def arrays(self, plan: Plan, progress: bool | None) -> Iterator[tuple[int, Arrays]]:
        """Yield each chunk with its arrays."""
        yield from _one_by_one(plan, range(len(plan.chunks)), progress)

    def fill(self, store: Writer, progress: bool | None) -> None:
        """Compute and write all chunks that the store misses."""
        for chunk, arrays in _one_by_one(store.plan, share(store.missing()), progress):
            store.write(chunk, arrays)
        wait_for_all("all chunks are written")


def _one_by_one(
    plan: Plan, chunks: Sequence[int], progress: bool | None
) -> Iterator[tuple[int, Arrays]]:
    """Yield chunk after chunk; where one is too small for all cores, several are under way."""
    together, threads = _side_by_side(plan)
    with progress_bar("sweep, patients", patients_of(plan, chunks), progress) as on_done:
        compute = partial(chunk_arrays, plan, threads=threads, on_done=on_done)
        pool, waiting = ThreadPoolExecutor(together), iter(chunks)
        try:
            ahead = deque(
                (chunk, pool.submit(compute, chunk)) for chunk in islice(waiting, together)
            )
            while ahead:
                chunk, found = ahead.popleft()
                arrays = found.result()
                # While this one is written, the next is computed.
                ahead.extend((more, pool.submit(compute, more)) for more in islice(waiting, 1))
                yield chunk, arrays
        finally:
            pool.shutdown(cancel_futures=True)


def _side_by_side(plan: Plan) -> tuple[int, int | None]:
    """Return how many chunks are computed side by side, and on how many threads each."""
    if jax.default_backend() != "cpu":
        return 1, None
    batches = max(1, patients_of(plan, [0]) // CPU_BATCH)
    # Two a core: one draws patients, or reduces what was found, while the other one's are computed.
    threads = 2 * cores()
    together = max(1, threads // batches)
    return together, threads // together


def patients_of(plan: Plan, chunks: Sequence[int]) -> int:
    """Return how many patients chunks hold."""
    return plan.patients * sum(plan.chunks.size(chunk) for chunk in chunks)
