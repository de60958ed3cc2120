"""Several devices: the bits of one, and none waits for another. Parts of a CPU stand for GPUs."""

import os
import subprocess
import sys

import pytest

SAME = """
import vcohort as vc
from tests.test_reproducible import digest
cohort = vc.Population("kimmel2021-figures", 0.05).sample(9000, seed=4)
for method in ("hybrid", "exact"):
    options = {"block": 1024, "endpoints": [vc.Nadir()], "progress": False}
    print(digest(vc.simulate(cohort, method, seed=2, **options)))
"""

# Once compiled, eight blocks begin only when all eight have, and end only when all have.
TOGETHER = """
import threading
import jax, numpy as np
import vcohort as vc
from vcohort.engine.execution.blocks import Job, run_block, spread
from vcohort.simulation.jobs import outcome_job
from vcohort.simulation.preparation import prepare
run = vc.Run(method="exact", endpoints=(vc.Outcome(),))
ready = prepare(vc.Population("kimmel2021-figures", 0.05).sample(2048, seed=4), run)
job, meeting = outcome_job(ready.model, run, ready.grid), threading.Barrier(8)
def work(patients):
    meeting.wait(100)
    results = jax.block_until_ready(job.work(patients))
    meeting.wait(100)
    return results
def task(index, device, job):
    rows = slice(256 * index, 256 * index + 256)
    found = run_block(job, ready.table, rows, 256, np.dtype("f4"), device)
    assert found[0].devices() == {device}
    seen.add(device)
seen = set()
spread(lambda *each: task(*each, job), 8, 1)
spread(lambda *each: task(*each, job._replace(work=work)), 8, 8)
print(len(seen))
"""


def of_devices(count, program):
    """Return what a program prints in a process that has so many devices."""
    flags = f"--xla_force_host_platform_device_count={count}"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    output = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    return output.stdout.split()


@pytest.mark.slow
def test_one_or_eight_devices_give_the_same_bits():
    one, eight = (of_devices(count, SAME) for count in (1, 8))
    assert len(one) == 2 and one == eight


@pytest.mark.slow
def test_no_device_waits_for_another():
    """A lock that one block holds while it is computed would keep eight from meeting."""
    assert of_devices(8, TOGETHER) == ["8"]
