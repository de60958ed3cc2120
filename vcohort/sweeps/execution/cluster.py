"""Chunks as tasks of a Dask cluster: each worker computes chunks and writes them to their place.

Only the client's process notes which chunks are whole. A worker that dies costs its chunk, which
Dask gives to another one. On a CPU a worker computes a chunk on each of its threads; a worker with
accelerators computes one at a time, on all it sees (start one worker a GPU: dask-cuda does).
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from threading import Lock
from typing import Any

import jax

from vcohort.errors import VcohortError, VcohortWarning
from vcohort.extras import extra
from vcohort.progress import progress_bar
from vcohort.sweeps.design.plan import Plan
from vcohort.sweeps.execution.runners import Arrays, chunk_arrays, patients_of
from vcohort.sweeps.store.code import code_digest
from vcohort.sweeps.store.manifest import Checksums
from vcohort.sweeps.store.numbers import Files
from vcohort.sweeps.store.store import Writer, write_chunk

# Tasks that wait for each thread: enough that none is idle, few that little is held.
_AHEAD = 2

_accelerators = Lock()


def distributed() -> Any:
    """Return Dask's package, or say how to get it."""
    return extra("distributed", "dask", "A cluster of Dask's")


class Workers:
    """Computes on the workers of a ``distributed.Client``."""

    def __init__(self, client: Any) -> None:
        self._client = client
        if not hasattr(client, "submit") or not hasattr(client, "scatter"):
            raise VcohortError(
                f"client = {client!r} is no Dask client. Try distributed.Client(ADDRESS)."
            )

    def arrays(self, plan: Plan, progress: bool | None) -> Iterator[tuple[int, Arrays]]:
        """Yield each chunk with its arrays."""
        yield from self._run(plan, range(len(plan.chunks)), _compute, progress)

    def fill(self, store: Writer, progress: bool | None) -> None:
        """Compute and write all chunks that the store misses."""
        files = replace(store.files, path=store.path.resolve())
        for chunk, found in self._run(store.plan, store.missing(), _write, progress, files):
            store.note(chunk, found)

    def _run(
        self, plan: Plan, chunks: Any, task: Callable[..., Any], progress: bool | None, *more: Any
    ) -> Iterator[tuple[int, Any]]:
        """Yield what each task returns, as they end; a few are under way for each thread."""
        if not chunks:
            return
        threads = self._threads()
        there = self._client.scatter(plan, broadcast=True, hash=False)
        waiting = iter(chunks)

        def submit(chunk: int) -> Any:
            return self._client.submit(task, there, chunk, *more, pure=False)

        ending = distributed().as_completed(
            [submit(chunk) for chunk in islice(waiting, _AHEAD * threads)]
        )
        with progress_bar("sweep, patients", patients_of(plan, chunks), progress) as on_done:
            for future in ending:
                chunk, found = self._result(future)
                yield chunk, found
                on_done(patients_of(plan, [chunk]))
                for more_of_it in islice(waiting, 1):
                    ending.add(submit(more_of_it))

    def _threads(self) -> int:
        """Return how many tasks the cluster runs at a time; refuse one of other code."""
        threads: dict[str, int] = self._client.nthreads()
        if not threads:
            raise VcohortError("The Dask cluster has no workers. Start some, then try again.")
        for worker, code in self._client.run(code_digest).items():
            if code != code_digest():
                raise VcohortError(
                    f"The worker {worker} has another version of vcohort. Install the same one "
                    "on all machines."
                )
        return sum(threads.values())

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except distributed().KilledWorker as error:
            raise VcohortError(
                f"A chunk was lost with several workers, one after the other ({error}). Do they "
                "have too little memory? What is finished is kept."
            ) from None


def _compute(plan: Plan, chunk: int) -> tuple[int, Arrays]:
    with warnings.catch_warnings():
        # The client tells of what the results say, once.
        warnings.simplefilter("ignore", VcohortWarning)
        if jax.default_backend() == "cpu":
            return chunk, chunk_arrays(plan, chunk, threads=1)
        with _accelerators:
            return chunk, chunk_arrays(plan, chunk)


def _write(plan: Plan, chunk: int, files: Files) -> tuple[int, Checksums]:
    if not files.path.exists():
        raise VcohortError(
            f"The worker on {socket.gethostname()} does not see {files.path}: put the store on a "
            "file system that all machines share."
        )
    _, arrays = _compute(plan, chunk)
    return chunk, write_chunk(files, chunk, arrays)
