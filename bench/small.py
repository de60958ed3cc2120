"""Cohorts of a slider or a loop of one's own: what one call takes, and which part takes it.

    python -m bench.small

Exact method, all endpoints, warm calls from a sampled cohort to a dataset, the parts in turn with
the whole. Raw numbers to bench/results.
"""

from functools import partial

import numpy as np

import vcohort as vc
from bench.machine import describe, in_turn, median, write
from bench.workloads import patients
from vcohort.simulation.jobs import outcome_job
from vcohort.simulation.preparation import prepare
from vcohort.simulation.run import Run

SIZES = (1_000, 10_000)
REPEATS = 60


def parts(size):
    """Return milliseconds of a call, of the choice of its steps, and of its blocks."""
    cohort, run = patients(size).cohort, Run(method="exact")
    ready = prepare(cohort, run)
    job_of = partial(outcome_job, cohort.model, run)
    results = [np.empty(size, variable.dtype) for endpoint in run.all_endpoints
               for variable in endpoint.variables]  # fmt: skip
    seconds = in_turn({
        "whole": lambda: vc.simulate(cohort, run=run, progress=False),
        "choice of steps": lambda: prepare(cohort, run),
        "blocks": lambda: ready.fill(job_of, results),
    }, REPEATS)  # fmt: skip
    return {name: round(1e3 * median(each), 2) for name, each in seconds.items()}


def main():
    report = describe("python -m bench.small", ("vcohort", "jax", "jaxlib", "numpy"))
    report["milliseconds"] = {str(size): parts(size) for size in SIZES}
    print(report["milliseconds"])
    write("small", report)


if __name__ == "__main__":
    main()
