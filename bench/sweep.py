"""What a sweep costs over the bare engine, on workers, on resuming, and in memory.

    python -m bench.sweep             (or: make bench)

100 cells (K_C by gamma_B) of 10,000 patients, preset kimmel2021-figures, sigma 0.05, tolerance
1e-3, float32, method exact, all endpoints and exact survival on six days. The bare engine runs the
same work on the same patients, drawn before, as one cohort, on grids of as many steps. Warm; the
two are timed in turn. Raw numbers go to bench/results.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import distributed
import numpy as np

import vcohort as vc
from bench.machine import describe, in_turn, median, peak_memory, timed, write
from vcohort.engine.execution.blocks import run_blocks
from vcohort.sweeps.api import plan_of
from vcohort.sweeps.compute import cells
from vcohort.sweeps.compute import chunk as compute

PATIENTS = 10_000
REPEATS = 5
# Cells, and patients in each.
MEMORY = ((10, PATIENTS), (100, PATIENTS), (1000, PATIENTS), (1, 10_000_000), (1, 100_000_000))
AXES = {"K_C": np.linspace(6.8e10, 7.2e10, 10), "gamma_B": np.linspace(1.0, 1.3, 10)}


def population():
    return vc.Population("kimmel2021-figures", 0.05)


def sweep(store=None, **options):
    if store is not None:
        shutil.rmtree(store, ignore_errors=True)
    return vc.sweep(population(), AXES, PATIENTS, store, progress=False, **options)


def bare_engine(steps):
    """Return a call that runs each group of cells of so many steps as one cohort."""
    plan = plan_of(population(), AXES, PATIENTS)
    groups = []
    for count in np.unique(steps):
        chosen = np.flatnonzero(steps == count)
        drawn = [cells.draw(plan, cells.Span(int(cell), 0, PATIENTS)) for cell in chosen]
        table = cells.join(drawn)
        job = compute.cell_job(plan, drawn[0].run, drawn[0].time.with_steps(int(count)))
        forms = job.work(table.take(np.arange(256), np.dtype("f4")))
        room = [np.empty((len(table.number), *part.shape[1:]), part.dtype) for part in forms]
        groups.append((job, table, room))

    def call():
        for job, table, room in groups:
            run_blocks(job, table, room, np.dtype("f4"))

    return call


def overhead(folder):
    """Return seconds of the bare engine, of a sweep in memory, and of one to a store, in turn."""
    steps = sweep()["steps"].values.ravel()
    calls = {"bare_s": bare_engine(steps), "memory_s": sweep,
             "store_s": lambda: sweep(folder / "overhead.zarr")}  # fmt: skip
    seconds = in_turn(calls, REPEATS)
    bare = median(seconds["bare_s"])
    ratios = {f"{name[:-2]}_over_bare": median(seconds[name]) / bare
              for name in ("memory_s", "store_s")}  # fmt: skip
    return {**seconds, **ratios, "steps": dict(Counter(map(str, steps)))}


def workers(folder):
    """Return seconds with one and with two worker processes of one thread."""
    seconds = {}
    for count in (1, 2):
        options = {"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
            call = lambda here=client: sweep(folder / "workers.zarr", client=here, chunk=10)  # noqa: E731
            call()
            seconds[f"{count}_s"] = [timed(call) for _ in range(REPEATS)]
    medians = [median(each) for each in seconds.values()]
    return {**seconds, "speedup": medians[0] / medians[1]}


def resume_start(folder):
    """Return seconds of ``vcohort resume`` on a store that misses one small chunk."""
    store = folder / "resume.zarr"
    command = [str(Path(sys.executable).parent / "vcohort")]
    begin = f"sweep -o {store} -n 256 --chunk 1 --sigma 0.05 --axis K_C=6.8e10,7.2e10"
    subprocess.run([*command, *begin.split()], check=True, capture_output=True, env=environment())
    notes = store / ".vcohort" / "chunks-0.jsonl"
    whole = notes.read_bytes()
    seconds = []
    for _ in range(REPEATS):
        notes.write_bytes(whole.splitlines(keepends=True)[0])
        resume = [*command, "resume", str(store)]
        seconds.append(
            timed(lambda line=resume: subprocess.run(
                line, check=True, capture_output=True, env=environment()
            ))
        )  # fmt: skip
    return {"seconds": seconds, "median_s": median(seconds)}


def environment():
    """Return the environment of a user's shell: with Python's own cache of compiled modules."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_once(count, patients):
    with tempfile.TemporaryDirectory() as folder:
        axes = {"K_C": np.linspace(6.8e10, 7.2e10, count)}
        vc.sweep(population(), axes, patients, Path(folder) / "out.zarr", progress=False)


def memory(count, patients):
    program = f"from bench.sweep import run_once; run_once({count}, {patients})"
    found = {"cells": count, "patients": count * patients}
    seconds = timed(lambda: found.update(peak_GiB=peak_memory(program)))
    return found | {"cold_s": seconds}


def main():
    packages = ("vcohort", "jax", "numpy", "zarr", "distributed")
    report = describe("python -m bench.sweep", packages) | {"patients_per_cell": PATIENTS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report["overhead"] = overhead(folder)
        report["workers"] = workers(folder)
        report["resume"] = resume_start(folder)
    report["memory"] = [memory(*size) for size in MEMORY]
    write("sweep", report)
    found = report["overhead"]
    print(f"over the bare engine: memory {found['memory_over_bare']:.2f}, "
          f"store {found['store_over_bare']:.2f}")  # fmt: skip
    print(f"two workers over one: {report['workers']['speedup']:.2f}")
    print(f"resume: {report['resume']['median_s']:.1f} s")
    for entry in report["memory"]:
        size = f"{entry['cells']} cells, {entry['patients']:,} patients"
        print(f"{size}: peak {entry['peak_GiB']:.2f} GiB")


if __name__ == "__main__":
    main()
