"""vcohort itself: host to host, and the bare engine on blocks that lie ready."""

import jax
import numpy as np

import vcohort as vc
from bench.workloads import HORIZON, PROGRESSION, SAVED, THRESHOLD, TOLERANCE
from vcohort.engine.chance.random import seed_key
from vcohort.engine.execution.blocks import block_size, spread
from vcohort.engine.execution.executor import execute
from vcohort.engine.inputs import Settings
from vcohort.simulation.jobs import outcome_job, programs_of
from vcohort.simulation.preparation import prepare
from vcohort.simulation.run import Run


def states(cohort, days):
    """Return ln N, ln C, ln B (state, day, patient)."""
    found = vc.simulate(
        cohort, "deterministic", days[-1], save_at=days, endpoints=(vc.Nadir(),),
        tolerance=TOLERANCE, progress=False,
    )  # fmt: skip
    return found


def logs(cohort, days=SAVED):
    found = states(cohort, days)
    return np.log(np.stack([found[name].values.T for name in "NCB"]).astype(np.float64))


def outcomes(cohort, method):
    """Return outcome and day of each patient."""
    found = vc.simulate(
        cohort, method, HORIZON, THRESHOLD, PROGRESSION, endpoints=(vc.Outcome(),),
        tolerance=TOLERANCE, progress=False,
    )  # fmt: skip
    return found["outcome"].values, found["event_time"].values


def bare(cohort, method, horizon=HORIZON):
    """Return a call that runs blocks that lie on the device, and leaves the results there."""
    run = Run(method=method, horizon=horizon, endpoints=(vc.Outcome(),), tolerance=TOLERANCE)
    ready = prepare(cohort, run)
    table, job = ready.table, outcome_job(cohort.model, run, ready.grid)
    total, size = len(cohort), block_size(len(cohort))
    chosen = [np.arange(first, first + size) % total for first in range(0, total, size)]
    blocks = [jax.device_put(table.take(each, np.dtype("f4"))) for each in chosen]

    def task(index, device):
        with jax.default_device(device):
            jax.block_until_ready(job.work(blocks[index]))

    return lambda: spread(task, len(blocks))


def lying(cohort, method):
    """Return a call that runs a cohort as one block, all of whose inputs lie on the device.

    It returns outcome and day, (patient,) each.
    """
    run = Run(method=method, endpoints=(vc.Outcome(),), tolerance=TOLERANCE)
    ready = prepare(cohort, run)
    room, count = ready.grid.loop_length()
    block = ready.table.take(slice(0, len(cohort)), np.dtype("f4"))
    settings = Settings(*np.float32((run.threshold, run.progression, run.horizon)))
    given = block, ready.grid.grid(block, room), count, seed_key(run.seed, method), settings
    given, programs = jax.device_put(given), programs_of(cohort.model, run)
    return lambda: jax.block_until_ready(execute(programs, *given))[0].results


def grid(cohort, method, horizon=HORIZON, required_days=()):
    """Return first days and lengths of the steps that the engine takes."""
    run = Run(method=method, horizon=horizon, endpoints=(vc.Outcome(),), tolerance=TOLERANCE)
    ready = prepare(cohort, run, required_days)
    table, plan = ready.table, ready.grid
    made = plan.grid(table.take(np.zeros(1, int), np.dtype("f4")))
    return np.asarray(made.start), np.asarray(made.days)
