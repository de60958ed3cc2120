"""The workers that a sweep asks for: processes of this machine, or a scheduler's."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from vcohort.cli.signals import uninterrupted
from vcohort.errors import VcohortError


@contextmanager
def workers_of(workers: int | None, scheduler: str | None) -> Generator[Any]:
    """Yield a client of the workers asked for; None for this process alone."""
    if workers is None and scheduler is None:
        yield None
        return
    if workers is not None and (scheduler is not None or workers < 1):
        raise VcohortError("Give --workers N from 1 on, or --scheduler ADDRESS, not both.")
    from vcohort.sweeps.execution.cluster import distributed
    from vcohort.threads import cores

    dask = distributed()
    if workers is None:
        try:
            client = dask.Client(scheduler, timeout="20s")
        except (OSError, ValueError) as error:
            raise VcohortError(
                f"No Dask scheduler answers at {scheduler}: {error}. Start one: dask scheduler"
            ) from None
        with client:
            yield client
        return
    threads = max(1, cores() // workers)
    # What goes wrong on a worker is told by the chunk that it costs; of how a cluster ends nobody
    # asks. For the workers, and for this process.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "critical")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    stack = ExitStack()
    try:
        # A cluster that is half begun, or half ended, cannot be ended.
        with uninterrupted():
            cluster = dask.LocalCluster(
                n_workers=workers,
                threads_per_worker=threads,
                # Their pages of progress would else be open to the network, on others' ports.
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(dask.Client(stack.enter_context(cluster)))
        yield client
    finally:
        with uninterrupted():
            stack.close()
